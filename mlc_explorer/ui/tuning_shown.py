"""A tuning as the component shows it: the points of its curve, what can be taken, the candidates in order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.schema.tuning import COUNTED, START, Trial, Tuned, Tuning
from mlc_explorer.texts import has, say
from mlc_explorer.ui import component

TUNED, RECIPE = WAYS = ("tuned", "recipe")  # what can be taken, and the group of its steps


@dataclass(frozen=True)
class Point:
    """A trial on the curve: milliseconds of a call, or None if it failed."""

    number: int
    kind: str
    ms: float | None


def data(tuning: Tuning, budget: int | None, taken: str | None, language: str) -> dict[str, Any]:
    """The `data` of `component.tuning_view`. `budget`: the trials that count, while it runs (None: it has
    ended); `taken`: which of `WAYS` is on screen."""
    extra = sum(trial.kind not in COUNTED for trial in tuning.trials)
    return {
        "state": "ended" if budget is None else "running",
        "function": tuning.function,
        "target": tuning.target,
        "points": [[p.number, p.kind, p.ms] for p in points(tuning)],
        "of": max(extra + (budget or 0), len(tuning.trials)),
        "lines": {"start": _line(tuning, "started_ms"), "recipe": _line(tuning, "recipe_ms")},
        "started_ms": tuning.started_ms,
        "recipe_ms": tuning.recipe_ms,
        "best_ms": tuning.best_ms,
        "ways": ways(tuning),
        "taken": taken,
        "functions": [_function(f) for f in _by_weight(tuning)] if len(tuning.functions) > 1 else [],
        "candidates": [_candidate(trial, language) for trial in ranked(tuning)],
        "ended": tuning.ended,
        "when": _when(tuning.taken_at),
        "seconds": tuning.seconds,
        "labels": component.labels(language),
    }


def steps(tuning: Tuning, way: str) -> tuple[Step, ...]:
    """The steps to take. Several are one group of that name, and in it those of each function of a model."""
    found = tuple(Step.from_json(step) for step in (tuning.best if way == TUNED else tuning.recipe))
    if len(found) == len(tuning.functions) == 1:
        return tuple(replace(step, group="") for step in found)
    return tuple(replace(step, group=_group(tuning, step, way)) for step in found)


def _group(tuning: Tuning, step: Step, way: str) -> str:
    outer, _, inner = step.group.partition("/")
    if outer not in ("", *WAYS):
        return step.group  # it stood in a group of its own before the tuning
    return f"{way}/{inner}" if inner and len(tuning.functions) > 1 else way


def base(tuning: Tuning, way: str) -> Trace:
    """The trace that the steps of a whole model follow. Graph passes that the tuning needed first belong to
    what is taken."""
    trace = Trace.from_json(tuning.base)
    passes = (replace(s, group=way) if s.group == TUNED and s.function is None else s for s in trace.steps)
    return Trace(trace.model, tuple(passes))


def points(tuning: Tuning) -> list[Point]:
    """The trials on one scale. Those of a function are its own times; one of a model counts as the model
    would take with that candidate and the best ones so far of all other functions. What came before every
    function had a time has no place on that scale."""
    if tuning.function is not None:
        return [Point(t.number, t.kind, t.ms) for t in tuning.trials]
    calls = {f.function: f.calls for f in tuning.functions}
    best = {f.function: f.started_ms for f in tuning.functions}
    found = []
    for trial in tuning.trials:
        others = [calls[name] * ms for name, ms in best.items() if name != trial.function and ms is not None]
        if len(others) == len(best) - (trial.function in best):
            ms = None if trial.ms is None else sum(others) + calls.get(trial.function, 1) * trial.ms
            found.append(Point(trial.number, trial.kind, ms))
        known = best.get(trial.function)
        if trial.ms is not None and (known is None or trial.ms < known):
            best[trial.function] = trial.ms
    return found


def ranked(tuning: Tuning) -> list[Trial]:
    """The candidates: those of the function that a call of the model spends most on first, and of each the
    fastest first, then what failed."""
    order = {f.function: n for n, f in enumerate(_by_weight(tuning))}
    far = len(order)
    return sorted(
        tuning.trials, key=lambda t: (order.get(t.function, far), t.ms is None, t.ms or 0.0, t.number)
    )


def ratio(value: float) -> str:
    """How many times: ``1.25``, ``12.5``, ``130``."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def ways(tuning: Tuning) -> dict[str, int]:
    """What can be taken, with the number of its steps; the recipe alone where nothing was faster."""
    shown = (RECIPE,) if tuning.best == tuning.recipe else WAYS
    counts = {way: len(steps(tuning, way)) for way in shown}
    return {way: count for way, count in counts.items() if count}


def _line(tuning: Tuning, which: str) -> float | None:
    """A time that the trials are compared with, timed as they are. The model's is the sum over all calls, and
    None as long as one of them is not known."""
    known = [(f.calls if tuning.function is None else 1, getattr(f, which)) for f in tuning.functions]
    if not known or any(ms is None for _, ms in known):
        return None
    return sum(calls * ms for calls, ms in known)


def _by_weight(tuning: Tuning) -> list[Tuned]:
    return sorted(
        tuning.functions, key=lambda f: -f.calls * (f.started_ms or f.recipe_ms or f.best_ms or 0.0)
    )


def _function(one: Tuned) -> dict[str, Any]:
    return {
        "name": one.function,
        "calls": one.calls,
        "started_ms": one.started_ms,
        "recipe_ms": one.recipe_ms,
        "best_ms": one.best_ms,
        "kind": one.best_kind or START,
    }


def _candidate(trial: Trial, language: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "n": trial.number,
        "kind": trial.kind,
        "function": trial.function,
        "ms": trial.ms,
    }
    if trial.ms is None:
        key = f"tuning.why.{trial.code}"
        shown["message"] = say(key, language) if has(key) else trial.error
    return shown


def _when(taken_at: str) -> str:
    """A time in UTC as the person's clock has it, to the minute."""
    try:
        return datetime.fromisoformat(taken_at).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return taken_at
