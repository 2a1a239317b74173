"""Trying a transform on a copy: the only way in which a palette, a form or a remedy learns what is legal.

A schedule of the function is made once and copied for each attempt, which takes a few microseconds; a copy
that was refused is thrown away. What was tried is kept for a few functions, so that a form opens with what
the palette found.
"""

from __future__ import annotations

import functools
import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import tvm_ffi
from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.tirx import PrimFunc

from ...errors import MlcError
from ...schema.palette import Refusal
from ...schema.trace import Step
from ...texts import say_error
from ..transforms import apply_step, lookup
from ..transforms.apply import run_on, schedule_of
from ..transforms.base import LoopTransform, Transform
from ..transforms.refusals import explained

_MOST_SUBJECTS = 24
_MOST_TRIALS = 1500  # of one function: some seventy transforms for each of its loops and blocks

K, V = TypeVar("K", bound=Hashable), TypeVar("V")


class Recent(Generic[K, V]):
    """A cache of the `most` values that were used last. Not made for threads: a worker does one job at a
    time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: K, value: V) -> V:
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        return value


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of an attempt with `params`: the function after it, or the error that refused it."""

    params: Mapping[str, Any]
    func: PrimFunc | None = None
    error: MlcError | None = None
    changes: bool = True

    @property
    def state(self) -> str:
        """As `schema.palette.Verdict.state`."""
        if self.error is not None:
            return "refused"
        return "applies" if self.changes else "nothing"


@dataclass(eq=False)
class Subject:
    """A function that transforms are tried on."""

    func: PrimFunc
    name: str
    _trials: Recent[str, Trial] = field(default_factory=lambda: Recent(_MOST_TRIALS))

    @functools.cached_property
    def _schedule(self) -> Schedule:
        return schedule_of(self.func, self.name)

    def attempt(self, cls: type[Transform], params: Mapping[str, Any]) -> Trial:
        """Tries a transform of loops, or of this function as a whole. Raises nothing that is an MlcError."""
        key = json.dumps([cls.name, params], sort_keys=True)
        known = self._trials.get(key)
        return known or self._trials.put(key, self._attempt(cls, params))

    def _attempt(self, cls: type[Transform], params: Mapping[str, Any]) -> Trial:
        step = Step(cls.name, self.name, params)
        try:
            after = self._after(cls, step)
        except MlcError as refusal:
            return Trial(params, error=refusal)
        same = after.same_as(self.func) or tvm_ffi.structural_equal(after, self.func)
        return Trial(params, after, changes=not same)

    def _after(self, cls: type[Transform], step: Step) -> PrimFunc:
        if not issubclass(cls, LoopTransform):
            return apply_step(IRModule({self.name: self.func}), step).mod[self.name]
        transform = lookup.make(step)
        assert isinstance(transform, LoopTransform)
        with explained(transform, self.func):  # of a function that was lowered, TVM may make no schedule
            copy = self._schedule.copy()
        run_on(copy, transform, self.func, self.name)
        return copy.mod[self.name]


_subjects: Recent[tuple[PrimFunc, str], Subject] = Recent(_MOST_SUBJECTS)


def subject(func: PrimFunc, name: str) -> Subject:
    """The function `name` with what is known of it."""
    key = (func, name)
    return _subjects.get(key) or _subjects.put(key, Subject(func, name))


def in_words(error: MlcError, language: str) -> Refusal:
    """An error as a person reads it. `place` is the parameter."""
    return Refusal(
        say_error("message", error.message, error.code, error.params, language),
        say_error("hint", error.hint, error.code, error.params, language),
        error.place,
        error.detail,
        error.code,
        error.paths,
    )
