"""Line numbers carried through TVM's code generators for C-like languages, which drop spans.

Around every statement go calls of a function that does not exist: before it with its line as the argument,
after it with 0. The code generators print them as they are; the printed calls are then taken out again, and
say where the text between them comes from.
"""

from __future__ import annotations

import re
from typing import Any

from tvm.tirx import AttrStmt, Evaluate, For, IfThenElse, PrimFunc, SeqStmt, call_extern

from .origins import origins
from .spans import Spanned

_CALL = "__mlc_line"
_PRINTED = re.compile(rf"^\s*{_CALL}\((\d+)\w*\);$")
_DECLARED = f"int32_t {_CALL}(int32_t);"  # C has a name declared, once for each call, for C++ as well
_FOR_CPP = 3  # lines in front of each declaration


def with_markers(func: PrimFunc, source: Spanned) -> PrimFunc:
    """`func`, which was lowered from `source`, with a marker around every statement (0: no line)."""
    lines = {stmt: line or 0 for stmt, line in origins(func.body, source)}
    return func.with_body(_within(func.body, lines))


def without_markers(text: str) -> list[tuple[str, int | None]]:
    """The lines of `text` but the markers, each with the line of ``tir`` that it came from, or None."""
    found: list[tuple[str, int | None]] = []
    current = 0
    for line in text.split("\n"):
        if marker := _PRINTED.match(line):
            current = int(marker[1])
        elif line.endswith(_DECLARED):
            del found[-_FOR_CPP:]
        else:
            is_brace = line.strip() in ("}", "};", "} else {")
            found.append((line, None if is_brace else current or None))
    return found


def _within(stmt: Any, lines: dict[Any, int]) -> Any:
    """`stmt` with markers in front of all that stands in it, itself included; sequences stay flat, because a
    name holds to the end of its sequence."""
    children = stmt.seq if isinstance(stmt, SeqStmt) else [stmt]
    parts = [part for child in children for part in _marked(child, lines)]
    return SeqStmt(parts) if len(parts) > 1 else parts[0]


def _marked(stmt: Any, lines: dict[Any, int]) -> list[Any]:
    inner = _inside(stmt, lines)
    if stmt not in lines:  # an attribute
        return [inner]
    return [_marker(lines[stmt]), inner, _marker(0)]


def _marker(line: int) -> Evaluate:
    return Evaluate(call_extern("int32", _CALL, line))


def _inside(stmt: Any, lines: dict[Any, int]) -> Any:
    if isinstance(stmt, AttrStmt):
        return AttrStmt(stmt.node, stmt.attr_key, stmt.value, _within(stmt.body, lines), stmt.span)
    if isinstance(stmt, For):
        body = _within(stmt.body, lines)
        head = (stmt.loop_var, stmt.min, stmt.extent, stmt.kind)
        return For(*head, body, stmt.thread_binding, stmt.annotations, stmt.step, stmt.span)
    if isinstance(stmt, IfThenElse):
        other = None if stmt.else_case is None else _within(stmt.else_case, lines)
        return IfThenElse(stmt.condition, _within(stmt.then_case, lines), other, stmt.span)
    return stmt
