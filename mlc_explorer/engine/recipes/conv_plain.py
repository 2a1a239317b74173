"""A convolution on plain channels (NCHW) by itself, with no graph around it that could block its channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from tvm import IRModule
from tvm.tirx import FloatImm, PrimFunc, Var

from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from ..suggest.sight import element_bytes
from ..transforms.scope import REDUCTION, SPATIAL, Scope, extent, is_serial
from . import conv_nest, conv_tile
from .base import Recipe
from .conv_layer import Layer

_AXES = [SPATIAL] * 4 + [REDUCTION] * 3  # n, o, y, x; rc, ry, rx


@dataclass(frozen=True)
class ConvPlain(Recipe):
    """Schedules a convolution on plain channels (``NCHW``) for a CPU.

    1. Weights are copied once, so that the output channels of a vector lie side by side.
    2. A tile of the result, some pixels of a row times some vectors of output channels, stays in
       registers over the whole reduction, and is then written to where each channel lies.
    3. Rows run over the cores, and the columns of the kernel are written out where that leaves the
       body small.
    4. Zeros at the border are copied around the input beforehand.

    TVM: the primitives that it unfolds into; Halide: a ``conv_layer`` with reordered weights.

    pixels: how many pixels of a row a tile has.
    channel_blocks: how many vectors of output channels a tile has.
    lanes: output channels in a vector.
    unroll: how many columns of the kernel are written out.

    ``for n, o, y, x, rc, ry, rx`` → ``for n_y (parallel), o_0, x_0, rc, ry, rx (unrolled), x_1, o_1, o_2``
    """

    name: ClassVar[str] = "conv2d_plain"

    pixels: int = param(Integer(1, 64))
    channel_blocks: int = param(Integer(1, 16))
    lanes: int = param(Integer(2, 64))
    unroll: int = param(Integer(1, 64))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        plain = plain_layer(func)
        if plain is None:
            return None
        found, _ = plain
        lanes = machine.lanes(found.element_bytes)
        if found.spatial[1] % lanes or lanes < 2:
            return None
        blocked = _in_vectors(found, lanes)
        pixels, blocks = conv_tile.tile(blocked, machine, machine.registers // 2)
        return cls(pixels, blocks, lanes, conv_tile.unrolled(pixels, blocks, blocked, machine))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        plain = plain_layer(func)
        if plain is None:
            return {}
        found, _ = plain
        sums = self.pixels * self.channel_blocks
        return {
            "columns": found.columns,
            "channels": found.spatial[1],
            "sums": sums,
            "registers": machine.registers,
            "bits": machine.vector_bytes * 8,
            "body": sums * self.unroll,
            "length": found.reduction[-1],
        }

    def write(self, draft: Draft) -> None:
        plain = plain_layer(draft.scope.func)
        if plain is None or plain[0].spatial[1] % self.lanes:
            raise self.refuse()
        found, weights = plain
        conv = found.block
        draft.do("cache_read", block=conv, buffer=weights, scope="global")
        packed = next(p.path for p in draft.scope.producers(draft.scope.at(conv)) if p.path != found.copy)
        self._in_lanes(draft, packed, "o, c, y, x -> o // {0}, c, y, x, o % {0}")
        draft.do("cache_write", block=conv, buffer=0, scope="global")
        self._in_lanes(draft, conv, "n, o, y, x -> n, o // {0}, y, x, o % {0}")
        result = draft.scope.consumers(draft.scope.at(conv))[0].path
        for other in (result, *found.following)[:-1]:
            draft.do("compute_inline", block=other)
        result = (result, *found.following)[-1]
        n, o, y, x, rc, ry, rx = draft.nest(conv)
        o_out, o_block, v = draft.split(o, None, self.channel_blocks, self.lanes)
        x_out, x_in = conv_nest.cut(draft, x, self.pixels)
        rx_out, rx_in = conv_nest.cut(draft, rx, self.unroll)
        draft.reorder([n, y, o_out, x_out, rc, ry, rx_out, rx_in, x_in, o_block, v])
        rows = draft.fuse([n, y])
        draft.do("reverse_compute_at", block=result, loop=draft.path(x_out if x_out is not None else o_out))
        draft.mark("parallel", rows)
        draft.mark("vectorize", v)
        for loop in (x_in, o_block, rx_in):
            if loop is not None:
                draft.mark("unroll", loop)
        conv_nest.start_at_zero(draft, conv, rc, [x_in, o_block])
        channels, *_ = draft.nest(packed)
        draft.mark("parallel", channels)
        conv_nest.spread_copy(draft, found.copy)

    def _in_lanes(self, draft: Draft, block: str, index_map: str) -> None:
        """Moves channels of what `block` writes into vectors."""
        place = draft.scope.at(block)
        assert place is not None
        name = str(place.node.writes[0].source.name)
        draft.do("transform_layout", block=block, buffer=name, index_map=index_map.format(self.lanes))


def _in_vectors(found: Layer, lanes: int) -> Layer:
    """The same layer as if its output channels were blocked, which is how its tile is chosen."""
    n, channels, rows, columns = found.spatial
    return replace(found, spatial=(n, channels // lanes, rows, columns, lanes))


def plain_layer(func: PrimFunc) -> tuple[Layer, int] | None:
    """The convolution on plain channels that `func` is, with the loops n, o, y, x, and the position of its
    weights among what the block reads; or None."""
    scope = Scope(IRModule({"main": func}), func)
    sums = [place for place in scope.leaves if place.node.init is not None]
    if len(sums) != 1:
        return None
    conv, loops = sums[0], scope.nest(sums[0])
    serial = all(is_serial(loop) and extent(loop) for loop in loops)
    if not serial or [scope.axis(loop) for loop in loops] != _AXES:
        return None
    zero, store = getattr(conv.node.init, "value", None), conv.node.body
    product = getattr(getattr(store, "value", None), "b", None)
    if not isinstance(zero, FloatImm) or zero.value != 0 or type(product).__name__ != "Mul":
        return None
    _, o, _, _, *reduced = [axis.var for axis in conv.node.iter_vars]
    loads = [load for load in (product.a, product.b) if hasattr(load, "indices")]
    weights = [load for load in loads if _is(load.indices, (o, *reduced))]
    if len(loads) != 2 or len(weights) != 1:
        return None
    data = next(load for load in loads if load is not weights[0])
    buffers = [region.source for region in conv.node.reads if not region.source.same_as(store.buffer)]
    position = [place.path for place in scope.leaves].index(conv.path)
    before = scope.leaves[:position]
    copies = [p.path for p in before if p.node.writes[0].source.same_as(data.source)]
    sizes = tuple(extent(loop) or 1 for loop in loops)
    if len(copies) != len(before) or len(data.indices) != 4:
        return None
    found = Layer(
        conv.path,
        sizes[:4],
        sizes[4:],
        math.prod(sizes[4:]) * sizes[1],
        math.prod(int(size) for size in data.source.ty.shape),
        element_bytes(conv),
        1,
        all(str(loop.node.loop_var.ty.dtype) == "int32" for loop in loops),
        (),
        copies[0] if copies else None,
        tuple(place.path for place in scope.leaves[position + 1 :]),
    )
    return found, next(n for n, buffer in enumerate(buffers) if buffer.same_as(weights[0].source))


def _is(indices: Any, axes: tuple[Var, ...]) -> bool:
    return len(indices) == len(axes) and all(index.same_as(axis) for index, axis in zip(indices, axes))
