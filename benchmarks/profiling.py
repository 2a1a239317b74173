"""Where a network's time goes: each compiled function in the running model, and ONNX Runtime's operators.

The virtual machine calls an instrument before and after each function, so that what is timed is the function
in its place: its inputs are where the one before left them. The instrument costs some microseconds a call.
Times are tenth percentiles: a profile shows which function to look at, also while the machine has other work.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from tvm.s_tir.analysis import estimate_tir_flops

from mlc_explorer.engine.build import Runnable
from mlc_explorer.engine.measure import threads
from mlc_explorer.engine.replay import State, replay

from . import contenders
from .one_click import Made, make

_RUNS, _MOST_S = 30, 10.0


@dataclass(frozen=True)
class Kernel:
    """A function's share of one call of the model: `ms` of all its `calls` together.

    `gflop` counts the arithmetic of one call as it was before any schedule (0 where TVM can't count)."""

    name: str
    calls: int
    ms: float
    gflop: float
    shapes: str
    recipe: str

    @property
    def gflops(self) -> float:
        """Billion operations a second."""
        return self.gflop * self.calls / (self.ms / 1e3) if self.ms else 0.0


def profile(name: str, plan: str) -> str:
    """Markdown tables for the model `name` after `plan`: our functions, and ONNX Runtime's operators."""
    made = make(name, plan)
    inputs = made.model.example_inputs()
    found = kernels(made, inputs)
    parts = [f"### {name}: {sum(k.ms for k in found):.3f} ms in {len(found)} functions", _table(found)]
    parts += [_by_recipe(found)]
    if made.model.onnx:
        parts += _onnx_runtime(onnx_runtime_nodes(made.model.onnx, inputs))
    return "\n\n".join(part for part in parts if part)


def kernels(made: Made, inputs: Sequence[np.ndarray]) -> list[Kernel]:
    """Every function that the model calls, the one that takes longest first."""
    if isinstance(made.state.mod[made.state.entry], tvm.tirx.PrimFunc):
        raise ValueError(f"{made.trace.model} is one function, there is nothing to divide")
    times, shapes = _timed(made.built, inputs)
    recipes = {step.function: step.transform for step in made.trace.steps if step.function}
    before = _unscheduled(made)
    found = []
    for function, runs in times.items():
        calls = len(runs[0])
        ms = _quick([sum(times) for times in runs]) * 1e3
        gflop = _gflop(before, function)
        found.append(Kernel(function, calls, ms, gflop, shapes[function], recipes.get(function, "–")))
    return sorted(found, key=lambda kernel: -kernel.ms)


def _timed(
    built: Runnable, inputs: Sequence[np.ndarray]
) -> tuple[dict[str, list[list[float]]], dict[str, str]]:
    """For each function the seconds of each of its calls, a list for each run; and its arguments' shapes."""
    timer = built.timer(inputs)
    begun: list[float] = []
    run: dict[str, list[float]] = defaultdict(list)
    shapes: dict[str, str] = {}

    def instrument(function: Any, name: str, before: bool, result: Any, *arguments: Any) -> int:
        if before:
            begun.append(time.perf_counter())
        else:
            run[name].append(time.perf_counter() - begun.pop())
            tensors = [a for a in arguments if isinstance(a, tvm.runtime.Tensor)]
            shapes[name] = " ".join("×".join(map(str, t.shape)) for t in tensors)
        return 0

    timer.module.set_instrument(instrument)
    function, end = timer.module[timer.entry], time.perf_counter() + _MOST_S
    runs = []
    function(*timer.arguments)  # the first call loads weights into the caches
    while len(runs) < _RUNS and (time.perf_counter() < end or not runs):
        run.clear()
        function(*timer.arguments)
        runs.append(dict(run))
    return {name: [r[name] for r in runs] for name in runs[0] if not name.startswith("vm.")}, shapes


def _unscheduled(made: Made) -> State:
    """The model after the graph's steps, before the functions'."""
    steps = made.trace.steps
    count = next((n for n, step in enumerate(steps) if step.function), len(steps))
    _, data = contenders.subject(made.name)
    return replay(made.trace.upto(count), data)


def _gflop(state: State, function: str) -> float:
    try:
        return float(estimate_tir_flops(tvm.IRModule({function: state.mod[function]}))) / 1e9
    except Exception:  # a function that the last steps made, or an operation that TVM does not count
        return 0.0


def _quick(times: Sequence[float]) -> float:
    return float(np.percentile(times, 10))


def _table(found: Sequence[Kernel]) -> str:
    total = sum(kernel.ms for kernel in found)
    rows = [("function", "calls", "ms", "share", "GFLOP/s", "recipe", "arguments"), ("---",) * 7]
    for k in found:
        share = f"{k.ms / total:.1%}"
        rows.append((k.name[:60], str(k.calls), f"{k.ms:.3f}", share, f"{k.gflops:.1f}", k.recipe, k.shapes))
    return _markdown(rows)


def _by_recipe(found: Sequence[Kernel]) -> str:
    total: dict[str, float] = defaultdict(float)
    flop: dict[str, float] = defaultdict(float)
    for kernel in found:
        total[kernel.recipe] += kernel.ms
        flop[kernel.recipe] += kernel.gflop * kernel.calls
    rows = [("recipe", "ms", "GFLOP/s"), ("---",) * 3]
    for recipe, ms in sorted(total.items(), key=lambda item: -item[1]):
        rows.append((recipe, f"{ms:.3f}", f"{flop[recipe] / (ms / 1e3):.1f}"))
    return _markdown(rows)


def onnx_runtime_nodes(model: bytes, inputs: Sequence[np.ndarray]) -> list[tuple[str, str, float]]:
    """Operator, shapes of the arguments, and ms in one call of the model, of each node that ONNX Runtime runs
    after its own fusion. Empty where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        caller = contenders.onnx_runtime(model, inputs, threads(), str(Path(folder) / "profile"))
        if caller is None:
            return []
        end = time.perf_counter() + _MOST_S
        for _ in range(_RUNS):
            caller.call()
            if time.perf_counter() > end:
                break
        caller.close()
        written = next(Path(folder).iterdir()).read_text(encoding="utf-8")
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in json.loads(written):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            arguments = event["args"]
            shapes = [shape for given in arguments["input_type_shape"] for shape in given.values()]
            text = " ".join("×".join(map(str, shape)) for shape in shapes)
            times[event["name"], arguments["op_name"], text].append(event["dur"] / 1e3)
    return [(operator, shapes, _quick(ms)) for (_, operator, shapes), ms in times.items()]


def _onnx_runtime(nodes: Sequence[tuple[str, str, float]]) -> Iterator[str]:
    """Two tables: by operator, and by operator and shapes, which may stand beside our functions'."""
    by_operator: dict[tuple[str, ...], list[float]] = defaultdict(list)
    by_shapes: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for operator, shapes, ms in nodes:
        by_operator[operator,].append(ms)
        by_shapes[operator, shapes].append(ms)
    name = "ONNX Runtime's operator"
    for head, found in (((name,), by_operator), ((name, "arguments"), by_shapes)):
        rows = [(*head, "nodes", "ms"), ("---",) * (len(head) + 2)]
        for key, times in sorted(found.items(), key=lambda item: -sum(item[1])):
            rows.append((*key, str(len(times)), f"{sum(times):.3f}"))
        if nodes:
            yield _markdown(rows)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
