"""Which jobs there are, where each runs and how long it may take.

The server reads the table to route a job; the worker (`child`) finds the function of the same name in
`engine.service`. A module named by `MLC_EXPLORER_TEST_JOBS` adds jobs, for the tests of bad luck: it holds
functions and a table `LANES` from job to lane.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ..schema.levels import level
from .settings import Settings

INTERACTIVE = "interactive"
MEASURE = "measure"
RUN = "run"

_INTERACTIVE = [
    "open", "state", "graph", "graph_search", "dataflow", "loops", "text", "diff", "why_not", "transforms",
    "samples", "targets", "script", "model_file", "images", "motion", "cache",
    "pipeline", "pipeline_pass", "palette", "offer", "diagnosis", "candidates", "grid", "steps_of", "repeats",
    "recipe", "unfold", "explain", "tune_plan", "tune_propose", "tune_object",
]  # fmt: skip
# A run is what draws a picture's probabilities, tens of milliseconds: it has a lane of its own, because it
# must not wait for a measurement of minutes. Two runs, or two measurements, never overlap.
_COMPILING = {"pipeline", "pipeline_pass", "recipe", "tune_plan", "tune_propose", "tune_object"}
_MEASURING = ["measure", "reference", "tune_reference", "tune_trial"]
_LANES = dict.fromkeys(_INTERACTIVE, INTERACTIVE) | dict.fromkeys(_MEASURING, MEASURE) | {"run": RUN}


def extra() -> ModuleType | None:
    """The module of test jobs, where the environment names one."""
    name = os.environ.get("MLC_EXPLORER_TEST_JOBS")
    return importlib.import_module(name) if name else None


def lanes() -> dict[str, str]:
    """Job name → ``interactive``, ``measure`` or ``run``."""
    module = extra()
    return _LANES | (dict(module.LANES) if module else {})


def seconds(job: str, lane: str, args: Mapping[str, Any], settings: Settings) -> float:
    """The wall-clock limit of a job, unless its caller says otherwise."""
    if lane == MEASURE:
        return settings.measure_seconds
    if lane == RUN:
        return settings.run_seconds
    wanted = level(args.get("level") or "") if job == "text" else None
    if job in _COMPILING or (wanted is not None and wanted.compiles):
        return settings.compile_seconds
    return settings.interactive_seconds
