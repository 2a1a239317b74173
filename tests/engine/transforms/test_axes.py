"""reorder_block_iter_var, transform_block_layout."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.schema.trace import Step


def step(transform, **params):
    return Step(transform, "main", params)


@T.prim_func(s_tir=True)
def row_sum(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


def test_reorder_block_iter_var(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        for i, k in T.grid(8, 32):
            with T.sblock("sum"):
                vk, vi = T.axis.remap("RS", [k, i])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    applied = check(row_sum, after, step("reorder_block_iter_var", block="sum", order=[1, 0]))
    assert applied.moved == {}


@pytest.mark.parametrize("order", [[0], [1, 1], [0, 1, 2]])
def test_reorder_block_iter_var_refused_unless_each_axis_is_named_once(refuse, order):
    refusal = refuse(row_sum, step("reorder_block_iter_var", block="sum", order=order))
    assert (refusal.code, refusal.place, refusal.paths) == ("order_wrong", "order", ("sum",))
    assert "1: vk" in refusal.hint


def test_transform_block_layout(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        for ax0, ax1, ax2 in T.grid(8, 8, 4):
            with T.sblock("sum"):
                v0, v1, v2 = T.axis.remap("SRR", [ax0, ax1, ax2])
                with T.init():
                    B[v0] = T.float32(0)
                B[v0] = B[v0] + A[v0, v1 * 4 + v2]

    applied = check(
        row_sum, after, step("transform_block_layout", block="sum", index_map="i, k -> i, k // 4, k % 4")
    )
    assert applied.moved == {"main:sum/i": "main:sum/ax0", "main:sum/k": "main:sum/ax1"}


@pytest.mark.parametrize(
    "index_map, code",
    [
        ("i, k -> i // 3, i % 3, k", "axes_not_one_to_one"),
        ("i, k -> i, k // 2", "axes_not_one_to_one"),
        ("i, k -> i * 32 + k", "axes_mixed"),
        ("i, k -> 7 - i, k", "map_not_from_zero"),
        ("i -> i", "map_axes"),
    ],
)
def test_transform_block_layout_refused_for_a_map_that_does_not_fit(refuse, index_map, code):
    refusal = refuse(row_sum, step("transform_block_layout", block="sum", index_map=index_map))
    assert (refusal.code, refusal.paths) == (code, ("sum",))


def test_transform_block_layout_refused_after_a_split(refuse):
    @T.prim_func(s_tir=True)
    def split(A: T.Buffer((32,), "float32"), B: T.Buffer((32,), "float32")):
        for i_0, i_1 in T.grid(8, 4):
            with T.sblock("B"):
                vi = T.axis.spatial(32, i_0 * 4 + i_1)
                B[vi] = A[vi]

    refusal = refuse(split, step("transform_block_layout", block="B", index_map="i -> i // 8, i % 8"))
    assert (refusal.code, refusal.paths) == ("axes_not_plain", ("B",))
