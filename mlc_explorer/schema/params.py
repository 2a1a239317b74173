"""Kinds of parameter: what a transform's field may hold, as JSON values.

A kind checks and normalises a value (`check`), and describes itself so that the screen can make a
form from it (`describe`). It knows nothing of TVM: the engine turns a path into a loop.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from ..errors import BadTrace


@dataclass(frozen=True)
class Kind:
    """The base. `name` is what the JSON specification calls it."""

    name = "value"

    def check(self, value: Any) -> Any:
        """The normal form of `value`, or ValueError saying what was expected."""
        return value

    def describe(self) -> dict[str, Any]:
        """The kind's own settings, for a form."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Loop(Kind):
    """A loop's path, e.g. ``matmul/k``."""

    name = "loop"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError(f"a loop's path such as 'matmul/k' was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Loops(Kind):
    """Several loops' paths, in the order that matters to the transform. `swapped`: a form proposes two
    neighbours in the other order, because the order that they have already changes nothing."""

    name = "loops"
    at_least: int = 2
    swapped: bool = False

    def check(self, value: Any) -> list[str]:
        if not isinstance(value, (list, tuple)) or len(value) < self.at_least:
            raise ValueError(f"a list of at least {self.at_least} loops was expected, not {value!r}")
        return [Loop().check(v) for v in value]


@dataclass(frozen=True)
class Block(Kind):
    """A block's path, e.g. ``matmul``."""

    name = "block"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not value or "/" in value:
            raise ValueError(f"a block's name such as 'matmul' was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Blocks(Kind):
    """Several blocks' paths."""

    name = "blocks"
    at_least: int = 1

    def check(self, value: Any) -> list[str]:
        if not isinstance(value, (list, tuple)) or len(value) < self.at_least:
            raise ValueError(f"a list of at least {self.at_least} blocks was expected, not {value!r}")
        return [Block().check(v) for v in value]


@dataclass(frozen=True)
class Place(Kind):
    """A loop or a block, by its path."""

    name = "place"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"a path such as 'matmul/k' or 'matmul' was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Buffer(Kind):
    """A buffer that the chosen block touches: its position, or its name. `access`: ``read``, ``write``, or
    ``either``, where positions count first the buffers that are written, then those that are read."""

    name = "buffer"
    access: str = "read"

    def check(self, value: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
            raise ValueError(f"a buffer's name or position was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Function(Kind):
    """A function of the model, by its name."""

    name = "function"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"a function's name such as 'linear_relu' was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Binding(Kind):
    """A box of the graph: the variable of a binding, such as ``lv3``."""

    name = "binding"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"a variable of the graph such as 'lv3' was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Factors(Kind):
    """Trip counts from outermost to innermost; one may be None, and is then computed."""

    name = "factors"

    def check(self, value: Any) -> list[int | None]:
        good = isinstance(value, (list, tuple)) and len(value) >= 2
        if not good or any(isinstance(v, bool) or not isinstance(v, (int, type(None))) for v in value):
            raise ValueError(f"a list such as [null, 8] was expected, not {value!r}")
        if sum(v is None for v in value) > 1:
            raise ValueError("at most one factor may be left open (null)")
        if any(v is not None and v < 1 for v in value):
            raise ValueError("every factor must be at least 1")
        return list(value)


@dataclass(frozen=True)
class Choice(Kind):
    """One of `options`."""

    name = "choice"
    options: tuple[str, ...] = ()

    def check(self, value: Any) -> str:
        if value not in self.options:
            raise ValueError(f"one of {', '.join(self.options)} was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number from `least` to `most`."""

    name = "integer"
    least: int = 0
    most: int = 1 << 31

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise ValueError(f"a whole number from {self.least} to {self.most} was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Integers(Kind):
    """Several whole numbers, each from `least` to `most`, such as paddings or positions of axes."""

    name = "integers"
    least: int = 0
    most: int = 1 << 31
    at_least: int = 1

    def check(self, value: Any) -> list[int]:
        if not isinstance(value, (list, tuple)) or len(value) < self.at_least:
            raise ValueError(f"a list of at least {self.at_least} whole numbers was expected, not {value!r}")
        one = Integer(self.least, self.most)
        return [one.check(v) for v in value]


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    name = "flag"

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"true or false was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Text(Kind):
    """A short text, such as an annotation's key. `pattern` restricts it."""

    name = "text"
    pattern: str = r".{1,200}"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise ValueError(f"a text like {self.pattern} was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class Scalar(Kind):
    """A number, a text or a truth value, such as an annotation's value."""

    name = "scalar"

    def check(self, value: Any) -> int | float | str | bool:
        if not isinstance(value, (bool, int, float, str)):
            raise ValueError(f"a number, a text, true or false was expected, not {value!r}")
        return value


@dataclass(frozen=True)
class IndexMap(Kind):
    """A layout written as ``i, j -> j // 16, i, j % 16``: names on the left, integer expressions of
    them (``+ - * // %``, whole numbers, parentheses) on the right."""

    name = "index_map"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value.count("->") != 1 or len(value) > 500:
            raise ValueError(f"an index map such as 'i, j -> j // 16, i, j % 16' was expected, not {value!r}")
        return value


def param(kind: Kind, **default: Any) -> Any:
    """A dataclass field of a transform: `loop: str = param(Loop())`; `default=` makes it optional."""
    return dataclasses.field(metadata={"kind": kind}, **default)


def checked(kind: Kind, name: str, transform: str, value: Any) -> Any:
    """`kind.check(value)`; on failure BadTrace whose `place` is the parameter's name."""
    try:
        return kind.check(value)
    except ValueError as e:
        raise BadTrace(
            f"{transform}: the parameter '{name}': {e}.",
            hint="Correct the value and apply again.",
            place=name,
            code="param_bad",
            params={"transform": transform, "param": name, "reason": str(e)},
        ) from e
