"""Well-formed ONNX models that do harm when they run: what a confined worker must survive.

Each function returns the bytes of a file of a few hundred bytes, which opens and compiles without complaint.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def divides_by_zero() -> bytes:
    """An integer divided by an integer zero: the CPU traps, and the process dies of SIGFPE.

    The zero is computed (x - x), so that no compiler sees it coming."""
    nodes = [
        helper.make_node("Sub", ["x", "x"], ["zero"], name="zero"),
        helper.make_node("Div", ["x", "zero"], ["y"], name="divide"),
    ]
    return _model("divides_by_zero", nodes, {"x": [4]}, {"y": [4]}, TensorProto.INT32)


def never_ends() -> bytes:
    """A hundred products of 2048³ multiplications each, as plain loops: over an hour, in 50 MB."""
    size, rounds = 2048, 100
    names = ["x", *(f"y{i}" for i in range(rounds - 1)), "y"]
    nodes = [
        helper.make_node("MatMul", [before, "x"], [after], name=f"product{i}")
        for i, (before, after) in enumerate(itertools.pairwise(names))
    ]
    return _model("never_ends", nodes, {"x": [size, size]}, {"y": [size, size]}, TensorProto.FLOAT)


def fills_the_memory() -> bytes:
    """Expands one number to 100 GB."""
    shape = np.array([25_000, 1_000_000], np.int64)
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["wide"], name="expand"),
        helper.make_node("ReduceSum", ["wide"], ["y"], name="sum", keepdims=1),
    ]
    one = {"x": [1, 1]}, {"y": [1, 1]}
    return _model("fills_the_memory", nodes, *one, TensorProto.FLOAT, {"shape": shape})


def _model(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
    kind: int,
    weights: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    def infos(tensors: Mapping[str, Sequence[int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, kind, s) for n, s in tensors.items()]

    constants = [numpy_helper.from_array(value, n) for n, value in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), name, infos(inputs), infos(outputs), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString(deterministic=True)
