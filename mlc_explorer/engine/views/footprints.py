"""How much of each buffer one execution of a loop touches: what decides which cache the loop lives in.

The loops outside are held in the middle of their range, the loop and all inside it run through theirs; the
footprint of a buffer is the smallest box around the regions that the blocks beneath read and write then, cut
to the buffer. A box is exact for dense access and too large for a strided one, so the number is an estimate,
as every cost model's is (Halide and MLIR's affine analysis estimate alike).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from tvm import sym
from tvm.ir import Range

from ..paths import Place
from .buffers import bytes_of, shape_of

Box = tuple[tuple[int, int], ...]  # first and last index per axis


def footprints(places: Sequence[Place]) -> list[dict[str, int]]:
    """For each place, bytes touched per buffer in one execution; blocks (which are no loops) get {}. A buffer
    of unknown size is left out."""
    boxes: list[dict[Any, Box]] = [{} for _ in places]
    for i, place in enumerate(places):
        if place.kind != "block" or len(place.blocks) > 1:
            continue  # an outer block's regions are those of the blocks in it
        chain = [*_above(places, i)][::-1]
        for level, at in enumerate(chain):
            if places[at].kind == "loop":
                for buffer, box in _touched([places[j] for j in chain], level, place):
                    known = boxes[at].get(buffer)
                    boxes[at][buffer] = box if known is None else _around(known, box)
    return [{buffer.name: _size(buffer, box) for buffer, box in found.items()} for found in boxes]


def _above(places: Sequence[Place], index: int) -> Iterator[int]:
    """The place itself and all that enclose it, outwards."""
    at: int | None = index
    while at is not None:
        yield at
        at = places[at].parent


def _touched(chain: Sequence[Place], level: int, block: Place) -> Iterator[tuple[Any, Box]]:
    """The box of each region of `block` while `chain[level]` and what is inside it run."""
    bounds = sym.Analyzer()
    for i, place in enumerate(chain):
        if place.kind == "block":
            for axis, value in zip(place.node.iter_vars, place.realize.iter_values):
                bounds.bind(axis.var, value)
        elif i < level:
            bounds.bind(place.node.loop_var, place.node.min + place.node.extent // 2)
        else:
            bounds.bind(place.node.loop_var, Range.from_min_extent(place.node.min, place.node.extent))
    for region in (*block.node.reads, *block.node.writes):
        shape = shape_of(region.source)
        if all(isinstance(n, int) for n in shape):
            yield region.source, tuple(_axis(bounds, r, int(n)) for r, n in zip(region.region, shape))


def _axis(bounds: sym.Analyzer, region: Range, extent: int) -> tuple[int, int]:
    first = bounds.const_int_bound(bounds.simplify(region.min)).min_value
    last = bounds.const_int_bound(bounds.simplify(region.min + region.extent - 1)).max_value
    return min(max(first, 0), extent - 1), max(min(last, extent - 1), 0)


def _around(one: Box, other: Box) -> Box:
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other))


def _size(buffer: Any, box: Box) -> int:
    return bytes_of(math.prod(max(last - first + 1, 0) for first, last in box), buffer.ty.dtype)
