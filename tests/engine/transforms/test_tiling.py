"""split, fuse, reorder."""

from tvm.script import tirx as T

from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def row_sum(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


def test_split(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        for i, k_0, k_1 in T.grid(8, 4, 8):
            with T.sblock("sum"):
                vi = T.axis.spatial(8, i)
                vk = T.axis.reduce(32, k_0 * 8 + k_1)
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    applied = check(row_sum, after, Step("split", "main", {"loop": "sum/k", "factors": [None, 8]}))
    assert applied.moved == {"main:sum/k": "main:sum/k_1"}, "the selection stays innermost"


def test_split_that_does_not_divide_guards_the_body(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        for i, k_0, k_1 in T.grid(8, 5, 7):
            with T.sblock("sum"):
                vi = T.axis.spatial(8, i)
                vk = T.axis.reduce(32, k_0 * 7 + k_1)
                T.where(k_0 * 7 + k_1 < 32)
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    check(row_sum, after, Step("split", "main", {"loop": "sum/k", "factors": [None, 7]}))


def test_split_refused_for_factors_that_lose_iterations(refuse):
    refusal = refuse(row_sum, Step("split", "main", {"loop": "sum/k", "factors": [3, 8]}))
    assert refusal.code == "factors_too_small"
    assert refusal.paths == ("sum/k",)
    assert "null" in refusal.hint


def test_split_refused_for_a_number_that_does_not_fit(refuse):
    refusal = refuse(row_sum, Step("split", "main", {"loop": "sum/k", "factors": [None, 1 << 40]}))
    assert refusal.code == "number_too_large"
    assert refusal.paths == ("sum/k",)


def test_fuse(check):
    @T.prim_func(s_tir=True)
    def before(A: T.Buffer((8, 4), "float32"), B: T.Buffer((8, 4), "float32")):
        for i, j in T.grid(8, 4):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + T.float32(1)

    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 4), "float32"), B: T.Buffer((8, 4), "float32")):
        for f in range(32):
            with T.sblock("B"):
                vi = T.axis.spatial(8, f // 4)
                vj = T.axis.spatial(4, f % 4)
                B[vi, vj] = A[vi, vj] + T.float32(1)

    applied = check(before, after, Step("fuse", "main", {"loops": ["B/i", "B/j"]}))
    assert applied.moved == {"main:B/i": "main:B/i_j_fused", "main:B/j": "main:B/i_j_fused"}


def test_fuse_refused_across_another_loop(refuse):
    @T.prim_func(s_tir=True)
    def before(A: T.Buffer((2, 3, 4), "float32"), B: T.Buffer((2, 3, 4), "float32")):
        for i, j, k in T.grid(2, 3, 4):
            with T.sblock("B"):
                vi, vj, vk = T.axis.remap("SSS", [i, j, k])
                B[vi, vj, vk] = A[vi, vj, vk] + T.float32(1)

    refusal = refuse(before, Step("fuse", "main", {"loops": ["B/i", "B/k"]}))
    assert refusal.code == "loops_not_nested"
    assert refusal.paths == ("B/i", "B/k")
    assert "'B/i' is not the parent of the inner loop 'B/k'" in refusal.detail


def test_reorder(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
        for k, i in T.grid(32, 8):
            with T.sblock("sum"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = T.float32(0)
                B[vi] = B[vi] + A[vi, vk]

    applied = check(row_sum, after, Step("reorder", "main", {"loops": ["sum/k", "sum/i"]}))
    assert applied.moved == {}, "loops keep their names, so selections stay as they are"


def test_reorder_refused_for_a_loop_named_twice(refuse):
    refusal = refuse(row_sum, Step("reorder", "main", {"loops": ["sum/i", "sum/i"]}))
    assert refusal.code == "loop_twice"
    assert refusal.paths == ("sum/i",)
