"""loop_partition, merge, add_unit_loop."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine import paths
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step


def step(transform, **params):
    return Step(transform, "main", params)


@T.prim_func(s_tir=True)
def double(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
    for i, j in T.grid(8, 16):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)


@T.prim_func(s_tir=True)
def row_sum(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


@T.prim_func(s_tir=True)
def chain(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
    B = T.sblock_alloc_buffer((8, 16))
    for i, j in T.grid(8, 16):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * T.float32(2)
    for i, j in T.grid(8, 16):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, 15 - vj]


def test_loop_partition(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i in range(8):
            with T.sblock("B_j_common"):
                T.reads(A[i, 0:16])
                T.writes(B[i, 0:16])
                with T.sblock("B_j0_partition"):
                    T.reads(A[i, 0:2])
                    T.writes(B[i, 0:2])
                    for j0 in range(2):
                        with T.sblock("B_j0"):
                            vi, vj = T.axis.remap("SS", [i, j0])
                            B[vi, vj] = A[vi, vj] * T.float32(2)
                with T.sblock("B_j1_partition"):
                    T.reads(A[i, 2:16])
                    T.writes(B[i, 2:16])
                    for j1 in range(2, 16):
                        with T.sblock("B_j1"):
                            vi = T.axis.spatial(8, i)
                            vj = T.axis.spatial((2, 16), j1)
                            B[vi, vj] = A[vi, vj] * T.float32(2)

    applied = check(double, after, step("loop_partition", loop="B/j", factors=[2, None]))
    assert applied.moved["main:B/j"] == "main:B_j1/j1", "the selection follows the longest piece"
    assert applied.moved["main:B"] == "main:B_j1"


def test_loop_partition_of_a_loop_around_a_sum(module):
    pieces = apply_step(module(row_sum), step("loop_partition", loop="sum/i", factors=[1, None]))
    assert pieces.moved["main:sum/k"] == "main:sum_i1/k"


def test_loop_partition_lets_its_blocks_say_what_they_touch(module):
    """TVM lets those around the pieces say nothing, and then moves a reader to where nothing is there yet."""
    mod = apply_step(module(chain), step("loop_partition", loop="B/i", factors=[4, None])).mod
    with pytest.raises(Refused):
        apply_step(mod, step("reverse_compute_at", block="C", loop="B_i0/j"))
    places = {p.name: p.node for p in paths.walk(mod["main"]) if p.kind == "block"}
    assert [str(r.source.name) for r in places["B_i_common"].writes] == ["B"]
    assert [int(r.extent) for r in places["B_i0"].writes[0].region] == [1, 1]


def test_loop_partition_refused_for_a_reduction_that_would_begin_anew(refuse):
    refusal = refuse(row_sum, step("loop_partition", loop="sum/k", factors=[8, None]))
    assert refusal.code == "begun_again"
    assert "decompose_reduction" in refusal.hint


def test_loop_partition_of_a_reduction_after_its_initial_value_was_taken_out(module):
    mod = apply_step(module(row_sum), step("decompose_reduction", block="sum", loop="sum/k")).mod
    pieces = apply_step(mod, step("loop_partition", loop="sum_update/k", factors=[8, None]))
    assert pieces.moved["main:sum_update/k"] == "main:sum_update_k1/k1"


def test_loop_partition_refused_for_several_blocks_on_which_tvm_crashes(module, refuse):
    mod = apply_step(module(row_sum), step("decompose_reduction", block="sum", loop="sum/k")).mod
    refusal = refuse(mod, step("loop_partition", loop="sum_init/i", factors=[1, None]))
    assert (refusal.code, refusal.paths) == ("several_blocks", ("sum_init/i",))


def test_loop_partition_refused_for_pieces_that_are_too_long(refuse):
    refusal = refuse(double, step("loop_partition", loop="B/j", factors=[12, 4, None]))
    assert (refusal.code, refusal.paths) == ("partition_too_long", ("B/j",))
    assert "null" in refusal.hint


def test_loop_partition_refused_for_more_blocks_than_a_person_would_make(refuse):
    refusal = refuse(double, step("loop_partition", loop="B/j", factors=[1] * 300))
    assert (refusal.code, refusal.paths) == ("too_many_blocks", ("B/j",))


def test_merge(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
        B = T.sblock_alloc_buffer((8, 16))
        for i_m in range(8):
            for j in range(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i_m, j])
                    B[vi, vj] = A[vi, vj] * T.float32(2)
            for j in range(16):
                with T.sblock("C"):
                    vi, vj = T.axis.remap("SS", [i_m, j])
                    C[vi, vj] = B[vi, 15 - vj]

    applied = check(chain, after, step("merge", loops=["B/i", "C/i"]))
    assert applied.moved == {"main:B/i": "main:B/i_m", "main:C/i": "main:B/i_m"}


def test_merge_of_inner_loops_merges_those_around_them(module):
    same = apply_step(module(double), step("cache_write", block="B", buffer=0, scope="global")).mod
    merged = apply_step(same, step("merge", loops=["B/j", "B_global/ax1"]))
    assert merged.moved == {
        "main:B/i": "main:B/i_m",
        "main:B/j": "main:B/j_m",
        "main:B_global/ax0": "main:B/i_m",
        "main:B_global/ax1": "main:B/j_m",
    }


def test_merge_refused_where_a_later_iteration_computes_what_is_read(refuse):
    refusal = refuse(chain, step("merge", loops=["B/j", "C/j"]))
    assert refusal.code == "read_too_early"
    assert "C" in refusal.paths


def test_merge_refused_for_loops_at_different_depths_or_of_different_lengths(refuse):
    refusal = refuse(chain, step("merge", loops=["B/i", "C/j"]))
    assert (refusal.code, refusal.paths) == ("merge_depth", ("B/i", "C/j"))

    @T.prim_func(s_tir=True)
    def unlike(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((4,), "float32")):
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]
        for i in range(4):
            with T.sblock("C"):
                vi = T.axis.spatial(4, i)
                C[vi] = A[vi]

    assert refuse(unlike, step("merge", loops=["B/i", "C/i"])).code == "merge_extent"


def test_merge_refused_for_a_loop_given_twice(refuse):
    """TVM itself crashes over it."""
    refusal = refuse(chain, step("merge", loops=["B/i", "B/i"]))
    assert (refusal.code, refusal.paths) == ("loop_twice", ("B/i",))


def test_add_unit_loop(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i, _u, j in T.grid(8, 1, 16):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * T.float32(2)

    applied = check(double, after, step("add_unit_loop", place="B/j"))
    assert applied.moved == {}


def test_add_unit_loop_around_a_block(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), B: T.Buffer((8, 16), "float32")):
        for i, j, _u in T.grid(8, 16, 1):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] * T.float32(2)

    check(double, after, step("add_unit_loop", place="B"))


def test_add_unit_loop_refused_where_there_is_no_such_place(refuse):
    refusal = refuse(double, step("add_unit_loop", place="B/k"))
    assert refusal.code == "path_missing"
