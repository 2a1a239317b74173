"""From operators to functions with loops, and from many of those to few.

The order in which they have an effect: LegalizeOps → AnnotateTIROpPattern → FuseOps → FuseTIR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...schema.params import Integer, Text, param
from .base import RelaxPass
from .patterns import known_operator


@dataclass(frozen=True)
class LegalizeOps(RelaxPass):
    """Gives every operator of the graph a tensor function with loops.

    TVM: ``relax.transform.LegalizeOps``; MLIR: the conversion of named ops to ``linalg.generic``.

    skip_ops: operators that stay as they are, separated by commas, e.g. ``relax.nn.relu``.

    ``lv = R.matmul(x, w)`` → ``lv = R.call_tir(matmul, (x, w))`` and a PrimFunc ``matmul``
    """

    name: ClassVar[str] = "LegalizeOps"
    family: ClassVar[str] = "lowering"
    tvm: ClassVar[str] = "relax.transform.LegalizeOps"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    skip_ops: str | None = param(Text(r"[\w.]+(\s*,\s*[\w.]+)*"), default=None)

    def arguments(self) -> dict[str, object]:
        return {"skip_ops": [known_operator(name) for name in self._skipped]} if self._skipped else {}

    @property
    def _skipped(self) -> list[str]:
        return [name.strip() for name in self.skip_ops.split(",")] if self.skip_ops else []


@dataclass(frozen=True)
class AnnotateTIROpPattern(RelaxPass):
    """Notes on every PrimFunc what kind of computation it is; FuseOps reads the note.

    TVM: ``relax.transform.AnnotateTIROpPattern``.

    a PrimFunc → the same with ``T.func_attr({"op_pattern": 4})``
    """

    name: ClassVar[str] = "AnnotateTIROpPattern"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.AnnotateTIROpPattern"
    needs: ClassVar[tuple[str, ...]] = ("loops",)


@dataclass(frozen=True)
class FuseOps(RelaxPass):
    """Groups calls that can share one loop nest into functions; AnnotateTIROpPattern goes before.

    TVM: ``relax.transform.FuseOps``; MLIR: ``linalg`` elementwise fusion.

    fuse_opt_level: 0 fuses nothing, 1 only after elementwise and injective functions, 2 and more everything;
        -1 takes the level of TVM's context.

    ``lv = call_tir(add, …); lv1 = call_tir(relu, (lv,))`` → ``lv1 = fused_add_relu(…)``
    """

    name: ClassVar[str] = "FuseOps"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.FuseOps"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls", "annotated")

    fuse_opt_level: int = param(Integer(-1, 4), default=-1)


@dataclass(frozen=True)
class FuseTIR(RelaxPass):
    """Makes one PrimFunc of each group that FuseOps or FoldLinear formed.

    TVM: ``relax.transform.FuseTIR``.

    a Relax function of several ``call_tir`` → one PrimFunc with all their loops
    """

    name: ClassVar[str] = "FuseTIR"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.FuseTIR"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loops", "annotated")


@dataclass(frozen=True)
class MergeCompositeFunctions(RelaxPass):
    """Puts groups that one library takes next to each other into one function for it.

    TVM: ``relax.transform.MergeCompositeFunctions``.

    FuseOpsByPattern goes before; the prefix of a pattern's name, ``blas`` in ``blas.linear``, is the library.

    calls of ``blas.linear`` and ``blas.relu`` → one function with ``Codegen = "blas"`` that calls both
    """

    name: ClassVar[str] = "MergeCompositeFunctions"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.MergeCompositeFunctions"
    needs: ClassVar[tuple[str, ...]] = ("graph", "composites")
