"""Recognising a convolution on blocked channels in a function, by what its block computes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tvm import IRModule
from tvm.tirx import FloatImm, PrimFunc

from ..paths import Place
from ..suggest.sight import element_bytes
from ..transforms.scope import REDUCTION, SPATIAL, Scope, extent, is_serial

_SPATIAL = 5  # n, o, y, x, v


@dataclass(frozen=True)
class Kind:
    """What tells convolutions apart: over how many axes they add up, and the ranks of data and weights."""

    reductions: int
    data_rank: int
    weight_rank: int


BLOCKED = Kind(4, 5, 6)  # (N, I, H, W, i) with (O, I, KH, KW, i, o), over rc, ry, rx, ri
STEM = Kind(3, 4, 5)  # (N, I, H, W) with (O, I, KH, KW, o), over rc, ry, rx
DEPTHWISE = Kind(2, 5, 4)  # (N, C, H, W, c) with (C, KH, KW, c), over ry, rx


@dataclass(frozen=True)
class Layer:
    """A convolution: the path of its `block`, trip counts of its loops n, o, y, x, v (`spatial`) and of those
    that it adds up over, elements of its weights and of the data that it reads (a stride leaves some out),
    and bytes of one.

    `groups`: of input and output blocks that belong together. `peels`: whether lowering can take a last,
    smaller tile out of a loop, which TVM 0.27 does for indices of 32 bits only. `copy`: the block that makes
    the data (usually the padding), or None. `following`: the blocks after the convolution.
    """

    block: str
    spatial: tuple[int, ...]
    reduction: tuple[int, ...]
    weights: int
    inputs: int
    element_bytes: int
    groups: int
    peels: bool
    before: tuple[str, ...]
    copy: str | None
    following: tuple[str, ...]

    @property
    def lanes(self) -> int:
        return self.spatial[4]

    @property
    def columns(self) -> int:
        return self.spatial[3]

    @property
    def rows(self) -> int:
        return self.spatial[2]

    @property
    def outputs(self) -> int:
        return math.prod(self.spatial)

    @property
    def blocks(self) -> int:
        """Of output channels, in a group."""
        return self.spatial[1] // self.groups


def layer(func: PrimFunc, kind: Kind) -> Layer | None:
    """The convolution that `func` is, with what comes before and after it; None if it is anything else, or
    is scheduled already."""
    scope = Scope(IRModule({"main": func}), func)
    sums = [place for place in scope.leaves if _reduces(scope, place)]
    if len(sums) != 1 or not _plain(scope, sums[0], kind):
        return None
    conv = sums[0]
    operands = _operands(conv, kind)
    if operands is None:
        return None
    data, weights = (tuple(int(size) for size in buffer.ty.shape) for buffer in operands)
    sizes = tuple(extent(loop) or 1 for loop in scope.nest(conv))
    position = [place.path for place in scope.leaves].index(conv.path)
    makes_data = [p for p in scope.leaves[:position] if p.node.writes[0].source.same_as(operands[0])]
    groups = data[1] // sizes[_SPATIAL] if kind == BLOCKED else 1
    return Layer(
        conv.path,
        sizes[:_SPATIAL],
        sizes[_SPATIAL:],
        math.prod(weights),
        _read(data, sizes, kind),
        element_bytes(conv),
        groups if groups and sizes[1] % groups == 0 else 1,
        all(str(loop.node.loop_var.ty.dtype) == "int32" for loop in scope.nest(conv)),
        tuple(place.path for place in scope.leaves[:position] if place not in makes_data),
        makes_data[0].path if makes_data else None,
        tuple(place.path for place in scope.leaves[position + 1 :]),
    )


def _read(data: tuple[int, ...], sizes: tuple[int, ...], kind: Kind) -> int:
    """Elements of `data` that some element of the result needs."""
    first = _SPATIAL + (0 if kind == DEPTHWISE else 1)
    height, width = (min(data[2 + i], sizes[2 + i] * sizes[first + i]) for i in (0, 1))
    return math.prod(data) // (data[2] * data[3]) * height * width


def _reduces(scope: Scope, place: Place) -> bool:
    return place.node.init is not None or any(scope.axis(loop) == REDUCTION for loop in scope.nest(place))


def _plain(scope: Scope, conv: Place, kind: Kind) -> bool:
    """Whether one serial loop stands for each axis, in order, and all sizes are numbers."""
    loops = scope.nest(conv)
    axes = [SPATIAL] * _SPATIAL + [REDUCTION] * kind.reductions
    return (
        [scope.axis(loop) for loop in loops] == axes
        and all(is_serial(loop) and extent(loop) for loop in loops)
        and all(value.same_as(loop.node.loop_var) for value, loop in zip(conv.realize.iter_values, loops))
    )


def _operands(conv: Place, kind: Kind) -> tuple[Any, Any] | None:
    """The buffers of data and weights, if the block starts at zero, adds up their products, and the last
    spatial axis runs along the last of result and weights."""
    store, zero = conv.node.body, getattr(conv.node.init, "value", None)
    if type(store).__name__ != "BufferStore" or not isinstance(zero, FloatImm) or zero.value != 0:
        return None
    total = store.value
    if type(total).__name__ != "Add" or type(total.b).__name__ != "Mul":
        return None
    loads = [total.b.a, total.b.b]
    if any(not hasattr(load, "indices") for load in loads):
        return None
    by_rank = {len(load.indices): load for load in loads}
    if set(by_rank) != {kind.data_rank, kind.weight_rank}:
        return None
    data, weights = by_rank[kind.data_rank], by_rank[kind.weight_rank]
    lanes = conv.node.iter_vars[_SPATIAL - 1].var
    if not (store.indices[-1].same_as(lanes) and weights.indices[-1].same_as(lanes)):
        return None
    buffers = data.source, weights.source
    known = all(hasattr(size, "value") for buffer in buffers for size in buffer.ty.shape)
    return buffers if known else None
