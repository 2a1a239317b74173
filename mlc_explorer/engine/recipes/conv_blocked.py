"""Convolutions whose channels are blocked, and the first layer, whose input channels are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Choice, Integer, param
from ..draft import Draft, LoopVar
from ..machine import Machine
from . import conv_nest, conv_tile
from .base import Recipe
from .conv_layer import BLOCKED, STEM, Kind, Layer, layer

CHANNELS, ROWS = "channels", "rows"


@dataclass(frozen=True)
class ConvBlocked(Recipe):
    """Schedules a convolution on blocked channels (``NCHW16c``) for a CPU: a tile of the result in registers.

    1. The operators that follow (bias, residual, activation) are computed on each tile while it is
       still in registers.
    2. A tile is some pixels of a row times some blocks of output channels: each vector of weights
       serves all its pixels, each pixel all its blocks. A row that tiles do not divide ends with a
       smaller one.
    3. The reduction over input channels and the kernel runs around the tile, so that a sum is written
       once.
    4. A few input channels are written out, so that the loop costs little, if the body stays small
       and the next weights have registers too.
    5. Rows and blocks run over the cores; outermost is what lets the least be read again.
    6. Zeros at the border are copied around the input beforehand, so that the inner loops need no
       condition.

    TVM: the primitives that it unfolds into; Halide: ``tile``, ``unroll``, ``vectorize`` of a ``conv_layer``.

    pixels: how many pixels of a row a tile has.
    channel_blocks: how many blocks of output channels a tile has.
    unroll: how many iterations of the innermost reduction loop are written out.
    outermost: what the outer loop over the result runs over.

    ``for n, o, y, x, v, rc, ry, rx, ri`` → ``for n_o_y (parallel), x_0, rc, ry, rx, ri_0, ri_1, x_1, o_1, v``
    """

    name: ClassVar[str] = "conv2d_blocked"
    kind: ClassVar[Kind] = BLOCKED

    pixels: int = param(Integer(1, 64))
    channel_blocks: int = param(Integer(1, 16))
    unroll: int = param(Integer(1, 64))
    outermost: str = param(Choice((CHANNELS, ROWS)))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = layer(func, cls.kind)
        return None if found is None else cls.of(found, machine)

    @classmethod
    def of(cls, layer: Layer, machine: Machine) -> Self:
        """The numbers for a layer."""
        pixels, blocks = conv_tile.tile(layer, machine)
        unroll = conv_tile.unrolled(pixels, blocks, layer, machine)
        return cls(pixels, blocks, unroll, outermost(layer, blocks, machine))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = layer(func, self.kind)
        if found is None:
            return {}
        sums = self.pixels * self.channel_blocks * conv_tile.vectors(found, machine)
        return {
            "columns": found.columns,
            "all_blocks": found.blocks,
            "sums": sums,
            "registers": machine.registers,
            "body": sums * self.unroll,
            "most": conv_tile.BODY,
            "length": found.reduction[-1],
            "weights": found.weights * found.element_bytes >> 10,
            "inputs": found.inputs * found.element_bytes >> 10,
            "outputs": found.outputs * found.element_bytes >> 10,
            "l2": machine.l2 >> 10,
        }

    def write(self, draft: Draft) -> None:
        found = layer(draft.scope.func, self.kind)
        if found is None:
            raise self.refuse()
        results = conv_nest.prepare(draft, found)
        n, o, y, x, v, *reduction = draft.nest(found.block)
        o_out, o_in = conv_nest.cut(draft, o, self.channel_blocks)
        x_out, x_in = conv_nest.cut(draft, x, self.pixels)
        r_out, r_in = conv_nest.cut(draft, reduction[-1], self.unroll)
        outer = [loop for loop in self._outer(n, o_out, y) if loop is not None]
        draft.reorder([*outer, x_out, *reduction[:-1], r_out, r_in, x_in, o_in, v])
        conv_nest.place_results(draft, results, x_out if x_out is not None else outer[-1])
        conv_nest.peel(draft, x_out, self.pixels, found.columns)
        self._over_cores(draft, outer, found.copy)
        draft.mark("vectorize", v)
        for loop in (x_in, o_in, r_in):
            if loop is not None:
                draft.mark("unroll", loop)
        conv_nest.start_at_zero(draft, found.block, reduction[0], [x_in, o_in])

    def _outer(self, n: LoopVar, o: LoopVar | None, y: LoopVar) -> list[LoopVar | None]:
        return [n, o, y] if self.outermost == CHANNELS else [n, y, o]

    def _over_cores(self, draft: Draft, outer: list[LoopVar], copy: str | None) -> None:
        draft.mark("parallel", draft.fuse(outer))
        conv_nest.spread_copy(draft, copy)


@dataclass(frozen=True)
class ConvStem(ConvBlocked):
    """Schedules a first layer, whose few input channels are not blocked, for a CPU.

    1. The operators that follow (bias, activation) are computed on each tile while it is still in
       registers.
    2. A tile is some pixels of a row times some blocks of output channels; it is smaller than in
       other layers, because neighbouring pixels are loaded as one vector, which takes registers too.
    3. The columns of the kernel are written out where that leaves the body small.
    4. Rows run over the cores; the padded copy of the few input rows that one needs is made where it
       is needed and stays in the cache.

    TVM: the primitives that it unfolds into; Halide: ``compute_at`` of the padded input under the rows.

    pixels: how many pixels of a row a tile has.
    channel_blocks: how many blocks of output channels a tile has.
    unroll: how many iterations of the innermost reduction loop are written out.
    outermost: what the outer loop over the result runs over.

    ``for n, o, y, x, v, rc, ry, rx`` → ``for n_y (parallel), o_0, x_0, rc, ry, rx (unrolled), x_1, o_1, v``
    """

    name: ClassVar[str] = "conv2d_stem"
    kind: ClassVar[Kind] = STEM

    @classmethod
    def of(cls, layer: Layer, machine: Machine) -> Self:
        pixels, blocks = conv_tile.tile(layer, machine, machine.registers // 2)
        return cls(pixels, blocks, conv_tile.unrolled(pixels, blocks, layer, machine), ROWS)

    def _over_cores(self, draft: Draft, outer: list[LoopVar], copy: str | None) -> None:
        rows = draft.fuse(outer[:2]) if self.outermost == ROWS else draft.fuse(outer)
        if copy is not None:
            draft.do("compute_at", block=copy, loop=draft.path(rows))
        draft.mark("parallel", rows)


def outermost(layer: Layer, channel_blocks: int, machine: Machine) -> str:
    """What the outer loop runs over, so that the least is read again: with rows outermost all weights are
    read for each row, with channels all of the input for each tile of them. What fits in half of the second
    level cache is there already; where nothing is read again, the largest of all is gone through in order."""
    half = machine.l2 // 2 // layer.element_bytes
    again_by_rows = layer.weights * layer.rows if layer.weights > half else 0
    again_by_channels = layer.inputs * layer.blocks // channel_blocks if layer.inputs > half else 0
    if again_by_rows == again_by_channels:
        return ROWS if layer.inputs >= max(layer.weights, layer.outputs) else CHANNELS
    return ROWS if again_by_rows < again_by_channels else CHANNELS
