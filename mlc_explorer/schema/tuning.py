"""What a tuning run tells while it goes on, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RECIPE, AROUND, SEARCH, RECORD = "recipe", "around", "search", "record"  # where a candidate came from
TRIALS, MINUTES = 64, 5.0  # the budget, if nothing else is said


@dataclass(frozen=True)
class Trial:
    """One candidate. `number` counts from 1; `ms` is its median time, None if it failed; `error` then says
    why in a few words. `kind`: ``recipe`` (the rule's own numbers), ``around`` (other numbers of the recipe),
    ``search`` (MetaSchedule's), ``record`` (kept from an earlier run). `function`: whose schedule it is."""

    number: int
    ms: float | None
    kind: str
    function: str
    error: str = ""


@dataclass(frozen=True)
class Tuning:
    """What a run found for `function`, or for the whole model where that is None.

    `best` are JSON steps, as in a trace, to be applied after the trace that was tuned; empty if nothing was
    faster. Times are milliseconds of one call: `started_ms` before any step, `best_ms` with `best`,
    `recipe_ms` with the recipe's own numbers, each measured in this run (None: not measured, or it failed).
    `seconds` is what the run took, `taken_at` ISO 8601 in UTC. `cancelled`: whether somebody, or the budget
    in minutes, ended it before its trials were used up.
    """

    function: str | None
    target: str
    trials: tuple[Trial, ...]
    best: tuple[Mapping[str, Any], ...]
    started_ms: float | None
    best_ms: float | None
    recipe_ms: float | None
    seconds: float
    taken_at: str
    cancelled: bool = False


@dataclass(frozen=True)
class Heard:
    """What a running job tells: the detail of its progress, as JSON. `points` are number and time of every
    trial so far, None for one that failed; `kinds` one letter each (the first of `Trial.kind`)."""

    trials: int
    of: int
    best_ms: float | None
    started_ms: float | None
    recipe_ms: float | None
    points: tuple[float | None, ...]
    kinds: str
    function: str
