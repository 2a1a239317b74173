"""The single-function samples: each a tensor function declared once as a tensor expression, with two
independent twins that say what it should compute: plain NumPy, and an ONNX model for ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tvm
import tvm_ffi
from onnx import helper
from tvm import te
from tvm.s_tir import SBlock

from ...schema.report import TensorInfo
from .networks import make_model, tensor_infos

Shape = tuple[int, ...]
_EPSILON = 1e-5


@dataclass(frozen=True)
class TensorFunction:
    """`inputs` are the shapes by name, all float32; there is one output.

    `declare` turns the input tensors into the output tensor. `blocks` says what the block that fills
    a buffer is called, since TE gives both one name: buffers read as letters, blocks as what they do.
    """

    inputs: Mapping[str, Shape]
    declare: Callable[..., te.Tensor]
    blocks: Mapping[str, str]
    numpy: Callable[..., np.ndarray]
    operators: Sequence[tuple[str, Mapping[str, object]]]

    def module(self) -> tvm.IRModule:
        """An IRModule with the function as its only PrimFunc, ``main``.

        TE's promise that buffers do not overlap is kept: without it LLVM reloads after every store, and a
        tiled, vectorised 512³ product took 2.2 times as long."""
        tensors = [te.placeholder(shape, name=name) for name, shape in self.inputs.items()]
        function = te.create_prim_func([*tensors, self.declare(*tensors)])
        body = tvm_ffi.structural_map(function.body, (SBlock, self._rename))
        return tvm.IRModule({"main": function.with_body(body).with_attr("global_symbol", "main")})

    def _rename(self, block: SBlock) -> SBlock:
        name = self.blocks.get(block.name_hint)
        if name is None:
            return block
        rest = (block.body, block.init, block.alloc_buffers, block.match_buffers, block.annotations)
        return SBlock(block.iter_vars, block.reads, block.writes, name, *rest)

    def reference(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs by NumPy."""
        return [self.numpy(*inputs)]

    def twin(self, name: str, output: TensorInfo) -> bytes:
        """The same function as an ONNX model: `operators` one after the other, the first on all inputs."""
        names = [f"{operator.lower()}_out" for operator, _ in self.operators[:-1]] + [output.name]
        nodes, values = [], list(self.inputs)
        for (operator, attributes), result in zip(self.operators, names, strict=True):
            nodes.append(helper.make_node(operator, values, [result], name=operator.lower(), **attributes))
            values = [result]
        inputs, outputs = tensor_infos(self.inputs), tensor_infos({output.name: output.shape})
        model = make_model(helper.make_graph(nodes, name, inputs, outputs))
        return model.SerializeToString(deterministic=True)


def _matmul(a: te.Tensor, b: te.Tensor) -> te.Tensor:
    k = te.reduce_axis((0, a.shape[1]), name="k")
    return te.compute((a.shape[0], b.shape[1]), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="C")


def _bmm_relu(a: te.Tensor, b: te.Tensor) -> te.Tensor:
    k = te.reduce_axis((0, a.shape[2]), name="k")
    shape = (a.shape[0], a.shape[1], b.shape[2])
    y = te.compute(shape, lambda n, i, j: te.sum(a[n, i, k] * b[n, k, j], axis=k), name="Y")
    return te.compute(shape, lambda n, i, j: te.max(y[n, i, j], te.const(0, "float32")), name="C")


def _conv2d(image: te.Tensor, weight: te.Tensor) -> te.Tensor:
    """3×3 with padding 1: the image is first copied into a frame of zeros."""
    batch, channels, height, width = image.shape

    def framed(n: te.Var, c: te.Var, h: te.Var, w: te.Var) -> te.Var:
        inside = tvm.tirx.all(h >= 1, h < height + 1, w >= 1, w < width + 1)
        return tvm.tirx.if_then_else(inside, image[n, c, h - 1, w - 1], te.const(0, "float32"))

    frame = te.compute((batch, channels, height + 2, width + 2), framed, name="P")
    ci, kh, kw = (te.reduce_axis((0, e), name=n) for e, n in ((channels, "ci"), (3, "kh"), (3, "kw")))
    return te.compute(
        (batch, weight.shape[0], height, width),
        lambda n, co, h, w: te.sum(frame[n, ci, h + kh, w + kw] * weight[co, ci, kh, kw], axis=[ci, kh, kw]),
        name="Y",
    )


def _softmax(x: te.Tensor) -> te.Tensor:
    rows, columns = x.shape
    k, r = te.reduce_axis((0, columns), name="k"), te.reduce_axis((0, columns), name="k")
    top = te.compute((rows,), lambda i: te.max(x[i, k], axis=k), name="M")
    e = te.compute((rows, columns), lambda i, j: te.exp(x[i, j] - top[i]), name="E")
    total = te.compute((rows,), lambda i: te.sum(e[i, r], axis=r), name="S")
    return te.compute((rows, columns), lambda i, j: e[i, j] / total[i], name="Y")


def _layer_norm(x: te.Tensor, gamma: te.Tensor, beta: te.Tensor) -> te.Tensor:
    rows, columns = x.shape
    k, r = te.reduce_axis((0, columns), name="k"), te.reduce_axis((0, columns), name="k")
    share, epsilon = te.const(1 / int(columns), "float32"), te.const(_EPSILON, "float32")
    total = te.compute((rows,), lambda i: te.sum(x[i, k], axis=k), name="S")
    centred = te.compute((rows, columns), lambda i, j: x[i, j] - total[i] * share, name="D")
    squares = te.compute((rows,), lambda i: te.sum(centred[i, r] * centred[i, r], axis=r), name="V")
    return te.compute(
        (rows, columns),
        lambda i, j: centred[i, j] * te.rsqrt(squares[i] * share + epsilon) * gamma[j] + beta[j],
        name="Y",
    )


def _numpy_bmm_relu(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(a @ b, 0)


def _numpy_conv2d(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), axis=(2, 3))
    return np.tensordot(windows, w, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)


def _numpy_softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _numpy_layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    centred = x - x.mean(1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(1, keepdims=True) + np.float32(_EPSILON))
    return centred / deviation * gamma + beta


def _square(size: int) -> TensorFunction:
    shapes = {"A": (size, size), "B": (size, size)}
    return TensorFunction(shapes, _matmul, {"C": "matmul"}, np.matmul, [("MatMul", {})])


FUNCTIONS: dict[str, TensorFunction] = {
    "matmul_128": _square(128),
    "matmul_1024": _square(1024),
    "bmm_relu": TensorFunction(
        {"A": (16, 128, 128), "B": (16, 128, 128)},
        _bmm_relu,
        {"Y": "bmm", "C": "relu"},
        _numpy_bmm_relu,
        [("MatMul", {}), ("Relu", {})],
    ),
    "conv2d": TensorFunction(
        {"X": (1, 64, 56, 56), "W": (64, 64, 3, 3)},
        _conv2d,
        {"P": "pad", "Y": "conv2d"},
        _numpy_conv2d,
        [("Conv", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})],
    ),
    "softmax": TensorFunction(
        {"X": (64, 1024)},
        _softmax,
        {"M": "row_max", "E": "exp", "S": "row_sum", "Y": "divide"},
        _numpy_softmax,
        [("Softmax", {"axis": -1})],
    ),
    "layer_norm": TensorFunction(
        {"X": (128, 768), "gamma": (768,), "beta": (768,)},
        _layer_norm,
        {"S": "row_sum", "D": "centre", "V": "square_sum", "Y": "normalise"},
        _numpy_layer_norm,
        [("LayerNormalization", {"axis": -1, "epsilon": _EPSILON})],
    ),
}
