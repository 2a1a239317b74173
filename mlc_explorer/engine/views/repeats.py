"""Finds what repeats in a row: the layers of a network, written one after the other.

A *repeat* is a stretch of a sequence that consists of the same block twice or more, e.g. ``conv norm relu``
six times. The most telling stretch is taken first (long, of short blocks), then what is left and right of it
is looked at in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LONGEST_BLOCK = 96  # members: longer blocks are not looked for
_LEAST = 4  # members that a repeat covers; two equal neighbours are no structure
_FEWEST_BLOCKS = 2

Crossing = Callable[[int], int]


@dataclass(frozen=True)
class Repeat:
    """`count` blocks of `length` members each, from position `start` on."""

    start: int
    length: int
    count: int

    @property
    def end(self) -> int:
        return self.start + self.length * self.count


def repeats(names: Sequence[str], crossing: Crossing) -> list[Repeat]:
    """The repeats in `names`, left to right, none overlapping.

    Where a stretch allows its blocks to begin at several places, they begin where the fewest tensors
    cross from block to block: `crossing(i)` counts those that flow past the place before member i.
    """
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    row = np.array([numbers[name] for name in names], dtype=np.int64)
    found: list[Repeat] = []
    waiting = [(0, len(row))]
    while waiting:
        low, high = waiting.pop()
        best = _best(row[low:high])
        if best is None:
            continue
        start, length, covered = best
        repeat = _aligned(low + start, length, covered, crossing)
        found.append(repeat)
        waiting += [(low, repeat.start), (repeat.end, high)]
    return sorted(found, key=lambda r: r.start)


def _best(row: np.ndarray) -> tuple[int, int, int] | None:
    """Start, block length and members covered of the most telling repeat."""
    best: tuple[float, tuple[int, int, int]] | None = None
    for length in range(1, min(LONGEST_BLOCK, len(row) // 2) + 1):
        start, run = _longest_run(row[:-length] == row[length:])
        covered = run + length
        whole = covered // length * length
        if whole < max(_FEWEST_BLOCKS * length, _LEAST):
            continue
        score = whole / length**0.5  # of stretches as long the one with more blocks, yet not any four equals
        if best is None or score > best[0]:
            best = score, (start, length, covered)
    return best[1] if best else None


def _longest_run(equal: np.ndarray) -> tuple[int, int]:
    """Where the longest run of true values begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], equal.view(np.int8), [0]))))
    if not len(edges):
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest] - starts[longest])


def _aligned(start: int, length: int, covered: int, crossing: Crossing) -> Repeat:
    count, slack = divmod(covered, length)
    # Of equally good places the last: what precedes a stretch often ends as its blocks end.
    offset = min(range(slack, -1, -1), key=lambda o: crossing(start + o + length))
    return Repeat(start + offset, length, count)
