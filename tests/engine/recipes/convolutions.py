"""Convolutions on blocked channels as functions, what NumPy makes of the same numbers, and three machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import IRModule, te, tirx
from tvm.tirx import PrimFunc

from mlc_explorer.engine.build import build
from mlc_explorer.engine.draft import Draft
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.base import Recipe
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import blocked_te

AVX512 = Machine(vector_bytes=64, registers=32, l1=48 << 10, l2=2 << 20, cores=4)
AVX2 = Machine(vector_bytes=32, registers=16, l1=32 << 10, l2=1 << 20, cores=2)
NEON = Machine(vector_bytes=16, registers=32, l1=64 << 10, l2=1 << 20, cores=4)
MACHINES = {"AVX-512": AVX512, "AVX2": AVX2, "NEON": NEON}


@dataclass(frozen=True)
class Conv:
    """A convolution in plain terms. `padding`: top, left, bottom, right. `lanes`: channels of a block; one
    with as many groups as channels is depthwise, one of fewer input channels than lanes a first layer.

    `after`: what follows, in order: ``bias``, ``residual``, ``relu``, ``swish`` (x times sigmoid of x)."""

    inputs: int
    outputs: int
    size: tuple[int, int]
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (1, 1, 1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    lanes: int = 16
    after: tuple[str, ...] = ("bias", "relu")

    @property
    def is_stem(self) -> bool:
        return self.inputs < self.lanes

    @property
    def is_depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.inputs == self.outputs

    def reach(self, axis: int) -> int:
        """Pixels that a kernel covers."""
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    @property
    def out_size(self) -> tuple[int, int]:
        top, left, bottom, right = self.padding
        padded = self.size[0] + top + bottom, self.size[1] + left + right
        rows, columns = ((padded[i] - self.reach(i)) // self.strides[i] + 1 for i in (0, 1))
        return rows, columns


def function(conv: Conv, index: str = "int32") -> PrimFunc:
    """The loops of `conv` and of what follows, as a fused function has them; their variables are `index`."""

    def tensor(name: str, *sizes: int) -> te.Tensor:
        return te.placeholder([tirx.IntImm(index, size) for size in sizes], "float32", name=name)

    b, (kh, kw) = conv.lanes, conv.kernel
    blocks = conv.outputs // b
    how = conv.strides, conv.padding, conv.dilation
    if conv.is_depthwise:
        data = tensor("data", 1, blocks, *conv.size, b)
        weight = tensor("weight", blocks, kh, kw, b)
        result = blocked_te.conv2d_depthwise(data, weight, *how)
    elif conv.is_stem:
        data = tensor("data", 1, conv.inputs, *conv.size)
        weight = tensor("weight", blocks, conv.inputs, kh, kw, b)
        result = blocked_te.conv2d_stem(data, weight, *how)
    else:
        data = tensor("data", 1, conv.inputs // b, *conv.size, b)
        weight = tensor("weight", blocks, conv.inputs // conv.groups // b, kh, kw, b, b)
        result = blocked_te.conv2d_blocked(data, weight, *how, conv.groups)
    arguments = [data, weight]
    for what in conv.after:
        result, more = _follow(what, result)
        arguments += more
    return te.create_prim_func([*arguments, result])


def _follow(what: str, x: te.Tensor) -> tuple[te.Tensor, list[te.Tensor]]:
    if what == "bias":
        bias = te.placeholder((1, x.shape[1], 1, 1, x.shape[4]), x.dtype, name="bias")
        return te.compute(x.shape, lambda n, o, h, w, v: x[n, o, h, w, v] + bias[n, o, 0, 0, v], "add"), [
            bias
        ]
    if what == "residual":
        other = te.placeholder(x.shape, x.dtype, name="residual")
        return te.compute(x.shape, lambda *i: x[i] + other[i], "add_residual"), [other]
    if what == "relu":
        return te.compute(x.shape, lambda *i: tirx.max(x[i], tirx.const(0, x.dtype)), "relu"), []
    gate = te.compute(x.shape, lambda *i: tirx.sigmoid(x[i]), "sigmoid")
    return te.compute(x.shape, lambda *i: x[i] * gate[i], "swish"), []


def ran(func: PrimFunc, inputs: list[np.ndarray]) -> np.ndarray:
    """What `func`, compiled for this CPU, makes of `inputs`."""
    mod = IRModule({"main": func.with_attr("global_symbol", "main")})
    return np.asarray(build(mod, target("cpu"))(inputs)[0])


def scheduled(recipe: Recipe, func: PrimFunc) -> PrimFunc:
    """`func` after the recipe's steps, looked through for what TVM accepts and gets wrong."""
    draft = Draft(func, "main")
    recipe.write(draft)
    return draft.finished()


def numbers(conv: Conv, func: PrimFunc) -> list[np.ndarray]:
    """Random inputs for `func`, and at the end what comes out, computed by NumPy from the definition."""
    rng = np.random.default_rng(7)
    shapes = [tuple(int(n) for n in p.ty.shape) for p in func.params[:-1]]
    data, weight, *others = (rng.standard_normal(shape).astype("float32") for shape in shapes)
    result = _blocked(_convolved(conv, _plain_data(conv, data), _plain_weight(conv, weight)), conv.lanes)
    more = iter(others)
    for what in conv.after:
        if what in ("bias", "residual"):
            result = result + next(more)
        elif what == "relu":
            result = np.maximum(result, 0)
        else:
            result = result / (1 + np.exp(-result))
    return [data, weight, *others, result]


def _convolved(conv: Conv, data: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(1, I, H, W) with (O, I / groups, KH, KW), tap by tap."""
    above, before, below, behind = conv.padding
    padded = np.pad(data, ((0, 0), (0, 0), (above, below), (before, behind)))[0]
    grouped = padded.reshape(conv.groups, -1, *padded.shape[1:])
    kernel = weight.reshape(conv.groups, -1, *weight.shape[1:])
    rows, columns = conv.out_size
    total = np.zeros((conv.groups, conv.outputs // conv.groups, rows, columns), "float64")
    for ry, rx in np.ndindex(*conv.kernel):
        y, x = ry * conv.dilation[0], rx * conv.dilation[1]
        down, across = conv.strides
        seen = grouped[
            :, :, y : y + (rows - 1) * down + 1 : down, x : x + (columns - 1) * across + 1 : across
        ]
        total += np.einsum("gihw,goi->gohw", seen, kernel[..., ry, rx])
    return total.reshape(1, conv.outputs, rows, columns)


def _plain_data(conv: Conv, data: np.ndarray) -> np.ndarray:
    if data.ndim == 4:
        return data
    return data.transpose(0, 1, 4, 2, 3).reshape(1, conv.inputs, *conv.size)


def _plain_weight(conv: Conv, weight: np.ndarray) -> np.ndarray:
    shape = conv.outputs, conv.inputs // conv.groups, *conv.kernel
    if conv.is_depthwise:
        return weight.transpose(0, 3, 1, 2).reshape(shape)
    if conv.is_stem:
        return weight.transpose(0, 4, 1, 2, 3).reshape(shape)
    return weight.transpose(0, 5, 1, 4, 2, 3).reshape(shape)


def _blocked(plain: np.ndarray, lanes: int) -> np.ndarray:
    n, channels, rows, columns = plain.shape
    return plain.reshape(n, channels // lanes, lanes, rows, columns).transpose(0, 1, 3, 4, 2)
