"""decompose_padding, pad_einsum."""

import numpy as np
import pytest
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine.build import build
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES, wrong
from tests.engine.views.interpreter import at_size


def step(transform, **params):
    return Step(transform, "main", params)


@T.prim_func(s_tir=True)
def pad(X: T.Buffer((8,), "float32"), P: T.Buffer((10,), "float32")):
    for i in range(10):
        with T.sblock("P"):
            vi = T.axis.spatial(10, i)
            P[vi] = T.if_then_else(vi >= 1 and vi < 9, X[vi - 1], T.float32(0))


def test_decompose_padding(check):
    @T.prim_func(s_tir=True)
    def after(X: T.Buffer((8,), "float32"), P: T.Buffer((10,), "float32")):
        for i in range(10):
            with T.sblock("P_pad_const"):
                vi = T.axis.spatial(10, i)
                P[vi] = T.float32(0)
        for i in range(8):
            with T.sblock("P"):
                vi = T.axis.spatial(8, i)
                P[vi + 1] = X[vi]

    applied = check(pad, after, step("decompose_padding", block="P", loop="P/i"))
    assert applied.moved == {}


@pytest.mark.parametrize("loop", ["n", "c", "h", "w"])
def test_decompose_padding_on_a_sample_computes_the_same(loop):
    mod = at_size("conv2d", SIZES["conv2d"])
    scheduled = apply_step(mod, step("decompose_padding", block="pad", loop=f"pad/{loop}")).mod
    assert wrong("conv2d", scheduled) == ""


def test_decompose_padding_refused_for_a_block_that_does_not_pad(refuse):
    mod = at_size("bmm_relu", SIZES["bmm_relu"])
    refusal = refuse(mod, step("decompose_padding", block="relu", loop="relu/i"))
    assert (refusal.code, refusal.paths) == ("not_padding", ("relu",))
    assert "if_then_else" in refusal.hint


@T.prim_func(s_tir=True)
def product(A: T.Buffer((3, 5), "float32"), B: T.Buffer((5, 8), "float32"), C: T.Buffer((3, 8), "float32")):
    for i, j, k in T.grid(3, 8, 5):
        with T.sblock("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


def test_pad_einsum(check):
    """Only what has to grow gets a copy: `j` is a multiple of 4 already."""

    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((3, 5), "float32"), B: T.Buffer((5, 8), "float32"), C: T.Buffer((3, 8), "float32")):
        A_pad = T.sblock_alloc_buffer((4, 5))
        C_pad = T.sblock_alloc_buffer((4, 8))
        for i0, i1 in T.grid(4, 5):
            with T.sblock("A_pad"):
                v0, v1 = T.axis.remap("SS", [i0, i1])
                A_pad[v0, v1] = T.if_then_else(v0 < 3, A[v0, v1], T.float32(0))
        for i, j, k in T.grid(4, 8, 5):
            with T.sblock("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C_pad[vi, vj] = T.float32(0)
                C_pad[vi, vj] = C_pad[vi, vj] + A_pad[vi, vk] * B[vk, vj]
        for i0, i1 in T.grid(3, 8):
            with T.sblock("C_pad"):
                v0, v1 = T.axis.remap("SS", [i0, i1])
                C[v0, v1] = C_pad[v0, v1]

    check(product, after, step("pad_einsum", block="C", padding=[4, 4, 1]))


@pytest.mark.parametrize(
    "sample, block, padding",
    [
        ("matmul_128", "matmul", [8, 8, 8]),
        ("bmm_relu", "bmm", [1, 3, 3, 3]),
        ("bmm_relu", "relu", [1, 3, 3]),
        ("softmax", "exp", [3, 7]),
        ("softmax", "row_sum", [3, 7]),
        ("softmax", "row_max", [3, 1]),
        ("layer_norm", "normalise", [3, 7]),
    ],
)
def test_pad_einsum_on_samples_computes_the_same(sample, block, padding):
    mod = at_size(sample, SIZES[sample])
    scheduled = apply_step(mod, step("pad_einsum", block=block, padding=padding)).mod
    assert wrong(sample, scheduled) == ""


def test_pad_einsum_refused_where_zeros_change_the_result(refuse):
    """TVM pads with zeros whatever is computed: the maximum of negative numbers becomes 0."""
    mod = at_size("softmax", SIZES["softmax"])
    refusal = refuse(mod, step("pad_einsum", block="row_max", padding=[1, 7]))
    assert (refusal.code, refusal.place, refusal.paths) == ("zeros_count", "padding", ("row_max",))
    assert "‘v_k’" in refusal.message


def test_what_tvm_makes_of_a_padded_maximum_is_wrong(module):
    @T.prim_func(s_tir=True)
    def largest(X: T.Buffer((5,), "float32"), M: T.Buffer((1,), "float32")):
        for i, k in T.grid(1, 5):
            with T.sblock("M"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    M[vi] = T.min_value("float32")
                M[vi] = T.max(M[vi], X[vi * 5 + vk])

    sch = Schedule(module(largest.with_attr("global_symbol", "main")))
    sch.reindex("M", ("read", 0))  # so that the indices are plain axes
    sch.pad_einsum("M", [1, 8])
    x = np.full(5, -3, "float32")
    assert build(sch.mod, target("generic"))([x])[0] == 0
    assert build(module(largest), target("generic"))([x])[0] == -3


@pytest.mark.parametrize(
    "sample, block, padding, code",
    [
        ("matmul_128", "matmul", [8, 8], "padding_axes"),
        ("conv2d", "conv2d", [1] * 7, "not_einsum"),
    ],
)
def test_pad_einsum_refused(refuse, sample, block, padding, code):
    refusal = refuse(at_size(sample, SIZES[sample]), step("pad_einsum", block=block, padding=padding))
    assert refusal.code == code
    assert refusal.paths == (block,)


def test_pad_einsum_does_not_fill_the_memory(refuse, module):
    mod = at_size("bmm_relu", {"A": (700, 2, 2), "B": (700, 2, 2)})
    refusal = refuse(mod, step("pad_einsum", block="bmm", padding=[1, 1024, 1024, 1]))
    assert (refusal.code, refusal.place) == ("buffer_too_large", "padding")
    with pytest.raises(BadTrace):
        apply_step(module(product), step("pad_einsum", block="C", padding=[1 << 20, 1, 1]))
