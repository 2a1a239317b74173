"""What `build` compiles: every stage of a graph, scheduled and unscheduled loops; and what it refuses."""

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.relax.frontend import nn
from tvm.s_tir import Schedule
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

from mlc_explorer.engine.build import build, signature
from mlc_explorer.errors import JobFailed, NotFound, Refused
from mlc_explorer.schema.report import TensorInfo

GENERIC = tvm.target.Target("llvm")


@I.ir_module
class MatMul:
    @T.prim_func(s_tir=True)
    def main(
        A: T.Buffer((32, 16), "float32"), B: T.Buffer((16, 48), "float32"), C: T.Buffer((32, 48), "float32")
    ):
        for i, j, k in T.grid(32, 48, 16):
            with T.sblock("matmul"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@I.ir_module
class Symbolic:
    @T.prim_func(s_tir=True)
    def main(a: T.handle, b: T.handle):
        n = T.int32()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            with T.sblock("copy"):
                vi = T.axis.spatial(n, i)
                B[vi] = A[vi]


@I.ir_module
class TwoResults:
    @R.function
    def main(x: R.Tensor((2, 3), "float32")):
        with R.dataflow():
            lv = R.add(x, x)
            gv = (lv, R.sum(x, axis=[1]))
            R.output(gv)
        return gv


def network() -> tvm.IRModule:
    """Two linear layers with ReLU and softmax, weights bound."""

    class Net(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Linear(16, 8), nn.Linear(8, 4)

        def forward(self, x):
            return nn.op.softmax(self.second(nn.op.relu(self.first(x))))

    mod, weights = Net().export_tvm({"forward": {"x": nn.spec.Tensor((2, 16), "float32")}})
    rng = np.random.default_rng(1)
    values = {n: rng.standard_normal([int(d) for d in w.shape]).astype("float32") for n, w in weights}
    return relax.transform.BindParams("forward", values)(mod)


t = relax.transform
ANNOTATED = [t.LegalizeOps(), t.AnnotateTIROpPattern(), t.FoldConstant()]
STAGES = {
    "operators": [],
    "legalised": [t.LegalizeOps()],
    "annotated and folded": ANNOTATED,
    "composite functions": [*ANNOTATED, t.FuseOps()],
    "fused": [*ANNOTATED, t.FuseOps(), t.FuseTIR()],
    "zero": [relax.get_pipeline("zero")],
    "default": [relax.get_pipeline("default")],
    "zero, then default": [relax.get_pipeline("zero"), relax.get_pipeline("default")],
}


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).standard_normal((2, 16)).astype("float32")


@pytest.fixture(scope="module")
def expected(image):
    return build(network(), GENERIC, "forward")([image])[0]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_of_a_graph_runs_and_agrees(stage, image, expected):
    with GENERIC:
        mod = tvm.transform.Sequential(STAGES[stage])(network())
    (result,) = build(mod, GENERIC, "forward")([image])
    np.testing.assert_allclose(result.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_building_does_not_fuse():
    """The module is measured as the person sees it: the compiled graph calls what the module calls."""
    with GENERIC:
        lowered = relax.get_pipeline("default_build")(network())
    names = {v.name_hint for v in lowered.get_global_vars()}
    assert {"matmul", "add", "relu"} <= names
    assert not any("fused" in n for n in names)


def test_a_composite_function_runs_alone(image):
    with GENERIC:
        mod = tvm.transform.Sequential(STAGES["composite functions"])(network())
    name = next(v.name_hint for v in mod.get_global_vars() if v.name_hint.startswith("fused_matmul_add_relu"))
    runnable = build(mod, GENERIC, name)
    rng = np.random.default_rng(2)
    inputs = [rng.standard_normal(i.shape).astype(i.dtype) for i in runnable.signature.inputs]
    x, weight, bias = inputs
    np.testing.assert_allclose(runnable(inputs)[0], np.maximum(x @ weight + bias, 0), rtol=1e-4, atol=1e-5)


def test_a_tuple_comes_back_as_two_arrays():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    doubled, sums = build(TwoResults, GENERIC)([x])
    np.testing.assert_array_equal(doubled, 2 * x)
    np.testing.assert_array_equal(sums, [3, 12])


def test_a_primfunc_knows_its_inputs_and_outputs():
    found = signature(MatMul, "main")
    assert found.inputs == (TensorInfo("A", (32, 16), "float32"), TensorInfo("B", (16, 48), "float32"))
    assert found.outputs == (TensorInfo("C", (32, 48), "float32"),)


def test_a_scheduled_primfunc_runs():
    sch = Schedule(MatMul)
    i, j, k = sch.get_loops(sch.get_sblock("matmul"))
    outer, inner = sch.split(i, [None, 8])
    sch.parallel(outer)
    sch.reorder(k, inner, j)
    sch.vectorize(j)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((32, 16), "float32"), rng.standard_normal((16, 48), "float32")
    np.testing.assert_allclose(build(sch.mod, GENERIC)([a, b])[0], a @ b, rtol=1e-5, atol=1e-5)


def test_an_element_that_is_never_written_shows_as_nan():
    @I.ir_module
    class Forgetful:
        @T.prim_func(s_tir=True)
        def main(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
            for i in range(3):
                with T.sblock("copy"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi]

    (result,) = build(Forgetful, GENERIC)([np.ones(4, "float32")])
    np.testing.assert_array_equal(result, [1, 1, 1, np.nan])


def test_timing_gives_seconds_per_call():
    runnable = build(MatMul, GENERIC)
    inputs = [np.ones((32, 16), "float32"), np.ones((16, 48), "float32")]
    times = runnable.time(inputs, 0.05)
    assert len(times) >= 10
    assert all(0 < s < 1 for s in times)
    assert runnable.compile_s > 0


def test_gpu_threads_are_refused_on_a_cpu_and_the_loop_is_named():
    sch = Schedule(MatMul)
    i, j, _ = sch.get_loops(sch.get_sblock("matmul"))
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    with pytest.raises(Refused) as refusal:
        build(sch.mod, GENERIC)
    assert refusal.value.code == "threads_on_cpu"
    assert refusal.value.paths == ("matmul/i", "matmul/j")


def test_a_symbolic_shape_is_refused():
    with pytest.raises(Refused) as refusal:
        build(Symbolic, GENERIC)
    assert refusal.value.code == "shape_not_fixed"


def test_another_device_is_refused():
    with pytest.raises(Refused) as refusal:
        build(MatMul, tvm.target.Target({"kind": "cuda", "arch": "sm_80"}))
    assert refusal.value.code == "target_not_here"


def test_inputs_of_the_wrong_shape_never_reach_the_kernel():
    with pytest.raises(Refused) as refusal:
        build(MatMul, GENERIC)([np.ones((16, 32), "float32"), np.ones((16, 48), "float32")])
    assert refusal.value.code == "inputs_do_not_fit"


def test_a_missing_function_is_named():
    with pytest.raises(NotFound, match="‘other’"):
        build(MatMul, GENERIC, "other")


def test_what_tvm_cannot_compile_keeps_its_words():
    @I.ir_module
    class Unknown:
        @R.function
        def main(x: R.Tensor((2,), "float32")):
            with R.dataflow():
                gv = R.call_dps_packed("nowhere", (x,), R.Tensor((2,), "float32"))
                R.output(gv)
            return gv

    with pytest.raises(JobFailed) as failure:
        build(Unknown, GENERIC)([np.ones(2, "float32")])
    assert failure.value.code in ("compile_failed", "call_failed")
    assert "nowhere" in failure.value.detail
