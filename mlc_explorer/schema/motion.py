"""One block in motion: which element of which buffer each iteration touches, and what a cache makes of it.

Index expressions are small JSON trees, so that the screen and the command line evaluate the same thing:
a whole number, a loop variable's name, or ``[operator, argument, …]``. `evaluate` says what each operator
means. All values are whole numbers; a comparison gives 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Expression = Any  # int | str | list: JSON, so no type of its own

OPERATORS: Mapping[str, Callable[..., int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,  # rounds down
    "%": lambda a, b: a % b,  # has the divisor's sign
    "min": min,
    "max": max,
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "and": lambda a, b: int(bool(a) and bool(b)),
    "or": lambda a, b: int(bool(a) or bool(b)),
    "not": lambda a: int(not a),
    "if": lambda a, b, c: b if a else c,
}


def evaluate(tree: Expression, values: Mapping[str, int]) -> int:
    """`tree` with the loop variables at `values`. KeyError for a variable or operator that is not there."""
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, int):
        return tree
    operator, *arguments = tree
    return OPERATORS[operator](*(evaluate(a, values) for a in arguments))


@dataclass(frozen=True)
class MotionLoop:
    """A loop around the block. `var` names it in expressions, unique in the view; it runs from `start`
    through `extent` values. `axis` and `mark` are those of `schema.loops.LoopNode`."""

    var: str
    path: str
    name: str
    start: int
    extent: int
    axis: str
    mark: str


@dataclass(frozen=True)
class MotionBuffer:
    """A buffer that the block touches. `strides` are in elements, `itemsize` in bytes. `start` is the byte
    address at which the simulation puts it: buffers stand one after another, each on a line of its own."""

    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    itemsize: int
    scope: str
    role: str
    start: int


@dataclass(frozen=True)
class Access:
    """A load or a store, one per iteration where `guard` (if there is one) is not 0.

    `indices` has an expression per dimension of the buffer, or is None where the place depends on data, which
    is then not simulated. `initial`: it belongs to the block's initialisation.
    """

    buffer: str
    is_write: bool
    indices: tuple[Expression, ...] | None
    guard: Expression = None
    initial: bool = False


@dataclass(frozen=True)
class Cache:
    """Set-associative, least recently used leaves first. `size` and `line` in bytes."""

    level: int
    size: int
    ways: int
    line: int

    @property
    def sets(self) -> int:
        return max(1, self.size // (self.line * self.ways))


@dataclass(frozen=True)
class Neighbour:
    """Another block that stands under some of the same loops, which `loops` lists (paths)."""

    block: str
    loops: tuple[str, ...]


@dataclass(frozen=True)
class MotionView:
    """One block of `function` and the loops around it, outermost first; accesses in the order in which an
    iteration makes them. `blocks` are all blocks that can be shown. An iteration where `predicate` is 0 does
    nothing. `iterations` is the product of the extents. `lanes` iterations of the innermost loop run at once
    (its extent if it is vectorized, else 1).
    """

    function: str
    block: str
    blocks: tuple[str, ...]
    loops: tuple[MotionLoop, ...]
    buffers: tuple[MotionBuffer, ...]
    accesses: tuple[Access, ...]
    predicate: Expression
    iterations: int
    lanes: int
    neighbours: tuple[Neighbour, ...] = ()
    caches: tuple[Cache, ...] = ()


@dataclass(frozen=True)
class BufferTraffic:
    """What the simulation counted for one buffer."""

    buffer: str
    accesses: int
    misses: tuple[int, ...]


@dataclass(frozen=True)
class CacheReport:
    """A simulation of the first `iterations` (of `of`) of a block: one core, least recently used, nothing
    fetched ahead, nothing kept in registers. `misses` per cache, nearest first; the lanes of a vector that
    fall on one line count as one access. `unknown` accesses of an iteration depend on data and were left out.
    """

    function: str
    block: str
    iterations: int
    of: int
    accesses: int
    misses: tuple[int, ...]
    buffers: tuple[BufferTraffic, ...]
    caches: tuple[Cache, ...]
    unknown: int = 0
