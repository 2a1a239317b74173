"""Depthwise convolutions: one kernel for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from . import conv_nest, conv_tile
from .base import Recipe
from .conv_layer import DEPTHWISE, layer


@dataclass(frozen=True)
class ConvDepthwise(Recipe):
    """Schedules a depthwise convolution on blocked channels for a CPU.

    1. The operators that follow are computed on each tile while it is still in registers.
    2. A tile is some pixels of a row of one block of channels; a row of the kernel is written out over it.
    3. Rows of all blocks run over the cores.
    4. Zeros at the border are copied around the input beforehand, so that the inner loops need no condition.

    TVM: the primitives that it unfolds into; Halide: ``vectorize`` over channels of a ``depthwise_conv``.

    pixels: how many pixels of a row a tile has.

    ``for n, c, y, x, v, ry, rx`` → ``for n_c_y (parallel), x_0, ry, rx (unrolled), x_1 (unrolled), v``
    """

    name: ClassVar[str] = "conv2d_depthwise"

    pixels: int = param(Integer(1, 64))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = layer(func, DEPTHWISE)
        if found is None:
            return None
        room = machine.registers // 2 // conv_tile.vectors(found, machine)
        return cls(conv_tile.even_pixels(found, max(1, room)))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = layer(func, DEPTHWISE)
        return {} if found is None else {"columns": found.columns, "registers": machine.registers}

    def write(self, draft: Draft) -> None:
        found = layer(draft.scope.func, DEPTHWISE)
        if found is None:
            raise self.refuse()
        results = conv_nest.prepare(draft, found)
        n, c, y, x, v, ry, rx = draft.nest(found.block)
        x_out, x_in = conv_nest.cut(draft, x, self.pixels)
        draft.reorder([n, c, y, x_out, ry, rx, x_in, v])
        conv_nest.place_results(draft, results, x_out if x_out is not None else y)
        conv_nest.peel(draft, x_out, self.pixels, found.columns)
        draft.mark("parallel", draft.fuse([n, c, y]))
        conv_nest.spread_copy(draft, found.copy)
        draft.mark("vectorize", v)
        for loop in (x_in, rx):
            if loop is not None:
                draft.mark("unroll", loop)
        conv_nest.start_at_zero(draft, found.block, ry, [x_in])
