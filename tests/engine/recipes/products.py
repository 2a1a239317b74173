"""Products of matrices as functions, and what NumPy makes of the same numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from tvm import te, tirx
from tvm.tirx import PrimFunc

from mlc_explorer.engine.recipes.base import Recipe
from mlc_explorer.engine.transforms import packed_te

from .convolutions import ran, scheduled


@dataclass(frozen=True)
class Product:
    """`rows` × `depth` times `depth` × `columns`, for each of the `batch`.

    `left`, `right`: whether an operand is stored transposed. `panel`: the columns of a panel, if the right
    operand was packed when the model was made. `after`: what follows, in order: ``bias``, ``residual``,
    ``scale``, ``relu``, ``gate`` (x times sigmoid of x, so that x is used twice). `before`: operands that are
    made in the function itself, ``left`` and ``right`` by halving, ``moved`` the right one by turning it.
    """

    rows: int
    columns: int
    depth: int
    batch: tuple[int, ...] = ()
    left: bool = False
    right: bool = False
    panel: int = 0
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


def function(product: Product, dtype: str = "float32", index: str = "int64") -> PrimFunc:
    """The loops of `product` and of what follows, as a fused function has them."""
    arguments, result = _packed(product, dtype) if product.panel else _plain(product, dtype)
    for what in product.after:
        result, more = _follow(what, result)
        arguments += more
    func = te.create_prim_func([*arguments, result], index_dtype_override=index)
    return func.with_attr("tirx.noalias", True)


def _plain(product: Product, dtype: str) -> tuple[list[te.Tensor], te.Tensor]:
    m, n, depth = product.rows, product.columns, product.depth
    a = te.placeholder((*product.batch, *((depth, m) if product.left else (m, depth))), dtype, name="A")
    b = te.placeholder((*product.batch, *((n, depth) if product.right else (depth, n))), dtype, name="B")
    k = te.reduce_axis((0, depth), "k")
    arguments = [a, b]
    a = _halved(a) if "left" in product.before else a
    b = _halved(b) if "right" in product.before else b
    if "moved" in product.before:
        arguments[1] = te.placeholder((*product.batch, *reversed(b.shape[-2:])), dtype, name="B_turned")
        b = _turned(arguments[1])

    def element(*index):  # type: ignore[no-untyped-def]
        *batch, i, j = index
        left = a[(*batch, k, i)] if product.left else a[(*batch, i, k)]
        right = b[(*batch, j, k)] if product.right else b[(*batch, k, j)]
        return te.sum(left * right, axis=k)

    return arguments, te.compute((*product.batch, m, n), element, name="C")


def _halved(x: te.Tensor) -> te.Tensor:
    return te.compute(x.shape, lambda *i: x[i] * tirx.const(0.5, x.dtype), "halved")


def _turned(x: te.Tensor) -> te.Tensor:
    """The last two axes exchanged."""
    *batch, m, n = x.shape
    return te.compute((*batch, n, m), lambda *i: x[(*i[:-2], i[-1], i[-2])], "turned")


def _packed(product: Product, dtype: str) -> tuple[list[te.Tensor], te.Tensor]:
    a = te.placeholder((*product.batch, product.rows, product.depth), dtype, name="data")
    count = -(-product.columns // product.panel)
    b = te.placeholder((count, product.depth, product.panel), dtype, name="panels")
    return [a, b], packed_te.matmul_packed(a, b, product.columns)


def _follow(what: str, x: te.Tensor) -> tuple[te.Tensor, list[te.Tensor]]:
    if what == "bias":
        bias = te.placeholder((x.shape[-1],), x.dtype, name="bias")
        return te.compute(x.shape, lambda *i: x[i] + bias[i[-1]], "add"), [bias]
    if what == "residual":
        other = te.placeholder(x.shape, x.dtype, name="residual")
        return te.compute(x.shape, lambda *i: x[i] + other[i], "add_residual"), [other]
    if what == "scale":
        return te.compute(x.shape, lambda *i: x[i] * tirx.const(0.25, x.dtype), "scale"), []
    if what == "relu":
        return te.compute(x.shape, lambda *i: tirx.max(x[i], tirx.const(0, x.dtype)), "relu"), []
    gate = te.compute(x.shape, lambda *i: tirx.sigmoid(x[i]), "sigmoid")
    return te.compute(x.shape, lambda *i: x[i] * gate[i], "gated"), []


def numbers(product: Product, func: PrimFunc) -> list[np.ndarray]:
    """Random inputs for `func`, and at the end what comes out, computed by NumPy from the definition."""
    rng = np.random.default_rng(5)
    shapes = [tuple(int(n) for n in p.ty.shape) for p in func.params[:-1]]
    a, b, *others = (rng.standard_normal(shape).astype("float32") for shape in shapes)
    left = a.swapaxes(-1, -2) if product.left else a
    right = _plain_right(product, b.swapaxes(-1, -2) if "moved" in product.before else b)
    result = left.astype("float64") @ right * 0.5 ** len({"left", "right"} & set(product.before))
    more = iter(others)
    for what in product.after:
        if what in ("bias", "residual"):
            result = result + next(more)
        elif what == "scale":
            result = result * 0.25
        elif what == "relu":
            result = np.maximum(result, 0)
        else:
            result = result / (1 + np.exp(-result))
    return [a, b, *others, result]


def _plain_right(product: Product, b: np.ndarray) -> np.ndarray:
    if product.panel:
        return b.transpose(1, 0, 2).reshape(product.depth, -1)[:, : product.columns]
    return b.swapaxes(-1, -2) if product.right else b


def assert_right(product: Product, recipe: Recipe, func: PrimFunc) -> None:
    """`func` scheduled by `recipe`, run here, gives what the definition of the product says."""
    *inputs, expected = numbers(product, func)
    error = np.abs(ran(scheduled(recipe, func), inputs) - expected).max()
    assert error <= 1e-5 * max(np.abs(expected).max(), math.sqrt(product.depth))
