"""A tuning without a screen: candidates proposed, measured one by one, and the best kept.

The loop lives here, in the process that asks, and each of its moves is a job of the engine. So it can be
cancelled between any two, or in the middle of one; what crashes, hangs or computes something else ends one
candidate; and a screen sees every candidate as soon as it is measured.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..errors import EngineUnavailable, MlcError
from ..schema import sweep
from ..schema.codec import decode
from ..schema.report import Measurement
from ..schema.trace import Trace
from ..schema.tuning import (
    AROUND,
    BATCH,
    COUNTED,
    LIMIT_SECONDS,
    RECIPE,
    RECORD,
    SEARCH,
    START,
    TRIALS,
    Heard,
    Plan,
    Task,
    Trial,
    Tuning,
    heard,
)  # fmt: skip
from ..store import Store, TuningKey
from ..workers.client import Engine
from .race import Race, Tried, next_race, renamed
from .steps import steps_of_best, steps_of_recipes
from .work import Bench, Here

Progress = Callable[[Tuning], None]


@dataclass(frozen=True)
class Budget:
    """When a tuning ends: after so many candidates (its recipe, the start and known ones come on top), or so
    many minutes (None: as long as it takes). `around`: the recipe with other numbers is tried first."""

    trials: int = TRIALS
    minutes: float | None = None
    around: bool = False
    seed: int = 0


class Tuner:
    """One tuning of `function` (None: of the model) after `trace`. `run` does it, in any thread; `cancel` and
    `now` may be called from others. What `store` knows of the same function is used, and new times go there.
    """

    def __init__(
        self, engine: Engine, trace: Trace, function: str | None, target: str, budget: Budget,
        store: Store | None = None, bench: Bench | None = None,
    ) -> None:  # fmt: skip
        self._engine, self._trace, self._budget, self._store = engine, trace, budget, store
        self._bench: Bench = bench or Here(target)
        self._measures_here = not self._bench.machine
        self._cancelled = threading.Event()
        self._began = time.monotonic()
        self._races: list[Race] = []
        self._done = Tuning(function, target, (), (), None, None, None, 0.0, "", base=trace.to_json())

    def cancel(self) -> None:
        """Ends the tuning within a moment; what it found is kept."""
        self._cancelled.set()

    def now(self) -> Heard:
        """How far it is."""
        done = self._done
        return heard(done, self._budget.trials, done.seconds or time.monotonic() - self._began)

    @property
    def so_far(self) -> Tuning:
        """What is known by now."""
        return self._done

    def run(self, progress: Progress | None = None) -> Tuning:
        """Tunes; `progress` hears the tuning so far after each candidate. Raises what the plan and the
        reference outputs raise: without them there is nothing to tune."""
        self._began = time.monotonic()
        tell = progress or (lambda tuning: None)
        try:
            self._plan()
            tell(self._done)
            ended = self._search(tell)
            self._run_off(tell)
        except _Over as over:
            ended = over.why
        finally:
            self._bench.close()
        self._conclude(ended)
        tell(self._done)
        return self._done

    # -- the search ------------------------------------------------------------------------------------

    def _plan(self) -> None:
        done = self._done
        answer = self.call("tune_plan", None, trace=self._trace.to_json(), function=done.function,
                            target=done.target)  # fmt: skip
        plan = decode(Plan, answer)
        self._done = replace(done, base=plan.base, machine=self._bench.machine or plan.machine)
        self._races = [Race(task, self._known(task)) for task in plan.tasks]
        self._note()

    def _search(self, tell: Progress) -> str:
        """Until the budget is used up; why it ended."""
        for race in self._races:
            race.expected = self.call("tune_reference", None, code=race.task.code)
            self._first(race, tell)
        while (left := self._budget.trials - sum(t.kind in COUNTED for t in self._done.trials)) > 0:
            race = next_race(self._races)
            if race is None:
                return "exhausted"
            for kind, candidate in self._proposed(race, min(left, BATCH)):
                self._try(race, kind, candidate, LIMIT_SECONDS, tell)
        return "trials"

    def _first(self, race: Race, tell: Progress) -> None:
        """The recipe, the function as it was, and what an earlier tuning found."""
        if race.task.recipe:
            self._try(race, RECIPE, {"steps": list(race.task.recipe)}, LIMIT_SECONDS, tell)
        if race.task.start != race.task.recipe:
            self._try(race, START, {"steps": list(race.task.start)}, None, tell)
        for candidate in race.known[:1]:
            self._try(race, RECORD, {k: v for k, v in candidate.items() if k != "ms"}, LIMIT_SECONDS, tell)

    def _proposed(self, race: Race, count: int) -> list[tuple[str, Mapping[str, Any]]]:
        share = max(1, self._budget.trials // (2 * len(self._races))) if self._budget.around else 0
        around = race.left_around(share)
        common = {"code": race.task.code, "known": race.learned(), "target": self._done.target}
        common |= {"count": min(count, around or count), "seed": self._budget.seed + len(race.tried)}
        if around:
            found = self._asked(recipe=race.task.recipe, **common)
            race.surrounded = not found
            return [(AROUND, candidate) for candidate in found]
        found = self._asked(first=race.task.first, **common)
        race.exhausted = not found
        return [(SEARCH, candidate) for candidate in found]

    def _asked(self, **arguments: Any) -> list[dict[str, Any]]:
        """The next candidates. None where the search itself fails, be it that it crashes: the other functions
        of a model go on."""
        try:
            return list(self.call("tune_propose", None, **arguments))
        except EngineUnavailable:
            raise
        except MlcError:
            return []

    def _try(
        self, race: Race, kind: str, candidate: Mapping[str, Any], limit: float | None, tell: Progress
    ) -> None:
        ms, error, code = None, "", ""
        try:
            ms = self._bench.trial(self, race, candidate, limit)
        except EngineUnavailable:
            raise
        except MlcError as e:
            error, code = e.message, e.code
        number = len(self._done.trials) + 1 if kind != START else 0
        race.tried.append(Tried(number, kind, candidate, ms))
        if number:
            at = time.monotonic() - self._began
            trial = Trial(number, ms, kind, race.task.function, error, code, at)
            self._done = replace(self._done, trials=(*self._done.trials, trial))
            self._keep(race, candidate, ms)
        self._note()
        tell(self._done)

    def _run_off(self, tell: Progress) -> None:
        """The best are timed again, and the shortest time of each counts: it was disturbed least."""
        for race in self._races:
            for tried in race.finalists():
                with suppress(MlcError):
                    again = self._bench.trial(self, race, tried.candidate, LIMIT_SECONDS)
                    tried.ms = min(tried.ms or again, again)
                    self._keep(race, tried.candidate, tried.ms)
                trials = (
                    replace(t, ms=tried.ms) if t.number == tried.number else t for t in self._done.trials
                )
                self._done = replace(self._done, trials=tuple(trials))
        self._note()
        tell(self._done)

    def _keep(self, race: Race, candidate: Mapping[str, Any], ms: float | None) -> None:
        if ms is not None and self._store:
            self._store.save_tuning(self._key(race.task), candidate, ms)

    def _key(self, task: Task) -> TuningKey:
        return task.key, self._done.target, self._done.machine

    def _known(self, task: Task) -> list[dict[str, Any]]:
        if self._store is None:
            return []
        found = self._store.tunings(self._key(task))
        return [renamed(candidate, task.function) for candidate in found]

    # -- the end ---------------------------------------------------------------------------------------

    def _conclude(self, ended: str) -> None:
        """The best as steps, and, unless somebody waits for the end, measured and checked like any state."""
        done, whole = self._done, self._done.function is None
        best = steps_of_best(self._engine.call, Trace.from_json(done.base), self._races, whole)
        rule = steps_of_recipes(self._races, whole)
        cancelled = ended in ("cancelled", "minutes")
        self._done = replace(done, best=best, recipe=rule, ended=ended, cancelled=cancelled)
        if self._measures_here and ended != "cancelled":
            self._done = self._measured(self._done)
        taken = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._done = replace(self._done, taken_at=taken, seconds=time.monotonic() - self._began)
        if self._store and self._races:
            self._store.save_tuned(self._trace, self._done)

    def _measured(self, done: Tuning) -> Tuning:
        """The three that a person compares, in one go: before, by recipe, and the best, which is the fastest
        of them whatever the trials said."""
        now = self._measure(self._trace, done)
        rule = self._measure(done.recipe_trace, done) if done.recipe else None
        best = self._measure(done.trace, done) if done.best else now
        if rule is not None and (best is None or rule.median_ms < best.median_ms):
            done, best = replace(done, best=done.recipe), rule
        return replace(
            done,
            started_ms=now.median_ms if now else done.started_ms,
            recipe_ms=rule.median_ms if rule else done.recipe_ms,
            best_ms=best.median_ms if best else done.best_ms,
        )

    def _measure(self, trace: Trace, done: Tuning) -> Measurement | None:
        try:
            answer = self.call("measure", None, trace=trace.to_json(), function=done.function,
                                target=done.target, seconds=sweep.SECONDS, twins=False)  # fmt: skip
        except (MlcError, _Over):
            return None
        found = decode(Measurement, answer)
        if self._store:
            self._store.save_measurement(trace, found)
        return found if found.right else None

    def _note(self) -> None:
        """Times of the model are sums over its functions' calls, as long as it is not measured itself."""
        found = tuple(race.outcome() for race in self._races)
        self._done = replace(
            self._done,
            functions=found,
            started_ms=_sum((f.calls, f.started_ms) for f in found),
            best_ms=_sum((f.calls, f.best_ms) for f in found),
            recipe_ms=_sum((f.calls, f.recipe_ms if r.task.recipe else f.started_ms)
                           for f, r in zip(found, self._races))
            if any(race.task.recipe for race in self._races) else None,
        )  # fmt: skip

    def call(self, job: str, limit: float | None, **arguments: Any) -> Any:
        """Does a job, unless the tuning is over, or is ended meanwhile."""
        self.refuse_when_over()
        running = self._engine.submit(job, limit, **arguments)
        while not running.done(0.05):
            try:
                self.refuse_when_over()
            except _Over:
                running.cancel()
                raise
        return running.result()

    def refuse_when_over(self) -> None:
        """Ends the tuning if somebody cancelled it or its time is up."""
        if self._cancelled.is_set():
            raise _Over("cancelled")
        minutes = self._budget.minutes
        if minutes is not None and not self._done.ended and time.monotonic() - self._began > 60 * minutes:
            raise _Over("minutes")


class _Over(Exception):
    """or out of time."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _sum(times: Iterable[tuple[int, float | None]]) -> float | None:
    """Calls times milliseconds; None if one of them is not known."""
    known = [(calls, ms) for calls, ms in times]
    if not known or any(ms is None for _, ms in known):
        return None
    return sum(calls * (ms or 0.0) for calls, ms in known)
