"""The recipes of products as steps: before, after, and what they refuse.

Shapes and numbers of all kinds are in tests/engine/recipes.
"""

from tvm.script import tirx as T

from mlc_explorer.schema.trace import Step
from tests.engine.recipes.products import Product, function

SQUARE = Product(4, 8, 4, after=("relu",))  # two tiles of rows, two of columns
ROW = Product(1, 16, 4, after=("relu",))  # four vectors, two side by side
ALONG = Product(1, 8, 16, right=True, after=("relu",))  # the matrix lies along the sum


@T.prim_func(s_tir=True)
def in_tiles(
    A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 8), "float32"), relu: T.Buffer((4, 8), "float32")
):
    T.func_attr({"tirx.noalias": True})
    C = T.sblock_alloc_buffer((4, 8))
    B_global = T.sblock_alloc_buffer((2, 4, 4))
    for i1_0 in T.parallel(2):
        for ax0 in range(4):
            for ax1 in T.vectorized(4):
                with T.sblock("B_global"):
                    v0 = T.axis.spatial(4, ax0)
                    v1 = T.axis.spatial(8, i1_0 * 4 + ax1)
                    T.reads(B[v0, v1])
                    T.writes(B_global[v1 // 4, v0, v1 % 4])
                    B_global[v1 // 4, v0, v1 % 4] = B[v0, v1]
        for i0_0 in range(2):
            for i0_1_init in T.unroll(2):
                for i1_1_init in T.vectorized(4):
                    with T.sblock("C_init"):
                        v_i0 = T.axis.spatial(4, i0_0 * 2 + i0_1_init)
                        v_i1 = T.axis.spatial(8, i1_0 * 4 + i1_1_init)
                        T.reads()
                        T.writes(C[v_i0, v_i1])
                        C[v_i0, v_i1] = T.float32(0.0)
            for k_0 in range(2):
                for k_1 in T.unroll(2):
                    for i0_1 in T.unroll(2):
                        for i1_1 in T.vectorized(4):
                            with T.sblock("C_update"):
                                v_i0 = T.axis.spatial(4, i0_0 * 2 + i0_1)
                                v_i1 = T.axis.spatial(8, i1_0 * 4 + i1_1)
                                v_k = T.axis.reduce(4, k_0 * 2 + k_1)
                                T.reads(C[v_i0, v_i1], A[v_i0, v_k], B_global[v_i1 // 4, v_k, v_i1 % 4])
                                T.writes(C[v_i0, v_i1])
                                C[v_i0, v_i1] = (
                                    C[v_i0, v_i1] + A[v_i0, v_k] * B_global[v_i1 // 4, v_k, v_i1 % 4]
                                )
            for ax0 in T.unroll(2):
                for ax1 in T.vectorized(4):
                    with T.sblock("relu"):
                        v_i0 = T.axis.spatial(4, i0_0 * 2 + ax0)
                        v_i1 = T.axis.spatial(8, i1_0 * 4 + ax1)
                        T.reads(C[v_i0, v_i1])
                        T.writes(relu[v_i0, v_i1])
                        relu[v_i0, v_i1] = T.max(C[v_i0, v_i1], T.float32(0.0))


@T.prim_func(s_tir=True)
def streamed(
    A: T.Buffer((1, 4), "float32"), B: T.Buffer((4, 16), "float32"), relu: T.Buffer((1, 16), "float32")
):
    T.func_attr({"tirx.noalias": True})
    C = T.sblock_alloc_buffer((1, 16))
    for i1_0_0 in T.parallel(2):
        for i0 in range(1):
            for i1_0_1_init in T.unroll(2):
                for i1_1_init in T.vectorized(4):
                    with T.sblock("C_init"):
                        v_i0 = T.axis.spatial(1, i0)
                        v_i1 = T.axis.spatial(16, i1_0_0 * 8 + i1_0_1_init * 4 + i1_1_init)
                        T.reads()
                        T.writes(C[v_i0, v_i1])
                        C[v_i0, v_i1] = T.float32(0.0)
            for k_0 in range(2):
                for k_1 in T.unroll(2):
                    for i1_0_1 in T.unroll(2):
                        for i1_1 in T.vectorized(4):
                            with T.sblock("C_update"):
                                v_i0 = T.axis.spatial(1, i0)
                                v_i1 = T.axis.spatial(16, i1_0_0 * 8 + i1_0_1 * 4 + i1_1)
                                v_k = T.axis.reduce(4, k_0 * 2 + k_1)
                                T.reads(C[v_i0, v_i1], A[v_i0, v_k], B[v_k, v_i1])
                                T.writes(C[v_i0, v_i1])
                                C[v_i0, v_i1] = C[v_i0, v_i1] + A[v_i0, v_k] * B[v_k, v_i1]
            for ax0_0 in T.unroll(2):
                for ax0_1 in T.vectorized(4):
                    with T.sblock("relu"):
                        v_i0 = T.axis.spatial(1, 0)
                        v_i1 = T.axis.spatial(16, i1_0_0 * 8 + ax0_0 * 4 + ax0_1)
                        T.reads(C[v_i0, v_i1])
                        T.writes(relu[v_i0, v_i1])
                        relu[v_i0, v_i1] = T.max(C[v_i0, v_i1], T.float32(0.0))


@T.prim_func(s_tir=True)
def in_lanes(
    A: T.Buffer((1, 16), "float32"), B: T.Buffer((8, 16), "float32"), relu: T.Buffer((1, 8), "float32")
):
    T.func_attr({"tirx.noalias": True})
    C = T.sblock_alloc_buffer((1, 8))
    C_rf = T.sblock_alloc_buffer((1, 8, 4))
    for i1_0 in T.parallel(2):
        for ax1_init in T.unroll(4):
            for ax0_init in T.vectorized(4):
                with T.sblock("C_rf_init"):
                    vk_1 = T.axis.spatial(4, ax0_init)
                    v_i0 = T.axis.spatial(1, 0)
                    v_i1 = T.axis.spatial(8, i1_0 * 4 + ax1_init)
                    T.reads()
                    T.writes(C_rf[v_i0, v_i1, vk_1])
                    C_rf[v_i0, v_i1, vk_1] = T.float32(0.0)
        for ax2 in range(4):
            for ax1 in T.unroll(4):
                for ax0 in T.vectorized(4):
                    with T.sblock("C_rf_update"):
                        vk_1 = T.axis.spatial(4, ax0)
                        v_i0 = T.axis.spatial(1, 0)
                        v_i1 = T.axis.spatial(8, i1_0 * 4 + ax1)
                        vk_0 = T.axis.reduce(4, ax2)
                        T.reads(C_rf[v_i0, v_i1, vk_1], A[v_i0, vk_0 * 4 + vk_1], B[v_i1, vk_0 * 4 + vk_1])
                        T.writes(C_rf[v_i0, v_i1, vk_1])
                        C_rf[v_i0, v_i1, vk_1] = (
                            C_rf[v_i0, v_i1, vk_1] + A[v_i0, vk_0 * 4 + vk_1] * B[v_i1, vk_0 * 4 + vk_1]
                        )
        for i0 in T.unroll(1):
            for i1_1 in T.unroll(4):
                for k_1 in T.unroll(4):
                    with T.sblock("C"):
                        vk_1, v_i0 = T.axis.remap("RS", [k_1, i0])
                        v_i1 = T.axis.spatial(8, i1_0 * 4 + i1_1)
                        T.reads(C_rf[v_i0, v_i1, vk_1])
                        T.writes(C[v_i0, v_i1])
                        with T.init():
                            C[v_i0, v_i1] = T.float32(0.0)
                        C[v_i0, v_i1] = C[v_i0, v_i1] + C_rf[v_i0, v_i1, vk_1]
        for ax0 in T.vectorized(4):
            with T.sblock("relu"):
                v_i0 = T.axis.spatial(1, 0)
                v_i1 = T.axis.spatial(8, i1_0 * 4 + ax0)
                T.reads(C[v_i0, v_i1])
                T.writes(relu[v_i0, v_i1])
                relu[v_i0, v_i1] = T.max(C[v_i0, v_i1], T.float32(0.0))


@T.prim_func(s_tir=True)
def scale(x: T.Buffer((64, 48), "float32"), y: T.Buffer((64, 48), "float32")):
    for i, j in T.grid(64, 48):
        with T.sblock("scale"):
            v_i, v_j = T.axis.remap("SS", [i, j])
            y[v_i, v_j] = x[v_i, v_j] * T.float32(2)


def test_matmul_tiled(check, refuse):
    numbers = {"tile_rows": 2, "tile_vectors": 1, "lanes": 4, "unroll": 2, "pack": True, "row_parts": 1}
    step = Step("matmul_tiled", "main", {**numbers, "parallel": True})
    check(function(SQUARE, index="int32"), in_tiles, step)
    assert refuse(scale, step).code == "recipe_unfit"


def test_gemv_streamed(check, refuse):
    step = Step("gemv_streamed", "main", {"tile_vectors": 2, "lanes": 4, "unroll": 2, "parallel": True})
    check(function(ROW, index="int32"), streamed, step)
    assert refuse(function(SQUARE), step).code == "recipe_unfit"


def test_gemv_dot(check, refuse):
    step = Step("gemv_dot", "main", {"tile_columns": 4, "lanes": 4, "parallel": True})
    check(function(ALONG, index="int32"), in_lanes, step)
    assert refuse(function(ROW), step).code == "recipe_unfit"
