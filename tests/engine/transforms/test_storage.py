"""storage_align, set_scope, unsafe_set_dtype, rolling_buffer."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.engine.transforms.hazards import first_hazard
from mlc_explorer.errors import BadTrace, Refused
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES, wrong
from tests.engine.views.interpreter import at_size


def step(transform, **params):
    return Step(transform, "main", params)


def after_steps(sample, *steps):
    mod = at_size(sample, SIZES[sample])
    for one in steps:
        mod = apply_step(mod, one).mod
    return mod


@T.prim_func(s_tir=True)
def through_b(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
    B = T.sblock_alloc_buffer((4, 8))
    for i, j in T.grid(4, 8):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)
    for i, j in T.grid(4, 8):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] * T.float32(2)


def test_storage_align(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        B = T.sblock_alloc_buffer((4, 8))
        for i, j in T.grid(4, 8):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.sblock_attr({"buffer_dim_align": [[0, 0, 16, 1]]})
                B[vi, vj] = A[vi, vj] + T.float32(1)
        for i, j in T.grid(4, 8):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vi, vj] * T.float32(2)

    check(through_b, after, step("storage_align", block="B", axis=0, factor=16, offset=1))


@pytest.mark.parametrize(
    "params, code, place",
    [
        ({"block": "C", "axis": 0, "factor": 16}, "storage_of_parameter", "buffer"),
        ({"block": "B", "axis": 2, "factor": 16}, "axis_range", "axis"),
        ({"block": "B", "axis": -3, "factor": 16}, "axis_range", "axis"),
        ({"block": "B", "axis": 0, "factor": 16, "buffer": "A"}, "buffer_not_written", "buffer"),
    ],
)
def test_storage_align_refused(refuse, params, code, place):
    refusal = refuse(through_b, step("storage_align", **params))
    assert (refusal.code, refusal.place, refusal.paths) == (code, place, (params["block"],))


def test_storage_align_does_not_fill_the_memory():
    """Every element of a million a page apart: 16 GiB; and no factor is larger than a page of them."""
    mod = at_size("bmm_relu", {"A": (4, 512, 512), "B": (4, 512, 512)})
    with pytest.raises(Refused) as caught:
        apply_step(mod, step("storage_align", block="bmm", axis=2, factor=4096))
    assert (caught.value.code, caught.value.place) == ("buffer_too_large", "factor")
    with pytest.raises(BadTrace):
        apply_step(mod, step("storage_align", block="bmm", axis=2, factor=1 << 30))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_storage_align_on_a_sample_computes_the_same(axis):
    mod = after_steps("softmax", step("storage_align", block="exp", axis=axis, factor=32, offset=1))
    assert wrong("softmax", mod) == ""


def test_set_scope(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        B_shared = T.sblock_alloc_buffer((4, 8), scope="shared")
        for i, j in T.grid(4, 8):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B_shared[vi, vj] = A[vi, vj] + T.float32(1)
        for i, j in T.grid(4, 8):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B_shared[vi, vj] * T.float32(2)

    check(through_b, after, step("set_scope", block="B", scope="shared"))


def test_set_scope_refused_for_an_output(refuse):
    refusal = refuse(through_b, step("set_scope", block="C", scope="local"))
    assert (refusal.code, refusal.params["buffer"]) == ("storage_of_parameter", "C")
    assert "cache_write" in refusal.hint


def test_unsafe_set_dtype(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        B = T.sblock_alloc_buffer((4, 8), "float16")
        for i, j in T.grid(4, 8):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = T.Cast("float16", A[vi, vj] + T.float32(1))
        for i, j in T.grid(4, 8):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = T.Cast("float32", B[vi, vj]) * T.float32(2)

    check(through_b, after, step("unsafe_set_dtype", block="B", dtype="float16"))


def test_unsafe_set_dtype_refused_for_an_output_and_bad_for_an_unknown_type(refuse, module):
    refusal = refuse(through_b, step("unsafe_set_dtype", block="C", dtype="float16"))
    assert refusal.code == "storage_of_parameter"
    with pytest.raises(BadTrace) as caught:
        apply_step(module(through_b), step("unsafe_set_dtype", block="B", dtype="handle"))
    assert caught.value.place == "dtype"


@pytest.mark.parametrize("dtype, holds", [("float64", True), ("float16", False), ("int8", False)])
def test_unsafe_set_dtype_says_what_it_does_only_when_it_is_run(dtype, holds):
    """It is accepted whatever it does to the result; the comparison after it tells."""
    mod = after_steps("softmax", step("unsafe_set_dtype", block="row_sum", dtype=dtype))
    assert (wrong("softmax", mod) == "") == holds


@T.prim_func(s_tir=True)
def windows(A: T.Buffer((8,), "float32"), C: T.Buffer((6,), "float32")):
    B = T.sblock_alloc_buffer((8,))
    for h in range(6):
        for ax0 in range(3):
            with T.sblock("B"):
                vh = T.axis.spatial(8, h + ax0)
                B[vh] = A[vh] * T.float32(2)
        for k in range(3):
            with T.sblock("C"):
                vh, vk = T.axis.remap("SR", [h, k])
                with T.init():
                    C[vh] = T.float32(0)
                C[vh] = C[vh] + B[vh + vk]


def test_rolling_buffer(check):
    """Three elements instead of eight; each is computed once, but for the first window."""

    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), C: T.Buffer((6,), "float32")):
        B = T.sblock_alloc_buffer((3,))
        for h in range(6):
            for ax0 in range(3):
                with T.sblock("B"):
                    vh = T.axis.opaque(8, h + ax0)
                    T.where(h < 1 or 2 <= ax0)  # noqa: SIM300 (as TVM writes it)
                    B[vh % 3] = A[vh] * T.float32(2)
            for k in range(3):
                with T.sblock("C"):
                    vh = T.axis.opaque(6, h)
                    vk = T.axis.reduce(3, k)
                    with T.init():
                        C[vh] = T.float32(0)
                    C[vh] = C[vh] + B[(vh + vk) % 3]

    check(windows, after, step("rolling_buffer", block="B"))


@pytest.mark.parametrize(
    "block, code",
    [("C", "storage_of_parameter"), ("B", "rolling_needs_loop")],
)
def test_rolling_buffer_refused(refuse, block, code):
    assert refuse(through_b, step("rolling_buffer", block=block)).code == code


PAD_AT = {loop: step("compute_at", block="pad", loop=f"conv2d/{loop}") for loop in ("n", "co", "h", "w")}
ROLL = step("rolling_buffer", block="pad")
SPLIT = step("split", loop="conv2d/h", factors=[None, 4])
ROWS_OUTSIDE = step("reorder", loops=["conv2d/h", "conv2d/co"])


@pytest.mark.parametrize(
    "steps",
    [
        [PAD_AT["h"]],
        [PAD_AT["w"]],
        [ROWS_OUTSIDE, PAD_AT["h"]],
        [SPLIT, step("compute_at", block="pad", loop="conv2d/h_0")],
        [PAD_AT["h"], step("parallel", loop="conv2d/co")],
    ],
)
def test_rolling_buffer_on_a_convolution_computes_the_same(steps):
    """With a remainder, with two loops that roll, and with threads outside of the ring."""
    mod = after_steps("conv2d", *steps, ROLL)
    assert wrong("conv2d", mod) == ""
    assert "% " in mod.script()


def test_rolling_buffer_refused_along_a_parallel_loop(refuse):
    """TVM accepts it: each iteration would wait for rows that another thread computes at some time."""
    mod = after_steps("conv2d", ROWS_OUTSIDE, PAD_AT["h"], step("parallel", loop="conv2d/h"))
    refusal = refuse(mod, ROLL)
    assert (refusal.code, refusal.paths) == ("read_across", ("conv2d", "pad/h"))


@pytest.mark.parametrize("loop", ["n", "co"])
def test_rolling_buffer_refused_where_nothing_overlaps(refuse, loop):
    assert refuse(after_steps("conv2d", PAD_AT[loop]), ROLL).code == "rolling_no_overlap"


def test_a_ring_that_is_too_short_is_found():
    """Nobody makes such a schedule: a ring of two for windows of three."""

    @T.prim_func(s_tir=True)
    def short(A: T.Buffer((8,), "float32"), C: T.Buffer((6,), "float32")):
        B = T.sblock_alloc_buffer((2,))
        for h in range(6):
            for ax0 in range(3):
                with T.sblock("B"):
                    vh = T.axis.opaque(8, h + ax0)
                    T.where(h < 1 or ax0 >= 2)
                    B[vh % 2] = A[vh] * T.float32(2)
            for k in range(3):
                with T.sblock("C"):
                    vh = T.axis.opaque(6, h)
                    vk = T.axis.reduce(3, k)
                    with T.init():
                        C[vh] = T.float32(0)
                    C[vh] = C[vh] + B[(vh + vk) % 2]

    hazard = first_hazard(short)
    assert (hazard.code, hazard.node.name_hint) == ("overwritten", "C")
