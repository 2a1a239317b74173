"""Buffers that are used as a ring, as `rolling_buffer` makes them: a place holds one row after the other.

What a place holds at the end says nothing about what a reader finds there. So a ring is looked at unrolled,
with ``v_h`` where the program has ``v_h % 3``: every element then has a place of its own, and all questions
can be asked as of any buffer. One is added: nothing else may have been written to the place in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.tirx import IterVar

from ...schema.motion import Expression
from .instances import Leaf, Region, Values, array, count, variables

_ENDLESS = 1 << 31  # the size of an axis that rolls, when it is unrolled


@dataclass(frozen=True, eq=False)
class Ring:
    """A buffer that rolls: the axes that do, their sizes, and the loops along which they roll."""

    buffer: Any
    sizes: dict[int, int]
    loops: frozenset[str]

    def unrolled(self, leaf: Leaf) -> Leaf:
        """`leaf` with its accesses to the ring as if that had no end."""
        return dataclasses.replace(leaf, reads=self._regions(leaf.reads), writes=self._regions(leaf.writes))

    def shape(self, shape: Sequence[int]) -> list[int]:
        """`shape` as if the ring had no end."""
        return [_ENDLESS if axis in self.sizes else size for axis, size in enumerate(shape)]

    def last_written(
        self, leaves: Sequence[Leaf], element: Sequence[int], time: np.ndarray, width: int
    ) -> tuple[int, ...] | None:
        """Which element of the endless buffer was written last, before `time`, to the place where `element`
        lies. Raises Unknown if too many instances write there."""
        place = [at % self.sizes[axis] if axis in self.sizes else at for axis, at in enumerate(element)]
        latest: tuple[list[int], tuple[int, ...]] | None = None
        for leaf in leaves:
            for region in leaf.writes:
                if region.buffer.same_as(self.buffer):
                    values = leaf.writing(region, [place])
                    found = self._latest(leaf, region, values, time, width)
                    if found is not None and (latest is None or found[0] > latest[0]):
                        latest = found
        return latest[1] if latest is not None else None

    def _latest(
        self, leaf: Leaf, region: Region, values: Values, time: np.ndarray, width: int
    ) -> tuple[list[int], tuple[int, ...]] | None:
        times = leaf.times(values, width)
        earlier = [row for row in range(count(values)) if times[row].tolist() < time.tolist()]
        if not earlier:
            return None
        row = max(earlier, key=lambda i: times[i].tolist())
        first = [int(array(e, values)[row]) for e in self._region(region).first]
        return times[row].tolist(), tuple(first)

    def _regions(self, regions: Sequence[Region]) -> tuple[Region, ...]:
        return tuple(self._region(r) if r.buffer.same_as(self.buffer) else r for r in regions)

    def _region(self, region: Region) -> Region:
        first = tuple(e[1] if axis in self.sizes else e for axis, e in enumerate(region.first))  # type: ignore
        return dataclasses.replace(region, first=first)


def ring(buffer: Any, leaves: Sequence[Leaf]) -> Ring | None:
    """How `buffer` rolls, or None. One that does has a writer with an opaque axis, and everybody takes the
    remainder by the size of one of its axes."""
    loops: set[str] = set()
    regions = []
    for leaf in leaves:
        regions += [r for r in (*leaf.reads, *leaf.writes) if r.buffer.same_as(buffer)]
        if any(r.buffer.same_as(buffer) for r in leaf.writes):
            for axis, declared in zip(leaf.axes, leaf.block.iter_vars):
                if int(declared.iter_type) == IterVar.Opaque:
                    loops |= set(variables(axis.value))
    if not loops:
        return None
    sizes = {
        axis: int(size)
        for axis, size in enumerate(buffer.ty.shape)
        if all(_rolls(r.first[axis], r.extent[axis], size) for r in regions)
    }
    return Ring(buffer, sizes, frozenset(loops)) if sizes else None


def _rolls(first: Expression, extent: Expression, size: Any) -> bool:
    whole = getattr(size, "value", None)
    return not isinstance(first, (int, str)) and first[0] == "%" and first[2] == whole and extent == 1
