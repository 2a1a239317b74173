"""A sweep with what was measured. Which traces a grid stands for, what of a model is measured and for how
long, and which point is best is decided here: for the screen, which measures in the background, and programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .palette import Grid, Refusal
from .report import Measurement, StateInfo
from .trace import Step, Trace

SECONDS = 0.25  # of timing for each point
LIMIT_SECONDS = 20.0  # for one point with its compilation; what takes longer is a dark cell


@dataclass(frozen=True)
class Sweep:
    """`measurements` and `refusals` stand beside `grid.points`: one of both, or neither where the sweep was
    ended before. A point that crashed or took too long has a refusal, too. `function` is what was measured
    (None: the whole model), `now` the state that the sweep began with."""

    grid: Grid
    function: str | None
    target: str
    now: Measurement | None
    measurements: tuple[Measurement | None, ...]
    refusals: tuple[Refusal | None, ...]

    @property
    def best(self) -> int | None:
        """The number of the fastest point whose result is right."""
        return best(self.measurements)


def best(measurements: Sequence[Measurement | None]) -> int | None:
    """The number of the fastest measurement whose result is right, if there is one."""
    times = {n: m.median_ms for n, m in enumerate(measurements) if m is not None and m.right}
    return min(times, key=times.__getitem__, default=None)


def measured_function(info: StateInfo, steps: Sequence[Mapping[str, Any]]) -> str | None:
    """What a sweep of these steps measures: the function that they change or, if they change several, a graph
    or the entry function, the whole model (None)."""
    names = {step.get("function") for step in steps}
    name = names.pop() if len(names) == 1 else None
    loops = {f.name for f in info.functions if f.kind == "loops"}
    return name if name in loops and name != info.entry else None


def traces(base: Trace, grid: Grid) -> list[Trace]:
    """For each point of the grid, `base` with the point's steps."""
    return [Trace(base.model, base.steps + tuple(map(Step.from_json, p.steps))) for p in grid.points]
