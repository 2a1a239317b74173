"""How fast networks and single functions become by one click, against ONNX Runtime, and what the click takes.

Each model gets the steps of *Make it fast (CPU)* (a single function: the recipe that fits it), is compiled,
checked and timed in turns with ONNX Runtime, and with torch where that is installed, in one process, each
waiting until the others leave the cores. Each model has a process of its own, so that its memory is given
back and a crash costs one row. The second table says what lies between the click and built code.

    python -m benchmarks networks [NAME ...] [--seconds 2] [--plan fast|fuse|none] [--json FILE]
    python -m benchmarks networks resnet50 --profile       each kernel by itself, the slowest first
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import zoo
from .kernels import FUNCTIONS, environment

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = (*zoo.NAMES, "mlp", "cnn", "resnet18", "transformer")
AGREES = 1e-4  # the largest difference from ONNX Runtime, relative to the largest output
_LIMIT_S = 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; the exit status is 1 if a model failed or a result was wrong."""
    options = _options(arguments)
    if options.child:
        print(json.dumps(_child(options)))
        return 0
    rows, load = [], os.getloadavg()[0]
    for name in options.names or (*NETWORKS, *FUNCTIONS):
        print(f"{name} …", end=" ", flush=True, file=sys.stderr)
        rows.append(_in_a_process(name, options))
    print(file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(_profiles(rows) if options.profile else report(rows, load))
    return 1 if any("failed" in row or row.get("error", 0) > AGREES for row in rows) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks networks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NETWORKS, *FUNCTIONS)))
    parser.add_argument("--seconds", type=float, default=2.0, help="timing of each model (default 2)")
    plans = "by recipes, by TVM's fusion alone, or as it is imported"
    parser.add_argument("--plan", choices=("fast", "fuse", "none"), default="fast", help=plans)
    parser.add_argument("--json", type=Path, help="write the measurements to this file too")
    parser.add_argument("--profile", action="store_true", help="time each kernel by itself instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _in_a_process(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The row of `name`, or one with the reason why there is none in "failed"."""
    command = [sys.executable, "-m", "benchmarks.networks", "--child", f"--plan={options.plan}"]
    command += [f"--seconds={options.seconds}", *(["--profile"] if options.profile else []), name]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return {"model": name, "failed": f"took more than {_LIMIT_S} s"}
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return {"model": name, "failed": said[-1][:200] if said else f"ended with status {done.returncode}"}


def _child(options: argparse.Namespace) -> dict[str, Any]:
    (name,) = options.names
    if options.profile:
        from .profiling import profile

        return {"model": name, "profile": profile(name, options.plan)}
    return measured(name, options.plan, options.seconds)


def _profiles(rows: Sequence[dict[str, Any]]) -> str:
    return "\n\n".join(row.get("profile") or f"{row['model']} FAILED: {row['failed']}" for row in rows)


def measured(name: str, plan: str, seconds: float) -> dict[str, Any]:
    """One row: [median, p10, p90] in ms of each caller, stages in s, the difference from ONNX Runtime (from
    NumPy where that is not installed)."""
    import numpy as np

    from mlc_explorer.engine import targets
    from mlc_explorer.engine.measure import threads, versions
    from mlc_explorer.engine.timing import alternate
    from mlc_explorer.engine.verify import compare

    from . import contenders, one_click

    made = one_click.make(name, plan)
    inputs = made.model.example_inputs()
    callers = contenders.callers(made.built, made.model, inputs, threads())
    results = {who: caller.result() for who, caller in callers.items()}
    expected = results.get("onnxruntime") or made.model.numpy_reference(inputs)
    times = alternate(callers, dict.fromkeys(callers, seconds / len(callers)))
    return {
        "model": name,
        "steps": len(made.trace.steps),
        "error": compare(results["ours"], expected).max_rel,
        "stages": made.stages,
        "ms": {who: [float(p) * 1e3 for p in np.percentile(t, (50, 10, 90))] for who, t in times.items()},
        "threads": threads(),
        "machine": targets.machine(),
        "versions": versions() | contenders.versions(),
    }


def report(rows: Sequence[dict[str, Any]], load: float) -> str:
    """Both tables in Markdown. `load` is the machine's average when the first model started."""
    good = [row for row in rows if "failed" not in row]
    parts = [_machine(good[0], load)] if good else []
    parts += [_speeds(good), _summary(good), _clicks(good)] if good else []
    parts += [f"{row['model']} FAILED: {row['failed']}" for row in rows if "failed" in row]
    return "\n\n".join(part for part in parts if part)


def _machine(row: dict[str, Any], load: float) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{row['machine']}; {row['threads']} threads for each; load average {load:.1f}; {versions}; {now}"


def _speeds(rows: Sequence[dict[str, Any]]) -> str:
    torch = any("torch" in row["ms"] for row in rows)
    head = ["model", "steps", "ours ms", "p10–p90", "ONNX Runtime ms", "p10–p90", "× ORT", "rel. error"]
    head += ["torch ms", "× torch"] if torch else []
    table = [head, ["---"] * len(head)]
    for row in rows:
        wrong = "" if row["error"] <= AGREES else " WRONG"
        cells = [row["model"], str(row["steps"]), *_times(row, "ours"), *_times(row, "onnxruntime")]
        cells += [_ratio_text(row, "onnxruntime"), f"{row['error']:.1e}{wrong}"]
        table.append(cells + ([_times(row, "torch")[0], _ratio_text(row, "torch")] if torch else []))
    return _markdown(table)


def _times(row: dict[str, Any], who: str) -> tuple[str, str]:
    if who not in row["ms"]:
        return "–", "–"
    median, p10, p90 = (f"{ms:.4g}" for ms in row["ms"][who])
    return median, f"{p10}–{p90}"


def ratio(row: dict[str, Any], who: str = "onnxruntime") -> float | None:
    """How many times as fast as `who` we are, by medians; None where `who` did not take part."""
    return row["ms"][who][0] / row["ms"]["ours"][0] if who in row["ms"] else None


def _ratio_text(row: dict[str, Any], who: str) -> str:
    found = ratio(row, who)
    return "–" if found is None else f"{found:.2f}"


def _summary(rows: Sequence[dict[str, Any]]) -> str:
    """Geometric mean and least ratio, of the networks and of the functions."""
    lines = []
    for title, names in (("networks", NETWORKS), ("functions", FUNCTIONS)):
        ratios = {r["model"]: found for r in rows if r["model"] in names and (found := ratio(r)) is not None}
        if ratios:
            mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
            least = min(ratios, key=ratios.__getitem__)
            text = f"{len(ratios)} {title}: geometric mean {mean:.2f} × ONNX Runtime"
            lines.append(f"{text}, least {ratios[least]:.2f} ({least}).")
    return "\n".join(lines)


def _clicks(rows: Sequence[dict[str, Any]]) -> str:
    """Seconds from the click to built code, by stage."""
    head = ["model", "open s", "rules s", "steps s", "build s", "click → built s", "with opening s"]
    table = [head, ["---"] * len(head)]
    for row in rows:
        opened, *rest = (row["stages"][stage] for stage in ("open", "rules", "steps", "build"))
        times = (opened, *rest, sum(rest), opened + sum(rest))
        table.append([row["model"], *(f"{seconds:.2f}" for seconds in times)])
    return _markdown(table)


def _markdown(table: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in table)


if __name__ == "__main__":
    sys.exit(main())
