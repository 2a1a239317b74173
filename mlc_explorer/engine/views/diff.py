"""How one text of a function became the next, row by row."""

from __future__ import annotations

from difflib import SequenceMatcher

from ...schema.text import DiffRow, DiffView, TextView

_EXACT_LIMIT = 2000  # lines; above it difflib's shortcut for frequent lines keeps a diff under a second


def diff(before: TextView | None, after: TextView) -> DiffView:
    """Rows from `before` to `after`; without a `before` (the function is new) every line is added.

    Lines are compared without their indentation, because splitting a loop moves its whole body: a line that
    was only re-indented is kept (``~``), not removed and added.
    """
    old = before.lines if before is not None else ()
    rows: list[DiffRow] = []
    for op, i1, i2, j1, j2 in _opcodes(old, after.lines):
        if op == "equal":
            rows.extend(_kept(old, after.lines, i, j) for i, j in zip(range(i1, i2), range(j1, j2)))
        else:
            rows.extend(DiffRow("-", i + 1, None) for i in range(i1, i2))
            rows.extend(DiffRow("+", None, j + 1) for j in range(j1, j2))
    return DiffView(after.function, tuple(old), after.lines, tuple(rows))


def _opcodes(old: tuple[str, ...], new: tuple[str, ...]) -> list[tuple[str, int, int, int, int]]:
    return SequenceMatcher(
        None,
        [line.strip() for line in old],
        [line.strip() for line in new],
        autojunk=max(len(old), len(new)) > _EXACT_LIMIT,
    ).get_opcodes()


def _kept(old: tuple[str, ...], new: tuple[str, ...], i: int, j: int) -> DiffRow:
    return DiffRow(" " if old[i] == new[j] else "~", i + 1, j + 1)
