"""A sweep without a screen: its points measured one after the other. What is known is not measured again, and
an end before the end (`progress` raises, Ctrl+C) loses nothing that was measured where there is a store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import MlcError
from .schema import sweep
from .schema.codec import decode
from .schema.palette import Grid, Refusal
from .schema.report import Measurement
from .schema.trace import Trace
from .store import Store
from .workers.client import Engine

Progress = Callable[[dict[str, Any]], None]


def measured(
    engine: Engine,
    base: Trace,
    grid: Grid,
    function: str | None,
    target: str,
    progress: Progress | None = None,
    store: Store | None = None,
) -> sweep.Sweep:
    """The points of `grid` after `base`, and `base` itself, measured: `function` of them, or the whole model.

    `progress` hears {"done", "of"} after each. Points that `store` knows are not measured again. A point that
    can't be measured says why, and the sweep goes on.
    """
    traces = sweep.traces(base, grid)
    known = store.measurements([base, *traces], function, target) if store else {}
    legal = [trace for trace, point in zip(traces, grid.points) if point.refusal is None]
    todo = list({t.key(): t for t in (base, *legal) if t.key() not in known}.values())
    common: dict[str, Any] = {
        "function": function,
        "target": target,
        "seconds": sweep.SECONDS,
        "twins": False,
    }
    common["known"] = _reference(engine, base, function) if len(todo) > 1 else None
    errors: dict[str, Refusal] = {}
    for number, trace in enumerate(todo):
        limit = None if trace is base else sweep.LIMIT_SECONDS
        try:
            answer = engine.call("measure", limit, trace=trace.to_json(), **common)
            known[trace.key()] = found = decode(Measurement, answer)
            if store:
                store.save_measurement(trace, found)
        except MlcError as e:
            errors[trace.key()] = Refusal(e.message, e.hint, e.place, e.detail, e.code, e.paths)
        if progress:
            progress({"done": number + 1, "of": len(todo)})
    keys = [trace.key() for trace in traces]
    return sweep.Sweep(
        grid,
        function,
        target,
        known.get(base.key()),
        tuple(known.get(key) for key in keys),
        tuple(point.refusal or errors.get(key) for point, key in zip(grid.points, keys)),
    )


def _reference(engine: Engine, base: Trace, function: str | None) -> Any:
    """The untransformed outputs, once for all; None where each measurement has to find them by itself."""
    try:
        return engine.call("reference", trace=base.to_json(), function=function)
    except MlcError:
        return None
