"""What a tuning found, as steps of a trace."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import MlcError
from ..schema.trace import Step, Trace
from ..schema.tuning import START
from .race import Race, Tried, renamed

GROUP = "tuned"
Steps = tuple[Mapping[str, Any], ...]


def steps_of_best(ask: Callable[..., Any], base: Trace, races: Sequence[Race], whole: bool) -> Steps:
    """The best of every function, as JSON steps to be applied after `base`. `ask(job, **arguments)` does a
    job of the engine. `whole`: they are of a whole model, and one group.

    What can't be said in steps makes room for the next best. Steps that were there before come first, so that
    a group they belong to stays together.
    """
    chosen = [(race, *_first_in_steps(ask, base, race)) for race in races]
    kept: list[Mapping[str, Any]] = []
    new: list[Mapping[str, Any]] = []
    for race, kind, steps in chosen:
        for name in (race.task.function, *race.task.twins):
            named = renamed({"steps": steps}, name)["steps"]
            if kind == START:
                kept += named
            else:
                new += [_grouped(step, name, whole, len(steps)) for step in named]
    return (*kept, *new)


def steps_of_recipes(races: Sequence[Race], whole: bool) -> Steps:
    """Those that the rules would have taken; of a function without one those that it had."""
    found: list[Mapping[str, Any]] = []
    for race in races:
        for name in (race.task.function, *race.task.twins):
            steps = race.task.recipe or race.task.start
            named = renamed({"steps": list(steps)}, name)["steps"]
            found += [_grouped(s, name, whole, len(steps)) for s in named] if race.task.recipe else named
    return tuple(found) if any(race.task.recipe for race in races) else ()


def _first_in_steps(
    ask: Callable[..., Any], base: Trace, race: Race
) -> tuple[str, Sequence[Mapping[str, Any]]]:
    for tried in race.ranked():
        try:
            return tried.kind, _steps(ask, base, race, tried)
        except MlcError:
            continue
    return START, race.task.start


def _steps(ask: Callable[..., Any], base: Trace, race: Race, tried: Tried) -> Sequence[Mapping[str, Any]]:
    first = list(tried.candidate.get("steps", ()))
    if "record" not in tried.candidate:
        return first
    trace = Trace(base.model, (*base.steps, *map(Step.from_json, first)))
    text = json.dumps([tried.candidate["record"], [], {}, []])
    return first + list(ask("steps_of", trace=trace.to_json(), text=text, function=race.task.function))


def _grouped(step: Mapping[str, Any], function: str, whole: bool, count: int) -> dict[str, Any]:
    """One step alone needs no group of its own."""
    inner = [function] if whole and count > 1 else []
    group = "/".join([GROUP, *inner]) if whole or count > 1 else ""
    return {k: v for k, v in step.items() if k != "group"} | ({"group": group} if group else {})
