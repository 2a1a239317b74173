"""Gives every statement of a lowered kernel the line of TVMScript that it came from.

TVM keeps the lines of stores and loses the rest: LowerOpaqueBlock makes each loop anew without its line, and
what passes add (common subexpressions, workspaces, guards) never had one. Their instructions would count as
line 0. So, when lowering is done and before code is generated:

- a loop gets the line of its ``for``, and so do its counter, its bound and its jump back;
- an expression that was taken out of a statement gets the line of the statement that follows it;
- what else has no line gets that of the loop around it.

What stands in no loop (argument checks, the calling convention) keeps none. No instruction changes by this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import tvm_ffi
from tvm.ir import SourceName, Span
from tvm.tirx import Bind, BufferStore, Evaluate, For, IfThenElse, IntImm, PrimFunc, SeqStmt

from ...schema.text import Mark

_SOURCE = SourceName("tir")
_COPY = re.compile(r"_\d+$")  # TVM numbers the variable of a loop that it had to copy


def with_lines(func: PrimFunc, marks: Iterable[Mark]) -> PrimFunc:
    """`func`, lowered, with a span on every statement that stands in a loop; `marks` are those of the text
    that its stores' spans count."""
    return func.with_body(_Lines([m for m in marks if m.kind == "loop"]).of(func.body))


class _Lines:
    """Walks a body from the outside in; `_around` are the loops of the text that it stands in."""

    def __init__(self, loops: Sequence[Mark]) -> None:
        self._loops = loops
        self._around: list[Mark] = []

    def of(self, body: Any) -> Any:
        return tvm_ffi.structural_mutate(
            body,
            [
                (For, self._loop),
                (SeqStmt, self._sequence),
                (IfThenElse, self._branch),
                (Evaluate, self._call),
            ],
        )

    def _loop(self, loop: For, mutator: Any) -> For:
        mark = self._mark_of(loop)
        if mark is None:
            return mutator.default_mutate(loop)
        self._around.append(mark)
        body = mutator.mutate(loop.body)
        self._around.pop()
        span = _span(mark.line)
        # After the body comes the counter: this statement is no code, and tells its line.
        ends = SeqStmt([body, Evaluate(IntImm("int32", 0), span)])
        kept = loop.loop_var, loop.min, loop.extent, loop.kind
        return For(*kept, ends, loop.thread_binding, loop.annotations, loop.step, span)

    def _sequence(self, stmts: SeqStmt, mutator: Any) -> SeqStmt:
        """Last to first, because an expression takes the line of what follows it."""
        done: list[Any] = []
        line = self._line()
        for stmt in reversed(list(stmts)):
            new = mutator.mutate(stmt)
            if isinstance(new, Bind) and new.span is None and line is not None:
                new = Bind(new.var, new.value, _span(line))
            line = self._line() if new.span is None else new.span.line
            done.append(new)
        return SeqStmt(done[::-1], stmts.span)

    def _branch(self, stmt: IfThenElse, mutator: Any) -> IfThenElse:
        then = mutator.mutate(stmt.then_case)
        otherwise = None if stmt.else_case is None else mutator.mutate(stmt.else_case)
        return IfThenElse(stmt.condition, then, otherwise, self._span_of(stmt))

    def _call(self, stmt: Evaluate, _: Any) -> Evaluate:
        return Evaluate(stmt.value, self._span_of(stmt))

    def _span_of(self, stmt: Any) -> Span | None:
        line = self._line()
        return stmt.span if stmt.span is not None or line is None else _span(line)

    def _line(self) -> int | None:
        return self._around[-1].line if self._around else None

    def _mark_of(self, loop: For) -> Mark | None:
        """The loop of the text that became `loop`: of its name, around all lines of its body, inside those
        that were found for the loops outside; the outermost of these."""
        lines: list[int] = []
        tvm_ffi.structural_walk(
            loop.body, (BufferStore, lambda store: lines.append(store.span.line) if store.span else None)
        )
        inside = self._around[-1].line if self._around else 0
        fitting = [
            mark
            for mark in self._loops
            if mark.line > inside and all(mark.line < line <= mark.end for line in lines)
        ]
        name = loop.loop_var.name
        for wanted in (name, _COPY.sub("", name)):
            if found := next((mark for mark in fitting if _name(mark) == wanted), None):
                return found
        return None


def _name(mark: Mark) -> str:
    """The loop's variable, from its path (``matmul/k#2`` is ``k``)."""
    return mark.path.rpartition("/")[2].partition("#")[0]


def _span(line: int) -> Span:
    return Span(_SOURCE, line, line, 1, 1)
