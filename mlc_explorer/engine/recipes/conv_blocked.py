"""Convolutions whose channels are blocked, and the first layer, whose input channels are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Choice, Integer, param
from ..draft import Draft, LoopVar
from ..machine import Machine
from . import conv_tile
from .base import Recipe
from .conv_tile import Layer

CHANNELS, ROWS = "channels", "rows"


@dataclass(frozen=True)
class ConvBlocked(Recipe):
    """Schedules a convolution on blocked channels (``NCHW16c``) for a CPU: a tile of the result in registers.

    1. The operators that follow (bias, residual, activation) are computed on each tile while it is
       still in registers.
    2. A tile is some pixels of a row times some blocks of output channels: each vector of weights
       serves all its pixels, each pixel all its blocks.
    3. The reduction over input channels and the kernel runs around the tile, so that a sum is written
       once.
    4. A few input channels are written out, so that the loop costs little and the body still fits the
       decoder.
    5. Rows and blocks run over the cores; blocks outermost where the weights are larger than the input.
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
    block: ClassVar[str] = "conv2d_blocked"
    reductions: ClassVar[int] = 4

    pixels: int = param(Integer(1, 64))
    channel_blocks: int = param(Integer(1, 16))
    unroll: int = param(Integer(1, 64))
    outermost: str = param(Choice((CHANNELS, ROWS)))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        layer = conv_tile.layer(func, cls.block, cls.reductions)
        return None if layer is None else cls.of(layer, machine)

    @classmethod
    def of(cls, layer: Layer, machine: Machine) -> Self:
        """The numbers for a layer."""
        pixels, blocks = conv_tile.tile(layer, machine)
        unroll = conv_tile.unrolled(pixels * blocks, layer.reduction[-1])
        return cls(pixels, blocks, unroll, CHANNELS if layer.weights > layer.inputs else ROWS)

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        layer = conv_tile.layer(func, self.block, self.reductions)
        if layer is None:
            return {}
        return {
            "columns": layer.columns,
            "all_blocks": layer.blocks,
            "accumulators": self.pixels * self.channel_blocks,
            "registers": machine.registers,
            "body": self.pixels * self.channel_blocks * self.unroll,
            "most": conv_tile.BODY,
            "length": layer.reduction[-1],
            "weights": layer.weights * 4 >> 10,
            "inputs": layer.inputs * 4 >> 10,
        }

    def write(self, draft: Draft) -> None:
        if conv_tile.layer(draft.scope.func, self.block, self.reductions) is None:
            raise self.refuse()
        n, o, y, x, v, *reduction = draft.nest(self.block)
        last = conv_tile.last_block(draft, self.block)
        o_out, o_in = conv_tile.cut(draft, o, self.channel_blocks)
        x_out, x_in = conv_tile.cut(draft, x, self.pixels)
        r_out, r_in = conv_tile.cut(draft, reduction[-1], self.unroll)
        outer = [n, o_out, y] if self.outermost == CHANNELS else [n, y, o_out]
        sums = [*reduction[:-1], r_out, r_in]
        draft.reorder([*outer, x_out, *sums, x_in, o_in, v])
        outer = [loop for loop in outer if loop is not None]
        place = x_out if x_out is not None else outer[-1]
        draft.do("reverse_compute_at", block=last, loop=draft.path(place))
        draft.mark("vectorize", draft.nest(last)[-1])
        self._over_cores(draft, outer)
        draft.mark("vectorize", v)
        inner = [loop for loop in (x_in, o_in) if loop is not None]
        for loop in [*inner, *([r_in] if r_in is not None else [])]:
            draft.mark("unroll", loop)
        conv_tile.initialise_apart(draft, self.block, reduction[0], len(inner))

    def _over_cores(self, draft: Draft, outer: list[LoopVar]) -> None:
        draft.mark("parallel", draft.fuse(outer))
        conv_tile.pad_in_parallel(draft)


@dataclass(frozen=True)
class ConvStem(ConvBlocked):
    """Schedules a first layer, whose few input channels are not blocked, for a CPU.

    1. The operators that follow (bias, activation) are computed on each tile while it is still in
       registers.
    2. A tile is some pixels of a row times some blocks of output channels; it is smaller than in
       other layers, because a whole row of the kernel is written out.
    3. Rows run over the cores; the padded copy of the few input rows that one needs is made where it
       is needed and stays in the cache.

    TVM: the primitives that it unfolds into; Halide: ``compute_at`` of the padded input under the rows.

    pixels: how many pixels of a row a tile has.
    channel_blocks: how many blocks of output channels a tile has.
    unroll: how many iterations of the innermost reduction loop are written out.
    outermost: what the outer loop over the result runs over.

    ``for n, o, y, x, v, rc, ry, rx`` → ``for n_y (parallel), o_0, x_0, rc, ry, rx (unrolled), x_1, o_1, v``
    """

    name: ClassVar[str] = "conv2d_stem"
    block: ClassVar[str] = "conv2d_stem"
    reductions: ClassVar[int] = 3

    @classmethod
    def of(cls, layer: Layer, machine: Machine) -> Self:
        width = layer.reduction[-1]
        pixels, blocks = conv_tile.tile(layer, machine, max(8, conv_tile.BODY // width))
        return cls(pixels, blocks, conv_tile.unrolled(pixels * blocks, width), ROWS)

    def _over_cores(self, draft: Draft, outer: list[LoopVar]) -> None:
        rows = draft.fuse(outer[:2]) if self.outermost == ROWS else draft.fuse(outer)
        if draft.scope.at(conv_tile.PAD) is not None:
            draft.do("compute_at", block=conv_tile.PAD, loop=draft.path(rows))
        draft.mark("parallel", rows)
