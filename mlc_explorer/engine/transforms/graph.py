"""Graph passes and pipelines under TVM's own names.

They see the whole module. The order in which they have an effect: LegalizeOps → AnnotateTIROpPattern →
FuseOps → FuseTIR; one that finds nothing to do changes nothing, and the step's report says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import RelaxPass, RelaxPipeline


@dataclass(frozen=True)
class LegalizeOps(RelaxPass):
    """Gives every operator of the graph a tensor function with loops.

    TVM: ``relax.transform.LegalizeOps``; MLIR: the conversion of named ops to ``linalg.generic``.

    ``lv = R.matmul(x, w)`` → ``lv = R.call_tir(matmul, (x, w))`` and a PrimFunc ``matmul``
    """

    name: ClassVar[str] = "LegalizeOps"
    family: ClassVar[str] = "lowering"
    tvm: ClassVar[str] = "relax.transform.LegalizeOps"


@dataclass(frozen=True)
class AnnotateTIROpPattern(RelaxPass):
    """Notes on every PrimFunc what kind of computation it is; FuseOps reads the note.

    TVM: ``relax.transform.AnnotateTIROpPattern``.

    a PrimFunc → the same with ``T.func_attr({"op_pattern": 4})``
    """

    name: ClassVar[str] = "AnnotateTIROpPattern"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.AnnotateTIROpPattern"


@dataclass(frozen=True)
class FoldConstant(RelaxPass):
    """Computes now what depends on constants only.

    TVM: ``relax.transform.FoldConstant``; MLIR: canonicalisation with folders.

    ``lv = R.call_tir(transpose, (constant,))`` → a constant
    """

    name: ClassVar[str] = "FoldConstant"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.FoldConstant"


@dataclass(frozen=True)
class FuseOps(RelaxPass):
    """Groups calls that can share one loop nest into functions; AnnotateTIROpPattern goes before.

    TVM: ``relax.transform.FuseOps``; MLIR: ``linalg`` elementwise fusion.

    ``lv = call_tir(add, …); lv1 = call_tir(relu, (lv,))`` → ``lv1 = fused_add_relu(…)``
    """

    name: ClassVar[str] = "FuseOps"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.FuseOps"


@dataclass(frozen=True)
class FuseTIR(RelaxPass):
    """Makes one PrimFunc of each group that FuseOps or FoldLinear formed.

    TVM: ``relax.transform.FuseTIR``.

    a Relax function of several ``call_tir`` → one PrimFunc with all their loops
    """

    name: ClassVar[str] = "FuseTIR"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.FuseTIR"


@dataclass(frozen=True)
class DeadCodeElimination(RelaxPass):
    """Drops bindings and functions that nothing uses.

    TVM: ``relax.transform.DeadCodeElimination``; MLIR: ``symbol-dce`` and canonicalisation.

    ``lv = R.add(x, y)`` that is never used → nothing
    """

    name: ClassVar[str] = "DeadCodeElimination"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.DeadCodeElimination"


@dataclass(frozen=True)
class CanonicalizeBindings(RelaxPass):
    """Removes bindings that only give a value a second name.

    TVM: ``relax.transform.CanonicalizeBindings``; MLIR: ``canonicalize``.

    ``lv = x; gv = R.add(lv, lv)`` → ``gv = R.add(x, x)``
    """

    name: ClassVar[str] = "CanonicalizeBindings"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.CanonicalizeBindings"


@dataclass(frozen=True)
class EliminateCommonSubexpr(RelaxPass):
    """Computes once what the graph computes twice from the same values.

    TVM: ``relax.transform.EliminateCommonSubexpr``; MLIR: ``cse``.

    ``a = R.exp(x); b = R.exp(x); c = R.add(a, b)`` → ``a = R.exp(x); b = a; c = R.add(a, a)``
    """

    name: ClassVar[str] = "EliminateCommonSubexpr"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.EliminateCommonSubexpr"


@dataclass(frozen=True)
class ConvertToDataflow(RelaxPass):
    """Puts bindings without side effects into dataflow blocks, which most passes need.

    TVM: ``relax.transform.ConvertToDataflow``.

    ``lv = …; gv = …`` → ``with R.dataflow(): lv = …; gv = …; R.output(gv)``
    """

    name: ClassVar[str] = "ConvertToDataflow"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.ConvertToDataflow"


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
