"""How fast the compiled kernels are, against NumPy and ONNX Runtime, each pair timed in turns in one process.

`matmul_1024` runs with the trace that ships with it; the goal is at least NumPy's speed. The other functions
run untransformed, for the record: plain loops, as they come out of their definition. Every number is
checked against the untransformed function and against both others in the same run.

    python -m benchmarks.kernels [--seconds 1.0] [--json FILE] [FUNCTION ...]

The work is done in a child process, whose environment sets TVM's threads (they can't be changed later) and
frees OpenBLAS of what slows it down: OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE pin an older kernel or a smaller
block than the machine allows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TRACES = ROOT / "sample_models" / "traces"
FUNCTIONS = ("matmul_1024", "bmm_relu", "conv2d", "softmax", "layer_norm")
_SLOWS_OPENBLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; the exit status is 1 if a result was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.split("\n")[0])
    known = ", ".join(FUNCTIONS)
    parser.add_argument("functions", nargs="*", default=FUNCTIONS, metavar="FUNCTION", help=known)
    parser.add_argument("--seconds", type=float, default=1.0, help="timing of each function (default 1.0)")
    parser.add_argument("--json", type=Path, help="write the measurements to this file too")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measured(options.functions, options.seconds)))
        return 0
    command = [sys.executable, "-m", "benchmarks.kernels", "--child", f"--seconds={options.seconds}"]
    command += options.functions
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    results = json.loads(done.stdout)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results))
    return 0 if all(r["agrees"] for r in results) else 1


def environment() -> dict[str, str]:
    """What the child starts with: all cores for TVM, not bound, and OpenBLAS left to its own choice."""
    kept = {k: v for k, v in os.environ.items() if k not in _SLOWS_OPENBLAS}
    cores = str(len(os.sched_getaffinity(0)))
    return kept | {"TVM_NUM_THREADS": cores, "TVM_BIND_THREADS": "0"}


def measured(functions: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """A measurement (`schema.report.Measurement`) for each function, with the number of its `steps`."""
    from mlc_explorer.engine.measure import measure
    from mlc_explorer.schema.codec import encode
    from mlc_explorer.schema.trace import Trace

    results = []
    for name in functions:
        shipped = TRACES / f"{name}.json"
        trace = Trace.loads(shipped.read_text(encoding="utf-8")) if shipped.is_file() else Trace(name)
        print(f"{name} …", end=" ", flush=True, file=sys.stderr)
        found = measure(trace, None, "cpu", seconds, lambda stage, fraction: None, _no_upload)
        errors = [found.max_rel_error, *found.other_errors.values()]
        agrees = max(errors) < 1e-3
        results.append({"model": name, "steps": len(trace.steps), "agrees": agrees} | encode(found))
    print(file=sys.stderr)
    return results


def table(results: Sequence[dict[str, Any]]) -> str:
    """Medians in ms, and how many times as fast ours is as each other (above 1: ours is faster)."""
    first = results[0]
    lines = [
        f"{first['machine']}; {first['threads']} threads for each; {first['taken_at']}",
        ", ".join(f"{name} {version}" for name, version in first["versions"].items()),
        "",
        f"{'':14}{'steps':>6}{'ours ms':>11}{'p10':>11}{'p90':>11}{'numpy':>11}{'× numpy':>9}"
        f"{'ort':>11}{'× ort':>9}{'error':>10}",
    ]
    for r in results:
        cells = "".join(_against(r["others"].get(name), r["median_ms"]) for name in ("numpy", "onnxruntime"))
        lines.append(
            f"{r['model']:14}{r['steps']:6}{r['median_ms']:11.4f}{r['p10_ms']:11.4f}{r['p90_ms']:11.4f}{cells}"
            f"{r['max_rel_error']:10.1e}{'' if r['agrees'] else '  WRONG'}"
        )
    return "\n".join(lines)


def _against(theirs: float | None, ours: float) -> str:
    return f"{theirs:11.4f}{theirs / ours:9.2f}" if theirs is not None else f"{'–':>11}{'–':>9}"


def _no_upload(digest: str) -> bytes:
    raise LookupError(f"a benchmark uploads nothing, yet {digest} was asked for")


if __name__ == "__main__":
    sys.exit(main())
