"""The engine's jobs of a tuning: JSON arguments in, schema or JSON out (docs/architecture.md).

`tune_plan` and `tune_propose` look and think; `tune_reference` and `tune_trial` run compiled code, each in a
process of its own in the measuring lane; `tune_object` compiles for a machine elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...schema.trace import Trace
from ...schema.tuning import SECONDS, Plan
from .. import targets
from . import around as _around
from . import objects, plan, search
from . import trial as _trial

ModelData = Callable[[str], bytes]


def tune_plan(trace: Any, model_data: ModelData, function: str | None = None, target: str = "cpu") -> Plan:
    """The tasks of one function, or of the whole model (None)."""
    return plan.plan(Trace.from_json(trace), function, target, model_data)


def tune_propose(
    code: str,
    known: Sequence[Mapping[str, Any]],
    count: int,
    seed: int,
    target: str = "cpu",
    recipe: Sequence[Mapping[str, Any]] = (),
    first: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """The next `count` candidates at most: variants of the steps `recipe` if there are any, else
    MetaSchedule's after the steps `first`. `known` are candidates with their "ms" (None: failed). None are
    left where this gives none."""
    if recipe:
        return _around.around(code, recipe, known, count, seed)
    return search.search(code, first, targets.target(target), known, count, seed)


def tune_reference(code: str) -> list[dict[str, Any]]:
    """What every candidate's outputs are compared with."""
    return _trial.reference(code)


def tune_trial(
    code: str,
    candidate: Mapping[str, Any],
    expected: Sequence[Mapping[str, Any]],
    target: str = "cpu",
    seconds: float = SECONDS,
    best_ms: float | None = None,
) -> dict[str, float]:
    """{"ms"}: the median of a call."""
    return {"ms": _trial.trial(code, candidate, target, expected, seconds, best_ms)}


def tune_object(code: str, candidate: Mapping[str, Any], target: str) -> dict[str, Any]:
    """A candidate as an object file: {"object": base64, "entry", "parameters"} (see `objects`)."""
    object_file = objects.compiled(code, candidate, targets.target(target))
    return object_file | {"object": base64.b64encode(object_file["object"]).decode()}
