"""How far the ideas of "What next?" lead: the best measured idea is taken, and again, until none is better.

Each round measures what stands and its ideas, as the screen does, and takes the fastest of those that are
right. A person chooses with more understanding; this shows that the ideas lead somewhere and that their order
means something. The time that the engine needs to find the ideas is shown as well.

    python -m benchmarks.what_next [--rounds 5] [--json FILE] [FUNCTION ...]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mlc_explorer.schema.advice import Advice, Suggestion
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import Session, default_engine

FOLDED = tuple(Step(name) for name in ("FoldLinear", "LegalizeOps", "FuseTIR"))
START = {  # what is scheduled: a model after some steps, and the function of it
    "matmul_1024": (Trace("matmul_1024"), "main"),
    "bmm_relu": (Trace("bmm_relu"), "main"),
    "conv2d": (Trace("conv2d"), "main"),
    "softmax": (Trace("softmax"), "main"),
    "layer_norm": (Trace("layer_norm"), "main"),
    "linear_relu": (Trace("mlp", FOLDED), "linear_relu"),
}
_BETTER = 1.05  # a smaller gain may be noise
_ADVICE_RUNS = 5


@dataclass
class Ascent:
    """Where the ideas led: times in ms, the ideas taken, and the ms that it took to find the first ones."""

    function: str
    start_ms: float = 0.0
    end_ms: float = 0.0
    ideas_ms: float = 0.0
    count: int = 0
    taken: list[str] = field(default_factory=list)
    all_right: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; the exit status is 1 if an idea computed something else."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.what_next", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "functions", nargs="*", default=list(START), metavar="FUNCTION", help=", ".join(START)
    )
    parser.add_argument("--rounds", type=int, default=5, help="ideas to take at most (default 5)")
    parser.add_argument("--json", type=Path, help="write the paths to this file too")
    options = parser.parse_args(arguments)
    found = [follow(name, options.rounds) for name in options.functions]
    if options.json:
        options.json.write_text(json.dumps([asdict(p) for p in found], indent=2) + "\n", encoding="utf-8")
    print(table(found))
    default_engine().close()
    return 0 if all(path.all_right for path in found) else 1


def follow(name: str, rounds: int) -> Ascent:
    """Takes the best idea for the function up to `rounds` times."""
    trace, function = START[name]
    session = Session.from_trace(trace)
    path = Ascent(name)
    path.ideas_ms, path.count = seconds_for_ideas(session, function)
    for _ in range(rounds):
        advice = session.suggest(function)
        path.all_right &= all(s.measurement.right for s in advice.suggestions if s.measurement is not None)
        path.start_ms = path.start_ms or (advice.now.median_ms if advice.now else 0.0)
        best = better(advice)
        path.end_ms = advice.now.median_ms if advice.now and best is None else path.end_ms
        if best is None:
            break
        print(f"{name}: {best.candidate.title} ({best.measurement.median_ms:.3g} ms)", file=sys.stderr)
        path.taken.append(best.candidate.name)
        path.end_ms = best.measurement.median_ms
        session = session.apply_steps(tuple(Step.from_json(s) for s in best.candidate.steps))
    return path


def better(advice: Advice) -> Suggestion | None:
    """The first suggestion, if it is right and enough faster than what stands."""
    best = next(iter(advice.suggestions), None)
    measured = best is not None and best.measurement is not None and best.measurement.right
    if not measured or (best.speedup is not None and best.speedup < _BETTER):
        return None
    return best


def seconds_for_ideas(session: Session, function: str) -> tuple[float, int]:
    """The least ms of some calls of the job `candidates`, the state replayed before; how many it finds."""
    session.loop_nest(function)
    times = []
    for _ in range(_ADVICE_RUNS):
        start = time.perf_counter()
        found = session.candidates(function)
        times.append((time.perf_counter() - start) * 1e3)
    return min(times), len(found.candidates)


def table(paths: Sequence[Ascent]) -> str:
    """Markdown."""
    rows = [
        "| function | start, ms | end, ms | faster | ideas taken | first ideas, ms |",
        "|---|--:|--:|--:|---|--:|",
    ]
    for p in paths:
        gain = f"{p.start_ms / p.end_ms:.1f}×" if p.end_ms else "–"
        taken = ", ".join(p.taken) or "–"
        figures = f"{p.start_ms:.3g} | {p.end_ms:.3g} | {gain}"
        rows.append(f"| {p.function} | {figures} | {taken} | {p.count} in {p.ideas_ms:.0f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
