"""What a tuning run tells while it goes on, and what it found.

A *candidate* schedules one function: by steps of ours (``{"steps": [...]}``), or by a trace of TVM's as
MetaSchedule records it (``{"record": [instructions, decisions]}``), which may follow steps. Both are JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .trace import Step, Trace

RECIPE, AROUND, SEARCH, RECORD = "recipe", "around", "search", "record"  # where a candidate came from
START = "start"  # what a function was like before: measured like a candidate, but none
LETTERS = {RECIPE: "r", AROUND: "a", SEARCH: "s", RECORD: "k"}
COUNTED = (AROUND, SEARCH)  # what uses up a budget of trials
TRIALS, MINUTES = 64, 5.0  # the budget, if nothing else is said

SECONDS = 0.1  # of timing for each candidate
LIMIT_SECONDS = 15.0  # for one candidate with its compilation; what takes longer has failed
BATCH = 8  # candidates that are proposed at a time: the next ones learn from these


@dataclass(frozen=True)
class Task:
    """A function to tune. `code` is the function without a schedule, as the engine's jobs pass it on, `key` a
    digest of it that does not depend on its name, `twins` other functions that are the same, and `calls` how
    often one call of the model reaches any of them. `start` and `recipe` are steps (JSON): those that it had
    before, and those that the rule for it would take (empty where none fits). `first` are those of the rule
    that are no schedule: a search comes after them, too."""

    function: str
    key: str
    code: str
    calls: int
    start: tuple[Mapping[str, Any], ...] = ()
    recipe: tuple[Mapping[str, Any], ...] = ()
    first: tuple[Mapping[str, Any], ...] = ()
    twins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a tuning works on: `base` is the trace (JSON) without the steps that a candidate replaces, with
    the graph passes that a model needed first. `machine` says where times are taken."""

    base: Mapping[str, Any]
    tasks: tuple[Task, ...]
    machine: str


@dataclass(frozen=True)
class Trial:
    """One candidate. `number` counts from 1; `ms` is its median time, None if it failed; `error` then says
    why in a few words, and `code` as in `MlcError`. `kind`: ``recipe`` (the rule's own numbers), ``around``
    (other numbers of the recipe), ``search`` (MetaSchedule's), ``record`` (kept from an earlier run).
    `function`: whose schedule it is. `at`: seconds since the run began."""

    number: int
    ms: float | None
    kind: str
    function: str
    error: str = ""
    code: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Tuned:
    """One function's outcome, in milliseconds of one call: as it was, by its recipe, and the best, which is
    of the kind `best_kind` (``start``: nothing was faster)."""

    function: str
    calls: int
    started_ms: float | None = None
    recipe_ms: float | None = None
    best_ms: float | None = None
    best_kind: str = ""


@dataclass(frozen=True)
class Tuning:
    """What a run found for `function`, or for the whole model where that is None.

    `best` are JSON steps, as in a trace, and `recipe` those with the recipe's own numbers, both to be applied
    after the trace `base`, which is the one that was tuned without the schedules that they replace: `trace`
    and `recipe_trace` are the whole. Times are milliseconds of one call: `started_ms` as it was, `best_ms`
    with `best`, `recipe_ms` with `recipe`, each measured in this run (None: not measured, or it failed).
    `seconds` is what the run took, `taken_at` ISO 8601 in UTC. `cancelled`: whether somebody, or the budget
    in minutes, ended it before its trials were used up. `ended` says what did: ``""`` while it goes on, then
    ``trials``, ``minutes``, ``cancelled`` or ``exhausted`` (there was nothing more to try).
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
    recipe: tuple[Mapping[str, Any], ...] = ()
    base: Mapping[str, Any] | None = None
    functions: tuple[Tuned, ...] = ()
    ended: str = ""
    machine: str = ""

    @property
    def trace(self) -> Trace:
        """The model with the best steps."""
        return _after(self.base, self.best)

    @property
    def recipe_trace(self) -> Trace:
        """The model with the recipe's."""
        return _after(self.base, self.recipe)


@dataclass(frozen=True)
class Heard:
    """What a running tuning tells: `of` so many `trials` were tried that count, `points` are the time of
    every candidate so far, None for one that failed; `kinds` one letter each (`LETTERS`). `function` is the
    one that was tried last, `seconds` what it has taken."""

    trials: int
    of: int
    best_ms: float | None
    started_ms: float | None
    recipe_ms: float | None
    points: tuple[float | None, ...]
    kinds: str
    function: str
    seconds: float = 0.0


def heard(tuning: Tuning, of: int, seconds: float) -> Heard:
    """A tuning so far in short. Times of a whole model are sums over its functions' calls."""
    trials = tuning.trials
    return Heard(
        sum(t.kind in COUNTED for t in trials),
        of,
        tuning.best_ms,
        tuning.started_ms,
        tuning.recipe_ms,
        tuple(t.ms for t in trials),
        "".join(LETTERS[t.kind] for t in trials),
        trials[-1].function if trials else tuning.function or "",
        seconds,
    )


def without_schedules(trace: Trace, names: Iterable[str] | None) -> tuple[Trace, dict[str, tuple[Step, ...]]]:
    """`trace` without the steps on the functions `names` (None: on any) that follow the last graph pass, and
    those steps by function. An earlier one can't be taken out: the pass built on it."""
    graph = max((n for n, step in enumerate(trace.steps, start=1) if step.function is None), default=0)
    late = trace.steps[graph:]
    wanted = {str(step.function) for step in late} if names is None else set(names)
    kept = tuple(step for step in late if step.function not in wanted)
    taken = {name: tuple(step for step in late if step.function == name) for name in wanted}
    return Trace(trace.model, (*trace.steps[:graph], *kept)), taken


def _after(base: Mapping[str, Any] | None, steps: tuple[Mapping[str, Any], ...]) -> Trace:
    trace = Trace.from_json(base)
    return Trace(trace.model, (*trace.steps, *map(Step.from_json, steps)))
