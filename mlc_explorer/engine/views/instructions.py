"""What an instruction of assembly or LLVM IR does, in one word, so that a reader finds the loads and the
FMAs.

A line has one kind, the first that fits:

- ``fma``, ``load``, ``store``, ``call``, ``branch``, ``vector`` (arithmetic and shuffles on vectors),
  ``scalar`` (floating-point arithmetic on one element);
- ``spill``: a register that did not fit, written to the stack or read back; ``frame``: the way in and out of
  a routine (both in `stack`);
- ``control``: scalar work that belongs to a loop itself: its counter, its bound, addresses;
- ``label``, and ``other`` for everything else.

An instruction that does arithmetic on an operand in memory counts by its arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from .lines import Line
from .stack import ARM, RISCV, X86, Convention, stack_kinds

_LLVM = (
    ("fma", r"@llvm\.(vp\.)?(fmuladd|fma)\b"),
    ("load", r"= (atomic )?load |@llvm\.(vp|masked)\.(load|gather)"),
    ("store", r"^\s*(atomic )?store |@llvm\.(vp|masked)\.(store|scatter)|@llvm\.mem(cpy|set)"),
    ("vector", r"@llvm\..*<\d+ x|<\d+ x .*@llvm\."),
    ("other", r"@llvm\."),
    ("call", r"\b(call|invoke) "),
    ("branch", r"^\s*(br|switch|ret|indirectbr|unreachable)\b"),
    ("vector", r"<(vscale x )?\d+ x \w+>"),
    ("scalar", r"= f(add|sub|mul|div|rem|neg|cmp) "),
)
_X86 = (
    ("fma", r"^\s*v?f?n?m(add|sub)\w*p?[sd]\b|^\s*vfn?m(add|sub)\w+|^\s*vdpbf16ps|^\s*vpdpbu?s"),
    ("call", r"^\s*call"),
    ("branch", r"^\s*(j\w+|ret\w*|loop\w*)\b"),
    (
        "store",
        r"^\s*(v?mov\w*|v?extract\w*|vp?scatter\w*|vp?compress\w*|push\w*)\b.*(\)|\(%rip\))( \{%k\d\})?$",
    ),
    ("load", r"^\s*(v?mov\w*|vp?broadcast\w*|vp?gather\w*|vp?expand\w*|pop\w*)\b.*\(.*\)"),
    ("vector", r"%[yz]mm\d|^\s*v?\w+p[sdh]\b|^\s*v?p\w+\b.*%xmm"),
    ("scalar", r"^\s*v?(u?comi|add|sub|mul|div|max|min|sqrt|rcp|rsqrt|round|cvt\w*)\w*s[sd]\b"),
)
_ARM = (
    ("fma", r"^\s*(fn?m(la|ls|add|sub)|vf?ml[as]|vfn?m[as]|bfmlal[bt]|[su]dot|bfdot)\b"),
    ("load", r"^\s*(ld\w+|vld\w+|vpop)\b"),
    ("store", r"^\s*(st\w+|vst\w+|vpush)\b"),
    ("call", r"^\s*blr?\b"),
    ("branch", r"^\s*(b|b\.\w+|b(eq|ne|lt|gt|le|ge|hs|lo|hi|ls|mi|pl)|cbn?z|tbn?z|ret|br|bx)\b"),
    ("vector", r"\b[vz]\d+\.\d*[bhsd]|\bq\d+\b|^\s*\w+\.\d+[bhsd]\b"),
    ("scalar", r"^\s*v?f?n?(add|sub|mul|div|max(nm)?|min(nm)?|sqrt|neg|abs|cmp|csel)(\.f\d\d)?\s+[shd]\d"),
)
_RISCV = (
    ("fma", r"^\s*(vfn?m(acc|sac|add|sub)\w*|fn?m(add|sub))\b"),
    ("load", r"^\s*(vl\w*\d*|fl[hwd]|l[bhwd]u?)\b"),
    ("store", r"^\s*(vs[seou]\w*\d+|fs[hwd]|s[bhwd])\b"),
    ("call", r"^\s*(call|jalr?|tail)\b"),
    ("branch", r"^\s*(b\w+|j|jr|ret)\b"),
    ("vector", r"^\s*v"),
    ("scalar", r"^\s*f(add|sub|mul|div|max|min|sqrt|sgnj\w*|eq|lt|le)\.[hsd]\b"),
)


_MOVES = ("load", "store", "vector", "other")  # what a move to or from the stack is called otherwise


class Kinds:
    """The rules of one language: ``llvm``, or the assembly of the architecture that a target triple starts
    with."""

    def __init__(self, language: str) -> None:
        rules, self._convention = next(r for start, *r in _LANGUAGES if re.match(start, language))
        self._rules = tuple((kind, re.compile(pattern)) for kind, pattern in rules)

    def of(self, line: str) -> str:
        """The kind of one instruction by itself."""
        return next((kind for kind, pattern in self._rules if pattern.search(line)), "other")

    def of_routine(self, lines: Sequence[Line], loop_headers: Collection[int]) -> list[str]:
        """The kinds of a routine's lines; `loop_headers` are the lines of ``for`` in the text that they are
        linked to."""
        on_stack = stack_kinds(lines, self._convention) if self._convention else {}
        return [self._kind(line, on_stack.get(i, ""), loop_headers) for i, line in enumerate(lines)]

    def _kind(self, line: Line, on_stack: str, loop_headers: Collection[int]) -> str:
        if not line.is_code:
            return "label" if line.is_label else "other"
        kind = self.of(line.text)
        if on_stack == "frame" or (on_stack and kind in _MOVES):
            return on_stack
        return "control" if kind == "other" and line.link in loop_headers else kind


_LANGUAGES: tuple[tuple[str, tuple[tuple[str, str], ...], Convention | None], ...] = (
    ("llvm", _LLVM, None),
    ("(aarch64|arm|thumb)", _ARM, ARM),
    ("riscv", _RISCV, RISCV),
    ("", _X86, X86),
)
