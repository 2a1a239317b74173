"""reindex_cache_read, reindex_cache_write, reindex."""

import numpy as np
import pytest
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step, catalogue
from mlc_explorer.engine.transforms.one_to_one import same_elements
from mlc_explorer.engine.transforms.scope import Scope
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES, wrong
from tests.engine.views.interpreter import at_size


@T.prim_func(s_tir=True)
def matmul(A: T.Buffer((4, 6), "float32"), B: T.Buffer((6, 8), "float32"), C: T.Buffer((4, 8), "float32")):
    for i, j, k in T.grid(4, 8, 6):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


def read(buffer, text, **more):
    return Step("reindex_cache_read", "main", {"block": "C", "buffer": buffer, "index_map": text, **more})


def write(text, **more):
    return Step("reindex_cache_write", "main", {"block": "C", "index_map": text, **more})


def test_reindex_cache_read(check):
    """`B` in panels of four columns, transposed within: how a tiled product wants it."""

    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 6), "float32"), B: T.Buffer((6, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        B_global = T.sblock_alloc_buffer((2, 6, 4))
        for j_0, k_0 in T.grid(8, 6):
            with T.sblock("B_global"):
                vj, vk = T.axis.remap("SS", [j_0, k_0])
                B_global[vj // 4, vk, vj % 4] = B[vk, vj]
        for i, j, k in T.grid(4, 8, 6):
            with T.sblock("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B_global[vj // 4, vk, vj % 4]

    applied = check(matmul, after, read("B", "i, j, k -> j // 4, k, j % 4"))
    assert applied.moved == {}


def test_reindex_cache_write(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 6), "float32"), B: T.Buffer((6, 8), "float32"), C: T.Buffer((4, 8), "float32")):
        C_local = T.sblock_alloc_buffer((8, 4), scope="local")
        for i, j, k in T.grid(4, 8, 6):
            with T.sblock("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C_local[vj, vi] = T.float32(0)
                C_local[vj, vi] = C_local[vj, vi] + A[vi, vk] * B[vk, vj]
        for i_0, j_0 in T.grid(4, 8):
            with T.sblock("C_local"):
                vi, vj = T.axis.remap("SS", [i_0, j_0])
                C[vi, vj] = C_local[vj, vi]

    check(matmul, after, write("i, j, k -> j, i", scope="local"))


@pytest.mark.parametrize("text", ["i, j, k -> j // 4, k", "i, j, k -> j * 6, k % 3", "i, j, k -> j - 1, k"])
def test_reindex_cache_read_refused_where_elements_meet_or_lie_outside(refuse, text):
    """TVM takes all of them; the product would then be wrong, or written before the copy begins."""
    refusal = refuse(matmul, read("B", text))
    assert (refusal.code, refusal.place, refusal.paths) == ("map_clashes", "index_map", ("C",))
    assert "‘B’" in refusal.message


@pytest.mark.parametrize(
    "step, code",
    [
        (read("B", "i, j -> i, j"), "map_axes"),
        (read("B", "i, j, k -> i, j, k"), "map_axes_differ"),
        (read("C", "i, j, k -> i, j"), "buffer_not_read"),
        (read("B", "i, j, k -> j * 1000000, k * 1000"), "buffer_too_large"),
        (write("i, j, k -> i, j // 2"), "map_clashes"),
        (write("i, j, k -> i, j, k"), "map_axes_differ"),
        (write("i, j, k -> i, j * 30000000"), "buffer_too_large"),
        (write("i, j, k -> i, j + 1"), "map_not_from_zero"),
    ],
)
def test_reindex_cache_write_refused_as_is_the_read(refuse, step, code):
    assert refuse(matmul, step).code == code


def test_reindex_cache_read_refused_for_what_the_block_writes_itself(refuse):
    """In a blockized sum TVM's process ends over it."""
    mod = at_size("matmul_128", SIZES["matmul_128"])
    mod = apply_step(mod, Step("decompose_reduction", "main", {"block": "matmul", "loop": "matmul/k"})).mod
    params = {"block": "matmul_update", "buffer": "C", "index_map": "i, j, k -> i, j"}
    refusal = refuse(mod, Step("reindex_cache_read", "main", params))
    assert (refusal.code, refusal.place) == ("reads_own_result", "buffer")


def test_what_tvm_makes_of_a_map_that_is_not_one_to_one_is_wrong():
    mod = at_size("matmul_128", SIZES["matmul_128"])
    sch = Schedule(mod)
    sch.reindex_cache_read("matmul", 1, "global", lambda i, j, k: (j // 4, k))
    assert wrong("matmul_128", sch.mod)


def test_overlapping_windows_may_share_a_place():
    """A convolution reads each element of its input in several instances, and those may meet in the copy."""
    mod = at_size("conv2d", SIZES["conv2d"])
    text = "n, co, h, w, ci, kh, kw -> n, h + kh, w + kw, ci"
    step = Step("reindex_cache_read", "main", {"block": "conv2d", "buffer": "P", "index_map": text})
    scheduled = apply_step(mod, step).mod
    inputs = [np.random.default_rng(0).random(i.shape, i.dtype) for i in signature(mod, "main").inputs]
    got, expected = (build(m, target("generic"))(inputs)[0] for m in (scheduled, mod))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_one_to_one_looks_at_each_group_of_axes_by_itself():
    """A million million combinations of `i` and `j`, which no index has in common."""
    axes = {"i": 1 << 20, "j": 1 << 20}
    assert same_elements(["j", "i"], ["i", "j"], axes) == (True, True)
    assert same_elements([["//", "j", 2], "i"], ["i", "j"], axes) == (False, True)
    assert same_elements(["i", "j"], ["i"], axes) == (True, False)


@pytest.mark.parametrize("factor, whole", [(1000, True), (999, False), (1 << 30, True)])
def test_one_to_one_of_two_axes_joined_into_one(factor, whole):
    """A million places, close together or far apart."""
    joined = ["+", ["*", "i", factor], "j"]
    assert same_elements([joined], ["i", "j"], {"i": 1000, "j": 1000}) == (whole, True)


def test_a_form_proposes_the_layout_in_which_the_block_walks(module):
    mod = module(matmul)
    source = catalogue.TRANSFORMS["reindex_cache_read"].proposes["index_map"]
    proposed = source(Scope(mod, mod["main"], "C"), {"block": "C", "buffer": "B"})
    assert proposed[:2] == ["vi, vj, vk -> vj, vk", "vi, vj, vk -> vk, vj"]
    for text in proposed:
        apply_step(mod, read("B", text))
    source = catalogue.TRANSFORMS["reindex_cache_write"].proposes["index_map"]
    assert "vi, vj, vk -> vj // 4, vi, vj % 4" in source(Scope(mod, mod["main"], "C"), {"block": "C"})


@T.prim_func(s_tir=True)
def transposed(A: T.Buffer((8, 4), "float32"), B: T.Buffer((4, 8), "float32")):
    for i, j in T.grid(4, 8):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vj, vi] * T.float32(2)


@pytest.mark.parametrize("buffer", ["A", 1])
def test_reindex(check, buffer):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 4), "float32"), B: T.Buffer((4, 8), "float32")):
        A_reindex = T.sblock_alloc_buffer((4, 8))
        for ax0, ax1 in T.grid(4, 8):
            with T.sblock("A_reindex_reindex"):
                v0, v1 = T.axis.remap("SS", [ax0, ax1])
                A_reindex[v0, v1] = A[v1, v0]
        for i, j in T.grid(4, 8):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A_reindex[vi, vj] * T.float32(2)

    check(transposed, after, Step("reindex", "main", {"block": "B", "buffer": buffer}))


def test_reindex_makes_a_matrix_of_a_convolutions_windows():
    mod = at_size("conv2d", SIZES["conv2d"])
    scheduled = apply_step(mod, Step("reindex", "main", {"block": "conv2d", "buffer": "P"})).mod
    assert "P_reindex = T.sblock_alloc_buffer((1, 6, 6, 3, 3, 3))" in scheduled.script()
    assert wrong("conv2d", scheduled) == ""


def test_reindex_refused_where_the_copy_would_read_outside():
    """The block that pads asks before it reads; its copy does not."""
    mod = at_size("conv2d", SIZES["conv2d"])
    with pytest.raises(Refused) as caught:
        apply_step(mod, Step("reindex", "main", {"block": "pad", "buffer": "X"}))
    assert caught.value.code == "read_outside"
    assert caught.value.paths[0] == "X_reindex_reindex"
    assert "cache_read" in caught.value.hint


def test_reindex_refused_for_a_buffer_that_is_not_touched(refuse):
    assert (
        refuse(transposed, Step("reindex", "main", {"block": "B", "buffer": "Z"})).code
        == "buffer_not_written"
    )
