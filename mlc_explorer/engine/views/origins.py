"""From which line of a function's ``tir`` text each statement of the lowered function came.

TVM carries the spans of stores all the way down. It drops those of loops, conditions and allocations, when it
turns blocks into plain statements; but it keeps names. So a loop is the one of its name (or thread) around
the line of what it holds, a condition the ``T.where`` or ``T.init`` there, a buffer the one of its name, and
a named common subexpression belongs to what comes next and uses it. What none of this tells has no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import tvm_ffi
from tvm.s_tir import SBlock
from tvm.tirx import BufferStore, PrimFunc

from .spans import Spanned

_ALLOCATION = re.compile(r"^\s*(\w+) = T\.\w*alloc\w*\(")
_FOR = re.compile(r"^\s*for (\w+) in ")
_THREAD = re.compile(r'thread="([\w.]+)"')
_INIT = "with T.init():"
_PARTS = ("_in_thread_init", "_in_thread", "_write_back", "_rf", "_init", "_update")  # of a block's name
_SCALAR = ".s"  # a loop that VectorizeLoop could not turn into vectors
_REDUCE_SCOPE = "reduce_scope"


def origins(body: Any, source: Spanned) -> list[tuple[Any, int | None]]:
    """Each statement of `body`, in the order of its text, with its 1-based line of ``tir`` or None.

    `body` was lowered from `source`. Sequences are not statements here, attributes only if they launch
    threads.
    """
    return _Origins(source).of(body)


class _Origins:
    def __init__(self, source: Spanned) -> None:
        self._source = source
        self._text = source.tir.lines
        self._loops = [mark for mark in source.tir.marks if mark.kind == "loop"]
        self._blocks = [mark for mark in source.tir.marks if mark.kind == "block"]
        self._names = dict(self._declared())
        self._found: list[tuple[Any, int | None]] = []

    def of(self, body: Any) -> list[tuple[Any, int | None]]:
        self._visit(body)
        return self._found

    def _declared(self) -> Iterator[tuple[str, int]]:
        """Parameters stand on the line of ``def``, other buffers where they are allocated."""
        if self._source.define:
            yield from ((p.name, self._source.define) for p in self._source.func.params)
        for i, line in enumerate(self._text, 1):
            if match := _ALLOCATION.match(line):
                yield match[1], i

    def _visit(self, stmt: Any) -> list[int]:
        """Notes `stmt` and all within; returns the lines of the stores in it."""
        kind = type(stmt).__name__
        if kind == "SeqStmt":
            return self._sequence(stmt)
        if kind == "AttrStmt" and not _is_thread(stmt):
            return self._visit(stmt.body)
        at = len(self._found)
        self._found.append((stmt, None))
        within = [line for child in _children(stmt) for line in self._visit(child)]
        line = self._line(stmt, kind, within)
        self._found[at] = (stmt, line)
        return [line] if kind == "BufferStore" and line else within

    def _sequence(self, stmt: Any) -> list[int]:
        """In order, with a line from what follows for what is there only to be used by it: subexpressions,
        and the steps of a reduction between threads, whose result is written back next."""
        within: list[int] = []
        waiting: list[int] = []
        for child in stmt.seq:
            at = len(self._found)
            lines = self._visit(child)
            within += lines
            if _serves_the_next(child):
                waiting += range(at, len(self._found))
            elif lines:
                for i in waiting:
                    self._found[i] = (self._found[i][0], self._found[i][1] or lines[0])
                waiting = []
        return within

    def _line(self, stmt: Any, kind: str, within: list[int]) -> int | None:
        if kind == "AllocBuffer":
            return self._names.get(stmt.buffer.name)
        if kind == "DeclBuffer":
            data = getattr(stmt.data, "args", None)
            return self._names.get(data[0].name if data else stmt.buffer.name)
        if kind in ("BufferStore", "Evaluate"):
            return self._source.line(stmt)
        if not within:
            return None
        if kind == "For":
            name = stmt.loop_var.name
            scalar = name.removesuffix(_SCALAR)
            return self._loop(within[0], name, _FOR) or self._loop(within[0], scalar, _FOR)
        if kind == "AttrStmt":
            return self._loop(within[0], stmt.node.thread_tag, _THREAD)
        return self._condition(within) if kind == "IfThenElse" else None

    def _loop(self, line: int, name: str, pattern: re.Pattern[str]) -> int | None:
        """The innermost loop around `line` whose header names `name`."""
        for mark in reversed(self._loops):
            if mark.line <= line <= mark.end:
                match = pattern.search(self._text[mark.line - 1])
                if match and match[1] == name:
                    return mark.line
        return None

    def _condition(self, within: list[int]) -> int | None:
        """``T.init`` if nothing but initialisation stands under it, else the guard of the block; what TVM
        made for one line alone is that line's."""
        lines = set(within)
        if len(lines) == 1 and self._text[within[0] - 2].strip() == _INIT:
            return within[0] - 1
        block = next((m for m in reversed(self._blocks) if m.line <= within[0] <= m.end), None)
        inside = range(block.line, within[0]) if block else ()
        guard = next((i for i in inside if self._text[i - 1].strip().startswith("T.where(")), None)
        return guard or (within[0] if len(lines) == 1 else None)


def with_lines_of_blocks(func: PrimFunc, original: PrimFunc) -> PrimFunc:
    """`func` with lines on stores that have none, where the name of their block tells.

    rfactor and LowerCrossThreadReduction make several blocks of one: ``b_rf``, ``b_in_thread`` and so on. All
    come from b's update, but for those that initialise. `original`, which has b, has the lines.
    """
    spans = _spans_of_blocks(original)

    def named(block: SBlock) -> SBlock:
        init, update = _descent(block.name_hint, spans)
        if update is None:
            return block
        first = None if block.init is None else _with_span(block.init, init)
        rest = (block.alloc_buffers, block.match_buffers, block.annotations)
        head = (block.iter_vars, block.reads, block.writes, block.name_hint)
        return SBlock(*head, _with_span(block.body, update), first, *rest)

    return func.with_body(tvm_ffi.structural_map(func.body, (SBlock, named)))


def _with_span(stmt: Any, span: Any) -> Any:
    return tvm_ffi.structural_map(
        stmt, (BufferStore, lambda s: s if s.span else BufferStore(s.buffer, s.value, s.indices, span))
    )


def _descent(name: str, spans: dict[str, tuple[Any, Any]]) -> tuple[Any, Any]:
    """The spans for the initialisation and the update in a block of that name, as far as they are known."""
    initialises = False
    while name not in spans:
        part = next((p for p in _PARTS if name.endswith(p)), None)
        if part is None:
            return None, None
        initialises = initialises or part.endswith("_init")
        name = name.removesuffix(part)
    init, update = spans[name]
    return init, init if initialises else update


def _spans_of_blocks(func: PrimFunc) -> dict[str, tuple[Any, Any]]:
    """The spans of initialisation and update of each reduction block whose name is its own."""
    found: dict[str, list[tuple[Any, Any]]] = {}

    def note(block: SBlock) -> None:
        if isinstance(block.init, BufferStore) and isinstance(block.body, BufferStore):
            found.setdefault(block.name_hint, []).append((block.init.span, block.body.span))

    tvm_ffi.structural_walk(func.body, (SBlock, note))
    return {name: spans[0] for name, spans in found.items() if len(spans) == 1}


def _children(stmt: Any) -> Iterator[Any]:
    for name in ("then_case", "else_case", "body"):
        child = getattr(stmt, name, None)
        if child is not None:
            yield child


def _is_thread(stmt: Any) -> bool:
    return str(stmt.attr_key) == "thread_extent"


def _serves_the_next(stmt: Any) -> bool:
    kind = type(stmt).__name__
    return kind == "Bind" or (kind == "AttrStmt" and str(stmt.attr_key) == _REDUCE_SCOPE)
