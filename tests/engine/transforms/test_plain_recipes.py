"""The recipes without a product as steps: before, after, and what they refuse.

Shapes and numbers of all kinds are in tests/engine/recipes.
"""

from tvm.script import tirx as T

from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def scale_relu(
    A: T.Buffer((8, 4, 16), "float32"),
    s: T.Buffer((8, 1, 1), "float32"),
    C: T.Buffer((8, 4, 16), "float32"),
):
    T.func_attr({"tirx.noalias": True})
    B = T.sblock_alloc_buffer((8, 4, 16))
    for i, j, k in T.grid(8, 4, 16):
        with T.sblock("scale"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            B[vi, vj, vk] = A[vi, vj, vk] * s[vi, 0, 0]
    for i, j, k in T.grid(8, 4, 16):
        with T.sblock("relu"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            C[vi, vj, vk] = T.max(B[vi, vj, vk], T.float32(0))


@T.prim_func(s_tir=True)
def scale_relu_in_one_pass(
    A: T.Buffer((8, 4, 16), "float32"),
    s: T.Buffer((8, 1, 1), "float32"),
    C: T.Buffer((8, 4, 16), "float32"),
):
    T.func_attr({"tirx.noalias": True})
    for i in T.parallel(8):  # s differs from one i to the next, so that only j and k are one run
        for j_k_0 in range(4):
            for j_k_1 in T.vectorized(16):
                with T.sblock("relu"):
                    vi = T.axis.spatial(8, i)
                    vj = T.axis.spatial(4, (j_k_0 * 16 + j_k_1) // 16)
                    vk = T.axis.spatial(16, (j_k_0 * 16 + j_k_1) % 16)
                    T.reads(A[vi, vj, vk], s[vi, 0, 0])
                    T.writes(C[vi, vj, vk])
                    C[vi, vj, vk] = T.max(A[vi, vj, vk] * s[vi, 0, 0], T.float32(0))


@T.prim_func(s_tir=True)
def shares(A: T.Buffer((4, 32), "float32"), C: T.Buffer((4, 32), "float32")):
    T.func_attr({"tirx.noalias": True})
    S = T.sblock_alloc_buffer((4,))
    for i, k in T.grid(4, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + A[vi, vk]
    for i, j in T.grid(4, 32):
        with T.sblock("share"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] / S[vi]


@T.prim_func(s_tir=True)
def shares_of_partial_sums(A: T.Buffer((4, 32), "float32"), C: T.Buffer((4, 32), "float32")):
    T.func_attr({"tirx.noalias": True})
    S = T.sblock_alloc_buffer((4,))
    S_rf = T.sblock_alloc_buffer((4, 4))
    S_rf_rf = T.sblock_alloc_buffer((4, 2, 4))
    for i in T.parallel(4):
        for ax0_ax1_fused_init in T.vectorized(8):
            with T.sblock("sum_rf_rf_init"):
                vk_2 = T.axis.spatial(2, ax0_ax1_fused_init // 4)
                vk_3 = T.axis.spatial(4, ax0_ax1_fused_init % 4)
                vi = T.axis.spatial(4, i)
                T.reads()
                T.writes(S_rf_rf[vi, vk_2, vk_3])
                S_rf_rf[vi, vk_2, vk_3] = T.float32(0)
        for ax2 in range(4):
            for ax0_ax1_fused in T.vectorized(8):
                with T.sblock("sum_rf_rf_update"):
                    vk_2 = T.axis.spatial(2, ax0_ax1_fused // 4)
                    vk_3 = T.axis.spatial(4, ax0_ax1_fused % 4)
                    vi = T.axis.spatial(4, i)
                    vk_0 = T.axis.reduce(1, 0)
                    vk_1 = T.axis.reduce(4, ax2)
                    T.reads(S_rf_rf[vi, vk_2, vk_3], A[vi, vk_0 * 32 + vk_1 * 8 + vk_2 * 4 + vk_3])
                    T.writes(S_rf_rf[vi, vk_2, vk_3])
                    S_rf_rf[vi, vk_2, vk_3] = (
                        S_rf_rf[vi, vk_2, vk_3] + A[vi, vk_0 * 32 + vk_1 * 8 + vk_2 * 4 + vk_3]
                    )
        for ax1_init in T.vectorized(4):
            with T.sblock("sum_rf_init"):
                vk_3, vi = T.axis.remap("SS", [ax1_init, i])
                T.reads()
                T.writes(S_rf[vi, vk_3])
                S_rf[vi, vk_3] = T.float32(0)
        for ax0 in range(2):
            for ax1 in T.vectorized(4):
                with T.sblock("sum_rf_update"):
                    vk_2, vk_3, vi = T.axis.remap("RSS", [ax0, ax1, i])
                    T.reads(S_rf[vi, vk_3], S_rf_rf[vi, vk_2, vk_3])
                    T.writes(S_rf[vi, vk_3])
                    S_rf[vi, vk_3] = S_rf[vi, vk_3] + S_rf_rf[vi, vk_2, vk_3]
        for k_3 in range(4):
            with T.sblock("sum"):
                vk_3, vi = T.axis.remap("RS", [k_3, i])
                T.reads(S_rf[vi, vk_3])
                T.writes(S[vi])
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + S_rf[vi, vk_3]
    for i_j_0_fused in T.parallel(16):
        for j_1 in T.vectorized(8):
            with T.sblock("share"):
                vi = T.axis.spatial(4, i_j_0_fused // 4)
                vj = T.axis.spatial(32, i_j_0_fused % 4 * 8 + j_1)
                T.reads(A[vi, vj], S[vi])
                T.writes(C[vi, vj])
                C[vi, vj] = A[vi, vj] / S[vi]


@T.prim_func(s_tir=True)
def shares_row_by_row(A: T.Buffer((4, 32), "float32"), C: T.Buffer((4, 32), "float32")):
    T.func_attr({"tirx.noalias": True})
    S = T.sblock_alloc_buffer((4,))
    S_rf = T.sblock_alloc_buffer((4, 4))
    S_rf_rf = T.sblock_alloc_buffer((4, 2, 4))
    S_rf_rf_rf = T.sblock_alloc_buffer((4, 2, 2, 4))
    for i in T.parallel(4):
        for ax0_init in T.unroll(2):
            for ax1_ax2_fused_init in T.vectorized(8):
                with T.sblock("sum_rf_rf_rf_init"):
                    vk_1 = T.axis.spatial(2, ax0_init)
                    vk_2 = T.axis.spatial(2, ax1_ax2_fused_init // 4)
                    vk_3 = T.axis.spatial(4, ax1_ax2_fused_init % 4)
                    vi = T.axis.spatial(4, i)
                    T.reads()
                    T.writes(S_rf_rf_rf[vi, vk_1, vk_2, vk_3])
                    S_rf_rf_rf[vi, vk_1, vk_2, vk_3] = T.float32(0)
        for ax3 in range(2):
            for ax0 in T.unroll(2):
                for ax1_ax2_fused in T.vectorized(8):
                    with T.sblock("sum_rf_rf_rf_update"):
                        vk_1 = T.axis.spatial(2, ax0)
                        vk_2 = T.axis.spatial(2, ax1_ax2_fused // 4)
                        vk_3 = T.axis.spatial(4, ax1_ax2_fused % 4)
                        vi, vk_0 = T.axis.remap("SR", [i, ax3])
                        T.reads(
                            S_rf_rf_rf[vi, vk_1, vk_2, vk_3], A[vi, vk_0 * 16 + vk_1 * 8 + vk_2 * 4 + vk_3]
                        )
                        T.writes(S_rf_rf_rf[vi, vk_1, vk_2, vk_3])
                        S_rf_rf_rf[vi, vk_1, vk_2, vk_3] = (
                            S_rf_rf_rf[vi, vk_1, vk_2, vk_3] + A[vi, vk_0 * 16 + vk_1 * 8 + vk_2 * 4 + vk_3]
                        )
        for ax1_ax2_fused_init in T.vectorized(8):
            with T.sblock("sum_rf_rf_init"):
                vk_2 = T.axis.spatial(2, ax1_ax2_fused_init // 4)
                vk_3 = T.axis.spatial(4, ax1_ax2_fused_init % 4)
                vi = T.axis.spatial(4, i)
                T.reads()
                T.writes(S_rf_rf[vi, vk_2, vk_3])
                S_rf_rf[vi, vk_2, vk_3] = T.float32(0)
        for ax0 in range(2):
            for ax1_ax2_fused in T.vectorized(8):
                with T.sblock("sum_rf_rf_update"):
                    vk_1 = T.axis.reduce(2, ax0)
                    vk_2 = T.axis.spatial(2, ax1_ax2_fused // 4)
                    vk_3 = T.axis.spatial(4, ax1_ax2_fused % 4)
                    vi = T.axis.spatial(4, i)
                    T.reads(S_rf_rf[vi, vk_2, vk_3], S_rf_rf_rf[vi, vk_1, vk_2, vk_3])
                    T.writes(S_rf_rf[vi, vk_2, vk_3])
                    S_rf_rf[vi, vk_2, vk_3] = S_rf_rf[vi, vk_2, vk_3] + S_rf_rf_rf[vi, vk_1, vk_2, vk_3]
        for ax1_init in T.vectorized(4):
            with T.sblock("sum_rf_init"):
                vk_3, vi = T.axis.remap("SS", [ax1_init, i])
                T.reads()
                T.writes(S_rf[vi, vk_3])
                S_rf[vi, vk_3] = T.float32(0)
        for ax0 in range(2):
            for ax1 in T.vectorized(4):
                with T.sblock("sum_rf_update"):
                    vk_2, vk_3, vi = T.axis.remap("RSS", [ax0, ax1, i])
                    T.reads(S_rf[vi, vk_3], S_rf_rf[vi, vk_2, vk_3])
                    T.writes(S_rf[vi, vk_3])
                    S_rf[vi, vk_3] = S_rf[vi, vk_3] + S_rf_rf[vi, vk_2, vk_3]
        for ax0 in T.unroll(4):
            with T.sblock("sum"):
                vk_3, vi = T.axis.remap("RS", [ax0, i])
                T.reads(S_rf[vi, vk_3])
                T.writes(S[vi])
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + S_rf[vi, vk_3]
        for j_0 in range(4):
            for j_1 in T.vectorized(8):
                with T.sblock("share"):
                    vi = T.axis.spatial(4, i)
                    vj = T.axis.spatial(32, j_0 * 8 + j_1)
                    T.reads(A[vi, vj], S[vi])
                    T.writes(C[vi, vj])
                    C[vi, vj] = A[vi, vj] / S[vi]


@T.prim_func(s_tir=True)
def window(A: T.Buffer((1, 1, 4, 4, 8), "float32"), C: T.Buffer((1, 1, 2, 2, 8), "float32")):
    T.func_attr({"tirx.noalias": True})
    for n, c, y, x, v, ry, rx in T.grid(1, 1, 2, 2, 8, 2, 2):
        with T.sblock("pool"):
            vn, vc, vy, vx, vv, vry, vrx = T.axis.remap("SSSSSRR", [n, c, y, x, v, ry, rx])
            with T.init():
                C[vn, vc, vy, vx, vv] = T.float32(0)
            C[vn, vc, vy, vx, vv] = C[vn, vc, vy, vx, vv] + A[vn, vc, vy * 2 + vry, vx * 2 + vrx, vv]


@T.prim_func(s_tir=True)
def window_around_a_tile(A: T.Buffer((1, 1, 4, 4, 8), "float32"), C: T.Buffer((1, 1, 2, 2, 8), "float32")):
    T.func_attr({"tirx.noalias": True})
    tile = T.sblock_alloc_buffer((1, 1, 2, 2, 8))
    for n, c in T.grid(1, 1):
        for y in T.parallel(2):
            for x_init in T.unroll(2):
                for v_init in T.vectorized(8):
                    with T.sblock("pool_init"):
                        vn, vc, vy, vx, vv = T.axis.remap("SSSSS", [n, c, y, x_init, v_init])
                        T.reads()
                        T.writes(tile[vn, vc, vy, vx, vv])
                        tile[vn, vc, vy, vx, vv] = T.float32(0)
            for ry in T.unroll(2):
                for rx in T.unroll(2):
                    for x in T.unroll(2):
                        for v in T.vectorized(8):
                            with T.sblock("pool_update"):
                                vn, vc, vy, vx, vv, vry, vrx = T.axis.remap(
                                    "SSSSSRR", [n, c, y, x, v, ry, rx]
                                )
                                T.reads(tile[vn, vc, vy, vx, vv], A[vn, vc, vy * 2 + vry, vx * 2 + vrx, vv])
                                T.writes(tile[vn, vc, vy, vx, vv])
                                tile[vn, vc, vy, vx, vv] = (
                                    tile[vn, vc, vy, vx, vv] + A[vn, vc, vy * 2 + vry, vx * 2 + vrx, vv]
                                )
            for ax0 in range(2):
                for ax1 in T.vectorized(8):
                    with T.sblock("C_global"):
                        v0 = T.axis.spatial(1, 0)
                        v1 = T.axis.spatial(1, 0)
                        v2, v3, v4 = T.axis.remap("SSS", [y, ax0, ax1])
                        T.reads(tile[v0, v1, v2, v3, v4])
                        T.writes(C[v0, v1, v2, v3, v4])
                        C[v0, v1, v2, v3, v4] = tile[v0, v1, v2, v3, v4]


@T.prim_func(s_tir=True)
def mean(A: T.Buffer((4, 6, 16), "float32"), C: T.Buffer((4, 16), "float32")):
    T.func_attr({"tirx.noalias": True})
    S = T.sblock_alloc_buffer((4, 16))
    for i, j, k in T.grid(4, 16, 6):
        with T.sblock("sum"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                S[vi, vj] = T.float32(0)
            S[vi, vj] = S[vi, vj] + A[vi, vk, vj]
    for i, j in T.grid(4, 16):
        with T.sblock("mean"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = S[vi, vj] / T.float32(6)


@T.prim_func(s_tir=True)
def means_side_by_side(A: T.Buffer((4, 6, 16), "float32"), C: T.Buffer((4, 16), "float32")):
    T.func_attr({"tirx.noalias": True})
    S = T.sblock_alloc_buffer((4, 16))
    for i in T.parallel(4):
        for j_0 in range(2):
            for j_1_init in T.vectorized(8):
                with T.sblock("sum_init"):
                    vi = T.axis.spatial(4, i)
                    vj = T.axis.spatial(16, j_0 * 8 + j_1_init)
                    T.reads()
                    T.writes(S[vi, vj])
                    S[vi, vj] = T.float32(0)
            for k in T.unroll(6):
                for j_1 in T.vectorized(8):
                    with T.sblock("sum_update"):
                        vi = T.axis.spatial(4, i)
                        vj = T.axis.spatial(16, j_0 * 8 + j_1)
                        vk = T.axis.reduce(6, k)
                        T.reads(S[vi, vj], A[vi, vk, vj])
                        T.writes(S[vi, vj])
                        S[vi, vj] = S[vi, vj] + A[vi, vk, vj]
            for ax0 in T.vectorized(8):
                with T.sblock("mean"):
                    vi = T.axis.spatial(4, i)
                    vj = T.axis.spatial(16, j_0 * 8 + ax0)
                    T.reads(S[vi, vj])
                    T.writes(C[vi, vj])
                    C[vi, vj] = S[vi, vj] / T.float32(6)


@T.prim_func(s_tir=True)
def turned(A: T.Buffer((16, 8), "float32"), C: T.Buffer((8, 16), "float32")):
    T.func_attr({"tirx.noalias": True})
    for i, j in T.grid(8, 16):
        with T.sblock("turn"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vj, vi]


@T.prim_func(s_tir=True)
def turned_in_tiles(A: T.Buffer((16, 8), "float32"), C: T.Buffer((8, 16), "float32")):
    T.func_attr({"tirx.noalias": True})
    for i_0 in T.parallel(2):
        for j_0, j_1 in T.grid(4, 4):
            for i_1 in T.vectorized(4):  # contiguous in A
                with T.sblock("turn"):
                    vi = T.axis.spatial(8, i_0 * 4 + i_1)
                    vj = T.axis.spatial(16, j_0 * 4 + j_1)
                    T.reads(A[vj, vi])
                    T.writes(C[vi, vj])
                    C[vi, vj] = A[vj, vi]


def test_elementwise_is_one_pass_in_vectors_over_the_cores(check):
    step = Step("elementwise", "main", {"vector": 16, "pieces": 2})
    check(scale_relu, scale_relu_in_one_pass, step)


def test_elementwise_refuses_a_sum(refuse):
    said = refuse(shares, Step("elementwise", "main", {"vector": 16, "pieces": 2}))
    assert said.code == "recipe_unfit"


def test_generic_sums_in_parts_and_schedules_each_nest(check):
    check(shares, shares_of_partial_sums, Step("generic", "main", {"vector": 8, "cores": 2, "grain": 64}))


def test_generic_refuses_what_is_scheduled_already(refuse):
    said = refuse(scale_relu_in_one_pass, Step("generic", "main", {"vector": 8, "cores": 2, "grain": 64}))
    assert said.code == "recipe_unfit"


def test_pooling_keeps_a_tile_of_results_in_registers(check):
    check(window, window_around_a_tile, Step("pooling", "main", {"vector": 8, "pixels": 2, "pieces": 2}))


def test_pooling_refuses_a_sum_without_a_window(refuse):
    said = refuse(mean, Step("pooling", "main", {"vector": 8, "pixels": 2, "pieces": 2}))
    assert said.code == "recipe_unfit"


def test_a_mean_has_its_results_side_by_side(check):
    check(mean, means_side_by_side, Step("reduction", "main", {"vector": 8, "pieces": 2}))


def test_a_reduction_refuses_a_function_without_sums(refuse):
    assert refuse(scale_relu, Step("reduction", "main", {"vector": 8, "pieces": 2})).code == "recipe_unfit"


def test_a_row_goes_through_all_steps_at_once(check):
    check(shares, shares_row_by_row, Step("row_by_row", "main", {"parts": 16, "vector": 8, "pieces": 2}))


def test_row_by_row_refuses_a_mean_over_an_outer_axis(refuse):
    said = refuse(mean, Step("row_by_row", "main", {"parts": 16, "vector": 8, "pieces": 2}))
    assert said.code == "recipe_unfit"


def test_a_transposition_goes_tile_by_tile(check):
    check(turned, turned_in_tiles, Step("transpose_tiled", "main", {"tile": 4, "pieces": 2}))


def test_transpose_tiled_refuses_what_exchanges_no_axes(refuse):
    said = refuse(scale_relu, Step("transpose_tiled", "main", {"tile": 4, "pieces": 2}))
    assert said.code == "recipe_unfit"
