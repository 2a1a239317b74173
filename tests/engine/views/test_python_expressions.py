"""Every expression as Python: run in the interpreter, it gives what the compiled code gives."""

import numpy as np
import pytest
from tvm import te, tirx

from mlc_explorer.engine.build import build
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.python_source import python
from mlc_explorer.errors import Refused
from tests.engine.views.interpreter import agree, called, elementwise, from_te


@pytest.mark.parametrize(
    "body",
    [
        lambda x, i: tirx.Select(i > 3, tirx.erf(x) * tirx.tanh(x), tirx.sigmoid(x) - (x - tirx.exp(x))),
        lambda x, i: tirx.max(x, tirx.const(0.25, "float32")) * tirx.min(x, tirx.const(-0.1, "float32")),
        lambda x, i: tirx.sqrt(tirx.abs(x)) + tirx.rsqrt(tirx.abs(x)) * tirx.power(x, 3.0),
        lambda x, i: tirx.log(x * x) - tirx.log2(x * x) / tirx.log10(x * x + tirx.const(2, "float32")),
        lambda x, i: tirx.sin(x) - (tirx.cos(x) - tirx.tan(x)) / (tirx.sinh(x) / tirx.cosh(x)),
        lambda x, i: tirx.floor(x) + tirx.ceil(x) * tirx.trunc(x) - tirx.nearbyint(x),
        lambda x, i: tirx.atan(x) + tirx.asin(x / 20) + tirx.acos(x / 20),
        lambda x, i: -x * tirx.Cast("float32", i * 3 // 2 % 5 - 1),
        lambda x, i: tirx.Cast("float32", tirx.Cast("int32", x * 10) >> 1),
        lambda x, i: tirx.Select(tirx.Not(tirx.any(x > 1, tirx.all(i >= 2, i != 5))), x, x + 1),
        lambda x, i: tirx.if_then_else(i == 0, tirx.infinity("float32"), x),
    ],
)  # fmt: skip
def test_expressions(body):
    agree(elementwise(body))


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8"])
@pytest.mark.parametrize(
    "body",
    [
        lambda x, i: x // tirx.const(3, x.ty) + x % tirx.const(3, x.ty),
        lambda x, i: tirx.truncdiv(x, tirx.const(3, x.ty)) - tirx.truncmod(x, tirx.const(3, x.ty)),
        lambda x, i: (x & tirx.const(6, x.ty)) | (x ^ tirx.const(1, x.ty)),
        lambda x, i: tirx.max(x, tirx.Cast(x.ty, i)),
    ],
)
def test_integers(body, dtype):
    """Division rounds down or towards zero, as TVM says."""
    agree(elementwise(body, dtype))


def test_division_of_large_integers_is_exact():
    """Not by way of float64, which has 53 bits."""
    mod = elementwise(lambda x, i: tirx.truncdiv(x, tirx.const(3, "int64")), "int64", 2)
    large = np.array([2**62 + 1, -(2**62) - 1])
    assert called(mod, "main", [large])[0].tolist() == [(2**62 + 1) // 3, -((2**62 + 1) // 3)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_operation_rounds_to_its_type(dtype):
    """A thousand small terms are lost one by one, or not, as in the compiled code: to the bit."""
    x = te.placeholder((2000,), dtype, name="X")
    k = te.reduce_axis((0, 2000), name="k")
    mod = from_te(x, te.compute((1,), lambda _: te.sum(x[k] * tirx.const(0.1, dtype), axis=k), name="S"))
    inputs = [np.full(2000, 1.1, dtype)]
    np.testing.assert_array_equal(called(mod, "main", inputs), build(mod, target("generic"))(inputs))


def test_the_side_that_is_not_taken_is_not_read():
    """X[-1] would be Python's last element, X[12] an error."""
    x = te.placeholder((12,), name="X")
    zero = tirx.const(0, "float32")

    def neighbours(i):
        left = tirx.if_then_else(i >= 1, x[i - 1], zero)
        return left + tirx.if_then_else(i < 11, x[i + 1], zero)

    agree(from_te(x, te.compute((12,), neighbours, name="Y")))


def test_names_that_python_keeps_for_itself():
    x = te.placeholder((4,), name="lambda")
    agree(from_te(x, te.compute((4,), lambda i: x[i] + 1, name="max")))


@pytest.mark.parametrize(
    ("mod", "what"),
    [
        (lambda: elementwise(lambda x, i: tirx.call_intrin("float32", "tirx.round", x)), "round"),
        (lambda: elementwise(lambda x, i: x, "bfloat16"), "bfloat16"),
        (lambda: elementwise(lambda x, i: tirx.call_extern("float32", "f", x)), "call_extern"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(mod, what):
    with pytest.raises(Refused) as refused:
        python(mod(), "main")
    assert refused.value.code == "view_not_python"
    assert what in refused.value.params["what"]


def test_a_refusal_names_what_it_can_not_write_as_code_does():
    """It is part of a sentence in any language."""
    mod = elementwise(lambda x, i: tirx.call_extern("float32", "mystery", x))
    with pytest.raises(Refused) as refused:
        python(mod, "main")
    assert refused.value.params["what"].startswith("call_extern: T.call_extern(")
