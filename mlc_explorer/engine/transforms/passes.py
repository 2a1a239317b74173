"""Any lowering pass of TVM's that makes sense by itself, for all functions of the model at once.

The passes over the graph are declared one by one, each with what it needs. Those over loops differ by their
name only, so they are one transform with the name as its parameter. `NAMES` are those that take no arguments
and were seen to leave samples readable and compilable at some stage; `left_out` says why the others are not
there. Traces from before the graph passes had transforms of their own name them here, too.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm import IRModule

from ...schema.params import Choice, param
from .base import GraphTransform

_NAMES = {
    "s_tir": """
        AnnotateIrregularLoop CanonicalizeLoop ConvertBlocksToOpaque ConvertSSA HoistExpression
        HoistIfThenElse InjectDoubleBuffer InjectVirtualThread LoopPartition LowerAutoCopy
        LowerCrossThreadReduction
        LowerInitBlock LowerMatchBuffer PlanAndUpdateBufferAllocationLocation RemoveStoreUndef
        RemoveWeightLayoutRewriteBlock RenormalizeSplitPattern RewriteUnsafeSelect StmtSimplify
        UseAssumeToReduceBranches
    """,
    "tirx": """
        BF16ComputeLegalize ConvertSSA FP8ComputeLegalize ForceNarrowIndexToInt32 RemoveAssume RemoveNoOp
        SkipAssert StmtSimplify UnrollLoop
    """,
}
_FORMER = """
    AdjustMatmulOrder AttachAttrLayoutFreeBuffers AttachGlobalSymbol CallTIRRewrite CombineParallelMatmul
    ComputePrimValue DataflowUseInplaceCalls DecomposeOpsForInference DecomposeOpsForTraining
    ExpandMatmulOfSum ExpandTupleArguments FastMathTransform FoldBatchnormToConv2D FuseTransposeMatmul
    InlinePrivateFunctions KillAfterLastUse LambdaLift LiftTransformParams LowerAllocTensor
    LowerRuntimeBuiltin Normalize NormalizeGlobalVar OptimizeLayoutTransform RealizeVDevice
    RemovePurityChecking RemoveRedundantReshape RemoveUnusedOutputs RemoveUnusedParameters
    ReorderPermuteDimsAfterConcat ReorderTakeAfterMatmul RewriteDataflowReshape
    SpecializePrimFuncBasedOnCallSite SplitLayoutRewritePreproc StaticPlanBlockMemory ToMixedPrecision
    ToNonDataflow TopologicalSort VMShapeLower
"""

ROOMS = ("relax", *_NAMES)  # of TVM: a pass is tvm.<room>.transform.<name>
NAMES = tuple(f"{room}.{name}" for room, names in _NAMES.items() for name in names.split())


@dataclass(frozen=True)
class PassName(Choice):
    """One of `options`, which a form shows; what older traces say is understood as well."""

    def check(self, value: Any) -> str:
        room, _, name = str(value).partition(".")
        former = room == "relax" and name in _FORMER.split()
        return str(value) if former else super().check(value)


@dataclass(frozen=True)
class RunPass(GraphTransform):
    """Runs one of TVM's lowering passes that take no arguments on all functions of the model.

    TVM: ``s_tir.transform`` and ``tirx.transform``; MLIR: one pass of ``mlir-opt``.

    pass_name: the pass after the part of TVM that it belongs to, e.g. ``s_tir.LowerInitBlock``.

    ``with T.init(): C[v] = 0`` → ``if v_k == 0: C[v] = 0`` for ``s_tir.LowerInitBlock``
    """

    name: ClassVar[str] = "run_pass"
    family: ClassVar[str] = "passes"
    tvm: ClassVar[str] = "tvm.*.transform"

    pass_name: str = param(PassName(NAMES))

    def run(self, mod: IRModule) -> IRModule:
        room, _, name = self.pass_name.partition(".")
        return getattr(importlib.import_module(f"tvm.{room}.transform"), name)()(mod)

    def source(self) -> str:
        room, _, name = self.pass_name.partition(".")
        return f"mod = tvm.{room}.transform.{name}()(mod)"
