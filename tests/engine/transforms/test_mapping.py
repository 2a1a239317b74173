"""parallel, vectorize, unroll, bind."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def add_one(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
    for i, j in T.grid(8, 16):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)


@T.prim_func(s_tir=True)
def row_sum(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


@T.prim_func(s_tir=True)
def long_copy(A: T.Buffer((100, 8192), "float32"), B: T.Buffer((100, 8192), "float32")):
    for i, j in T.grid(100, 8192):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj]


def test_parallel(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i in T.parallel(8):
            for j in range(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] + T.float32(1)

    assert check(add_one, after, Step("parallel", "main", {"loop": "B/i"})).moved == {}


def test_parallel_refused_for_a_reduction(refuse):
    refusal = refuse(row_sum, Step("parallel", "main", {"loop": "sum/k"}))
    assert refusal.code == "reduction_axis"
    assert refusal.paths == ("sum/k", "sum"), "TVM names the block, the person named the loop"
    assert "rfactor" in refusal.hint and "decompose_reduction" in refusal.hint
    assert "^" in refusal.detail, "the IR with carets"


def test_parallel_refused_for_a_reduction_whose_initial_value_was_taken_out(module, refuse):
    step = Step("decompose_reduction", "main", {"block": "sum", "loop": "sum/k"})
    mod = apply_step(module(row_sum), step).mod
    assert refuse(mod, Step("parallel", "main", {"loop": "sum_update/k"})).code == "reduction_axis"
    refusal = refuse(mod, Step("parallel", "main", {"loop": "sum_init/i"}))
    assert refusal.code == "not_complete"
    assert "before decompose_reduction" in refusal.hint


def test_parallel_refused_inside_a_parallel_loop(module, refuse):
    """TVM's schedule allows it, and its code generator then fails."""
    outer = apply_step(module(add_one), Step("parallel", "main", {"loop": "B/i"})).mod
    refusal = refuse(outer, Step("parallel", "main", {"loop": "B/j"}))
    assert refusal.code == "nested_parallel"
    assert refusal.paths == ("B/j", "B/i")


def test_vectorize(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i in range(8):
            for j in T.vectorized(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] + T.float32(1)

    check(add_one, after, Step("vectorize", "main", {"loop": "B/j"}))


def test_vectorize_refused_inside_a_vectorized_loop(module, refuse):
    inner = apply_step(module(add_one), Step("vectorize", "main", {"loop": "B/j"})).mod
    refusal = refuse(inner, Step("vectorize", "main", {"loop": "B/i"}))
    assert refusal.code == "nested_vectorized"
    assert refusal.paths == ("B/i", "B/j")


def test_vectorize_refused_for_a_reduction(refuse):
    refusal = refuse(row_sum, Step("vectorize", "main", {"loop": "sum/k"}))
    assert refusal.code == "reduction_axis"
    assert "sum/k" in refusal.paths


def test_vectorize_refused_for_more_lanes_than_lowering_stands(refuse):
    refusal = refuse(long_copy, Step("vectorize", "main", {"loop": "B/j"}))
    assert refusal.code == "too_many_lanes"
    assert refusal.params == {"loop": "B/j", "total": 8192, "most": 1024}


@T.prim_func(s_tir=True)
def in_one_loop(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.sblock_alloc_buffer((16,))
    for i in range(16):
        with T.sblock("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] + T.float32(1)
        with T.sblock("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] * T.float32(2)


def test_vectorize_refused_around_a_buffer_that_lives_inside(refuse):
    """TVM takes it and compiles a program whose lanes share one element: its results are wrong."""
    refusal = refuse(in_one_loop, Step("vectorize", "main", {"loop": "B/i"}))
    assert refusal.code == "vectorized_storage"
    assert refusal.params == {"loop": "B/i", "buffer": "B"}
    assert refusal.paths == ("B/i",)


def test_unroll(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i in T.unroll(8):
            for j in range(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] + T.float32(1)

    check(add_one, after, Step("unroll", "main", {"loop": "B/i"}))


def test_unroll_refused_for_more_copies_than_lowering_stands(refuse):
    refusal = refuse(long_copy, Step("unroll", "main", {"loop": "B/j"}))
    assert refusal.code == "unroll_too_long"
    assert refusal.paths == ("B/j",)


def test_unroll_refused_counts_the_unrolled_loops_around(module, refuse):
    step = Step("split", "main", {"loop": "B/j", "factors": [None, 64]})
    mod = apply_step(apply_step(module(long_copy), step).mod, Step("unroll", "main", {"loop": "B/i"})).mod
    refusal = refuse(mod, Step("unroll", "main", {"loop": "B/j_1"}))
    assert refusal.params["total"] == 100 * 64
    assert refusal.paths == ("B/j_1", "B/i")


def test_bind(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i in T.thread_binding(8, thread="blockIdx.x"):
            for j in range(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] + T.float32(1)

    check(add_one, after, Step("bind", "main", {"loop": "B/i", "thread": "blockIdx.x"}))


def test_bind_refused_for_a_reduction(refuse):
    refusal = refuse(row_sum, Step("bind", "main", {"loop": "sum/k", "thread": "blockIdx.x"}))
    assert refusal.code == "reduction_axis"
    assert "sum/k" in refusal.paths


def test_bind_to_an_unknown_index_is_a_bad_parameter(module):
    with pytest.raises(BadTrace, match="blockIdx") as caught:
        apply_step(module(add_one), Step("bind", "main", {"loop": "B/i", "thread": "gridIdx.x"}))
    assert caught.value.place == "thread"
