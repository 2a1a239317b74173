"""The way of one function from loops and blocks down to what a code generator takes, pass by pass.

TVM lowers a PrimFunc by one fixed sequence of passes when it compiles. Here a person stops on the way:
`lower` runs the sequence up to one pass, `function_pass` runs one pass alone. What is left afterwards is
still a function that can be looked at, compiled and measured; TVM's own lowering then finds less to do. The
sequence ends before a function is cut into host and device parts: then it is no longer one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tvm
from tvm import IRModule

from ...errors import Refused
from ...schema.params import Choice, param
from .base import FunctionTransform
from .wording import words

_NAMES = """
    s_tir.CanonicalizeLoop s_tir.LowerCrossThreadReduction s_tir.LowerInitBlock
    s_tir.PlanAndUpdateBufferAllocationLocation s_tir.ConvertBlocksToOpaque s_tir.LiftThreadBinding
    s_tir.ManifestSharedMemoryLocalStage s_tir.CompactBufferAllocation s_tir.LowerAutoCopy
    s_tir.UnifyThreadBinding s_tir.LowerMatchBuffer s_tir.StmtSimplify s_tir.InjectPermutedLayout
    s_tir.AnnotateIrregularLoop s_tir.InjectSoftwarePipeline s_tir.TransformMmaBufferLayout
    s_tir.LowerOpaqueBlock tirx.FlattenBuffer tirx.BF16ComputeLegalize tirx.NarrowDataType s_tir.LoopPartition
    tirx.VectorizeLoop s_tir.InjectVirtualThread s_tir.InjectDoubleBuffer tirx.StorageRewrite
    s_tir.HoistIfThenElse tirx.UnrollLoop s_tir.RenormalizeSplitPattern tirx.StmtSimplify tirx.RemoveNoOp
    s_tir.RewriteUnsafeSelect tirx.CommonSubexprElim
"""
_ARGUMENTS: Mapping[str, tuple[Any, ...]] = {"tirx.NarrowDataType": (32,), "tirx.VectorizeLoop": (True,)}

# The beginning of `tvm.s_tir.pipeline.default_s_tir_pipeline`, in its order (a test holds them equal).
LOWERING = tuple(_NAMES.split())
# Two are not offered alone: NarrowDataType crashes on a function that still has blocks, and after
# CompactBufferAllocation what is vectorized already does not compile.
ALONE = tuple(n for n in LOWERING if n not in ("tirx.NarrowDataType", "s_tir.CompactBufferAllocation"))


@dataclass(frozen=True)
class _Passes(FunctionTransform):
    family: ClassVar[str] = "tensorir"

    def passes(self) -> tuple[str, ...]:
        raise NotImplementedError

    def run(self, mod: IRModule, function: str) -> IRModule:
        after = tvm.ir.transform.Sequential([_made(name) for name in self.passes()])(mod)
        if not [v.name_hint for v in after.get_global_vars()] == [function]:
            raise Refused(**words("pass_cuts_function", function=function))
        return after

    def source(self, function: str) -> str:
        calls = ",\n".join(f"    {_written(name)}" for name in self.passes())
        return f"one = tvm.ir.transform.Sequential([\n{calls},\n])(one)"


@dataclass(frozen=True)
class Lower(_Passes):
    """Lowers a function as TVM does when it compiles, up to and with one pass.

    TVM: the passes of ``tvm.s_tir.pipeline.default_s_tir_pipeline``; MLIR: ``linalg`` bufferised and brought
    to ``scf`` and ``memref``.

    until: the last pass that runs, e.g. ``s_tir.LowerOpaqueBlock``, after which there are no blocks any more.

    ``for i: with T.sblock("b"): v = T.axis.spatial(128, i); C[v] = …`` → ``for i: C[i] = …``
    """

    name: ClassVar[str] = "lower"
    tvm: ClassVar[str] = 'tvm.tirx.get_tir_pipeline("s_tir")'

    until: str = param(Choice(LOWERING), default="s_tir.LowerOpaqueBlock")

    def passes(self) -> tuple[str, ...]:
        return LOWERING[: LOWERING.index(self.until) + 1]


@dataclass(frozen=True)
class FunctionPass(_Passes):
    """Runs one of the passes by which TVM lowers a function, on this function alone.

    TVM: ``s_tir.transform`` and ``tirx.transform``; MLIR: one pass of ``mlir-opt`` on one ``func``.

    tir_pass: the pass after the part of TVM that it belongs to, e.g. ``tirx.UnrollLoop``.

    ``with T.init(): C[v] = 0`` → ``if v_k == 0: C[v] = 0`` for ``s_tir.LowerInitBlock``
    """

    name: ClassVar[str] = "function_pass"
    tvm: ClassVar[str] = "tvm.*.transform"

    tir_pass: str = param(Choice(ALONE))

    def passes(self) -> tuple[str, ...]:
        return (self.tir_pass,)


def _made(name: str) -> tvm.ir.transform.Pass:
    room, _, kind = name.partition(".")
    return getattr(getattr(tvm, room).transform, kind)(*_ARGUMENTS.get(name, ()))


def _written(name: str) -> str:
    room, _, kind = name.partition(".")
    return f"tvm.{room}.transform.{kind}({', '.join(map(repr, _ARGUMENTS.get(name, ())))})"
