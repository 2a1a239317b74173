"""ONNX models of any number of nodes, for what must stay quick however large a graph is."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper


def model(nodes: Sequence[onnx.NodeProto], last: str) -> bytes:
    """A file of element-wise nodes on (1, 64) float32, from ``x`` to `last`."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", last)]
    graph = helper.make_graph(nodes, "main", ends[:1], ends[1:])
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, ir_version=9, opset_imports=[opset]).SerializeToString()


def chain(count: int) -> bytes:
    """Four Relu and the addition of a residual, again and again."""
    nodes, before, skip = [], "x", "x"
    for i in range(count):
        is_sum = i % 5 == 4
        inputs = [before, skip] if is_sum else [before]
        nodes.append(helper.make_node("Add" if is_sum else "Relu", inputs, [f"t{i}"]))
        before = f"t{i}"
        skip = before if is_sum else skip
    return model(nodes, before)
