"""annotate_buffer_access, unsafe_hide_buffer_access."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step, catalogue
from mlc_explorer.engine.transforms.scope import Scope
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES, wrong
from tests.engine.views.interpreter import at_size


def say(region, buffer="A"):
    return Step("annotate_buffer_access", "main", {"block": "C", "buffer": buffer, "region": region})


def hide(block, positions, access="read"):
    params = {"block": block, "access": access, "positions": positions}
    return Step("unsafe_hide_buffer_access", "main", params)


@T.prim_func(s_tir=True)
def double(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
    for i, j in T.grid(4, 8):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * T.float32(2)


@pytest.mark.parametrize("buffer", ["A", 1])
def test_annotate_buffer_access(check, buffer):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        for i, j in T.grid(4, 8):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi, 0:8])
                T.writes(C[vi, vj])
                T.sblock_attr({"explicit_read_region": [0]})
                C[vi, vj] = A[vi, vj] * T.float32(2)

    check(double, after, say("i, j -> i, i + 1, 0, 8", buffer))


@pytest.mark.parametrize(
    "region, code",
    [
        ("i, j -> i, i + 1, 0, 4", "region_too_small"),
        ("i, j -> i, i + 1, j + 1, j + 2", "region_too_small"),
        ("i, j -> i, i + 1, 0, 100000000", "region_outside"),
        ("i, j -> i - 1, i + 1, 0, 8", "region_outside"),
        ("i, j -> i, i + 1, 0", "region_bounds"),
        ("i -> i, i + 1, 0, 8", "region_bounds"),
    ],
)
def test_annotate_buffer_access_refused(refuse, region, code):
    """TVM believes all of them, and lets later passes make the buffer too small."""
    refusal = refuse(double, say(region))
    assert (refusal.code, refusal.place, refusal.paths) == (code, "region", ("C",))


def test_annotate_buffer_access_wants_a_dimension_for_each_axis(refuse):
    """TVM counts the ranges by the block's axes."""
    mod = at_size("matmul_128", SIZES["matmul_128"])
    params = {"block": "matmul", "buffer": "A", "region": "i, j, k -> 0, 12, 0, 10"}
    refusal = refuse(mod, Step("annotate_buffer_access", "main", params))
    assert (refusal.code, refusal.place) == ("region_axes", "buffer")


def test_a_form_proposes_the_whole_buffer_which_is_always_enough():
    mod = at_size("softmax", SIZES["softmax"])
    source = catalogue.TRANSFORMS["annotate_buffer_access"].proposes["region"]
    for block, buffer in [("exp", "X"), ("exp", "E"), ("row_sum", "E"), ("divide", "Y")]:
        chosen = {"block": block, "buffer": buffer}
        (region,) = source(Scope(mod, mod["main"], block), chosen)
        mod = apply_step(mod, Step("annotate_buffer_access", "main", {**chosen, "region": region})).mod
    assert wrong("softmax", mod) == ""


def test_a_region_of_numbers_alone_is_held_against_what_is_known(refuse):
    @T.prim_func(s_tir=True)
    def first(A: T.Buffer((4,), "float32"), C: T.Buffer((1,), "float32")):
        for i in range(1):
            with T.sblock("C"):
                vi = T.axis.spatial(1, i)
                C[vi] = A[2]

    assert refuse(first, say("i -> 0, 2")).code == "region_too_small"


@T.prim_func(s_tir=True)
def add(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[vi] + B[vi]


def test_unsafe_hide_buffer_access(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                T.reads(A[vi])
                T.writes(C[vi])
                C[vi] = A[vi] + B[vi]

    check(add, after, hide("C", [1]))


@pytest.mark.parametrize(
    "positions, access, code",
    [([2], "read", "buffer_not_read"), ([0, 1], "write", "buffer_not_written")],
)
def test_unsafe_hide_buffer_access_refused_for_a_position_that_there_is_not(refuse, positions, access, code):
    refusal = refuse(add, hide("C", positions, access))
    assert (refusal.code, refusal.paths) == (code, ("C",))


def test_what_is_hidden_from_tvm_is_not_hidden_from_the_check(refuse):
    """TVM would now move the row's maximum behind the block that reads it."""
    mod = apply_step(at_size("softmax", SIZES["softmax"]), hide("exp", [1])).mod
    assert wrong("softmax", mod) == ""
    moved = Step("reverse_compute_at", "main", {"block": "row_max", "loop": "divide/i"})
    assert refuse(mod, moved).code == "no_producer_there"
    inlined = Step("reverse_compute_at", "main", {"block": "exp", "loop": "row_max/k"})
    assert refuse(mod, inlined).code in ("no_producer_there", "read_too_early")
