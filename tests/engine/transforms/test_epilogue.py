"""fuse_reduction_epilogue: only what adds."""

import numpy as np
import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step

FUSE = Step("fuse_reduction_epilogue", "main", {"block": "Y", "epilogue": "C"})


def sum_then(epilogue, *, start=0.0, maximum=False):
    """Row sums (or maxima) Y, and C = `epilogue` of Y and a bias."""

    @T.prim_func(s_tir=True)
    def func(A: T.Buffer((8, 32), "float32"), bias: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        Y = T.sblock_alloc_buffer((8,))
        for i, k in T.grid(8, 32):
            with T.sblock("Y"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    Y[vi] = T.float32(start)
                Y[vi] = T.max(Y[vi], A[vi, vk]) if maximum else Y[vi] + A[vi, vk]
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = epilogue(Y[vi], bias[vi])

    return func


@T.prim_func(s_tir=True)
def with_bias(A: T.Buffer((8, 32), "float32"), bias: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    Y = T.sblock_alloc_buffer((8,))
    for i, k in T.grid(8, 32):
        with T.sblock("Y"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                Y[vi] = T.float32(0)
            Y[vi] = Y[vi] + A[vi, vk]
    for i in range(8):
        with T.sblock("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = Y[vi] + bias[vi]


def test_fuse_reduction_epilogue(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 32), "float32"), bias: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        Y = T.sblock_alloc_buffer((8,))  # noqa: F841 - TVM leaves it, and lowering drops it
        for i, k in T.grid(8, 32):
            with T.sblock("Y"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    C[vi] = bias[vi]
                C[vi] = C[vi] + A[vi, vk]

    applied = check(with_bias, after, FUSE)
    assert applied.moved == {"main:C": "main:Y", "main:C/i": None}


def test_fuse_reduction_epilogue_computes_the_same(module):
    rng = np.random.default_rng(0)
    before = module(with_bias)
    inputs = [rng.standard_normal(i.shape).astype(i.dtype) for i in signature(before, "main").inputs]
    got = build(apply_step(before, FUSE).mod, target("generic"))(inputs)[0]
    assert np.allclose(got, inputs[0].sum(axis=1) + inputs[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "epilogue, settings, code",
    [
        (lambda y, b: T.max(y + b, T.float32(0)), {}, "epilogue_not_added"),
        (lambda y, b: T.min(T.max(y, T.float32(-1)), T.float32(1)), {}, "epilogue_not_added"),
        (lambda y, b: y * b, {}, "epilogue_not_added"),
        (lambda y, b: y + y, {}, "epilogue_not_added"),
        (lambda y, b: b - y, {}, "epilogue_not_added"),
        (lambda y, b: b / y, {}, "epilogue_not_added"),
        (lambda y, b: y + b, {"start": 1.0}, "epilogue_no_sum"),
        (lambda y, b: y + b, {"maximum": True}, "epilogue_no_sum"),
    ],
)
def test_fuse_reduction_epilogue_refused_where_it_would_compute_something_else(
    refuse, epilogue, settings, code
):
    refusal = refuse(sum_then(epilogue, **settings), FUSE)
    assert refusal.code == code
    assert "Y" in refusal.paths


def test_fuse_reduction_epilogue_refused_where_others_read_the_sum(refuse):
    @T.prim_func(s_tir=True)
    def twice(
        A: T.Buffer((8, 32), "float32"),
        bias: T.Buffer((8,), "float32"),
        C: T.Buffer((8,), "float32"),
        D: T.Buffer((8,), "float32"),
    ):
        Y = T.sblock_alloc_buffer((8,))
        for i, k in T.grid(8, 32):
            with T.sblock("Y"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    Y[vi] = T.float32(0)
                Y[vi] = Y[vi] + A[vi, vk]
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = Y[vi] + bias[vi]
        for i in range(8):
            with T.sblock("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = Y[vi] * T.float32(2)

    refusal = refuse(twice, FUSE)
    assert (refusal.code, refusal.paths) == ("epilogue_others", ("Y", "D"))
