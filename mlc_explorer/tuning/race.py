"""One function of a tuning: what was tried on it, how fast the best is, and whose turn is next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..schema.tuning import AROUND, COUNTED, RECIPE, START, Task, Tuned

_PATIENCE = 24  # candidates around a recipe without a better one
_FINALISTS = 3


@dataclass
class Tried:
    """A candidate and the least milliseconds that it took (None: it failed). `number` is its trial's."""

    number: int
    kind: str
    candidate: Mapping[str, Any]
    ms: float | None


@dataclass
class Race:
    """`known` are candidates of earlier tunings, the fastest first. `expected`: what outputs must be.
    `surrounded`: there is nothing left to try around the recipe; `exhausted`: nothing at all."""

    task: Task
    known: Sequence[Mapping[str, Any]] = ()
    expected: Any = None
    tried: list[Tried] = field(default_factory=list)
    surrounded: bool = False
    exhausted: bool = False

    @property
    def best_ms(self) -> float | None:
        return min((t.ms for t in self.tried if t.ms is not None), default=None)

    @property
    def recipe_ms(self) -> float | None:
        return next((t.ms for t in self.tried if t.kind == RECIPE), None)

    @property
    def started_ms(self) -> float | None:
        if self.task.start == self.task.recipe:
            return self.recipe_ms
        return next((t.ms for t in self.tried if t.kind == START), None)

    def ranked(self) -> list[Tried]:
        """What ran, the fastest first."""
        return sorted((t for t in self.tried if t.ms is not None), key=lambda t: t.ms or 0.0)

    def finalists(self) -> list[Tried]:
        """Those that are worth a second look: what else runs on a machine makes single times too long. None
        of a function that was not searched."""
        if not any(t.kind in COUNTED for t in self.tried):
            return []
        ranked = self.ranked()
        return ranked[:_FINALISTS] + [t for t in ranked[_FINALISTS:] if t.kind == RECIPE]

    def learned(self) -> list[dict[str, Any]]:
        """Every candidate with its time, for the next proposal; a time of this run counts more than an
        earlier one of the same candidate, and comes later."""
        return [dict(k) for k in self.known] + [{**t.candidate, "ms": t.ms} for t in self.tried]

    def left_around(self, share: int) -> int:
        """How many candidates around the recipe come before the search: what is left of its `share`, or none
        where nothing is left to try, or the last ones were no better."""
        tried = [t for t in self.tried if t.kind in (AROUND, RECIPE)]
        best = min(range(len(tried)), key=lambda n: tried[n].ms or math.inf, default=0)
        if self.surrounded or not self.task.recipe or len(tried) - best > _PATIENCE:
            return 0
        return max(0, share - sum(t.kind == AROUND for t in tried))

    def outcome(self) -> Tuned:
        ranked = self.ranked()
        return Tuned(
            self.task.function,
            self.task.calls,
            self.started_ms,
            self.recipe_ms,
            ranked[0].ms if ranked else None,
            ranked[0].kind if ranked else "",
        )


def next_race(races: Iterable[Race]) -> Race | None:
    """The function with the most to gain: the longest time of all its calls, for each candidate that was
    tried already. None if there is nothing left to try."""
    open_ones = [race for race in races if not race.exhausted]
    return max(open_ones, key=_at_stake, default=None)


def _at_stake(race: Race) -> float:
    tried = sum(t.kind in COUNTED for t in race.tried)
    return race.task.calls * (race.best_ms or 0.0) / (1 + tried)


def renamed(candidate: Mapping[str, Any], function: str) -> dict[str, Any]:
    """The candidate as one of `function`: a record names no function, steps do."""
    if "steps" not in candidate:
        return dict(candidate)
    return {**candidate, "steps": [{**step, "function": function} for step in candidate["steps"]]}
