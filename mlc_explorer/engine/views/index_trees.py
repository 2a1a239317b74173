"""TensorIR's integer expressions as the JSON trees of `schema.motion`, over loop variables alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...schema.motion import OPERATORS, Expression, evaluate

Bindings = Mapping[Any, Expression]  # what a variable of TVM's stands for; None: it depends on data

_OPERATORS = {
    "Add": "+", "Sub": "-", "Mul": "*", "FloorDiv": "//", "FloorMod": "%", "Min": "min", "Max": "max",
    "LT": "<", "LE": "<=", "EQ": "==", "NE": "!=", "And": "and", "Or": "or",
}  # fmt: skip
_TURNED = {"GT": "<", "GE": "<="}
_NEUTRAL = {("+", 0), ("-", 0), ("*", 1), ("//", 1), ("and", 1), ("or", 0)}  # as the right argument


class DataDependent(Exception):
    """The value is not a function of the loop variables: it is loaded, computed in floating point, or made by
    an operator that the trees do not have."""


def tree(expression: Any, bindings: Bindings) -> Expression:
    """`expression` with every variable replaced by what `bindings` says. Raises DataDependent."""
    kind = type(expression).__name__
    if kind == "IntImm":
        return int(expression.value)
    if kind == "Var":
        value = bindings.get(expression)
        if value is None:
            raise DataDependent(expression.name)
        return value
    if kind in _OPERATORS:
        return node(_OPERATORS[kind], tree(expression.a, bindings), tree(expression.b, bindings))
    if kind in _TURNED:
        return node(_TURNED[kind], tree(expression.b, bindings), tree(expression.a, bindings))
    if kind == "Not":
        return node("not", tree(expression.a, bindings))
    if kind == "Cast":
        return tree(expression.value, bindings)
    if kind == "LShift":
        return node("*", tree(expression.a, bindings), 1 << _whole(tree(expression.b, bindings)))
    if kind == "RShift":
        return node("//", tree(expression.a, bindings), 1 << _whole(tree(expression.b, bindings)))
    if kind == "Select":
        parts = (expression.condition, expression.true_value, expression.false_value)
        return node("if", *(tree(part, bindings) for part in parts))
    if is_conditional(expression):
        return node("if", *(tree(part, bindings) for part in expression.args))
    raise DataDependent(kind)


def is_conditional(expression: Any) -> bool:
    """Whether it is ``T.if_then_else``, which evaluates only the side that it takes."""
    operator = getattr(expression, "op", None)
    return type(expression).__name__ == "Call" and getattr(operator, "name", "").endswith(".if_then_else")


def node(operator: str, *arguments: Expression) -> Expression:
    """A tree, with constants folded and what changes nothing left out."""
    if all(isinstance(a, int) for a in arguments):
        return evaluate([operator, *arguments], {})
    assert operator in OPERATORS
    if len(arguments) == 2:
        left, right = arguments
        if isinstance(right, int) and (operator, right) in _NEUTRAL:
            return left
        if isinstance(left, int) and operator in ("+", "*", "and", "or") and (operator, left) in _NEUTRAL:
            return right
        if operator == "*" and 0 in (left, right):
            return 0
    return [operator, *arguments]


def _whole(value: Expression) -> int:
    if isinstance(value, int) and 0 <= value < 63:
        return value
    raise DataDependent("<<")
