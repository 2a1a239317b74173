"""The graph of a PrimFunc: which block's buffer flows into which block.

It gives a model that is a single tensor function a graph worth looking at, and shows what a schedule did to
the dataflow: a cached copy, an initialisation split from its update.
"""

from __future__ import annotations

from typing import Any

from tvm.ir.expr import TensorLoad
from tvm.tirx import BufferStore, IterVar, PrimFunc
from tvm.tirx.buffer import BufferType

from ...schema.graph import Node
from ..paths import Place, walk
from .buffers import dtype_of, innermost_blocks, written_buffers
from .families import family
from .sketch import Sketch, shape_text


def block_sketch(func: PrimFunc, function: str) -> Sketch:
    """The graph of `func`: parameters that are read, innermost blocks by their paths, one output ``out``.

    A buffer's value comes from the last block that wrote it; blocks that write a buffer without reading it
    (parts of a concatenation) all contribute.
    """
    places = walk(func)
    blocks = innermost_blocks(places)
    written = written_buffers(func, places)
    paths = {block.path for block in blocks}
    sketch = Sketch()
    writers: dict[Any, list[str]] = {}
    for param in func.params:
        if isinstance(param.ty, BufferType) and param not in written:
            name = sketch.free_id(param.name, paths)
            node = Node(name, "input", "input", shape_text(param.shape), dtype_of(param), label=param.name)
            writers[param] = [sketch.add(node)]
    if blocks:
        for block in blocks:
            _add_block(sketch, block, function, writers)
    else:
        whole = Node(sketch.free_id(function), function, "call", function=function, label=function)
        sketch.add(whole, [w for ids in writers.values() for w in ids])
        writers |= {buffer: [whole.id] for buffer in written}
    _add_output(sketch, func, writers, written)
    return sketch


def _add_block(sketch: Sketch, place: Place, function: str, writers: dict[Any, list[str]]) -> None:
    block = place.node
    reads = [region.source for region in block.reads]
    writes = [region.source for region in block.writes]
    target = writes[0] if writes else None
    node = Node(
        place.path,
        op=place.name,
        family=block_family(place),
        shape=shape_text(target.shape) if target is not None else "",
        dtype=dtype_of(target) if target is not None else "",
        function=function,
        label=place.name,
    )
    sketch.add(node, (writer for buffer in reads for writer in writers.get(buffer, ())))
    for buffer in writes:
        updates = buffer in reads
        writers[buffer] = [node.id] if updates else [*writers.get(buffer, ()), node.id]


def _add_output(sketch: Sketch, func: PrimFunc, writers: dict[Any, list[str]], written: set[Any]) -> None:
    outputs = [p for p in func.params if isinstance(p.ty, BufferType) and p in written]
    sketch.add(
        Node(
            sketch.free_id("out"),
            "output",
            "output",
            ", ".join(shape_text(p.shape) for p in outputs),
            ", ".join(dict.fromkeys(dtype_of(p) for p in outputs)),
            label=", ".join(p.name for p in outputs) or "output",
        ),
        (writer for p in outputs for writer in writers.get(p, ())),
    )


def block_family(place: Place) -> str:
    """By what the block does; a reduction's and a rearrangement's name may say more."""
    block = place.node
    named = family(place.name)
    if any(int(axis.iter_type) == int(IterVar.CommReduce) for axis in block.iter_vars):
        own = {region.source for region in block.writes}
        factors = {region.source for region in block.reads} - own
        return (
            named
            if named in ("conv", "matmul", "pool", "reduce")
            else "matmul"
            if len(factors) > 1
            else "reduce"
        )
    copies = isinstance(block.body, BufferStore) and isinstance(block.body.value, TensorLoad)
    return "shape" if copies or named == "shape" else "elementwise"
