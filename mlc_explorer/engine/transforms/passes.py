"""Any pass of TVM that makes sense by itself, as a step.

The catalogue declares one by one the passes that a person needs on the way from a graph to loops. The others
differ by their name only, so they are one transform with the name as its parameter. `NAMES` are those that
take no arguments and were seen to leave samples readable and compilable at some stage. Left out is what
needs a target, blocks that are lowered already, a GPU or another compiler's code, and what changes the
parameters of the model.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import ClassVar

from tvm import IRModule

from ...schema.params import Choice, param
from .base import GraphTransform

_NAMES = {
    "relax": """
        AdjustMatmulOrder AttachAttrLayoutFreeBuffers AttachGlobalSymbol CallTIRRewrite CombineParallelMatmul
        ComputePrimValue DataflowUseInplaceCalls DecomposeOpsForInference DecomposeOpsForTraining
        ExpandMatmulOfSum ExpandTupleArguments FastMathTransform FoldBatchnormToConv2D FuseTransposeMatmul
        InlinePrivateFunctions KillAfterLastUse LambdaLift LiftTransformParams LowerAllocTensor
        LowerRuntimeBuiltin Normalize NormalizeGlobalVar OptimizeLayoutTransform RealizeVDevice
        RemovePurityChecking RemoveRedundantReshape RemoveUnusedOutputs RemoveUnusedParameters
        ReorderPermuteDimsAfterConcat ReorderTakeAfterMatmul RewriteDataflowReshape
        SpecializePrimFuncBasedOnCallSite SplitLayoutRewritePreproc StaticPlanBlockMemory ToMixedPrecision
        ToNonDataflow TopologicalSort VMShapeLower
    """,
    "s_tir": """
        AnnotateIrregularLoop CanonicalizeLoop ConvertBlocksToOpaque ConvertSSA HoistIfThenElse
        InjectDoubleBuffer InjectVirtualThread LoopPartition LowerAutoCopy LowerCrossThreadReduction
        LowerInitBlock LowerMatchBuffer PlanAndUpdateBufferAllocationLocation RemoveStoreUndef
        RemoveWeightLayoutRewriteBlock RenormalizeSplitPattern RewriteUnsafeSelect StmtSimplify
        UseAssumeToReduceBranches
    """,
    "tirx": """
        BF16ComputeLegalize ConvertSSA FP8ComputeLegalize ForceNarrowIndexToInt32 RemoveAssume RemoveNoOp
        SkipAssert StmtSimplify UnrollLoop
    """,
}

ROOMS = tuple(_NAMES)  # of TVM: a pass is tvm.<room>.transform.<name>
NAMES = tuple(f"{room}.{name}" for room, names in _NAMES.items() for name in names.split())


@dataclass(frozen=True)
class RunPass(GraphTransform):
    """Runs one of TVM's passes that take no arguments.

    TVM: ``relax.transform``, ``s_tir.transform`` and ``tirx.transform``; MLIR: one pass of ``mlir-opt``.

    pass_name: the pass after the part of TVM that it belongs to, e.g. ``relax.ToNonDataflow``.

    ``with R.dataflow(): lv = …`` → ``lv = …`` for ``relax.ToNonDataflow``
    """

    name: ClassVar[str] = "run_pass"
    family: ClassVar[str] = "passes"
    tvm: ClassVar[str] = "tvm.*.transform"

    pass_name: str = param(Choice(NAMES))

    def run(self, mod: IRModule) -> IRModule:
        room, _, name = self.pass_name.partition(".")
        return getattr(importlib.import_module(f"tvm.{room}.transform"), name)()(mod)

    def source(self) -> str:
        room, _, name = self.pass_name.partition(".")
        return f"mod = tvm.{room}.transform.{name}()(mod)"
