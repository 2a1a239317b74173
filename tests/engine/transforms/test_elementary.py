"""Elementary functions written out: before, after, how close to the true values, and what is refused."""

import math

import numpy as np
import pytest
from tvm import te, tirx
from tvm.script import tirx as T

from mlc_explorer.engine.build import build
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def power_over_sum(
    A: T.Buffer((2, 8), "float32"), S: T.Buffer((2,), "float32"), C: T.Buffer((2, 8), "float32")
):
    T.func_attr({"tirx.noalias": True})
    for i, j in T.grid(2, 8):
        with T.sblock("share"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.exp(A[vi, vj]) / S[vi]


@T.prim_func(s_tir=True)
def polynomial_times_inverse(
    A: T.Buffer((2, 8), "float32"), S: T.Buffer((2,), "float32"), C: T.Buffer((2, 8), "float32")
):
    T.func_attr({"tirx.noalias": True})
    for i, j in T.grid(2, 8):
        with T.sblock("share"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.reads(A[vi, vj], S[vi])
            T.writes(C[vi, vj])
            x = T.float32()
            y = T.float32()
            n = T.float32()
            r = T.float32()
            C[vi, vj] = T.Let(
                T.Select(
                    x <= T.float32(88.72283),
                    T.Let(
                        T.Let(
                            T.Let(
                                T.reinterpret("float32", T.Cast("int32", n) + 126 << 23)
                                * (
                                    (
                                        (
                                            (
                                                (
                                                    (
                                                        T.float32(0.0027867304199999999) * r
                                                        + T.float32(0.016726363500000001)
                                                    )
                                                    * r
                                                    + T.float32(0.083332933400000003)
                                                )
                                                * r
                                                + T.float32(0.33333152599999999)
                                            )
                                            * r
                                            + T.float32(1.0)
                                        )
                                        * r
                                        + T.float32(2.0)
                                    )
                                    * r
                                    + T.float32(2.0)
                                ),
                                where={
                                    r: y
                                    - n * T.float32(0.693145751953125)
                                    - n * T.float32(1.4286068199999999e-06)
                                },
                            ),
                            where={n: T.floor(y * T.float32(1.4426950408889634) + T.float32(0.5))},
                        ),
                        where={y: T.max(x, T.float32(-87.6))},
                    ),
                    x + T.float32("inf"),
                ),
                where={x: A[vi, vj]},
            ) * (T.float32(1.0) / S[vi])


def test_exponentials_become_polynomials_and_a_rows_divisor_its_inverse(check):
    check(power_over_sum, polynomial_times_inverse, Step("vector_math", "main"))


@pytest.fixture
def computed(module):
    """`computed(tirx.exp, x)`: the function's polynomial at each of the numbers `x`."""

    def run(function, x):
        A = te.placeholder(x.shape, name="A")
        func = te.create_prim_func([A, te.compute(x.shape, lambda i: function(A[i]), name="B")])
        mod = apply_step(module(func), Step("vector_math", "main")).mod
        return np.asarray(build(mod, target("cpu"))([x])[0])

    return run


TRUE = {
    "exp": (tirx.exp, np.exp),
    "tanh": (tirx.tanh, np.tanh),
    "erf": (tirx.erf, np.vectorize(math.erf)),
    "sigmoid": (tirx.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
}


@pytest.mark.parametrize("name", TRUE)
def test_the_polynomials_are_as_close_as_float32_allows(computed, name):
    written, true = TRUE[name]
    x = np.concatenate([np.linspace(-86, 88.6, 20000), np.linspace(-6, 6, 20000)]).astype("float32")
    np.testing.assert_allclose(computed(written, x), true(x.astype("float64")), rtol=5e-7, atol=1e-37)


@pytest.mark.parametrize(
    "name, at_infinity", [("exp", (0, np.inf)), ("tanh", (-1, 1)), ("erf", (-1, 1)), ("sigmoid", (0, 1))]
)
def test_they_know_infinity_and_what_is_no_number(computed, name, at_infinity):
    x = np.array([-np.inf, np.inf, np.nan, 0], dtype="float32")
    found = computed(TRUE[name][0], x)
    np.testing.assert_allclose(found, [*at_infinity, np.nan, TRUE[name][1](np.zeros(1))[0]], atol=2e-7)


@T.prim_func(s_tir=True)
def relu(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("relu"):
            vi = T.axis.spatial(8, i)
            B[vi] = T.max(A[vi], T.float32(0))


def test_vector_math_refuses_what_has_nothing_for_it(refuse):
    assert refuse(relu, Step("vector_math", "main")).code == "no_elementary"
