"""What TVM has and the catalogue does not offer, with one reason for each (a test holds it complete).

Names are those of `coverage`: the part of TVM, a dot, the public name.
"""

from __future__ import annotations

_GROUPS: dict[str, str] = {
    # -- tvm.s_tir.Schedule
    "looks at a schedule, or keeps its books, and changes no loop": """
        schedule.can_decompose_padding schedule.copy schedule.enter_postproc schedule.fork_seed
        schedule.get schedule.get_child_blocks schedule.get_consumers
        schedule.get_loops schedule.get_output_blocks schedule.get_producers schedule.get_sblock
        schedule.get_sref schedule.remove_rv schedule.seed schedule.show schedule.work_on
    """,
    # -- tvm.relax.transform
    "no pass, but what passes are made of or described by": """
        relax.DataflowBlockPass relax.FunctionPass relax.FusionPattern relax.PatternCheckContext
        tirx.PrimFuncPass tirx.Callable
    """,
    "an enumeration or the settings of a pass, not a pass": """
        s_tir.HoistedConditionals s_tir.HoistedLetBindings s_tir.InjectDoubleBufferConfig
        s_tir.LoopPartitionConfig tirx.HoistExpressionConfig tirx.HoistIfThenElseConfig
        tirx.HoistedConditionals tirx.HoistedLetBindings tirx.RemoveNoOpConfig tirx.StmtSimplifyConfig
        tirx.UnrollLoopConfig
    """,
    "takes a Python function, which a trace cannot hold": """
        relax.UpdateParamType relax.SplitCallTIRByPattern tirx.Apply tirx.Filter
    """,
    "takes whole functions or compiled modules, which a trace cannot hold": """
        relax.AlterOpImpl relax.AttachExternModules
    """,
    "an older name of LowerRuntimeBuiltin": "relax.VMBuiltinLower",
    "needs another compiler's code generator, of which this TVM has none; `dispatch` calls libraries": """
        relax.RunCodegen relax.AllocateWorkspace
    """,
    "the function would ask its caller for inputs one by one, and nothing here calls a model like that": """
        relax.LazyGetInput relax.LazySetOutput relax.LazyTransformParams
    """,
    "needs a model that is spread over devices (virtual devices), which no loader makes": """
        relax.RealizeVDevice relax.UpdateVDevice
    """,
    "needs several GPUs and their runtime": "relax.IPCAllReduceRewrite relax.LowerGPUIPCAllocStorage",
    "needs the runtime of CUDA graphs": "relax.RewriteCUDAGraph",
    "searches for minutes and writes a database; a search is no step that can be replayed": """
        relax.MetaScheduleApplyDatabase relax.MetaScheduleTuneIRMod relax.MetaScheduleTuneTIR
        relax_pipeline.static_shape_tuning
    """,
    "another name of the pipeline `default`": "relax_pipeline.default_build",
    # -- tvm.s_tir.transform, tvm.tirx.transform
    "works on kernels that are cut off for a GPU already; it runs when a GPU's code is generated": """
        s_tir.DecorateDeviceScope s_tir.InferFragment s_tir.InjectPTXAsyncCopy s_tir.InjectPTXLDG32
        s_tir.LowerThreadAllreduce s_tir.MergeSharedMemoryAllocations s_tir.ThreadSync tirx.LowerWarpMemory
    """,
    "for memories and copies of Hexagon, whose code this TVM does not generate": """
        s_tir.LowerAsyncDMA s_tir.LowerVtcmAlloc s_tir.VerifyVTCMLimit
    """,
    "inserts checks or counters that need a runtime of their own": """
        s_tir.InstrumentBoundCheckers s_tir.InstrumentProfileIntrinsics
    """,
    "makes host and device code of a function, which is then no longer one function with loops": """
        tirx.AnnotateEntryFunc tirx.BindTarget tirx.LowerIntrin tirx.LowerTVMBuiltin tirx.MakePackedAPI
        tirx.SplitHostDevice
    """,
    "stores 16- and 8-bit floats as integers, which only a code generator without them needs": """
        tirx.BF16StorageLegalize tirx.FP8StorageLegalize
    """,
    "gives raw pointers a type once there are no loops to schedule; it runs when code is generated": """
        tirx.PointerValueTypeRewrite
    """,
    "for the language TIRx, in which no model here is written": """
        tirx.LowerTIRx tirx.LowerTIRxOpaque tirx.TilePrimitiveDispatch tir_pipeline.tirx
    """,
    "for private functions of TIRx that call each other; functions that Relax calls do not": """
        tirx.InlinePrivateFunctions
    """,
    "checks and changes nothing": "tirx.VerifyMemory",
    "for Trainium, whose code this TVM does not generate": "tir_pipeline.trn",
    "another name of the pipeline that `lower` runs": "tir_pipeline.default",
    "for textures of Adreno GPUs, which none of the targets here has": """
        dlight.adreno.Conv2d dlight.adreno.Fallback dlight.adreno.LayoutTransform dlight.adreno.Pool2D
        tir_pipeline.adreno
    """,
}

REASONS: dict[str, str] = {name: reason for reason, names in _GROUPS.items() for name in names.split()}
