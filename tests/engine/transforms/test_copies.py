"""read_at, write_at, cache_inplace, cache_index."""

import pytest
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES, wrong
from tests.engine.views.interpreter import at_size


@T.prim_func(s_tir=True)
def double(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
    for i, j in T.grid(4, 8):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * T.float32(2)


def step(transform, **params):
    return Step(transform, "main", params)


def test_read_at(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        A_local = T.sblock_alloc_buffer((4, 8), scope="local")
        for i in range(4):
            with T.sblock("A_local"):
                v0 = T.axis.spatial(4, i)
                T.reads(A[v0, 0:8])
                T.writes(A_local[v0, 0:8])
                T.sblock_attr({"auto_copy": True})
                for ax0, ax1 in T.grid(1, 8):
                    A_local[v0 + ax0, ax1] = A[v0 + ax0, ax1]
            for j in range(8):
                with T.sblock("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = A_local[vi, vj] * T.float32(2)

    applied = check(double, after, step("read_at", block="C", buffer="A", loop="C/i", scope="local"))
    assert applied.moved == {"main:C/i": "main:A_local/i"}


def test_write_at(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        C_local = T.sblock_alloc_buffer((4, 8), scope="local")
        for i in range(4):
            for j in range(8):
                with T.sblock("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C_local[vi, vj] = A[vi, vj] * T.float32(2)
            with T.sblock("C_local"):
                v0 = T.axis.spatial(4, i)
                T.reads(C_local[v0, 0:8])
                T.writes(C[v0, 0:8])
                T.sblock_attr({"auto_copy": True})
                for ax0, ax1 in T.grid(1, 8):
                    C[v0 + ax0, ax1] = C_local[v0 + ax0, ax1]

    check(double, after, step("write_at", block="C", loop="C/i", scope="local"))


@pytest.mark.parametrize("transform", ["read_at", "write_at"])
def test_read_at_and_write_at_want_a_loop_around_the_block(transform):
    """TVM fails in a check of its own without a word."""
    mod = at_size("softmax", SIZES["softmax"])
    params = {"block": "row_sum", "loop": "exp/i"} | ({"buffer": "E"} if transform == "read_at" else {})
    with pytest.raises(Refused) as caught:
        apply_step(mod, step(transform, **params))
    assert (caught.value.code, caught.value.paths) == ("loop_not_around", ("exp/i", "row_sum"))


def test_read_at_refused_where_the_copy_would_lie_outside():
    mod = at_size("conv2d", SIZES["conv2d"])
    with pytest.raises(Refused) as caught:
        apply_step(mod, step("read_at", block="pad", buffer="X", loop="pad/h"))
    assert (caught.value.code, caught.value.paths) == ("written_outside", ("X_global", "X_global/h"))


def test_write_at_refused_within_the_reduction(refuse):
    """What it carries out would be parts of sums."""
    mod = at_size("matmul_128", SIZES["matmul_128"])
    refusal = refuse(mod, step("write_at", block="matmul", loop="matmul/k"))
    assert (refusal.code, refusal.paths) == ("read_too_early", ("C_global", "matmul"))


@pytest.mark.parametrize("loop", ["matmul/i", "matmul/j", "matmul/k"])
def test_read_at_on_a_sample_computes_the_same(loop):
    mod = at_size("matmul_128", SIZES["matmul_128"])
    for buffer in ("A", "B"):
        mod = apply_step(mod, step("read_at", block="matmul", buffer=buffer, loop=loop)).mod
    assert wrong("matmul_128", mod) == ""


def test_write_at_refused_where_nobody_is_left_to_read_what_is_carried(refuse):
    mod = at_size("bmm_relu", SIZES["bmm_relu"])
    mod = apply_step(mod, step("reverse_compute_at", block="relu", loop="bmm/i")).mod
    refusal = refuse(mod, step("write_at", block="bmm", loop="bmm/i"))
    assert (refusal.code, refusal.paths) == ("carried_for_nobody", ("bmm/i", "relu"))


@T.prim_func(s_tir=True)
def in_place(A: T.Buffer((8,), "float32")):
    for _once in range(1):
        with T.sblock("A"):
            T.reads(A[0:8])
            T.writes(A[0:8])
            for i in range(8):
                A[i] = A[i] * T.float32(2)


def test_cache_inplace(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32")):
        A_local = T.sblock_alloc_buffer((8,), scope="local")
        for _once in range(1):
            for ax0 in range(8):
                with T.sblock("A_local"):
                    v0 = T.axis.spatial(8, ax0)
                    A_local[v0] = A[v0]
            with T.sblock("A"):
                T.reads(A_local[0:8])
                T.writes(A_local[0:8])
                for i in range(8):
                    A_local[i] = A_local[i] * T.float32(2)
            for ax0 in range(8):
                with T.sblock("A_local"):
                    v0 = T.axis.spatial(8, ax0)
                    A[v0] = A_local[v0]

    check(in_place, after, step("cache_inplace", block="A", buffer="A", scope="local"))


def test_cache_inplace_refused_where_nothing_is_in_place(refuse):
    refusal = refuse(double, step("cache_inplace", block="C", buffer="A"))
    assert (refusal.code, refusal.place, refusal.paths) == ("not_in_place", "buffer", ("C",))


def test_cache_inplace_refused_where_the_region_varies(refuse):
    """TVM puts the copies outside of the block and leaves the block's axes in them, bound by nobody."""
    mod = apply_step(
        at_size("matmul_128", SIZES["matmul_128"]),
        step("decompose_reduction", block="matmul", loop="matmul/k"),
    ).mod
    refusal = refuse(mod, step("cache_inplace", block="matmul_update", buffer="C"))
    assert (refusal.code, refusal.paths) == ("inplace_varies", ("matmul_update",))
    assert "blockize" in refusal.hint


def test_cache_inplace_of_a_whole_nest_computes_the_same():
    sch = Schedule(at_size("matmul_128", SIZES["matmul_128"]))
    sch.decompose_reduction("matmul", sch.get_loops("matmul")[0])
    sch.blockize(sch.get_loops("matmul_update")[0])
    applied = apply_step(sch.mod, step("cache_inplace", block="matmul_update_o", buffer="C"))
    assert wrong("matmul_128", applied.mod) == ""


@T.prim_func(s_tir=True)
def resize(A: T.Buffer((3, 3), "float32"), B: T.Buffer((9, 6), "float32")):
    for i, j in T.grid(9, 6):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi // 3, vj // 2]


def test_cache_index(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((3, 3), "float32"), B: T.Buffer((9, 6), "float32")):
        index_var_0 = T.sblock_alloc_buffer((9,), "int32", strides=(1,))
        index_var_1 = T.sblock_alloc_buffer((6,), "int32", strides=(1,))
        for ax0 in range(9):
            with T.sblock("index_0"):
                v0 = T.axis.spatial(9, ax0)
                T.reads()
                T.writes(index_var_0[v0])
                index_var_0[v0] = v0 // 3
        for ax0 in range(6):
            with T.sblock("index_1"):
                v0 = T.axis.spatial(6, ax0)
                T.reads()
                T.writes(index_var_1[v0])
                index_var_1[v0] = v0 // 2
        for i, j in T.grid(9, 6):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi // 3, vj // 2])
                T.writes(B[vi, vj])
                B[vi, vj] = A[index_var_0[vi], index_var_1[vj]]

    check(resize, after, step("cache_index", block="B"))


@T.prim_func(s_tir=True)
def repeat(A: T.Buffer((3,), "float32"), B: T.Buffer((9,), "float32")):
    for i in range(9):
        with T.sblock("B"):
            vi = T.axis.spatial(9, i)
            B[vi] = A[vi // 3]


def test_cache_index_refused_for_one_index_which_tvm_can_t_do(refuse):
    assert refuse(repeat, step("cache_index", block="B")).code == "one_index"


@pytest.mark.parametrize("params", [{"block": "C"}, {"block": "C", "cse_thresh": 9}])
def test_cache_index_refused_where_indices_are_axes(refuse, params):
    assert refuse(double, step("cache_index", **params)).code == "no_indices"


def test_who_looks_indices_up_is_seen_to_read_them(refuse):
    """The block does not mention them, so that TVM would let their producer be computed afterwards."""
    mod = apply_step(at_size("conv2d", SIZES["conv2d"]), step("cache_index", block="pad")).mod
    assert wrong("conv2d", mod) == ""
    refusal = refuse(mod, step("reverse_compute_at", block="index_1", loop="conv2d/n"))
    assert refusal.code == "no_producer_there"
