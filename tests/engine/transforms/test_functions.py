"""dlight's rules as steps: what each makes of a function that it fits, and what it says to others.

The schedules that rules write are long. So most tests hold a step to what dlight itself makes of the function
(the step repeats the trace of dlight's schedule) and to the loops that a reader expects.
"""

import pytest
import tvm
import tvm_ffi
from tvm.s_tir import dlight
from tvm.script import ir as I
from tvm.script import tirx as T
from tvm.target import Target
from tvm.tirx import For, ForKind, PrimFunc

from mlc_explorer.engine import loaders, paths, targets
from mlc_explorer.engine.build import build
from mlc_explorer.engine.measure import seeded_inputs
from mlc_explorer.engine.transforms import apply_step, catalogue, rules
from mlc_explorer.engine.verify import agrees
from mlc_explorer.engine.views.c_sources import c_source
from mlc_explorer.engine.views.loops import loops as loop_tree
from mlc_explorer.engine.views.schedule_flow import schedule_flow
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def scale(x: T.Buffer((64, 48), "float32"), y: T.Buffer((64, 48), "float32")):
    for i, j in T.grid(64, 48):
        with T.sblock("scale"):
            v_i, v_j = T.axis.remap("SS", [i, j])
            y[v_i, v_j] = x[v_i, v_j] * T.float32(2)


@T.prim_func(s_tir=True)
def transpose(x: T.Buffer((64, 48), "float32"), y: T.Buffer((48, 64), "float32")):
    for i, j in T.grid(48, 64):
        with T.sblock("transpose"):
            v_i, v_j = T.axis.remap("SS", [i, j])
            y[v_i, v_j] = x[v_j, v_i]


@T.prim_func(s_tir=True)
def gemv(W: T.Buffer((256, 128), "float32"), x: T.Buffer((128,), "float32"), y: T.Buffer((256,), "float32")):
    for i, k in T.grid(256, 128):
        with T.sblock("gemv"):
            v_i, v_k = T.axis.remap("SR", [i, k])
            with T.init():
                y[v_i] = T.float32(0)
            y[v_i] = y[v_i] + W[v_i, v_k] * x[v_k]


@T.prim_func(s_tir=True)
def row_sum(x: T.Buffer((64, 512), "float32"), y: T.Buffer((64,), "float32")):
    for i, k in T.grid(64, 512):
        with T.sblock("sum"):
            v_i, v_k = T.axis.remap("SR", [i, k])
            with T.init():
                y[v_i] = T.float32(0)
            y[v_i] = y[v_i] + x[v_i, v_k]


@T.prim_func(s_tir=True)
def few_rows(x_handle: T.handle, W: T.Buffer((256, 128), "float32"), y_handle: T.handle):
    n = T.int64()
    x = T.match_buffer(x_handle, (n, 128))
    y = T.match_buffer(y_handle, (n, 256))
    for b, i, k in T.grid(n, 256, 128):
        with T.sblock("product"):
            v_b, v_i, v_k = T.axis.remap("SSR", [b, i, k])
            with T.init():
                y[v_b, v_i] = T.float32(0)
            y[v_b, v_i] = y[v_b, v_i] + x[v_b, v_k] * W[v_i, v_k]


@T.prim_func(s_tir=True)
def rms_norm(
    x: T.Buffer((1, 1, 4096), "float32"),
    w: T.Buffer((4096,), "float32"),
    y: T.Buffer((1, 1, 4096), "float32"),
):
    square = T.sblock_alloc_buffer((1, 1, 4096))
    total = T.sblock_alloc_buffer((1, 1))
    inverse = T.sblock_alloc_buffer((1, 1))
    for b, i, k in T.grid(1, 1, 4096):
        with T.sblock("square"):
            v_b, v_i, v_k = T.axis.remap("SSS", [b, i, k])
            square[v_b, v_i, v_k] = x[v_b, v_i, v_k] * x[v_b, v_i, v_k]
    for b, i, k in T.grid(1, 1, 4096):
        with T.sblock("total"):
            v_b, v_i, v_k = T.axis.remap("SSR", [b, i, k])
            with T.init():
                total[v_b, v_i] = T.float32(0)
            total[v_b, v_i] = total[v_b, v_i] + square[v_b, v_i, v_k]
    for b, i in T.grid(1, 1):
        with T.sblock("inverse"):
            v_b, v_i = T.axis.remap("SS", [b, i])
            inverse[v_b, v_i] = T.rsqrt(total[v_b, v_i] / T.float32(4096) + T.float32(1e-5))
    for b, i, k in T.grid(1, 1, 4096):
        with T.sblock("norm"):
            v_b, v_i, v_k = T.axis.remap("SSS", [b, i, k])
            y[v_b, v_i, v_k] = x[v_b, v_i, v_k] * inverse[v_b, v_i] * w[v_k]


def sample(name):
    return loaders.load_cached(name, None).mod["main"]


def by_dlight(func, rule, target):
    """What dlight makes of `func` by itself."""
    room, _, name = rule.partition(".")
    module = tvm.IRModule({"main": func.with_attr("global_symbol", "main")})
    with Target(dict(rules.TARGETS[target])):
        return dlight.ApplyDefaultSchedule(getattr(getattr(dlight, room), name)())(module)


def runs(func):
    """What runs loops of `func` otherwise than one iteration after another: threads, ``parallel``, …"""
    kinds = {int(ForKind.PARALLEL): "parallel", int(ForKind.VECTORIZED): "vectorized"}
    found = set()
    for place in paths.walk(func):
        if place.kind == "loop" and place.node.thread_binding is not None:
            found.add(str(place.node.thread_binding.thread_tag))
        elif place.kind == "loop":
            found.add(kinds.get(int(place.node.kind), ""))
    return found - {""}


def holds_to_dlight(check, step, before):
    """The step does what dlight does, and the function says that it is scheduled."""
    name = step.transform
    target = "cpu_256" if name in rules.CPU_RULES else "cuda"
    after = by_dlight(before, rules.RULES[name], target)
    applied = check(before, after, step)
    assert rules.is_scheduled(after["main"])
    return applied, runs(after["main"])


def test_cpu_gemv(check):
    applied, how = holds_to_dlight(check, Step("cpu_gemv", "main"), gemv)
    assert how == {"parallel", "vectorized"}
    assert applied.moved == {"main:gemv/i": None, "main:gemv/k": None}  # its loops are new, its block stays


def test_cpu_reduction(check):
    applied, how = holds_to_dlight(check, Step("cpu_reduction", "main"), sample("softmax"))
    assert how == {"parallel", "vectorized"}
    outermost = [p.name for p in paths.walk(applied.mod["main"]) if p.depth == 0 and p.kind == "loop"]
    assert outermost == ["ax0"], "everything stands under one loop"


@pytest.mark.parametrize("cpu, lanes", [("cpu_128", 4), ("cpu_256", 8), ("cpu_512", 16)])
def test_cpu_reduction_takes_vectors_as_wide_as_the_target_has(cpu, lanes):
    mod = tvm.IRModule({"main": sample("softmax")})
    after = apply_step(mod, Step("cpu_reduction", "main", {"target_cpu": cpu})).mod["main"]
    widths = {
        int(p.node.extent)
        for p in paths.walk(after)
        if p.kind == "loop" and p.node.kind == ForKind.VECTORIZED
    }
    assert widths == {lanes}


def test_gpu_matmul(check):
    applied, how = holds_to_dlight(check, Step("gpu_matmul", "main"), sample("matmul_128"))
    assert {"blockIdx.x", "blockIdx.y", "threadIdx.x", "threadIdx.y", "vectorized"} <= how
    assert applied.moved["main:matmul"] == "main:matmul_update"


def test_gpu_matmul_takes_tensor_cores_where_it_is_asked_to():
    @T.prim_func(s_tir=True)
    def product(
        A: T.Buffer((128, 128), "float16"),
        B: T.Buffer((128, 128), "float16"),
        C: T.Buffer((128, 128), "float16"),
    ):
        for i, j, k in T.grid(128, 128, 128):
            with T.sblock("product"):
                v_i, v_j, v_k = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[v_i, v_j] = T.float16(0)
                C[v_i, v_j] = C[v_i, v_j] + A[v_i, v_k] * B[v_j, v_k]

    mod = tvm.IRModule({"main": product.with_attr("global_symbol", "main")})
    for gpu, fragments in (("cuda", False), ("cuda_tensor_cores", True)):
        after = apply_step(mod, Step("gpu_matmul", "main", {"target_gpu": gpu})).mod
        assert ("wmma.accumulator" in after.script()) == fragments


def test_gpu_gemv(check):
    assert {"blockIdx.x", "threadIdx.x"} <= holds_to_dlight(check, Step("gpu_gemv", "main"), gemv)[1]


def test_gpu_low_batch_gemv(check):
    how = holds_to_dlight(check, Step("gpu_low_batch_gemv", "main"), few_rows)[1]
    assert {"blockIdx.x", "blockIdx.y", "threadIdx.x"} <= how


def test_gpu_reduction(check):
    assert {"blockIdx.x", "threadIdx.x"} == holds_to_dlight(check, Step("gpu_reduction", "main"), row_sum)[1]


def test_gpu_rmsnorm(check):
    how = holds_to_dlight(check, Step("gpu_rmsnorm", "main"), rms_norm)[1]
    assert how == {"blockIdx.x", "threadIdx.x", "vectorized"}


def test_gpu_general_reduction(check):
    how = holds_to_dlight(check, Step("gpu_general_reduction", "main"), sample("softmax"))[1]
    assert how == {"blockIdx.x", "threadIdx.x"}


def test_gpu_transpose(check):
    how = holds_to_dlight(check, Step("gpu_transpose", "main"), transpose)[1]
    assert how == {"blockIdx.x", "blockIdx.y", "threadIdx.x", "threadIdx.y"}


def test_gpu_fallback_gives_each_element_a_thread(check):
    @T.prim_func(s_tir=True)
    def after(x: T.Buffer((64, 48), "float32"), y: T.Buffer((64, 48), "float32")):
        T.func_attr({"tirx.is_scheduled": True})
        for ax_0 in T.thread_binding(3, thread="blockIdx.x"):
            for ax_1 in T.thread_binding(1024, thread="threadIdx.x"):
                with T.sblock("scale"):
                    v_i = T.axis.spatial(64, (ax_0 * 1024 + ax_1) // 48)
                    v_j = T.axis.spatial(48, (ax_0 * 1024 + ax_1) % 48)
                    y[v_i, v_j] = x[v_i, v_j] * T.float32(2)

    check(scale, after, Step("gpu_fallback", "main"))


@pytest.mark.parametrize("target, threads", [("cuda", 1024), ("opencl", 256), ("webgpu", 256)])
def test_gpu_fallback_takes_as_many_threads_as_the_target_has(target, threads):
    mod = tvm.IRModule({"main": scale.with_attr("global_symbol", "main")})
    after = apply_step(mod, Step("gpu_fallback", "main", {"target_gpu": target})).mod["main"]
    assert int(paths.walk(after)[1].node.extent) == threads


REFUSED = [
    ("cpu_gemv", scale, "gpu_fallback"),
    ("cpu_reduction", scale, "gpu_fallback"),
    ("gpu_matmul", sample("softmax"), "cpu_reduction"),
    ("gpu_gemv", sample("softmax"), "cpu_reduction"),
    ("gpu_low_batch_gemv", gemv, "cpu_gemv"),
    ("gpu_reduction", scale, "gpu_fallback"),
    ("gpu_rmsnorm", scale, "gpu_fallback"),
    ("gpu_general_reduction", scale, "gpu_fallback"),
    ("gpu_transpose", scale, "gpu_fallback"),
]


@pytest.mark.parametrize("name, func, other", REFUSED, ids=[name for name, *_ in REFUSED])
def test_a_rule_that_does_not_fit_says_what_it_wants_and_which_rule_does(refuse, name, func, other):
    refusal = refuse(func, Step(name, "main"))
    assert refusal.code == f"rule_{name}"
    assert other in refusal.hint
    assert name not in refusal.hint
    assert rules.shape(func) in refusal.message


def test_a_second_rule_is_refused(refuse):
    once = apply_step(tvm.IRModule({"main": sample("softmax")}), Step("cpu_reduction", "main")).mod
    assert refuse(once, Step("gpu_fallback", "main")).code == "rule_again"


def test_no_rule_fits_what_is_lowered(refuse):
    lowered = apply_step(tvm.IRModule({"main": sample("softmax")}), Step("lower", "main")).mod
    refusal = refuse(lowered, Step("gpu_matmul", "main"))
    assert refusal.code in ("rule_none", "tvm_refused")


def test_applydefaultschedule_schedules_what_it_can(check):
    @I.ir_module
    class Both:
        @T.prim_func(private=True, s_tir=True)
        def scale(x: T.Buffer((64, 48), "float32"), y: T.Buffer((64, 48), "float32")):
            for i, j in T.grid(64, 48):
                with T.sblock("scale"):
                    v_i, v_j = T.axis.remap("SS", [i, j])
                    y[v_i, v_j] = x[v_i, v_j] * T.float32(2)

    Both["gemv"] = gemv.with_attr("global_symbol", "gemv")
    after = Both.clone()
    after["gemv"] = by_dlight(gemv, "cpu.GEMV", "cpu_256")["main"].with_attr("global_symbol", "gemv")
    check(Both, after, Step("ApplyDefaultSchedule"))  # no rule for CPUs fits an elementwise function

    on_gpu = apply_step(Both, Step("ApplyDefaultSchedule", params={"target_name": "cuda"})).mod
    assert all("blockIdx.x" in runs(on_gpu[name]) for name in ("scale", "gemv"))


def test_applydefaultschedule_refused_before_there_are_loops(refuse):
    refusal = refuse(loaders.load_cached("mlp", None).mod, Step("ApplyDefaultSchedule"))
    assert (refusal.code, "LegalizeOps" in refusal.hint) == ("needs_loops", True)


def test_defaultgpuschedule(check):
    @T.prim_func(s_tir=True)
    def after(x: T.Buffer((64, 48), "float32"), y: T.Buffer((64, 48), "float32")):
        T.func_attr({"tirx.is_scheduled": True})
        for f_0 in T.thread_binding(3, thread="blockIdx.x"):
            for f_1 in T.thread_binding(1024, thread="threadIdx.x"):
                with T.sblock("scale"):
                    v_i = T.axis.spatial(64, (f_0 * 1024 + f_1) // 48)
                    v_j = T.axis.spatial(48, (f_0 * 1024 + f_1) % 48)
                    y[v_i, v_j] = x[v_i, v_j] * T.float32(2)

    check(scale, after, Step("DefaultGPUSchedule"))


@pytest.mark.parametrize("name", ["softmax", "layer_norm", "bmm_relu"])
def test_what_a_rule_for_cpus_makes_computes_the_same(name):
    mod = loaders.load_cached(name, None).mod
    plain, machine = build(mod, targets.target("generic")), targets.target("cpu")
    inputs = seeded_inputs(plain.signature.inputs)
    after = apply_step(mod, Step("cpu_reduction", "main")).mod
    assert agrees(build(after, machine)(inputs), plain(inputs))


ON_GPU = [("matmul_128", "gpu_matmul"), ("softmax", "gpu_general_reduction"), ("conv2d", "gpu_fallback")]


@pytest.mark.parametrize("name, rule", ON_GPU)
def test_what_a_rule_for_gpus_makes_is_looked_at_and_not_run_on_a_cpu(name, rule):
    bound = apply_step(loaders.load_cached(name, None).mod, Step(rule, "main")).mod
    assert any("__global__" in line for line in c_source(bound, "main", "cuda").lines)
    assert "dlight's default" not in "".join(c_source(bound, "main", "cuda").lines)
    assert loop_tree(bound, "main").roots
    assert schedule_flow(bound, "main").nodes
    with pytest.raises(Refused) as caught:
        build(bound, targets.target("cpu"))
    assert caught.value.code == "threads_on_cpu"
    assert caught.value.paths


def test_lowered_threads_are_looked_at_and_not_run_on_a_cpu():
    """Lowering makes attributes of bound loops, so that no loop tells of the threads any more."""
    bound = apply_step(loaders.load_cached("softmax", None).mod, Step("gpu_general_reduction", "main")).mod
    mod = apply_step(bound, Step("lower", "main")).mod
    assert any("__global__" in line for line in c_source(mod, "main", "cuda").lines)
    with pytest.raises(Refused) as caught:
        c_source(mod, "main", "c")
    assert caught.value.code == "view_threads_not_c"
    with pytest.raises(Refused) as caught:
        build(mod, targets.target("cpu"))
    assert (caught.value.code, "threadIdx.x" in caught.value.message) == ("launches_on_cpu", True)


def test_each_rule_is_a_transform():
    declared = {c.name: c.rule for c in catalogue.TRANSFORMS.values() if getattr(c, "rule", "")}
    assert declared == rules.RULES


def one_after_another(func):
    """`func` with loops in the place of threads: what its blocks read must be there all the same, as no
    thread may need what another has not finished."""

    def serial(loop):
        if loop.thread_binding is None:
            return loop
        return For(loop.loop_var, loop.min, loop.extent, ForKind.SERIAL, loop.body, None, loop.annotations)

    return PrimFunc(func.params, tvm_ffi.structural_map(func.body, (For, serial)), func.ret_type, func.attrs)


COMPUTED = [
    ("gpu_matmul", sample("matmul_128")),
    ("gpu_matmul", sample("bmm_relu")),
    ("gpu_gemv", gemv),
    ("gpu_reduction", row_sum),
    ("gpu_rmsnorm", rms_norm),
    ("gpu_general_reduction", sample("softmax")),
    ("gpu_general_reduction", sample("layer_norm")),
    ("gpu_transpose", transpose),
    ("gpu_fallback", sample("layer_norm")),
]


@pytest.mark.parametrize("rule, func", COMPUTED, ids=[rule for rule, _ in COMPUTED])
def test_what_a_rule_for_gpus_makes_computes_the_same(rule, func):
    mod = tvm.IRModule({"main": func.with_attr("global_symbol", "main")})
    after = one_after_another(apply_step(mod, Step(rule, "main")).mod["main"])
    plain = build(mod, targets.target("generic"))
    inputs = seeded_inputs(plain.signature.inputs)
    assert agrees(build(tvm.IRModule({"main": after}), targets.target("generic"))(inputs), plain(inputs))
