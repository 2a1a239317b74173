"""Program text with a map from lines to what they stand for, and diffs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """Lines `line`..`end` (1-based, inclusive) belong to `path`; kind: loop, block or binding.

    `line` is the header (the ``for``, the ``with T.sblock``, the binding); for a binding
    `path` is the graph node's id."""

    path: str
    kind: str
    line: int
    end: int


@dataclass(frozen=True)
class LoopCount:
    """The `instructions` that are linked to lines whose innermost loop is `path`, and how many of each kind
    they are, the most frequent first."""

    path: str
    instructions: int
    kinds: Mapping[str, int]


@dataclass(frozen=True)
class TextView:
    """A function at one level of `schema.levels`, as its lines.

    `links` give for each line the line of the function's ``tir`` text that it came from, or None; relax and
    tir have none. For llvm and asm, `kinds` say what a line is (``fma``, ``load``, ``control``, … of
    `engine.views.instructions`), `counts` sum the kinds up by loop, and `left_out` counts the instructions of
    calling wrappers that are not among the lines."""

    function: str
    level: str
    lines: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    links: tuple[int | None, ...] = ()
    kinds: tuple[str, ...] = ()
    counts: tuple[LoopCount, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class DiffRow:
    """A row of a diff: `op` is ``" "`` (kept), ``"~"`` (kept but re-indented), ``"-"`` or ``"+"``; `old` and
    `new` are 1-based line numbers, None where that side has no line.

    For a removed or added line `moved` is where the same line stands in the other text, if it left one place
    and came back in another, and `pair` the line of the other text that it was changed into or from."""

    op: str
    old: int | None
    new: int | None
    moved: int | None = None
    pair: int | None = None


@dataclass(frozen=True)
class DiffView:
    """Two texts of one function and how the first became the second."""

    function: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    rows: tuple[DiffRow, ...]
