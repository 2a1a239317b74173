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
    S_rf = T.sblock_alloc_buffer((4, 8))
    for i in T.parallel(4):
        for ax0_init in T.vectorized(8):
            with T.sblock("sum_rf_init"):
                vk_2, vi = T.axis.remap("SS", [ax0_init, i])
                T.reads()
                T.writes(S_rf[vi, vk_2])
                S_rf[vi, vk_2] = T.float32(0)
        for ax1 in range(4):
            for ax0 in T.vectorized(8):
                with T.sblock("sum_rf_update"):
                    vk_2, vi = T.axis.remap("SS", [ax0, i])
                    vk_0 = T.axis.reduce(1, 0)
                    vk_1 = T.axis.reduce(4, ax1)
                    T.reads(S_rf[vi, vk_2], A[vi, vk_0 * 32 + vk_1 * 8 + vk_2])
                    T.writes(S_rf[vi, vk_2])
                    S_rf[vi, vk_2] = S_rf[vi, vk_2] + A[vi, vk_0 * 32 + vk_1 * 8 + vk_2]
        for k_2 in range(8):
            with T.sblock("sum"):
                vk_2, vi = T.axis.remap("RS", [k_2, i])
                T.reads(S_rf[vi, vk_2])
                T.writes(S[vi])
                with T.init():
                    S[vi] = T.float32(0)
                S[vi] = S[vi] + S_rf[vi, vk_2]
    for i_j_0 in T.parallel(16):
        for j_1 in T.vectorized(8):
            with T.sblock("share"):
                vi = T.axis.spatial(4, i_j_0 // 4)
                vj = T.axis.spatial(32, i_j_0 % 4 * 8 + j_1)
                T.reads(A[vi, vj], S[vi])
                T.writes(C[vi, vj])
                C[vi, vj] = A[vi, vj] / S[vi]


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
