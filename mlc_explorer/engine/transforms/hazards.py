"""Programs that TVM accepts and that compute something wrong, refused here.

TVM checks most primitives block by block, so a program can be legal in its eyes in which a block runs
outside of its domain, a sum is read before it is complete, or is begun twice. Seen in TVM 0.27:
`reverse_compute_at` drops the guard of a split with a remainder, moves a block into the reduction whose sum
it reads, and of a block that pads leaves the frame unwritten; `rfactor` leaves a partial sum uninitialised
that no iteration reaches.

The check looks at samples (corners of the loops, and some in between), never at all iterations, and refuses
only what a sample shows to be wrong, in a step before which the same question found nothing. Buffers that the
step leaves alone (`stories`) are not looked at again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.tirx import ForKind, IntImm, PrimFunc

from ...errors import Refused
from .. import paths
from . import instances
from .instances import Leaf, Nested, Region, Unknown
from .malformed import refuse_broken_copy, refuse_ill_formed, refuse_unsized, refuse_vectorized_storage
from .outside import is_copy, outside
from .rings import Ring, ring
from .stories import UNKNOWN, Stories, Story, stories_of
from .wording import words

_READS = 6  # instances of a reader that are looked at, for each buffer
_AT_ONCE = (int(ForKind.PARALLEL), int(ForKind.VECTORIZED))


@dataclass(frozen=True, eq=False)
class Hazard:
    """What is wrong: the `code` of its text, the block or loop where it shows, the others that it concerns
    (both nodes), the buffer and the element, or what the axis was."""

    code: str
    node: Any
    other: Any
    what: str


def refuse_wrong(before: PrimFunc, after: PrimFunc) -> None:
    """Refused if `after` computes something wrong and `before` did not."""
    _refuse_lost_outputs(before, after)
    refuse_vectorized_storage(after)
    found = first_hazard(after, _known(before))
    if found is None:
        refuse_ill_formed(after)
        refuse_broken_copy(after)
        refuse_unsized(after)
        return
    if first_hazard(before) is not None:
        return
    named = {place.node: place.path for place in paths.walk(after)}
    path, other = named[found.node], named.get(found.other, "-")
    raise Refused(
        **words(found.code, path=path, other=other, what=found.what),
        paths=tuple(p for p in dict.fromkeys((path, other)) if p != "-"),
    )


def _refuse_lost_outputs(before: PrimFunc, after: PrimFunc) -> None:
    """Refused if no block writes a result any more: `decompose_padding` drops whatever else stands beneath
    the loop that it is given."""
    lost = [p for p in before.params if p in _written(before) and p not in _written(after)]
    if lost and _written(after):
        raise Refused(**words("output_lost", buffer=str(lost[0].name)), place="loop")


def _written(func: PrimFunc) -> set[Any]:
    return {region.source for p in paths.walk(func) if p.kind == "block" for region in p.node.writes}


def first_hazard(func: PrimFunc, known: Stories = UNKNOWN) -> Hazard | None:
    """The first thing that is wrong with `func`, or None if no sample shows any, or none can be taken. What
    has a story that is `known` is not looked at."""
    try:
        leaves = instances.leaves(func)
        return next(_hazards(func, leaves, known), None)
    except Unknown:
        return None


@functools.lru_cache(maxsize=16)
def _known(func: PrimFunc) -> Stories:
    try:
        return stories_of(instances.leaves(func))
    except Unknown:
        return UNKNOWN


def _hazards(func: PrimFunc, leaves: tuple[Leaf, ...], known: Stories) -> Iterator[Hazard]:
    now = stories_of(leaves)
    for leaf, story in zip(leaves, now.blocks):
        if story in known.blocks:
            continue
        yield from _unguarded(leaf, leaf.sample)
        for code, what in outside(leaf, leaf.sample):
            yield Hazard(code, leaf.block, leaf.loops[-1].node if leaf.loops else None, what)
    parameters = set(func.params)
    scattered = frozenset().union(*(leaf.scattered for leaf in leaves))
    written = {region.buffer for leaf in leaves for region in leaf.writes} | scattered
    for leaf in leaves:
        for region in leaf.reads:
            if region.buffer not in written and region.buffer not in parameters:
                yield Hazard("never_written", leaf.block, None, str(region.buffer.name))
    for buffer in dict.fromkeys(region.buffer for leaf in leaves for region in leaf.writes):
        if buffer in scattered:
            continue
        story = (now.buffers[buffer], buffer in parameters)
        if known.buffers.get(buffer) == story[0] or story in _SOUND:
            continue
        try:
            yield from _History(buffer, leaves, buffer in parameters).hazards()
            _remember_sound(story)
        except Unknown:
            continue  # too many instances touch one element of this buffer


def _unguarded(leaf: Leaf, sample: instances.Values) -> Iterator[Hazard]:
    """A block axis with a value that the block does not promise to take: a guard is missing."""
    for axis, declared in zip(leaf.axes, leaf.block.iter_vars):
        value = instances.array(axis.value, sample)
        wrong = value[(value < axis.first) | (value >= axis.first + axis.extent)]
        if len(wrong):
            what = f"{declared.var.name} = {wrong[0]}"
            yield Hazard("guard_missing", leaf.block, leaf.loops[-1].node if leaf.loops else None, what)


_MOST_SOUND = 4096
_SOUND: dict[tuple[Story, bool], None] = {}  # stories that were looked at and had no hazard


def _remember_sound(story: tuple[Story, bool]) -> None:
    if len(_SOUND) >= _MOST_SOUND:
        _SOUND.clear()
    _SOUND[story] = None


class _History:
    """All that is written to one buffer, asked element by element."""

    def __init__(self, buffer: Any, leaves: tuple[Leaf, ...], is_parameter: bool) -> None:
        self._buffer = buffer
        self._is_parameter = is_parameter
        self._rolled = leaves
        self._ring = ring(buffer, leaves)
        if self._ring is not None:
            leaves = tuple(self._ring.unrolled(leaf) for leaf in leaves)
        writes = [(leaf, r) for leaf in leaves for r in leaf.writes if self._is_it(r)]
        self._writers = [(n, leaf, r) for n, (leaf, r) in enumerate(writes)]
        writing = {id(leaf) for _, leaf, _ in self._writers}
        self._readers = [
            (leaf, r, rolled.sample)
            for leaf, rolled in zip(leaves, self._rolled)
            for r in leaf.reads
            if self._is_it(r) and id(leaf) not in writing and not self._goes_back(leaf)
        ]
        self._shape = [int(n) for n in buffer.ty.shape if isinstance(n, IntImm)]
        if len(self._shape) != len(buffer.ty.shape):
            raise Unknown("a size that is a variable")
        if self._ring is not None:
            self._shape = self._ring.shape(self._shape)
        self._width = max(len(leaf.time) for leaf in leaves)
        users = [leaf for _, leaf, _ in self._writers] + [leaf for leaf, _, _ in self._readers]
        self._common = set.intersection(*({loop.key for loop in leaf.loops} for leaf in users))
        if is_parameter:
            self._common = set()
        elif self._ring is not None:
            self._common = self._outside_of_ring(users[0], self._ring)

    def _is_it(self, region: Region) -> bool:
        return bool(region.buffer.same_as(self._buffer))

    def _outside_of_ring(self, user: Leaf, ring: Ring) -> set[str]:
        """The common loops in whose iterations a ring begins anew: those around the loops that it follows."""
        keys = [loop.key for loop in user.loops]
        rolls = min((keys.index(key) for key in ring.loops if key in self._common), default=0)
        return self._common & set(keys[:rolls])

    def _goes_back(self, leaf: Leaf) -> bool:
        """Whether `leaf` carries the buffer into a copy that another block carries back, as `cache_inplace`
        has it: together they work in place, so that what `leaf` reads is not what is there at the end."""
        if not is_copy(leaf.block):
            return False
        copied = {region.buffer for region in leaf.writes}
        writers = [writer for _, writer, _ in self._writers if is_copy(writer.block)]
        return any(region.buffer in copied for writer in writers for region in writer.reads)

    def hazards(self) -> Iterator[Hazard]:
        asked = list(self._asked())
        known = self._elements(list(dict.fromkeys(element for _, element, _ in asked)))
        seen = set()
        for leaf, element, time in asked:
            if element not in seen:
                seen.add(element)
                yield from known[element].hazards(leaf)
            if leaf is not None:
                yield from known[element].read(leaf, time)
                yield from self._overwritten(leaf, element, time)

    def _overwritten(self, leaf: Leaf, element: tuple[int, ...], time: np.ndarray) -> Iterator[Hazard]:
        """A place of a ring that has been given to another element when `leaf` reads it."""
        if self._ring is not None:
            found = self._ring.last_written(self._rolled, element, time, self._width)
            if found is not None and found != element:
                yield Hazard("overwritten", leaf.block, None, self._named(element))

    def _asked(self) -> Iterator[tuple[Leaf | None, tuple[int, ...], np.ndarray]]:
        """Who reads which element when; nobody and never for the elements of a result."""
        for leaf, region, sample in self._readers:
            rows = instances.count(sample)
            chosen = np.unique(np.linspace(0, rows - 1, min(rows, _READS)).round().astype(np.int64))
            some = {key: column[chosen] for key, column in sample.items()} if rows else sample
            times = leaf.times(some, self._width)
            shape = len(region.first), instances.count(some)  # a single number has no index at all
            first = np.array([instances.array(e, some) for e in region.first]).reshape(shape)
            sizes = np.array([instances.array(e, some) for e in region.extent]).reshape(first.shape)
            for corner in (first, first + sizes - 1):
                for element, time in zip(corner.T.tolist(), times):
                    if all(0 <= at < size for at, size in zip(element, self._shape)):  # else a guarded read
                        yield leaf, tuple(element), time
                if (sizes == 1).all():
                    break
        if self._is_parameter:
            for part in (0.0, 0.37, 0.71, 1.0):
                yield None, tuple(int(part * (n - 1)) for n in self._shape), np.zeros(0)

    def _elements(self, elements: list[tuple[int, ...]]) -> dict[tuple[int, ...], _Element]:
        """What is written to each of the elements; all at once, or one by one if that would be too much."""
        if not elements:
            return {}
        try:
            return self._together(elements)
        except Unknown:
            if len(elements) < 2:
                raise
        return {element: self._together([element])[element] for element in elements}

    def _together(self, elements: list[tuple[int, ...]]) -> dict[tuple[int, ...], _Element]:
        times, marks = [], []
        for number, leaf, region in self._writers:
            values = leaf.writing(region, elements)
            times.append(leaf.times(values, self._width))
            mark = np.empty((instances.count(values), 5), np.int64)
            mark[:, _WRITER] = number
            mark[:, _TERM] = leaf.identities(values) * len(self._writers) + number
            mark[:, _RESETS] = leaf.resets(self._buffer, values)
            mark[:, _ACCUMULATES] = leaf.accumulates(self._buffer)
            mark[:, _OF] = values[instances.OF]
            marks.append(mark)
        when, what = np.concatenate(times), np.concatenate(marks)
        varying = when[:, (when != when[:1]).any(axis=0)]
        order = np.lexsort((*varying.T[::-1], what[:, _OF]))
        when, what = when[order], what[order]
        leaves = {number: leaf for number, leaf, _ in self._writers}
        ends = np.searchsorted(what[:, _OF], np.arange(len(elements) + 1))
        return {
            element: _Element(self._named(element), when[a:b], what[a:b], leaves, self._common)
            for element, a, b in zip(elements, ends, ends[1:])
        }

    def _named(self, element: tuple[int, ...]) -> str:
        return f"{self._buffer.name}[{', '.join(map(str, element))}]"


_WRITER, _TERM, _RESETS, _ACCUMULATES, _OF = range(5)  # columns of what is known of a write


class _Element:
    """The writes to one element in the order in which they run."""

    def __init__(
        self, name: str, when: np.ndarray, what: np.ndarray, leaves: dict[int, Leaf], common: set[str]
    ) -> None:
        self._name = name
        self._when, self._what = when, what
        self._leaves = leaves
        self._common = common
        self._end = _content(what)

    def hazards(self, reader: Leaf | None) -> Iterator[Hazard]:
        """What is wrong whoever reads it."""
        if not len(self._what):
            block = (reader or next(iter(self._leaves.values()))).block
            yield Hazard("never_written", block, None, self._name)
        elif self._end is None:
            yield self._hazard("sum_not_started")
        elif (self._end[1:] == self._end[:-1]).any():
            yield self._hazard("summed_twice")
        elif not self._keeps_all():
            yield self._hazard("begun_again")
        else:
            yield from self._races()

    def read(self, reader: Leaf, time: np.ndarray) -> Iterator[Hazard]:
        """What is wrong with what `reader` finds at `time`."""
        if self._end is None:
            return
        earlier = self._earlier(time)
        if not self._is_final(self._what[earlier]):
            yield Hazard("read_too_early", reader.block, self._last().block, self._name)
            return
        for loop in reader.loops:
            apart = loop.key in self._common or (loop.kind in _AT_ONCE and not loop.is_thread)
            if apart and not loop.is_thread:
                foreign = self._within(time, loop) & (self._when[:, loop.column] != time[loop.column])
                if foreign.any() and not self._is_final(self._what[earlier & ~foreign]):
                    yield Hazard("read_across", reader.block, loop.node, self._name)

    def _is_final(self, what: np.ndarray) -> bool:
        if len(what) == len(self._what):
            return True
        seen = _content(what)
        return seen is not None and np.array_equal(seen, self._end)

    def _earlier(self, time: np.ndarray) -> np.ndarray:
        """Which writes run before `time`."""
        differs = self._when != time
        column = differs.argmax(axis=1)
        rows = np.arange(len(column))
        return differs[rows, column] & (self._when[rows, column] < time[column])

    def _within(self, time: np.ndarray, loop: Nested) -> np.ndarray:
        """Which writes run in the same execution of `loop` as `time`."""
        same = (self._when[:, : loop.column] == time[: loop.column]).all(axis=1)
        under = {number for number, leaf in self._leaves.items() if loop in leaf.loops}
        return same & np.isin(self._what[:, _WRITER], list(under))

    def _keeps_all(self) -> bool:
        """Whether every term that is ever added is still there at the end."""
        assert self._end is not None
        begun = np.flatnonzero(self._what[:, _RESETS])[-1]
        earlier = self._what[:begun]
        return bool(np.isin(earlier[earlier[:, _ACCUMULATES] == 1, _TERM], self._end).all())

    def _races(self) -> Iterator[Hazard]:
        """A sum to which several iterations add that run at once."""
        seen = set()
        for leaf in self._leaves.values():
            for loop in leaf.loops:
                if (
                    loop.kind not in _AT_ONCE
                    or loop.is_thread
                    or loop.key in seen
                    or loop.key in self._common
                ):
                    continue
                seen.add(loop.key)
                under = [number for number, other in self._leaves.items() if loop in other.loops]
                beneath = np.isin(self._what[:, _WRITER], under)
                rows = self._when[beneath][:, : loop.column + 1]
                if self._what[beneath, _ACCUMULATES].any() and (rows[:, -1] != rows[0, -1]).any():
                    executions = np.unique(rows[:, :-1], axis=0)
                    if len(np.unique(rows, axis=0)) > len(executions):
                        yield Hazard("sum_at_once", leaf.block, loop.node, self._name)

    def _last(self) -> Leaf:
        return self._leaves[int(self._what[-1, _WRITER])]

    def _hazard(self, code: str) -> Hazard:
        leaf = self._last()
        return Hazard(code, leaf.block, leaf.loops[-1].node if leaf.loops else None, self._name)


def _content(what: np.ndarray) -> np.ndarray | None:
    """What an element holds after these writes: those since it was last written afresh, sorted; None if it
    never was."""
    fresh = np.flatnonzero(what[:, _RESETS])
    if not len(fresh):
        return None
    return np.sort(what[fresh[-1] :, _TERM])
