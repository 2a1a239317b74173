"""Lines of compiled code, gathered by function, and the choice of the functions that are worth showing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """A line of LLVM IR or assembly; `link` is the 1-based line of TVMScript that it came from, if it is
    known; `is_code` is false for labels, headers and braces."""

    text: str
    link: int | None = None
    is_code: bool = True

    @property
    def is_label(self) -> bool:
        """Whether code can jump to it."""
        return not self.is_code and self.text.endswith(":")


@dataclass
class Routine:
    """A function of the compiled module, under its symbol."""

    name: str
    lines: list[Line] = field(default_factory=list)

    def is_kernel(self, function: str) -> bool:
        """Whether it is (part of) the tensor function: named as TVM names the body and its parallel parts, or
        with lines that come from the text (a body that was inlined into its caller)."""
        name = self.name.removeprefix(".L").removeprefix("_")
        if name.startswith((f"{function}_compute_", "_tvm_parallel_lambda", "tvm_parallel_lambda")):
            return True
        return any(line.link for line in self.lines)


def kernels(routines: list[Routine], function: str) -> list[Routine]:
    """The routines that belong to `function`; what only unpacks and checks its arguments does not."""
    return [r for r in routines if r.is_kernel(function)] or routines


def instructions(routines: Iterable[Routine]) -> int:
    """How many instructions they have together."""
    return sum(line.is_code for routine in routines for line in routine.lines)
