"""A layout written as text, ``i, j -> j // 16, i, j % 16``, as the Python function that TVM wants.

The text comes from a person, so that it is parsed with `ast` and only names, whole numbers and ``+ - * // %``
are understood; nothing is evaluated as Python.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import operator
from collections.abc import Callable
from typing import Any

from tvm.tirx import const

from ...errors import BadTrace
from .wording import words

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_MOST_DEEP = 20
_LARGEST = 1 << 31


def parse(text: str) -> Callable[..., list[Any]]:
    """The function that maps index variables to the new indices; its signature has the text's names.

    Raises BadTrace, with `place` ``index_map``, for anything that is no index map.
    """
    left, _, right = text.partition("->")
    names = [n.strip() for n in left.split(",") if n.strip()]
    if not names or len(set(names)) < len(names):
        raise _bad(text, "the left side must name each axis once")
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise _bad(text, f"'{name}' is no name")
    try:
        listed = f"({right.strip()})" if "," in right else f"({right.strip()},)"
        tree = ast.parse(listed, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        raise _bad(text, "the right side can't be read") from e
    if not isinstance(tree, ast.Tuple) or not tree.elts:
        raise _bad(text, "the right side must list the new indices")
    for part in tree.elts:
        _check(part, set(names), text, 0)

    def mapping(*axes: Any) -> list[Any]:
        values = dict(zip(names, axes))
        return [_evaluate(part, values) for part in tree.elts]

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    mapping.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore
    return mapping


def for_tvm(text: str) -> Callable[..., list[Any]]:
    """The same function for TVM's variables: an index that is a number alone becomes an expression, which TVM
    does not do by itself."""
    plain = parse(text)

    def mapping(*axes: Any) -> list[Any]:
        return [const(e, str(axes[0].ty.dtype)) if isinstance(e, int) else e for e in plain(*axes)]

    mapping.__signature__ = inspect.signature(plain)  # type: ignore
    return mapping


def arity(text: str) -> int:
    """How many axes the left side names."""
    return len([n for n in text.partition("->")[0].split(",") if n.strip()])


def _check(node: ast.expr, names: set[str], text: str, depth: int) -> None:
    if depth > _MOST_DEEP:
        raise _bad(text, "it is nested too deeply")
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        divides = isinstance(node.op, (ast.FloorDiv, ast.Mod))
        if divides and not (isinstance(node.right, ast.Constant) and node.right.value):
            raise _bad(text, "// and % need a number above 0 on their right")
        _check(node.left, names, text, depth + 1)
        _check(node.right, names, text, depth + 1)
    elif isinstance(node, ast.Name):
        if node.id not in names:
            raise _bad(text, f"'{node.id}' is not on the left side")
    elif isinstance(node, ast.Constant):
        if type(node.value) is not int or not 0 <= node.value < _LARGEST:
            raise _bad(text, f"{node.value!r} is no whole number that fits")
    else:
        raise _bad(text, "only names, whole numbers and + - * // % are understood")


def _evaluate(node: ast.expr, values: dict[str, Any]) -> Any:
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.Constant)
    return node.value


def _bad(text: str, reason: str) -> BadTrace:
    return BadTrace(**words("index_map_bad", text=text, reason=reason), place="index_map")
