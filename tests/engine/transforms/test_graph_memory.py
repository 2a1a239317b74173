"""Passes whose result is long: what they are for must be in it, and it round-trips like any other step's."""

import numpy as np
import pytest
from tvm import IRModule, relax
from tvm.script import ir as I
from tvm.script import relax as R

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step

from .graph_text import graph

TWO = "main(x: F32[4]) -> F32[4]\ny = R.exp(x)\nz = R.nn.relu(y)"
WAY = (
    "LegalizeOps", "ToNonDataflow", "RemovePurityChecking", "CallTIRRewrite", "StaticPlanBlockMemory",
    "LowerAllocTensor", "KillAfterLastUse", "LowerRuntimeBuiltin", "VMShapeLower",
)  # fmt: skip
LEAVES = {
    "LegalizeOps": "R.call_tir(",
    "RemovePurityChecking": '"relax.force_pure": True',
    "CallTIRRewrite": "R.builtin.alloc_tensor(",
    "StaticPlanBlockMemory": "R.memory.alloc_storage(",
    "LowerAllocTensor": "R.memory.alloc_tensor(",
    "KillAfterLastUse": "R.memory.kill_tensor(",
    "LowerRuntimeBuiltin": "R.vm.alloc_storage(",
    "VMShapeLower": "vm.builtin.check_tensor_info",
}


def after(mod: IRModule, *names: str) -> IRModule:
    for name in names:
        mod = apply_step(mod, Step(name)).mod
    return mod


@pytest.mark.parametrize("name", WAY)
def test_each_step_of_the_way_to_memory(check, name):
    before = after(graph(TWO), *WAY[: WAY.index(name)])
    applied = check(before, after(before, name), Step(name))
    text = applied.mod["main"].script()
    assert LEAVES.get(name, "R.exp" if name == "LegalizeOps" else "main") in text
    assert name == "LegalizeOps" or "R.dataflow" not in text


@pytest.mark.parametrize(
    "done, name, code, first",
    [
        (("LegalizeOps",), "CallTIRRewrite", "needs_no_dataflow", "ToNonDataflow"),
        (("LegalizeOps", "ToNonDataflow"), "CallTIRRewrite", "needs_impure", "RemovePurityChecking"),
        (WAY[:3], "StaticPlanBlockMemory", "needs_allocations", "CallTIRRewrite"),
        (WAY[:3], "LowerAllocTensor", "needs_allocated", "CallTIRRewrite"),
        (WAY[:3], "KillAfterLastUse", "needs_allocated", "CallTIRRewrite"),
        (WAY[:4], "LowerRuntimeBuiltin", "needs_no_allocations", "LowerAllocTensor"),
        (("LegalizeOps",), "VMShapeLower", "needs_no_dataflow", "ToNonDataflow"),
    ],
)
def test_a_step_of_the_way_before_its_turn(refuse, done, name, code, first):
    refusal = refuse(after(graph(TWO), *done), Step(name))
    assert refusal.code == code and first in refusal.hint


LINEAR = """main(x: F32[4, 8], w: F32[16, 8]) -> F32[4, 16]
            t = R.permute_dims(w)
            z = R.matmul(x, t)"""
IMAGE = "x: F32[1, 3, 8, 8], w: F32[4, 3, 3, 3]"
NORM = f"""main({IMAGE}, g: F32[4], b: F32[4], m: F32[4], v: F32[4]) -> F32[1, 4, 6, 6]
          c = R.nn.conv2d(x, w)
          n = R.nn.batch_norm(c, g, b, m, v, axis=1)
          z = n[0]"""
CONSTANT = 'main(x: F32[2]) -> F32[2]\nz = R.add(x, R.const([1.0, 2.0], "float32"))'


@pytest.mark.parametrize(
    "name, before, holds, lacks",
    [
        ("DataflowUseInplaceCalls", graph(TWO), "R.call_tir_inplace(", "R.nn.relu"),
        ("FuseTransposeMatmul", graph(LINEAR), "cls.NT_matmul", "cls.permute_dims"),
        ("FastMathTransform", graph(TWO), "cls.fast_exp", "R.exp("),
        ("DecomposeOpsForInference", graph(NORM), "R.sqrt(", "batch_norm"),
        ("AttachGlobalSymbol", after(graph(TWO), "LegalizeOps"), "@T.prim_func(s_tir=True)", "private=True"),
        ("AttachAttrLayoutFreeBuffers", after(graph(CONSTANT), "LegalizeOps"), "layout_free", "=False"),
        ("default_for_target", graph(TWO), "R.vm.alloc_storage", "R.nn.relu"),
        ("ToNonDataflow", graph(TWO), "R.exp(", "R.dataflow"),
    ],
)  # fmt: skip
def test_what_is_there_afterwards_and_what_no_more(check, name, before, holds, lacks):
    text = check(before, after(before, name), Step(name)).mod.script()
    assert holds in text
    assert lacks not in text


def test_foldbatchnormtoconv2d(check):
    """The scale goes into constant weights; with FoldConstant nothing of it remains to be computed."""
    draw = np.random.default_rng(0)
    shapes = {"w": (4, 3, 3, 3), "g": (4,), "b": (4,), "m": (4,), "v": (4,)}
    weights = {name: draw.random(shape).astype("float32") for name, shape in shapes.items()}
    before = relax.transform.BindParams("main", weights)(graph(NORM))
    folded = check(before, after(before, "FoldBatchnormToConv2D"), Step("FoldBatchnormToConv2D")).mod
    assert "batch_norm" not in folded["main"].script() and "R.nn.conv2d" in folded["main"].script()


def test_rewritedataflowreshape(check):
    """A function that only reshapes becomes the operator again, and then costs nothing."""
    flat = graph("main(x: F32[2, 8]) -> F32[16]\ny = R.reshape(x, R.shape([16]))\nz = R.exp(y)")
    before = after(flat, "LegalizeOps")
    check(before, after(before, "RewriteDataflowReshape"), Step("RewriteDataflowReshape"))
    assert "R.reshape(" in after(before, "RewriteDataflowReshape")["main"].script()


@pytest.mark.parametrize("name", ["Normalize", "NormalizeGlobalVar", "ComputePrimValue", "LambdaLift"])
def test_a_graph_that_is_tidy_already_stays_as_it_is(check, name):
    check(graph(TWO), graph(TWO), Step(name))


@pytest.mark.parametrize(
    "name", ["OptimizeLayoutTransform", "SplitLayoutRewritePreproc", "SpecializePrimFuncBasedOnCallSite"]
)
def test_functions_without_what_a_pass_looks_for_stay_as_they_are(check, name):
    before = after(graph(TWO), "LegalizeOps")
    applied = check(before, after(before, name), Step(name))
    assert {v.name_hint for v in applied.mod.get_global_vars()} == {"main", "tir_exp", "relu"}


def test_lambdalift(check):
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            @R.function
            def inner(a: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
                b = R.exp(a)
                return b

            z = inner(x)
            return z

    lifted = check(Before, after(Before, "LambdaLift"), Step("LambdaLift")).mod
    assert {v.name_hint for v in lifted.get_global_vars()} == {"main", "main_inner"}


def test_fastmathtransform_refused_where_functions_call_each_other(refuse):
    calls = graph(
        "private inner(x: F32[4]) -> F32[4]\ny = R.exp(x)", "main(x: F32[4]) -> F32[4]\ny = cls.inner(x)"
    )
    assert refuse(calls, Step("FastMathTransform")).code == "needs_no_calls"
