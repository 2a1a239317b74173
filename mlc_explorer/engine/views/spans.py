"""The lines of a function's ``tir`` text, on its own nodes: what every other level links to.

The text is our own print, and gives an equal function when it is parsed back; that function's spans count the
lines which the screen shows. TVM carries spans down through lowering.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ...schema.text import TextView
from .lookup import prim_func
from .text import parse, text


@dataclass(frozen=True)
class Spanned:
    """`func` equals the function that was asked for; `tir` is its text. `known`: whether its spans count the
    lines of `tir` (what holds constants that the text does not spell out can't be read back)."""

    func: PrimFunc
    tir: TextView
    known: bool

    @property
    def define(self) -> int | None:
        """The line of ``def``."""
        lines = enumerate(self.tir.lines, 1)
        return next((i for i, line in lines if line.startswith("def ")), None) if self.known else None

    def line(self, node: Any) -> int | None:
        """The 1-based line of `tir` that `node`, or what it was lowered from, stands on."""
        span = getattr(node, "span", None) if self.known else None
        line = int(span.line) if span else 0
        return line if 0 < line <= len(self.tir.lines) else None


def spanned(mod: IRModule, function: str, view: str) -> Spanned:
    """The PrimFunc `function` with its lines; NotFound if it is a graph function, which `view` can't show."""
    func = prim_func(mod, function, view)
    tir = text(mod, function, "tir")
    try:
        return Spanned(parse(tir), tir, True)
    except Exception:  # the parser raises whatever its evaluation raises
        return Spanned(func, tir, False)
