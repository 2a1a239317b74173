"""Exponentials and their kin as sums and products, which run in vector registers like any other.

A call of the C library's ``expf`` takes one element: a vector of sixteen is taken apart for sixteen calls.
The coefficients are least-squares fits made for this file (Chebyshev nodes; quotients reweighted until the
relative error is level). In float32 the results are within 4e-7 of the true ones, relatively.
"""

from collections.abc import Sequence
from typing import Any

import tvm_ffi
from tvm import tirx
from tvm.ir import Call, TensorLoad
from tvm.s_tir import SBlock
from tvm.tirx.analysis import undefined_vars

_LOG2_E = 1.4426950408889634
_LN_2 = (0.693145751953125, 1.42860682e-06)  # high part, exact times any exponent, and the rest
_LEAST, _MOST = -87.6, 88.72283  # below, the power of two is zero; above, the result is infinite
_TWICE_EXP = (2.0, 2.0, 1.0, 0.333331526, 0.0833329334, 0.0167263635, 0.00278673042)
_TANH_LIMIT, _ERF_LIMIT = 9.0, 3.92  # from where on the results are ±1 in float32
_TANH = (
    (1.0, 0.136808842, 0.00386954285, 2.80319982e-05, 3.06440988e-08, -1.22473325e-11),
    (1.0, 0.470142156, 0.0272502843, 0.000394077419, 1.28908209e-06),
)
_ERF = (
    (1.12837911, 0.190398797, 0.0527477525, 0.00376530294, 0.000284877897, 2.05017113e-06),
    (1.0, 0.502069294, 0.114105977, 0.0149685834, 0.0011624638, 3.80923448e-05),
)


def _const(value: float) -> Any:
    return tirx.const(value, "float32")


def _let(name: str, value: Any, body: Any) -> Any:
    """`body(v)` where v stands for `value`, which is computed once."""
    variable = tirx.Var(name, "float32")
    return tirx.Let(variable, value, body(variable))


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """c0 + c1·x + c2·x² + …, by Horner's rule."""
    total = _const(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + _const(coefficient)
    return total


def vector_exp(x: Any) -> Any:
    """e^x = 2^n · e^r, where n is the whole number nearest to x / ln 2 and r what is left; the power of two
    is written into the exponent's bits. Infinite from 88.7 on, 0 below -87, NaN for NaN."""

    def half_power(n: Any) -> Any:  # 2^n itself does not fit for the largest n
        bits = (tirx.Cast("int32", n) + tirx.const(126, "int32")) << tirx.const(23, "int32")
        return tirx.reinterpret("float32", bits)

    def finite(y: Any) -> Any:
        return _let("n", tirx.floor(y * _const(_LOG2_E) + _const(0.5)), lambda n: reduced(y, n))

    def reduced(y: Any, n: Any) -> Any:
        rest = y - n * _const(_LN_2[0]) - n * _const(_LN_2[1])
        return _let("r", rest, lambda r: half_power(n) * _polynomial(r, _TWICE_EXP))

    def whole(z: Any) -> Any:
        least = _let("y", tirx.max(z, _const(_LEAST)), finite)
        return tirx.Select(z <= _const(_MOST), least, z + _const(float("inf")))

    return _let("x", x, whole)


def vector_sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return _const(1) / (_const(1) + vector_exp(_const(0) - x))


def vector_tanh(x: Any) -> Any:
    """x · P(x²) / Q(x²), between ±9."""
    return _odd_quotient(x, _TANH_LIMIT, *_TANH)


def vector_erf(x: Any) -> Any:
    """x · P(x²) / Q(x²), between ±3.92."""
    return _odd_quotient(x, _ERF_LIMIT, *_ERF)


def _odd_quotient(x: Any, limit: float, above: Sequence[float], below: Sequence[float]) -> Any:
    def quotient(y: Any) -> Any:
        return _let("t", y * y, lambda t: y * _polynomial(t, above) / _polynomial(t, below))

    def within(z: Any) -> Any:  # comparisons that leave NaN as it is
        above_least = tirx.Select(z < _const(-limit), _const(-limit), z)
        return _let("y", tirx.Select(z > _const(limit), _const(limit), above_least), quotient)

    return _let("x", x, within)


_WRITTEN = {"exp": vector_exp, "sigmoid": vector_sigmoid, "tanh": vector_tanh, "erf": vector_erf}


def with_polynomials(func: tirx.PrimFunc) -> tirx.PrimFunc:
    """`func` with its calls in float32 of exp, sigmoid, tanh and erf written out, and with a product in place
    of each division by a number that is loaded once for a whole row: its inverse is taken once."""

    def written(call: Call) -> Any:
        name = getattr(call.op, "name", "").rpartition(".")[2]
        if name not in _WRITTEN or str(call.ty.dtype) != "float32":
            return call
        return _WRITTEN[name](call.args[0])

    return func.with_body(tvm_ffi.structural_map(func.body, [(Call, written), (SBlock, _with_inverses)]))


def _with_inverses(block: SBlock) -> SBlock:
    spatial = [axis.var for axis in block.iter_vars if axis.iter_type == tirx.IterVar.DataPar]

    def product(division: tirx.Div) -> Any:
        along = [spatial[-1] in undefined_vars(part) for part in (division.a, division.b)]
        loaded = list[Any]()
        tvm_ffi.structural_walk(division.b, (TensorLoad, loaded.append))
        if str(division.ty.dtype) != "float32" or along != [True, False] or not loaded:
            return division
        return division.a * (_const(1) / division.b)

    if not spatial:
        return block
    body = tvm_ffi.structural_map(block.body, (tirx.Div, product))
    if tvm_ffi.structural_equal(body, block.body):
        return block
    rest = (body, block.init, block.alloc_buffers, block.match_buffers, block.annotations)
    return SBlock(block.iter_vars, block.reads, block.writes, block.name_hint, *rest)
