"""Passes that tidy a graph, rewrite it by algebra, or choose its layouts and precisions: before and after."""

import pytest
from tvm.script import ir as I
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step

from .graph_text import graph

CASES = {
    "RemoveRedundantReshape": (
        ["main(x: F32[16]) -> F32[4, 4]\ny = R.reshape(x, R.shape([8, 2]))\nz = R.reshape(y, (4, 4))"],
        ["main(x: F32[16]) -> F32[4, 4]\nz = R.reshape(x, R.shape([4, 4]))"],
    ),
    "TopologicalSort": (
        ["main(x: F32[4]) -> R.Tuple(F32[4], F32[4])\na = R.exp(x)\nb = R.sin(x)\nc = R.cos(a)\nd = (b, c)"],
        ["main(x: F32[4]) -> R.Tuple(F32[4], F32[4])\na = R.exp(x)\nc = R.cos(a)\nb = R.sin(x)\nd = (b, c)"],
    ),
    "InlinePrivateFunctions": (
        ["private inner(x: F32[4]) -> F32[4]\ny = R.exp(x)", "main(x: F32[4]) -> F32[4]\ny = cls.inner(x)"],
        ["main(x: F32[4]) -> F32[4]\ny = R.exp(x)"],
    ),
    "RemoveUnusedParameters": (
        [
            "private inner(x: F32[4], y: F32[4]) -> F32[4]\nz = R.exp(x)",
            "main(x: F32[4], y: F32[4]) -> F32[4]\nz = cls.inner(x, y)",
        ],
        [
            "private inner(x: F32[4]) -> F32[4]\nz = R.exp(x)",
            "main(x: F32[4], y: F32[4]) -> F32[4]\nz = cls.inner(x)",
        ],
    ),
    "RemoveUnusedOutputs": (
        [
            "private inner(x: F32[4]) -> R.Tuple(F32[4], F32[4])\na = R.exp(x)\nb = R.sin(x)\nc = (a, b)",
            "main(x: F32[4]) -> F32[4]\nboth = cls.inner(x)\nz = both[0]",
        ],
        [
            "private inner(x: F32[4]) -> F32[4]\na = R.exp(x)",
            "main(x: F32[4]) -> F32[4]\nz = cls.inner(x)",
        ],
    ),
    "ExpandTupleArguments": (
        [
            "private inner(xs: R.Tuple(F32[4], F32[4])) -> F32[4]\na = xs[0]\nb = xs[1]\nc = R.add(a, b)",
            "main(x: F32[4], y: F32[4]) -> F32[4]\nz = cls.inner((x, y))",
        ],
        [
            "private inner(a: F32[4], b: F32[4]) -> F32[4]\nc = R.add(a, b)",
            "main(x: F32[4], y: F32[4]) -> F32[4]\nz = cls.inner(x, y)",
        ],
    ),
    "AdjustMatmulOrder": (
        ["main(a: F32[9, 9], b: F32[9, 9], v: F32[9]) -> F32[9]\nab = R.matmul(a, b)\nz = R.matmul(ab, v)"],
        ["main(a: F32[9, 9], b: F32[9, 9], v: F32[9]) -> F32[9]\nbv = R.matmul(b, v)\nz = R.matmul(a, bv)"],
    ),
    "CombineParallelMatmul": (
        [
            """main(x: F32[4, 8], u: F32[8, 16], v: F32[8, 16]) -> R.Tuple(F32[4, 16], F32[4, 16])
            a = R.matmul(x, u)
            b = R.matmul(x, v)
            c = (a, b)"""
        ],
        [
            """main(x: F32[4, 8], u: F32[8, 16], v: F32[8, 16]) -> R.Tuple(F32[4, 16], F32[4, 16])
            uv = R.concat((u, v), axis=1)
            ab = R.matmul(x, uv, out_dtype="float32")
            parts = R.split(ab, indices_or_sections=[16], axis=1)
            a = parts[0]
            b = parts[1]
            c = (a, b)"""
        ],
    ),
    "ExpandMatmulOfSum": (
        ["main(x: F32[4, 8], a: F32[8, 4], b: F32[8, 4]) -> F32[4, 4]\nw = R.add(a, b)\nz = R.matmul(x, w)"],
        [
            """main(x: F32[4, 8], a: F32[8, 4], b: F32[8, 4]) -> F32[4, 4]
            xa = R.matmul(x, a)
            xb = R.matmul(x, b)
            z = R.add(xa, xb)"""
        ],
    ),
    "ReorderPermuteDimsAfterConcat": (
        [
            """main(a: F32[4, 8], b: F32[4, 8]) -> F32[8, 8]
            at = R.permute_dims(a)
            bt = R.permute_dims(b)
            z = R.concat((at, bt), axis=1)"""
        ],
        ["main(a: F32[4, 8], b: F32[4, 8]) -> F32[8, 8]\nc = R.concat((a, b))\nz = R.permute_dims(c)"],
    ),
    "ReorderTakeAfterMatmul": (
        [
            """main(x: F32[4, 8], w: F32[8, 32], i: R.Tensor((16,), "int64")) -> F32[4, 16]
            t = R.take(w, i, axis=1)
            z = R.matmul(x, t)"""
        ],
        [
            """main(x: F32[4, 8], w: F32[8, 32], i: R.Tensor((16,), "int64")) -> F32[4, 16]
            t = R.matmul(x, w)
            z = R.take(t, i, axis=1)"""
        ],
    ),
    "DecomposeOpsForTraining": (
        ["main(x: F32[4, 8], g: F32[8], b: F32[8]) -> F32[4, 8]\nz = R.nn.layer_norm(x, g, b, axes=[1])"],
        [
            """main(x: F32[4, 8], g: F32[8], b: F32[8]) -> F32[4, 8]
            m = R.mean(x, axis=[1], keepdims=True)
            d = R.subtract(x, m)
            v = R.variance(x, axis=[1], keepdims=True)
            e = R.add(v, R.const(1e-5, "float32"))
            s = R.sqrt(e)
            n = R.divide(d, s)
            w = R.multiply(n, g)
            z = R.add(w, b)"""
        ],
    ),
    "ConvertLayout": (
        ["main(x: F32[1, 3, 8, 8], w: F32[4, 3, 3, 3]) -> F32[1, 4, 6, 6]\nz = R.nn.conv2d(x, w)"],
        [
            """main(x: F32[1, 3, 8, 8], w: F32[4, 3, 3, 3]) -> F32[1, 4, 6, 6]
            a = R.permute_dims(x, axes=[0, 2, 3, 1])
            b = R.permute_dims(w, axes=[0, 2, 3, 1])
            c = R.nn.conv2d(a, b, data_layout="NHWC", kernel_layout="OHWI", out_layout="NHWC")
            z = R.permute_dims(c, axes=[0, 3, 1, 2])"""
        ],
    ),
    "ToMixedPrecision": (
        ["main(x: F32[4, 8], w: F32[8, 16]) -> F32[4, 16]\nz = R.matmul(x, w)"],
        [
            """main(x: F32[4, 8], w: F32[8, 16]) -> F32[4, 16]
            a = R.astype(x, dtype="float16")
            b = R.astype(w, dtype="float16")
            z = R.matmul(a, b, out_dtype="float32")"""
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_pass_makes_of_a_small_graph(check, name):
    before, after = CASES[name]
    check(graph(*before), graph(*after), Step(name))


@I.ir_module
class NoGraph:
    @T.prim_func(s_tir=True)
    def main(x: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.sblock("x"):
                v = T.axis.spatial(4, i)
                x[v] = T.float32(0)


EXP = "main(x: F32[4]) -> F32[4]\ny = R.exp(x)"
NEEDS_GRAPH = [
    "LegalizeOps", "DeadCodeElimination", "CanonicalizeBindings", "EliminateCommonSubexpr", "FoldConstant",
    "ConvertToDataflow", "ToNonDataflow", "Normalize", "NormalizeGlobalVar", "ComputePrimValue",
    "AttachGlobalSymbol", "RemovePurityChecking", "LambdaLift", "zero", "default", "default_for_target",
]  # fmt: skip
NEEDS_OPERATORS = [
    "RemoveRedundantReshape", "AdjustMatmulOrder", "CombineParallelMatmul", "ExpandMatmulOfSum",
    "FuseTransposeMatmul", "ReorderPermuteDimsAfterConcat", "ReorderTakeAfterMatmul", "FastMathTransform",
    "FoldBatchnormToConv2D", "DecomposeOpsForInference", "DecomposeOpsForTraining", "ConvertLayout",
    "ToMixedPrecision", "DataflowUseInplaceCalls", "FuseOpsByPattern",
]  # fmt: skip
NEEDS_CALLS = [
    "InlinePrivateFunctions",
    "RemoveUnusedParameters",
    "RemoveUnusedOutputs",
    "ExpandTupleArguments",
]
NEEDS_LOOP_CALLS = [
    "OptimizeLayoutTransform", "RewriteDataflowReshape", "AttachAttrLayoutFreeBuffers",
    "SplitLayoutRewritePreproc", "SpecializePrimFuncBasedOnCallSite", "CallTIRRewrite",
]  # fmt: skip


@pytest.mark.parametrize("name", NEEDS_GRAPH)
def test_without_a_graph(refuse, name):
    assert refuse(NoGraph, Step(name)).code == "needs_graph"


@pytest.mark.parametrize("name", NEEDS_OPERATORS)
def test_after_the_operators_have_become_functions(refuse, name):
    refusal = refuse(apply_step(graph(EXP), Step("LegalizeOps")).mod, Step(name))
    assert refusal.code == "needs_operators" and "LegalizeOps" in refusal.hint


@pytest.mark.parametrize("name", NEEDS_CALLS)
def test_where_no_function_calls_another(refuse, name):
    assert refuse(graph(EXP), Step(name)).code == "needs_calls"


@pytest.mark.parametrize("name", NEEDS_LOOP_CALLS)
def test_before_the_operators_have_become_functions(refuse, name):
    refusal = refuse(graph(EXP), Step(name))
    assert refusal.code == "needs_loop_calls" and "LegalizeOps" in refusal.hint


@pytest.mark.parametrize("name", ["AnnotateTIROpPattern", "FuseTIR", "DefaultGPUSchedule"])
def test_before_there_are_loops(refuse, name):
    assert refuse(graph(EXP), Step(name)).code == "needs_loops"


@pytest.mark.parametrize("name", ["TopologicalSort", "LiftTransformParams"])
def test_without_dataflow_blocks(refuse, name):
    refusal = refuse(graph(EXP, dataflow=False), Step(name))
    assert refusal.code == "needs_dataflow" and "ConvertToDataflow" in refusal.hint


def test_a_layout_of_another_operator(refuse):
    step = Step("ConvertLayout", None, {"operator": "relax.nn.conv1d", "data_layout": "NHWC"})
    conv = graph("main(x: F32[1, 3, 8], w: F32[4, 3, 3]) -> F32[1, 4, 6]\nz = R.nn.conv1d(x, w)")
    refusal = refuse(conv, step)
    assert (refusal.code, refusal.place) == ("layout_of_another_operator", "data_layout")
    assert "NWC" in refusal.hint


def test_legalizeops_leaves_the_operators_that_it_is_told_to(check, refuse):
    before = graph("main(x: F32[4]) -> F32[4]\ny = R.exp(x)\nz = R.nn.relu(y)")
    step = Step("LegalizeOps", None, {"skip_ops": "relax.nn.relu, relax.exp"})
    check(before, before, step)
    refusal = refuse(before, Step("LegalizeOps", None, {"skip_ops": "relax.relu"}))
    assert refusal.code == "operator_unknown" and "relax.nn.relu" in refusal.hint


def test_a_parameter_of_a_pass_is_checked():
    with pytest.raises(BadTrace) as caught:
        apply_step(graph(EXP), Step("ToMixedPrecision", None, {"out_dtype": "int8"}))
    assert caught.value.place == "out_dtype"


@pytest.mark.parametrize(
    "name, params", [("lower", {}), ("read_at", {"loop": "y/i", "block": "y", "buffer": 0})]
)
def test_a_graph_function_has_no_loops(refuse, name, params):
    refusal = refuse(graph(EXP), Step(name, "main", params))
    assert (refusal.code, refusal.place) == ("function_has_no_loops", "function")
