"""What next? Candidates for a workspace, the traces that they lead to, and their order once measured.

The screen measures in the background and the command line one after the other; what is measured, for how
long, and what counts as better is decided here for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import MlcError
from .palette import Candidate, Candidates
from .report import Measurement, StateInfo
from .trace import Step, Trace

SECONDS = 0.25  # of timing for each candidate
LIMIT_SECONDS = 12.0  # for one candidate with its compilation; what takes longer is no good idea


@dataclass(frozen=True)
class Suggestion:
    """A candidate with its measurement, or why there is none. `speedup` is how many times faster than now."""

    candidate: Candidate
    measurement: Measurement | None = None
    error: MlcError | None = None
    speedup: float | None = None


@dataclass(frozen=True)
class Advice:
    """Suggestions, best first: those that are right by their time, then those without a time, then wrong
    ones. `now` is the measurement of the state that they start from."""

    function: str
    block: str | None
    now: Measurement | None
    suggestions: tuple[Suggestion, ...]


def measured_function(info: StateInfo, function: str) -> str | None:
    """What to measure for ideas about `function`: itself, or (None) the whole model if it is the entry."""
    return None if function == info.entry else function


def after(trace: Trace, candidate: Candidate) -> Trace:
    """`trace` with the candidate's steps."""
    return Trace(trace.model, (*trace.steps, *(Step.from_json(s) for s in candidate.steps)))


def ranked(
    trace: Trace,
    found: Candidates,
    measured: Mapping[str, Measurement],
    errors: Mapping[str, MlcError],
) -> Advice:
    """The candidates after `trace` in their order, by what is `measured` (by `Trace.key`) so far."""
    now = measured.get(trace.key())
    suggestions = [_suggestion(trace, c, now, measured, errors) for c in found.candidates]
    return Advice(found.function, found.block, now, tuple(sorted(suggestions, key=_order)))


def _suggestion(
    trace: Trace,
    candidate: Candidate,
    now: Measurement | None,
    measured: Mapping[str, Measurement],
    errors: Mapping[str, MlcError],
) -> Suggestion:
    key = after(trace, candidate).key()
    mine = measured.get(key)
    comparable = now is not None and mine is not None and mine.right and mine.median_ms > 0
    speedup = now.median_ms / mine.median_ms if comparable and now and mine else None
    return Suggestion(candidate, mine, None if mine else errors.get(key), speedup)


def _order(one: Suggestion) -> tuple[int, float]:
    if one.measurement is None:
        return (1 if one.error is None else 3, 0.0)
    return (0 if one.measurement.right else 2, one.measurement.median_ms)
