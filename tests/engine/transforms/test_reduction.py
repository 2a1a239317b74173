"""decompose_reduction, rfactor."""

from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def row_sum(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


def test_decompose_reduction(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.sblock("sum_init"):
                vi = T.axis.spatial(8, i)
                B[vi] = T.float32(0)
            for k in range(32):
                with T.sblock("sum_update"):
                    vi, vk = T.axis.remap("SR", [i, k])
                    B[vi] = B[vi] + A[vi, vk]

    applied = check(row_sum, after, Step("decompose_reduction", "main", {"block": "sum", "loop": "sum/k"}))
    assert applied.moved == {
        "main:sum": "main:sum_update",
        "main:sum/i": "main:sum_init/i",
        "main:sum/k": "main:sum_update/k",
    }


def test_decompose_reduction_refused_inside_the_reduction(module, refuse):
    inside_out = apply_step(module(row_sum), Step("reorder", "main", {"loops": ["sum/k", "sum/i"]})).mod
    refusal = refuse(inside_out, Step("decompose_reduction", "main", {"block": "sum", "loop": "sum/i"}))
    assert refusal.code == "loop_below_reduction"
    assert refusal.paths == ("sum/i", "sum")


def test_decompose_reduction_refused_for_a_block_that_does_not_accumulate(module, refuse):
    step = Step("decompose_reduction", "main", {"block": "sum", "loop": "sum/k"})
    mod = apply_step(module(row_sum), step).mod
    again = Step("decompose_reduction", "main", {"block": "sum_update", "loop": "sum_update/k"})
    refusal = refuse(mod, again)
    assert refusal.code == "not_a_reduction"
    assert refusal.paths == ("sum_update",)
    assert "T.init()" in refusal.hint


def test_rfactor(module, check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        B_rf = T.sblock_alloc_buffer((4, 8))
        for i, k_0, k_1 in T.grid(8, 8, 4):
            with T.sblock("sum_rf"):
                vk_1, vi, vk_0 = T.axis.remap("SSR", [k_1, i, k_0])
                with T.init():
                    B_rf[vk_1, vi] = T.float32(0)
                B_rf[vk_1, vi] = B_rf[vk_1, vi] + A[vi, vk_0 * 4 + vk_1]
        for i, k_1 in T.grid(8, 4):
            with T.sblock("sum"):
                vk_1, vi = T.axis.remap("RS", [k_1, i])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + B_rf[vk_1, vi]

    split = apply_step(module(row_sum), Step("split", "main", {"loop": "sum/k", "factors": [None, 4]})).mod
    applied = check(split, module(after), Step("rfactor", "main", {"loop": "sum/k_1"}))
    assert applied.mod["main"].attrs["global_symbol"] == "main"


def test_rfactor_refused_for_a_spatial_loop(refuse):
    refusal = refuse(row_sum, Step("rfactor", "main", {"loop": "sum/i"}))
    assert refusal.code == "rfactor_spatial"
    assert refusal.paths == ("sum/i",)


def test_rfactor_refused_for_a_place_beyond_the_axes(refuse):
    refusal = refuse(row_sum, Step("rfactor", "main", {"loop": "sum/k", "factor_axis": 7}))
    assert refusal.code == "factor_axis_range"
