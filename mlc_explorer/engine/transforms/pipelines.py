"""TVM's pipelines: many passes in the order that TVM's authors chose, as one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tvm
from tvm import IRModule, relax

from ...schema.params import Choice, param
from . import rules
from .base import GraphTransform, RelaxPipeline


@dataclass(frozen=True)
class Zero(RelaxPipeline):
    """Legalise, fold constants, fuse: TVM's pipeline for a graph that nothing was tuned for.

    TVM: ``relax.get_pipeline("zero")``: LegalizeOps, AnnotateTIROpPattern, FoldConstant, FuseOps, FuseTIR.

    a graph of operators → a graph of fused PrimFuncs
    """

    name: ClassVar[str] = "zero"
    tvm: ClassVar[str] = 'relax.get_pipeline("zero")'


@dataclass(frozen=True)
class Default(RelaxPipeline):
    """What TVM does by default: legalise, then lower the graph to calls of the virtual machine.

    TVM: ``relax.get_pipeline("default")``. Nothing is fused. Afterwards the graph holds storage allocation
    and calls of the runtime, so that graph passes find nothing any more; loops can still be scheduled.

    ``lv = R.matmul(x, w)`` → ``alloc = R.builtin.alloc_tensor(…); matmul(x, w, alloc)``
    """

    name: ClassVar[str] = "default"
    tvm: ClassVar[str] = 'relax.get_pipeline("default")'


@dataclass(frozen=True)
class DefaultForTarget(GraphTransform):
    """What TVM does for one kind of hardware: legalise and fuse, for a GPU schedule too, then lower.

    TVM: ``relax.get_default_pipeline(target)``. On a CPU the loops stay as they were legalised.

    target_name: a CPU by the width of its vectors in bits, or a GPU.

    a graph of operators → calls of the virtual machine and of fused PrimFuncs
    """

    name: ClassVar[str] = "default_for_target"
    family: ClassVar[str] = "pipeline"
    tvm: ClassVar[str] = "relax.get_default_pipeline"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    target_name: str = param(Choice(tuple(rules.TARGETS)), default="cpu_256")

    def run(self, mod: IRModule) -> IRModule:
        target = tvm.target.Target(dict(rules.TARGETS[self.target_name]))
        with target:
            return relax.get_default_pipeline(target)(mod)

    def source(self) -> str:
        return (
            f"with tvm.target.Target({dict(rules.TARGETS[self.target_name])!r}) as target:\n"
            "    mod = relax.get_default_pipeline(target)(mod)"
        )
