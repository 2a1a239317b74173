"""What times a candidate, and what it may ask of the tuning that it is a part of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..schema.tuning import SECONDS
from .race import Race


class Work(Protocol):
    """A tuning that goes on."""

    def call(self, job: str, limit: float | None, **arguments: Any) -> Any:
        """Does a job of the engine within `limit` seconds (None: its usual limit)."""

    def refuse_when_over(self) -> None:
        """Raises where somebody cancelled it, or its time is up."""


class Bench(Protocol):
    """Where candidates are timed. `machine` names it; empty: this one."""

    machine: str

    def trial(self, work: Work, race: Race, candidate: Mapping[str, Any], limit: float | None) -> float:
        """Milliseconds of a call. Raises MlcError for a candidate that fails, EngineUnavailable where none
        can be timed any more."""

    def close(self) -> None:
        """Ends what was started."""


@dataclass(frozen=True)
class Here:
    """The measuring lane of the engine: this machine, a fresh process for each candidate."""

    target: str
    machine: str = ""

    def trial(self, work: Work, race: Race, candidate: Mapping[str, Any], limit: float | None) -> float:
        answer = work.call(
            "tune_trial", limit, code=race.task.code, candidate=candidate, expected=race.expected,
            target=self.target, seconds=SECONDS, best_ms=race.best_ms,
        )  # fmt: skip
        return float(answer["ms"])

    def close(self) -> None:
        """Each process has ended already."""
