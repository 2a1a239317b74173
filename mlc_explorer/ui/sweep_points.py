"""A sweep's points as the component shows them: each with what is known of it, from nothing to its time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlc_explorer.errors import MlcError, Refused
from mlc_explorer.schema.palette import Grid, Point
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.sweep import best
from mlc_explorer.ui import boundary, component, measuring


def data(
    grid: Grid,
    keys: Sequence[str],
    found: Mapping[str, Measurement],
    run: measuring.Run | None,
    *,
    now: Measurement | None,
    taken: str,
    steps: int,
    language: str,
) -> dict[str, Any]:
    """The `data` of `component.sweep_view`. `keys` are those of the points' traces, `found` what is
    measured, `taken` the key of the state on screen, `steps` how many steps a point has if all apply."""
    errors = run.errors if run is not None else {}
    running = run.now if run is not None and run.active else None
    results = []
    for key, point in zip(keys, grid.points):
        result = _result(point, found.get(key), errors.get(key), key == running, language)
        left_out = steps - len(point.steps)
        results.append(result | ({"left_out": left_out} if left_out and point.refusal is None else {}))
    return {
        "grid": _shape(grid),
        "results": results,
        "best": best([found.get(key) for key in keys]),
        "taken": keys.index(taken) if taken in keys else None,
        "now_ms": now.median_ms if now is not None else None,
        "labels": component.labels(language),
    }


def _shape(grid: Grid) -> dict[str, Any]:
    """The grid without steps; a point is the number of its value in each range."""
    texts = [[json.dumps(value) for value in values] for values in grid.values]
    points = [[all_.index(json.dumps(v)) for all_, v in zip(texts, p.values)] for p in grid.points]
    return {"axes": grid.axes, "values": grid.values, "points": points}


def _result(
    point: Point, measured: Measurement | None, error: MlcError | None, runs: bool, language: str
) -> dict[str, Any]:
    if point.refusal is not None:
        return {"state": "refused", "message": point.refusal.message}
    if measured is not None and not runs:
        times = {"ms": measured.median_ms, "p10": measured.p10_ms, "p90": measured.p90_ms}
        return {"state": "right" if measured.right else "wrong"} | times
    if error is not None:
        state = "refused" if isinstance(error, Refused) else "failed"
        return {"state": state, "message": boundary.message_and_hint(error, language)[0]}
    return {"state": "running" if runs else "waiting"}
