"""How often a block's accesses miss in the caches: a simulation, and called one wherever it is shown.

One core runs the iterations in order, parallel and thread loops too. Each cache is set-associative and
forgets what was used least recently; nothing is fetched ahead or kept in registers, a store loads its line,
and what misses in one cache asks the next. The screen simulates the same in JavaScript (ui/component/js),
because a person steps through it; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..schema.motion import Access, BufferTraffic, Cache, CacheReport, Expression, MotionBuffer, MotionView

ACCESSES = 1_000_000
_CHUNK = 8192  # iterations whose addresses are computed at once

_ON_ARRAYS: Mapping[str, Any] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "//": np.floor_divide, "%": np.mod, "min": np.minimum,
    "max": np.maximum, "<": np.less, "<=": np.less_equal, "==": np.equal, "!=": np.not_equal,
    "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "if": np.where,
}  # fmt: skip


def simulate(view: MotionView, accesses: int = ACCESSES) -> CacheReport:
    """Runs `view` until `accesses` were made, then to the end of that step (the lanes of a vector are one
    step). Accesses whose place depends on data are left out and counted as `unknown`."""
    buffers = {b.name: b for b in view.buffers}
    known = [a for a in view.accesses if a.indices is not None]
    levels = [_Level(cache) for cache in view.caches]
    counts = {b.name: [0] * (1 + len(levels)) for b in view.buffers}
    made = steps = 0
    for rows in _steps(view, known, buffers):
        for access, lanes in zip(known, rows):
            before = -1
            for line in lanes:
                if line < 0 or line == before:
                    continue
                before = line
                made += 1
                count = counts[access.buffer]
                count[0] += 1
                for level, cache in enumerate(levels):
                    if cache.holds(line):
                        break
                    count[level + 1] += 1
        steps += 1
        if made >= accesses:
            break
    return CacheReport(
        function=view.function,
        block=view.block,
        iterations=steps * view.lanes,
        of=view.iterations,
        accesses=made,
        misses=tuple(sum(c[level + 1] for c in counts.values()) for level in range(len(levels))),
        buffers=tuple(BufferTraffic(name, c[0], tuple(c[1:])) for name, c in counts.items()),
        caches=view.caches,
        unknown=len(view.accesses) - len(known),
    )


class _Level:
    """One cache. The keys of a set's dict stand from least to most recently used."""

    def __init__(self, cache: Cache) -> None:
        self._ways = cache.ways
        self._sets: list[dict[int, None]] = [{} for _ in range(cache.sets)]

    def holds(self, line: int) -> bool:
        """Whether `line` is in the cache, where it is from now on."""
        lines = self._sets[line % len(self._sets)]
        hit = line in lines
        if hit:
            del lines[line]
        elif len(lines) == self._ways:
            del lines[next(iter(lines))]
        lines[line] = None
        return hit


def _steps(
    view: MotionView, accesses: list[Access], buffers: Mapping[str, MotionBuffer]
) -> Iterator[tuple[list[int], ...]]:
    """For each step, for each access, the line that each lane touches; -1 where it touches none."""
    line = view.caches[0].line
    chunk = max(1, _CHUNK // view.lanes) * view.lanes
    for start in range(0, view.iterations, chunk):
        stop = min(view.iterations, start + chunk)
        values = _values(view, np.arange(start, stop, dtype=np.int64))
        runs = np.broadcast_to(
            True if view.predicate is None else _compute(view.predicate, values), stop - start
        )
        columns = []
        for access in accesses:
            guard = True if access.guard is None else _compute(access.guard, values)
            address = _address(access, buffers[access.buffer], values)
            lines = np.where(np.logical_and(runs, guard), address // line, -1)
            columns.append(lines.reshape(-1, view.lanes).tolist())
        yield from zip(*columns)


def _values(view: MotionView, iterations: np.ndarray) -> dict[str, np.ndarray]:
    """What each loop variable is in these iterations."""
    values = {}
    for loop in reversed(view.loops):
        values[loop.var] = loop.start + iterations % loop.extent
        iterations = iterations // loop.extent
    return values


def _address(access: Access, buffer: MotionBuffer, values: Mapping[str, np.ndarray]) -> Any:
    assert access.indices is not None
    element: Any = 0
    for index, stride in zip(access.indices, buffer.strides):
        element = element + _compute(index, values) * stride
    return buffer.start + element * buffer.itemsize


def _compute(tree: Expression, values: Mapping[str, np.ndarray]) -> Any:
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, int):
        return tree
    operator, *arguments = tree
    return _ON_ARRAYS[operator](*(_compute(a, values) for a in arguments))
