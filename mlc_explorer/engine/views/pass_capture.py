"""Looking on while TVM runs passes: each one's time, and the functions before and after it.

TVM calls an instrument before and after every pass, however deep it is nested. What we do in these calls is
taken out of the times of the passes around. Kept are the functions and not their texts: they are immutable
and share what they have in common, and a function that a pass rebuilt just as it was is replaced by
the one before, so that two hundred passes over a big model keep little more than what was really changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tvm_ffi
from tvm import IRModule
from tvm.ir.instrument import pass_instrument

Functions = Mapping[str, Any]  # PrimFuncs and Relax functions by name


@dataclass(eq=False)
class Record:
    """One run of one pass. `before` and `after` are all functions of the module that it saw; seconds as in
    `schema.pipeline.PassRun`."""

    name: str
    depth: int
    parent: int | None
    before: Functions
    after: Functions = field(default_factory=dict)
    attributes_changed: bool = False
    seconds: float = 0.0
    own_seconds: float = 0.0

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(sorted(self.after.keys() - self.before.keys()))

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(sorted(self.before.keys() - self.after.keys()))

    @property
    def changed(self) -> tuple[str, ...]:
        both = self.before.keys() & self.after.keys()
        return tuple(sorted(n for n in both if not self.before[n].same_as(self.after[n])))


@dataclass(eq=False)
class _Open:
    """A pass that is running. `looking` is what all our looking on had taken when it began."""

    index: int
    start: float
    looking: float
    attrs: Any
    inside: float = 0.0


@pass_instrument
class Capture:
    """The instrument, for one run: ``PassContext(instruments=[capture])``.

    `records` in the order in which the passes began; `looking_seconds` is the time that looking on took.
    `told` is called with the number of passes so far and the name of the one that begins.
    """

    def __init__(self, told: Callable[[int, str], None] = lambda count, name: None) -> None:
        self.records: list[Record] = []
        self.looking_seconds = 0.0
        self._told = told
        self._open: list[_Open] = []

    @property
    def running(self) -> str:
        """The innermost pass that has begun and not ended: the one to blame when TVM raises."""
        return self.records[self._open[-1].index].name if self._open else ""

    def run_before_pass(self, mod: IRModule, info: Any) -> None:
        arrived = time.perf_counter()
        index = len(self.records)
        parent = self._open[-1].index if self._open else None
        self.records.append(Record(info.name, len(self._open), parent, _functions(mod)))
        self._told(index, info.name)
        start = time.perf_counter()
        self.looking_seconds += start - arrived
        self._open.append(_Open(index, start, self.looking_seconds, mod.attrs))

    def run_after_pass(self, mod: IRModule, info: Any) -> None:
        arrived = time.perf_counter()
        ended = self._open.pop()
        record = self.records[ended.index]
        record.seconds = arrived - ended.start - (self.looking_seconds - ended.looking)
        record.own_seconds = record.seconds - ended.inside
        if self._open:
            self._open[-1].inside += record.seconds
        record.after = _kept(record.before, _functions(mod))
        record.attributes_changed = not tvm_ffi.structural_equal(ended.attrs, mod.attrs)
        self.looking_seconds += time.perf_counter() - arrived


def _functions(mod: IRModule) -> Functions:
    return {var.name_hint: function for var, function in mod.functions_items()}


def _kept(before: Functions, after: Functions) -> Functions:
    """`after`, with the function of `before` wherever nothing changed."""
    return {
        name: before[name] if name in before and _equal(before[name], function) else function
        for name, function in after.items()
    }


def _equal(a: Any, b: Any) -> bool:
    return a.same_as(b) or tvm_ffi.structural_equal(a, b)
