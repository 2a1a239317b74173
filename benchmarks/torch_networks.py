"""The networks in torch, for a third opinion on speed where torch is installed.

An ONNX graph is walked operator by operator in torch's eager mode without gradients, weights converted once:
what a person gets who writes the network in PyTorch and calls it. Only the benchmark's operators are here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

Attributes = Mapping[str, Any]
Tensor = torch.Tensor
_SOFTMAX_BY_AXIS = 13  # before this version of the operators a softmax went over all axes from the given one


@dataclass(frozen=True)
class _Call:
    operator: Callable[..., Tensor]
    attributes: Attributes
    inputs: tuple[str, ...]
    output: str


class TorchNetwork:
    """The ONNX file `model` on fixed float32 `inputs`, in their order; calling it computes the outputs.

    Raises KeyError for an operator that is not here."""

    def __init__(self, model: bytes, inputs: Sequence[np.ndarray], threads: int) -> None:
        torch.set_num_threads(threads)
        loaded = onnx.load_from_string(model)
        version = next(o.version for o in loaded.opset_import if o.domain in ("", "ai.onnx"))
        graph = loaded.graph
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        free = [i.name for i in graph.input if i.name not in arrays]
        self._values = {n: torch.from_numpy(np.array(a)) for n, a in arrays.items()}
        self._values |= {n: torch.from_numpy(np.array(a)) for n, a in zip(free, inputs, strict=True)}
        self._outputs = [output.name for output in graph.output]
        self._calls = []
        known = set(arrays)
        for node in graph.node:
            call = _call(node, version)
            if set(call.inputs) <= known:  # of weights alone
                self._values[call.output] = self._ran(call, self._values)
                known.add(call.output)
            else:
                self._calls.append(call)

    @torch.inference_mode()
    def __call__(self) -> list[np.ndarray]:
        values = dict(self._values)
        for call in self._calls:
            values[call.output] = self._ran(call, values)
        return [values[name].numpy() for name in self._outputs]

    @staticmethod
    def _ran(call: _Call, values: Mapping[str, Tensor]) -> Tensor:
        return call.operator(call.attributes, *(values[name] for name in call.inputs))


def _call(node: onnx.NodeProto, version: int) -> _Call:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} | {"version": version}
    return _Call(_OPERATORS[node.op_type], attributes, tuple(node.input), node.output[0])


def _padded(x: Tensor, attributes: Attributes, value: float = 0.0) -> Tensor:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return F.pad(x, (left, right, top, bottom), value=value) if top or left or bottom or right else x


def _even(attributes: Attributes) -> tuple[int, int] | None:
    """The padding, if it is the same on both sides, so that torch's operator can do it itself."""
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    return (top, left) if (top, left) == (bottom, right) else None


def _conv(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    even = _even(a)
    x = x if even else _padded(x, a)
    how = a.get("strides", (1, 1)), even or 0, a.get("dilations", (1, 1)), a.get("group", 1)
    return F.conv2d(x, weight, bias, *how)


def _max_pool(a: Attributes, x: Tensor) -> Tensor:
    return F.max_pool2d(_padded(x, a, -torch.inf), a["kernel_shape"], a.get("strides", (1, 1)))


def _average_pool(a: Attributes, x: Tensor) -> Tensor:
    """The mean of what lies within the picture."""
    size, strides, even = a["kernel_shape"], a.get("strides", (1, 1)), _even(a)
    if even:
        return F.avg_pool2d(x, size, strides, even, count_include_pad=False)
    share = F.avg_pool2d(_padded(torch.ones_like(x), a), size, strides)
    return F.avg_pool2d(_padded(x, a), size, strides) / share


def _gemm(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(x, weight if a.get("transB") else weight.T, bias)


def _softmax(a: Attributes, x: Tensor) -> Tensor:
    if a["version"] >= _SOFTMAX_BY_AXIS:
        return x.softmax(a.get("axis", -1))
    return x.flatten(a.get("axis", 1)).softmax(-1).view_as(x)


def _reshape(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    """A 0 keeps the axis's length."""
    return x.reshape([n or x.shape[axis] for axis, n in enumerate(shape.tolist())])


def _flatten(a: Attributes, x: Tensor) -> Tensor:
    axis = a.get("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def _unsqueeze(a: Attributes, x: Tensor) -> Tensor:
    for axis in sorted(a["axes"]):
        x = x.unsqueeze(axis)
    return x


def _batch_norm(
    a: Attributes, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, shift, eps=a.get("epsilon", 1e-5))


def _layer_norm(a: Attributes, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return F.layer_norm(x, scale.shape, scale, shift, a.get("epsilon", 1e-5))


def _local_response_norm(a: Attributes, x: Tensor) -> Tensor:
    return F.local_response_norm(x, a["size"], a["alpha"], a["beta"], a["bias"])


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Conv": _conv,
    "Div": lambda a, x, y: x / y,
    "Dropout": lambda a, x: x,
    "Erf": lambda a, x: x.erf(),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "LRN": _local_response_norm,
    "LayerNormalization": _layer_norm,
    "MatMul": lambda a, x, y: x @ y,
    "MaxPool": _max_pool,
    "Mul": lambda a, x, y: x * y,
    "Relu": lambda a, x: x.relu(),
    "Reshape": _reshape,
    "Softmax": _softmax,
    "Sum": lambda a, *parts: sum(parts[1:], parts[0]),
    "Transpose": lambda a, x: x.permute(*a["perm"]),
    "Unsqueeze": _unsqueeze,
}
