"""Depthwise convolutions: one kernel for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from . import conv_tile
from .base import Recipe

_MOST_PIXELS = 16


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
        layer = conv_tile.layer(func, cls.name, 2)
        if layer is None:
            return None
        room = min(_MOST_PIXELS, machine.registers - conv_tile.SPARE, conv_tile.BODY // layer.reduction[-1])
        fits = [p for p in range(1, room + 1) if layer.columns % p == 0]
        return cls(max(fits, default=1))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        layer = conv_tile.layer(func, self.name, 2)
        return {"columns": layer.columns if layer else 0, "registers": machine.registers}

    def write(self, draft: Draft) -> None:
        if conv_tile.layer(draft.scope.func, self.name, 2) is None:
            raise self.refuse()
        n, c, y, x, v, ry, rx = draft.nest(self.name)
        last = conv_tile.last_block(draft, self.name)
        x_out, x_in = conv_tile.cut(draft, x, self.pixels)
        draft.reorder([n, c, y, x_out, ry, rx, x_in, v])
        draft.do("reverse_compute_at", block=last, loop=draft.path(x_out if x_out is not None else y))
        draft.mark("vectorize", draft.nest(last)[-1])
        draft.mark("parallel", draft.fuse([n, c, y]))
        conv_tile.pad_in_parallel(draft)
        draft.mark("vectorize", v)
        for loop in (x_in, rx):
            if loop is not None:
                draft.mark("unroll", loop)
        conv_tile.initialise_apart(draft, self.name, ry, 0 if x_in is None else 1)
