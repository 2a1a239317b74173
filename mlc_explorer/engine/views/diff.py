"""How one text of a function became the next, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher

from ...schema.text import DiffRow, DiffView, TextView
from .diff_pairs import moves, pairs

_EXACT_LIMIT = 2000  # lines; above it difflib's shortcut for frequent lines keeps a diff under a second


def diff(before: TextView | None, after: TextView) -> DiffView:
    """Rows from `before` to `after`; without a `before` (the function is new) every line is added.

    Lines are compared without their indentation, because splitting a loop moves its whole body: a line that
    was only re-indented is kept (``~``), not removed and added. A line that left one place and came back in
    another says so (`DiffRow.moved`), and one that was changed names what it became (`DiffRow.pair`).
    """
    old = before.lines if before is not None else ()
    rows: list[DiffRow] = []
    for op, i1, i2, j1, j2 in _opcodes(old, after.lines):
        if op == "equal":
            rows.extend(_kept(old, after.lines, i, j) for i, j in zip(range(i1, i2), range(j1, j2)))
        else:
            rows.extend(DiffRow("-", i + 1, None) for i in range(i1, i2))
            rows.extend(DiffRow("+", None, j + 1) for j in range(j1, j2))
    return DiffView(after.function, tuple(old), after.lines, tuple(_related(rows, old, after.lines)))


def _opcodes(old: tuple[str, ...], new: tuple[str, ...]) -> list[tuple[str, int, int, int, int]]:
    return SequenceMatcher(
        None,
        [line.strip() for line in old],
        [line.strip() for line in new],
        autojunk=max(len(old), len(new)) > _EXACT_LIMIT,
    ).get_opcodes()


def _kept(old: tuple[str, ...], new: tuple[str, ...], i: int, j: int) -> DiffRow:
    return DiffRow(" " if old[i] == new[j] else "~", i + 1, j + 1)


def _related(rows: list[DiffRow], old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[DiffRow]:
    """The rows with `moved` and `pair` filled in."""
    moved = moves(
        [(r.old, old[r.old - 1]) for r in rows if r.op == "-"],
        [(r.new, new[r.new - 1]) for r in rows if r.op == "+"],
    )
    back = {now: was for was, now in moved.items()}
    paired: dict[int, int] = {}
    for removed, added in _runs(rows):
        paired |= pairs(
            [(n, old[n - 1]) for n in removed if n not in moved],
            [(n, new[n - 1]) for n in added if n not in back],
        )
    origin = {now: was for was, now in paired.items()}
    for row in rows:
        if row.op == "-":
            yield replace(row, moved=moved.get(row.old), pair=paired.get(row.old))
        elif row.op == "+":
            yield replace(row, moved=back.get(row.new), pair=origin.get(row.new))
        else:
            yield row


def _runs(rows: list[DiffRow]) -> Iterator[tuple[list[int], list[int]]]:
    """The numbers of the lines removed and added between two kept lines."""
    removed: list[int] = []
    added: list[int] = []
    for row in rows:
        if row.op == "-":
            removed.append(row.old)
        elif row.op == "+":
            added.append(row.new)
        else:
            yield removed, added
            removed, added = [], []
    yield removed, added
