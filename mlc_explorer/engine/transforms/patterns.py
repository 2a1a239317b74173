"""A small language for patterns of operators, which a person writes in the page.

Each line names a group and says what it looks like, as the graph's own text would, without ``R.``::

    linear_relu = relax.nn.relu(relax.add(relax.matmul(x, w), const(b)))
    sum = relax.add(x, y) | relax.subtract(x, y)

A name stands for any value, and for the same value wherever it comes again in its line; ``const(b)`` for a
constant. The text is parsed by `ast` and read node by node; nothing in it is ever evaluated.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass, field

from tvm.ir import Op
from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard

from ...errors import Refused
from .wording import words

_MOST_NODES = 400
_GROUP = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, eq=False)
class Named:
    """A pattern of one line. `source` are lines of Python that make the same pattern, as `pattern`."""

    name: str
    pattern: DFPattern
    source: tuple[str, ...]


def parsed(text: str) -> list[Named]:
    """The patterns of `text`, in its order. Refused, with line and column, for what can't be read."""
    found = [_line(n, line) for n, line in enumerate(text.splitlines(), 1) if line.partition("#")[0].strip()]
    if not found:
        raise Refused(**words("pattern_empty"), place="patterns")
    return found


def known_operator(name: str) -> str:
    """`name`, if Relax has an operator of that name. Refused, with the closest names, if not."""
    operators = [str(op) for op in Op.list_op_names() if str(op).startswith("relax.")]
    if name in operators:
        return name
    close = difflib.get_close_matches(name, operators, 3, 0.5) or ["relax.add", "relax.matmul"]
    raise Refused(**words("operator_unknown", operator=name, close=", ".join(close)))


def _line(number: int, text: str) -> Named:
    name, found, right = text.partition("=")
    if not found or not _GROUP.fullmatch(name.strip()):
        raise _refusal(number, 1, "a name, =, and a pattern were expected")
    left = len(text) - len(right.lstrip())  # columns before the pattern
    try:
        tree = ast.parse(right.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        column = left + (getattr(e, "offset", None) or 1)
        raise _refusal(number, column, getattr(e, "msg", "") or "it can't be read") from e
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise _refusal(number, left + 1, f"it has more than {_MOST_NODES} parts")
    reader = _Reader(number, left)
    pattern, source = reader.read(tree.body)
    if not isinstance(tree.body, (ast.Call, ast.BinOp)) or not reader.operators:
        raise _refusal(number, left + 1, "an operator such as relax.matmul(x, w) was expected")
    made = [f"{var} = {how}" for var, how in reader.made.values()]
    return Named(name.strip(), pattern, (*made, f"pattern = {source}"))


@dataclass(eq=False)
class _Reader:
    """Reads one line's tree. `made` are the wildcards by name: their variable, and how Python makes them."""

    line: int
    left: int
    made: dict[str, tuple[str, str]] = field(default_factory=dict)
    patterns: dict[str, DFPattern] = field(default_factory=dict)
    operators: int = 0

    def read(self, node: ast.expr) -> tuple[DFPattern, str]:
        if isinstance(node, ast.Name):
            return self._value(node, node.id, "wildcard")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            (a, first), (b, second) = self.read(node.left), self.read(node.right)
            return a | b, f"({first} | {second})"
        if isinstance(node, ast.Call) and not node.keywords:
            return self._call(node)
        raise self._refusal(node, f"'{ast.unparse(node)}' is no name, no operator's call, and no choice by |")

    def _call(self, node: ast.Call) -> tuple[DFPattern, str]:
        dotted = ast.unparse(node.func)
        if dotted == "const":
            if len(node.args) != 1 or not isinstance(node.args[0], ast.Name):
                raise self._refusal(node, "const takes one name, as in const(w)")
            return self._value(node.args[0], node.args[0].id, "is_const")
        try:
            known_operator(dotted)
        except Refused as e:
            raise self._refusal(node, f"{e.message} {e.hint}") from e
        self.operators += 1
        arguments = [self.read(argument) for argument in node.args]
        pattern = is_op(dotted)(*(a for a, _ in arguments))
        return pattern, f"is_op({dotted!r})({', '.join(text for _, text in arguments)})"

    def _value(self, node: ast.expr, name: str, maker: str) -> tuple[DFPattern, str]:
        how = f"{maker}()"
        if name not in self.made:
            self.made[name] = (f"any_{len(self.made)}", how)
            self.patterns[name] = wildcard() if maker == "wildcard" else is_const()
        if self.made[name][1] != how:
            raise self._refusal(node, f"'{name}' is a constant in one place and any value in another")
        return self.patterns[name], self.made[name][0]

    def _refusal(self, node: ast.expr, reason: str) -> Refused:
        return _refusal(self.line, self.left + node.col_offset + 1, reason)


def _refusal(line: int, column: int, reason: str) -> Refused:
    return Refused(**words("pattern_bad", line=line, column=column, reason=reason), place="patterns")
