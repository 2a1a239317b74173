"""From the click to built code, by the way that the explorer goes, with a clock at each stage.

After a click on *Make it fast (CPU)* the rules look at the model and write steps; the steps are applied, each
checked as any step is; then the state is compiled. Opening the model came before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import tvm

from mlc_explorer.engine import loaders, targets
from mlc_explorer.engine.build import Runnable, build
from mlc_explorer.engine.loaders import LoadedModel
from mlc_explorer.engine.recipes import asking
from mlc_explorer.engine.replay import State, replay
from mlc_explorer.engine.transforms.catalogue import shortcuts
from mlc_explorer.schema.recipe import FAST
from mlc_explorer.schema.trace import Step, Trace

from . import contenders

PLANS = ("fast", "fuse", "none")
TARGET = "cpu"


@dataclass(frozen=True)
class Made:
    """A model after a plan, compiled. `stages`: seconds of ``open``, ``rules``, ``steps`` and ``build``."""

    name: str
    model: LoadedModel
    trace: Trace
    state: State
    built: Runnable
    stages: Mapping[str, float]


def make(name: str, plan: str) -> Made:
    """The model `name` by `plan`: ``fast`` (the recipes), ``fuse`` (TVM's fusion only) or ``none``."""
    clock = _Clock()
    trace, data = contenders.subject(name)
    clock.restart()
    model = loaders.load_cached(trace.model, data)
    opened = replay(trace, data)
    clock.stop("open")
    trace = Trace(trace.model, _steps(trace, opened, plan))
    clock.stop("rules")
    state = replay(trace, data)
    clock.stop("steps")
    built = build(state.mod, targets.target(TARGET), state.entry)
    clock.stop("build")
    return Made(name, model, trace, state, built, clock.stages)


def _steps(bare: Trace, opened: State, plan: str) -> tuple[Step, ...]:
    network = not isinstance(opened.mod[opened.entry], tvm.tirx.PrimFunc)
    if plan == "fast":
        name, function = (FAST["cpu"], None) if network else ("", opened.entry)
        return asking.steps(bare, opened, name, function, TARGET, _silent)
    if plan == "fuse" and network:
        found = next(shortcut for shortcut in shortcuts() if shortcut.name == "fuse")
        return tuple(Step.from_json(step) for step in found.steps)
    return ()


class _Clock:
    """Seconds between stops, by stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        self._since = time.perf_counter()

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] = now - self._since
        self._since = now


def _silent(stage: str, fraction: float, detail: str) -> None:
    """Nobody watches the progress here."""
