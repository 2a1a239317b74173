"""The dataflow of a schedule: blocks and the buffers between them, each a box.

The graph of blocks (`blockflow`) says what depends on what. Here the tensors in between are boxes too, so
that a cached copy, a packed layout or an accumulator that two blocks share can be seen, with shape and scope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ...schema.graph import GraphView, Node
from ..paths import walk
from .blockflow import block_family
from .buffers import buffers, dtype_of, innermost_blocks, written_buffers
from .layout import lay_out
from .lookup import prim_func
from .opened import Shown
from .sketch import Sketch, shape_text


def schedule_flow(mod: IRModule, function: str) -> GraphView:
    """Blocks by their paths, with their iteration domain for a shape; buffers as ``buffer:<name>``, of family
    ``buffer``, with their role for an operator, and a scope other than global behind the shape.

    An edge leads from a buffer to each block that reads it, and from a block to each buffer that it writes,
    so an update of its own buffer has both. NotFound for a graph function, which has no schedule.
    """
    sketch = flow_sketch(prim_func(mod, function, "dataflow"), function)
    boxes = list(sketch.nodes.values())
    return lay_out(function, Shown(boxes, list(sketch.edges), within=dict.fromkeys(sketch.nodes, "")))


def flow_sketch(func: PrimFunc, function: str) -> Sketch:
    """The same before it is laid out."""
    places = walk(func)
    roles = {info.name: info.role for info in buffers(func, places)}
    sketch = Sketch()

    def box(buffer: Any) -> str:
        id_ = f"buffer:{buffer.name}"
        if id_ not in sketch.nodes:
            scope = buffer.ty.storage_scope or "global"
            shape = shape_text(buffer.shape) + ("" if scope == "global" else f" · {scope}")
            role = roles.get(buffer.name, "local")
            sketch.add(Node(id_, role, "buffer", shape, dtype_of(buffer), label=buffer.name))
        return id_

    for place in innermost_blocks(places):
        sources = [box(region.source) for region in place.node.reads]
        domain = " × ".join(str(getattr(n, "value", n)) for n in (a.dom.extent for a in place.node.iter_vars))
        name, kind = place.name, block_family(place)
        sketch.add(Node(place.path, name, kind, domain, function=function, label=name), sources)
        for region in place.node.writes:
            sketch.edges[place.path, box(region.source)] = None
    if not sketch.nodes:
        _add_whole(sketch, func, function, box)
    return sketch


def _add_whole(sketch: Sketch, func: PrimFunc, function: str, box: Callable[[Any], str]) -> None:
    """Code without blocks is one box between what it may read and what it stores into."""
    written = written_buffers(func, ())
    tensors = [p for p in func.params if p.name in {info.name for info in buffers(func)}]
    sketch.add(
        Node(function, function, "call", function=function, label=function),
        [box(p) for p in tensors if p not in written],
    )
    for param in tensors:
        if param in written:
            sketch.edges[function, box(param)] = None
