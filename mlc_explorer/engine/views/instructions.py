"""What an instruction of assembly or LLVM IR does, in one word, so that a reader finds the loads and the
FMAs.

A line has one kind, the first that fits: ``fma``, ``load``, ``store``, ``call``, ``branch``, ``vector``
(arithmetic and shuffles on vectors), ``other``. An instruction that does arithmetic on an operand in memory
counts by its arithmetic.
"""

from __future__ import annotations

import re

_LLVM = (
    ("fma", r"@llvm\.(vp\.)?(fmuladd|fma)\b"),
    ("load", r"= (atomic )?load |@llvm\.(vp|masked)\.(load|gather)"),
    ("store", r"^\s*(atomic )?store |@llvm\.(vp|masked)\.(store|scatter)|@llvm\.mem(cpy|set)"),
    ("vector", r"@llvm\..*<\d+ x|<\d+ x .*@llvm\."),
    ("other", r"@llvm\."),
    ("call", r"\b(call|invoke) "),
    ("branch", r"^\s*(br|switch|ret|indirectbr|unreachable)\b"),
    ("vector", r"<(vscale x )?\d+ x \w+>"),
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
)
_ARM = (
    ("fma", r"^\s*(fn?m(la|ls|add|sub)|vf?ml[as]|vfn?m[as]|bfmlal[bt]|[su]dot|bfdot)\b"),
    ("load", r"^\s*(ld\w+|vld\w+|vpop)\b"),
    ("store", r"^\s*(st\w+|vst\w+|vpush)\b"),
    ("call", r"^\s*blr?\b"),
    ("branch", r"^\s*(b|b\.\w+|b(eq|ne|lt|gt|le|ge|hs|lo|hi|ls|mi|pl)|cbn?z|tbn?z|ret|br|bx)\b"),
    ("vector", r"\b[vz]\d+\.\d*[bhsd]|\bq\d+\b|^\s*\w+\.\d+[bhsd]\b"),
)
_RISCV = (
    ("fma", r"^\s*(vfn?m(acc|sac|add|sub)\w*|fn?m(add|sub))\b"),
    ("load", r"^\s*(vl\w*\d*|fl[hwd]|l[bhwd]u?)\b"),
    ("store", r"^\s*(vs[seou]\w*\d+|fs[hwd]|s[bhwd])\b"),
    ("call", r"^\s*(call|jalr?|tail)\b"),
    ("branch", r"^\s*(b\w+|j|jr|ret)\b"),
    ("vector", r"^\s*v"),
)


class Kinds:
    """The rules of one language: ``llvm``, or the assembly of the architecture that a target triple starts
    with."""

    def __init__(self, language: str) -> None:
        rules = next((r for start, r in _LANGUAGES if re.match(start, language)), _X86)
        self._rules = tuple((kind, re.compile(pattern)) for kind, pattern in rules)

    def of(self, line: str) -> str:
        """The kind of one line; a label is ``other``."""
        return next((kind for kind, pattern in self._rules if pattern.search(line)), "other")


_LANGUAGES = (("llvm", _LLVM), ("(aarch64|arm|thumb)", _ARM), ("riscv", _RISCV), ("", _X86))
