"""How long each view of a function takes to make: every view of the functions of some sample models.

The engine is asked in this process, as a worker would ask it, so that a time holds neither a queue nor a
socket. Models stand as they come, legalised, and fused; a function that is structurally the same as one
before it is asked for once. What a view refuses, such as GPU code of a function that can't be bound to
threads, is counted and not timed.

    python -m benchmarks.views [--models mlp cnn ...] [--functions 40] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tvm_ffi

from mlc_explorer.engine import service
from mlc_explorer.engine.replay import State, replay
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.levels import LEVELS
from mlc_explorer.schema.trace import Step, Trace

MODELS = ("mlp", "cnn", "transformer", "resnet18", "matmul_1024", "bmm_relu", "conv2d", "softmax")
STAGES = ((), ("LegalizeOps",), ("LegalizeOps", "AnnotateTIROpPattern", "FuseOps", "FuseTIR"))
FUNCTIONS = 40  # of a model at a stage, in the order in which the graph calls them

Times = dict[str, list[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--functions", type=int, default=FUNCTIONS, help="at most, of a model at a stage")
    parser.add_argument("--json", type=Path, help="write the seconds of each answer to this file too")
    options = parser.parse_args(arguments)
    times, refused = measured(options.models, options.functions)
    if options.json:
        options.json.write_text(json.dumps({"seconds": times, "refused": refused}) + "\n", encoding="utf-8")
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(table(times, refused))
    return 0


def measured(models: Sequence[str], functions: int) -> tuple[Times, dict[str, int]]:
    """The seconds of each answer, and the number of refusals, by view."""
    times: Times = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    for trace, function, kind in subjects(models, functions):
        for view, ask in _views(trace.to_json(), function, kind):
            start = time.perf_counter()
            try:
                ask()
            except MlcError:
                refused[view] += 1
            else:
                times[view].append(time.perf_counter() - start)
    return times, refused


def subjects(models: Sequence[str], functions: int) -> Iterator[tuple[Trace, str, str]]:
    """Trace, function and its kind (``graph`` or ``loops``), each tensor function once."""
    seen: set[int] = set()
    for model in models:
        for names in STAGES:
            trace = Trace(model, tuple(Step(name) for name in names))
            try:
                info, state = service.state(trace.to_json(), _no_file), replay(trace, _no_file)
            except MlcError:  # this model does not come to this stage
                continue
            for found in info.functions[:functions]:
                if found.kind == "graph" or _is_new(state, found.name, seen):
                    yield trace, found.name, found.kind


def table(times: Times, refused: dict[str, int]) -> str:
    """Markdown, a row a view in the order in which they were first asked for."""
    rows = ["| view | answers | median ms | p95 ms | max ms | refused |", "|---|---|---|---|---|---|"]
    for view, seconds in times.items():
        ms = sorted(1000 * s for s in seconds)
        p95 = ms[min(len(ms) - 1, int(0.95 * len(ms)))]
        numbers = " | ".join(f"{n:.1f}" for n in (statistics.median(ms), p95, ms[-1]))
        rows.append(f"| {view} | {len(ms)} | {numbers} | {refused.get(view, 0)} |")
    return "\n".join(rows)


def _views(trace: Any, function: str, kind: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    if kind == "graph":
        yield "graph", lambda: service.graph(trace, _no_file, function)
    else:
        for view in ("loops", "dataflow", "motion"):
            yield view, lambda view=view: getattr(service, view)(trace, _no_file, function)
    for level in LEVELS:
        if level.kind == kind:
            yield level.name, lambda name=level.name: service.text(trace, _no_file, function, name)
    if trace["steps"]:
        yield "diff", lambda: service.diff(trace, _no_file, function)


def _is_new(state: State, function: str, seen: set[int]) -> bool:
    digest = tvm_ffi.structural_hash(state.mod[function])
    new = digest not in seen
    seen.add(digest)
    return new


def _no_file(digest: str) -> bytes:
    raise KeyError(digest)  # samples need none


if __name__ == "__main__":
    raise SystemExit(main())
