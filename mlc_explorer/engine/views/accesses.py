"""The loads and stores of a block's body, in the order in which an iteration makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...schema.motion import Expression
from .index_trees import Bindings, DataDependent, is_conditional, node, tree

_PARTS = ("a", "b", "value", "condition", "true_value", "false_value", "body", "base", "stride", "lanes")


class Irregular(Exception):
    """The body is more than a straight line of statements: a loop between others, a block, a ``while``."""


class Reader:
    """Collects accesses as tuples (buffer, is_write, indices, guard, initial).

    `matched` maps a matched buffer to the buffer and the first index of its region per dimension. `simplify`
    gives a shorter expression of the same value.
    """

    def __init__(
        self,
        bindings: Bindings,
        matched: dict[Any, tuple[Any, list[Any]]],
        simplify: Callable[[Any], Any],
    ) -> None:
        self._bindings = dict(bindings)
        self._matched = matched
        self._simplify = simplify
        self._initial = False
        self.found: list[tuple[Any, bool, tuple[Expression, ...] | None, Expression, bool]] = []

    def initialisation(self, statement: Any, guard: Expression) -> None:
        """The stores of the block's ``T.init``, made where `guard` holds."""
        self._initial = True
        self.statement(statement, guard)
        self._initial = False

    def statement(self, statement: Any, guard: Expression = 1, known: bool = True) -> None:
        """`guard`: when it is executed; not `known`: that depends on data, and so do all its accesses."""
        kind = type(statement).__name__
        if kind == "SeqStmt":
            for child in statement.seq:
                self.statement(child, guard, known)
        elif kind == "BufferStore":
            for index in statement.indices:
                self._expression(index, guard, known)
            self._expression(statement.value, guard, known)
            self._add(statement.buffer, True, statement.indices, guard, known)
        elif kind == "IfThenElse":
            self._expression(statement.condition, guard, known)
            sides = self._sides(statement.condition, guard, known)
            for child, (its_guard, its_known) in zip((statement.then_case, statement.else_case), sides):
                if child is not None:
                    self.statement(child, its_guard, its_known)
        elif kind == "Bind":
            self._expression(statement.value, guard, known)
            self._bind(statement.var, statement.value)
        elif kind == "Evaluate":
            self._expression(statement.value, guard, known)
        elif kind in ("AttrStmt", "DeclBuffer", "AllocBuffer", "AssertStmt"):
            body = getattr(statement, "body", None)
            if body is not None:
                self.statement(body, guard, known)
        else:
            raise Irregular(kind)

    def _expression(self, expression: Any, guard: Expression, known: bool) -> None:
        if is_conditional(expression):
            condition, *values = expression.args
            self._expression(condition, guard, known)
            for value, (its_guard, its_known) in zip(values, self._sides(condition, guard, known)):
                self._expression(value, its_guard, its_known)
            return
        kind = type(expression).__name__
        if kind == "TensorLoad":
            for index in expression.indices:
                self._expression(index, guard, known)
            self._add(expression.source, False, expression.indices, guard, known)
        elif kind == "Call":
            for argument in expression.args:
                self._expression(argument, guard, known)
        elif kind == "Let":
            self._expression(expression.value, guard, known)
            self._bind(expression.var, expression.value)
            self._expression(expression.body, guard, known)
        elif kind not in ("Var", "IntImm", "FloatImm", "StringImm"):
            for name in _PARTS:
                part = getattr(expression, name, None)
                if part is not None and hasattr(part, "same_as"):
                    self._expression(part, guard, known)

    def _sides(self, condition: Any, guard: Expression, known: bool) -> list[tuple[Expression, bool]]:
        """Guard, and whether it is known, of what runs where `condition` holds and of what runs elsewhere."""
        try:
            when = tree(condition, self._bindings)
        except DataDependent:
            return [(guard, False), (guard, False)]
        return [(node("and", guard, when), known), (node("and", guard, node("not", when)), known)]

    def _bind(self, variable: Any, value: Any) -> None:
        try:
            self._bindings[variable] = tree(value, self._bindings)
        except DataDependent:
            self._bindings.pop(variable, None)

    def _add(self, buffer: Any, is_write: bool, indices: Any, guard: Expression, known: bool) -> None:
        if guard == 0:
            return
        place: tuple[Expression, ...] | None = None
        if known:
            try:
                place = tuple(tree(self._simplify(index), self._bindings) for index in indices)
                buffer, place = self._source(buffer, place)
            except DataDependent:
                place = None
        if place is None:
            buffer = self._source(buffer, None)[0]
        self.found.append((buffer, is_write, place, None if guard == 1 else guard, self._initial))

    def _source(self, buffer: Any, place: Any) -> tuple[Any, Any]:
        """A matched buffer is a window of another: the indices move by where the window starts."""
        while buffer in self._matched:
            buffer, starts = self._matched[buffer]
            if place is not None:
                fixed = len(starts) - len(place)
                moved = [tree(start, self._bindings) for start in starts]
                place = tuple(
                    moved[d] if d < fixed else node("+", moved[d], place[d - fixed])
                    for d in range(len(starts))
                )
        return buffer, place
