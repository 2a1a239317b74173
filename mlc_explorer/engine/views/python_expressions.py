"""TensorIR expressions as Python: operators by their precedence, so that only needed parentheses stand.

Types follow NumPy's promotion (NEP 50): an element is a NumPy scalar, a constant is a Python number and takes
the type of its partner, so that ``float32`` stays ``float32`` at every operation. A constant that may become
a partner itself (a branch, one side of a maximum) is therefore written with its type. Loop variables are
Python integers. What Python and NumPy have no counterpart of is refused, never approximated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import Refused

_IF, _OR, _AND, _NOT, _COMPARE, _SHIFT, _SUM, _PRODUCT, _UNARY, _ATOM = 0, 1, 2, 3, 4, 8, 9, 10, 11, 13

# node → operator and precedence (of & | ^ too); a right operand of the same precedence gets parentheses.
_BINARY = {
    "Or": ("or", _OR),
    "And": ("and", _AND),
    "EQ": ("==", _COMPARE),
    "NE": ("!=", _COMPARE),
    "LT": ("<", _COMPARE),
    "LE": ("<=", _COMPARE),
    "GT": (">", _COMPARE),
    "GE": (">=", _COMPARE),
    "BitwiseOr": ("|", 5),
    "BitwiseXor": ("^", 6),
    "BitwiseAnd": ("&", 7),
    "LShift": ("<<", _SHIFT),
    "RShift": (">>", _SHIFT),
    "Add": ("+", _SUM),
    "Sub": ("-", _SUM),
    "Mul": ("*", _PRODUCT),
    "Div": ("/", _PRODUCT),
    "FloorDiv": ("//", _PRODUCT),
    "FloorMod": ("%", _PRODUCT),
}

# TVM's functions that NumPy has under another name, or needs more for.
_CALLS = {
    "fabs": "np.abs({0})",
    "pow": "np.power({0}, {1})",
    "rsqrt": "1 / np.sqrt({0})",
    "sigmoid": "1 / (1 + np.exp(-{0}))",
    "nearbyint": "np.rint({0})",
    "acos": "np.arccos({0})",
    "asin": "np.arcsin({0})",
    "atan": "np.arctan({0})",
    "acosh": "np.arccosh({0})",
    "asinh": "np.arcsinh({0})",
    "atanh": "np.arctanh({0})",
    "atan2": "np.arctan2({0}, {1})",
    "exp10": "np.power(10, {0})",
}
_SAME_NAME = {
    "exp", "exp2", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh",
    "floor", "ceil", "trunc", "fmod", "isnan", "isinf", "isfinite", "copysign", "hypot", "nextafter", "ldexp",
}  # fmt: skip
_DIVISION = {  # where TVM rounds towards zero, // and % round down
    "truncdiv": (
        "def truncdiv(a, b):",
        "    q = abs(a) // abs(b)",
        "    return q if (a < 0) == (b < 0) else -q",
    ),
    "truncmod": (
        "def truncmod(a, b):",
        "    r = abs(a) % abs(b)",
        "    return r if a >= 0 else -r",
    ),
}


class Expressions:
    """Writes the expressions of `function`; `name` gives the Python text of a variable or buffer.

    After the writing, `helpers` are the lines of the small functions that the expressions call, and
    `modules` the modules that they need besides NumPy.
    """

    def __init__(self, function: str, name: Callable[[Any], str]) -> None:
        self._function = function
        self._name = name
        self._divisions: set[str] = set()
        self.modules: set[str] = set()

    @property
    def helpers(self) -> list[tuple[str, ...]]:
        return [lines for name, lines in _DIVISION.items() if name in self._divisions]

    def text(self, node: Any) -> str:
        """`node` as Python. Refused for what Python and NumPy have no counterpart of."""
        return self._write(node)[0]

    def stored(self, node: Any) -> str:
        """`node` as the right side of an assignment to an element: the element gives the type, so that
        constants need none."""
        kind = type(node).__name__
        if kind in ("Max", "Min") and not _is_vector(node):
            return f"{kind.lower()}({self.text(node.a)}, {self.text(node.b)})"
        branches = _branches(node)
        if branches and not _is_vector(node):
            return self._conditional(*branches, branch=self._at_least)[0]
        return self.text(node)

    def element(self, buffer: Any, indices: Any) -> str:
        """``A[i, j]``; a ramp is a slice, nothing to index by is ``[()]``."""
        self.dtype(buffer.ty.dtype)
        return f"{self._name(buffer)}[{', '.join(self._index(i) for i in indices) or '()'}]"

    def dtype(self, dtype: Any) -> str:
        """NumPy's name of it, as a string; Refused for a type that NumPy lacks (bfloat16, float8, …)."""
        try:
            name = str(np.dtype(str(dtype)))
        except TypeError:
            raise self.refusal(str(dtype)) from None
        if not hasattr(np, name):  # added to NumPy by another package, whose scalars promote otherwise
            raise self.refusal(name)
        return name

    def refusal(self, what: str, place: Any = None) -> Refused:
        """`what` has no counterpart: named as in code, because it stands in a text of any language."""
        shown = f"{what}: {' '.join(str(place).split())}"[:160] if place is not None else what
        return Refused(
            f"'{self._function}' can't be written as Python: there is no counterpart for {shown}.",
            hint="Read it as TVMScript or LLVM IR.",
            place=self._function,
            code="view_not_python",
            params={"function": self._function, "what": shown},
        )

    def _index(self, node: Any) -> str:
        if type(node).__name__ != "Ramp":
            return self.text(node)
        first, stride, lanes = (self.text(part) for part in (node.base, node.stride, node.lanes))
        start = self._at_least(node.base, _SUM)
        if stride == "1":
            return f"{first}:{start} + {lanes}" if first != "0" else f":{lanes}"
        return f"{first}:{start} + {lanes} * {self._at_least(node.stride, _UNARY)}:{stride}"

    def _write(self, node: Any) -> tuple[str, int]:
        kind = type(node).__name__
        if kind in _BINARY:
            return self._binary(node, kind)
        writer = getattr(self, f"_{kind.lower()}", None)
        if writer is None:
            raise self.refusal(kind, node)
        return writer(node)

    def _at_least(self, node: Any, precedence: int) -> str:
        text, own = self._write(node)
        return text if own >= precedence else f"({text})"

    def _binary(self, node: Any, kind: str) -> tuple[str, int]:
        sign, precedence = _BINARY[kind]
        if kind == "Div" and not _is_float(node):
            return self._division("truncdiv", node)
        if kind in ("And", "Or") and _is_vector(node):
            return f"np.logical_{sign}({self.text(node.a)}, {self.text(node.b)})", _ATOM
        # comparisons chain in Python, so that neither side may be one
        left = self._at_least(node.a, precedence + (precedence == _COMPARE))
        return f"{left} {sign} {self._at_least(node.b, precedence + 1)}", precedence

    def _mod(self, node: Any) -> tuple[str, int]:
        return self._division("truncmod", node)

    def _division(self, name: str, node: Any) -> tuple[str, int]:
        if _is_vector(node):
            raise self.refusal(f"{name}(T.Ramp)", node)
        self._divisions.add(name)
        return f"{name}({self.text(node.a)}, {self.text(node.b)})", _ATOM

    def _intimm(self, node: Any) -> tuple[str, int]:
        value = bool(node.value) if str(node.ty) == "bool" else int(node.value)
        return str(value), _ATOM if value >= 0 else _UNARY

    def _floatimm(self, node: Any) -> tuple[str, int]:
        value = getattr(np, self.dtype(node.ty))(float(node.value))
        if np.isnan(value):
            return "np.nan", _ATOM
        if np.isinf(value):
            return ("np.inf", _ATOM) if value > 0 else ("-np.inf", _UNARY)
        return str(value), _UNARY if np.signbit(value) else _ATOM

    def _typed(self, node: Any) -> str:
        """`node`, a constant with its type; parentheses around a conditional."""
        text = self._at_least(node, _IF + 1)
        if type(node).__name__ == "FloatImm":
            return f"np.{self.dtype(node.ty)}({text})"
        return text

    def _var(self, node: Any) -> tuple[str, int]:
        return self._name(node), _ATOM

    def _tensorload(self, node: Any) -> tuple[str, int]:
        return self.element(node.source, node.indices), _ATOM

    def _max(self, node: Any) -> tuple[str, int]:
        return self._extreme(node, "max")

    def _min(self, node: Any) -> tuple[str, int]:
        return self._extreme(node, "min")

    def _extreme(self, node: Any, which: str) -> tuple[str, int]:
        name = f"np.{which}imum" if _is_vector(node) else which
        return f"{name}({self._typed(node.a)}, {self._typed(node.b)})", _ATOM

    def _cast(self, node: Any) -> tuple[str, int]:
        text, precedence = self._write(node.value)
        dtype = self.dtype(_scalar(node))
        if _is_vector(node):
            return f"{self._at_least(node.value, _ATOM)}.astype(np.{dtype})", _ATOM
        if str(node.ty) in ("int32", "int64") and _is_python_int(node.value):
            return text, precedence
        return f"np.{dtype}({text})", _ATOM

    def _not(self, node: Any) -> tuple[str, int]:
        if _is_vector(node):
            return f"np.logical_not({self.text(node.a)})", _ATOM
        return f"not {self._at_least(node.a, _NOT)}", _NOT

    def _bitwisenot(self, node: Any) -> tuple[str, int]:
        return f"~{self._at_least(node.a, _UNARY)}", _UNARY

    def _select(self, node: Any) -> tuple[str, int]:
        return self._conditional(*_branches(node), branch=lambda n, _: self._typed(n))

    def _conditional(
        self, condition: Any, yes: Any, no: Any, *, branch: Callable[[Any, int], str]
    ) -> tuple[str, int]:
        """Python's own conditional, which leaves the branch that is not taken alone: an index may be outside
        there. A condition on vectors takes lane by lane."""
        if _is_vector(condition):
            return f"np.where({self.text(condition)}, {self._typed(yes)}, {self._typed(no)})", _ATOM
        first, last = branch(yes, _IF + 1), branch(no, _IF + 1)
        return f"{first} if {self._at_least(condition, _IF + 1)} else {last}", _IF

    def _ramp(self, node: Any) -> tuple[str, int]:
        base = self._at_least(node.base, _SUM)
        stride, lanes = self._at_least(node.stride, _PRODUCT), self.text(node.lanes)
        steps = f"np.arange({lanes})" if stride == "1" else f"{stride} * np.arange({lanes})"
        return f"{base} + {steps}", _SUM

    def _broadcast(self, node: Any) -> tuple[str, int]:
        return self._typed(node.value), _ATOM if type(node.value).__name__ == "FloatImm" else _IF

    def _let(self, node: Any) -> tuple[str, int]:
        value = self.text(node.value)
        return f"(lambda {self._name(node.var)}: {self.text(node.body)})({value})", _ATOM

    def _call(self, node: Any) -> tuple[str, int]:
        name = str(getattr(node.op, "name", node.op)).rpartition(".")[2]
        if name == "if_then_else":
            return self._conditional(*node.args, branch=lambda n, _: self._typed(n))
        if name == "likely":
            return self._write(node.args[0])
        if name == "erf":
            return self._erf(node)
        if name in _SAME_NAME:
            return f"np.{name}({', '.join(map(self.text, node.args))})", _ATOM
        if name not in _CALLS:
            raise self.refusal(name, node)
        pattern = _CALLS[name]
        arguments = (self._at_least(a, _ATOM) if "-{0}" in pattern else self.text(a) for a in node.args)
        return pattern.format(*arguments), _PRODUCT if pattern.startswith("1 /") else _ATOM

    def _erf(self, node: Any) -> tuple[str, int]:
        if _is_vector(node):
            raise self.refusal("T.erf(T.Ramp)", node)
        self.modules.add("math")
        return f"np.{self.dtype(node.ty)}(math.erf({self.text(node.args[0])}))", _ATOM


def _branches(node: Any) -> tuple[Any, Any, Any] | None:
    """Condition, then and else of a Select or an if_then_else."""
    if type(node).__name__ == "Select":
        return node.condition, node.true_value, node.false_value
    if type(node).__name__ == "Call" and str(getattr(node.op, "name", "")) == "prim.if_then_else":
        return tuple(node.args)
    return None


def _is_vector(node: Any) -> bool:
    return not node.ty.is_scalar()


def _scalar(node: Any) -> str:
    return str(node.ty).partition("x")[0]


def _is_float(node: Any) -> bool:
    return _scalar(node).startswith(("float", "bfloat"))


def _is_python_int(node: Any) -> bool:
    """Whether the text of `node` is made of loop variables and integer constants alone."""
    kind = type(node).__name__
    if kind in ("Var", "IntImm"):
        return str(node.ty) in ("int32", "int64")
    if kind in ("Add", "Sub", "Mul", "FloorDiv", "FloorMod", "Min", "Max"):
        return _is_python_int(node.a) and _is_python_int(node.b)
    return kind == "Cast" and str(node.ty) in ("int32", "int64") and _is_python_int(node.value)
