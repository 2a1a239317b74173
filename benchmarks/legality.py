"""How long the palette takes for the functions of all samples: every transform tried, hazards included.

The engine is asked in this process, as a worker would ask it. Functions stand plain, after the schedules that
ship, and after random ones; each is asked for with nothing selected, and then for each of its loops and
blocks, as a person would click through it. The first answer for a function also tries the rules that schedule
it as a whole, so that it is a row of its own. Nothing is asked twice. Times are those of the processor, which
other work on the machine lengthens little; on a quiet one the clock shows the same.

    python -m benchmarks.legality [--models mlp softmax ...] [--functions 12] [--schedules 20] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlc_explorer.engine import loaders, paths
from mlc_explorer.engine.legality.diagnosis import diagnosis
from mlc_explorer.engine.legality.offer import offer
from mlc_explorer.engine.legality.palette import palette
from mlc_explorer.engine.replay import State, apply, replay
from mlc_explorer.engine.transforms import catalogue
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.palette import Palette
from mlc_explorer.schema.trace import Step, Trace

SAMPLES = tuple(info.name for info in loaders.samples())
SHIPPED = Path(__file__).parents[1] / "sample_models" / "traces"
FUSED = ("LegalizeOps", "AnnotateTIROpPattern", "FuseOps", "FuseTIR")
FUNCTIONS = 12  # of a network, no two structurally equal
SCHEDULES = 20  # random ones of the single functions
STEPS = 8  # of each
PLACES = 24  # loops and blocks of one function that are selected
_FORMS = 6  # transforms of which the form is asked for, and refusals that are diagnosed, a selection

Seconds = dict[str, list[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.legality", description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=SAMPLES, metavar="MODEL", help=", ".join(SAMPLES))
    parser.add_argument("--functions", type=int, default=FUNCTIONS, help="at most, of a network")
    parser.add_argument("--schedules", type=int, default=SCHEDULES, help="random ones")
    parser.add_argument("--json", type=Path, help="write the seconds of each answer to this file too")
    options = parser.parse_args(arguments)
    seconds: Seconds = defaultdict(list)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, state, function in subjects(options.models, options.functions, options.schedules):
        measure(group, state, function, seconds, verdicts)
    if options.json:
        options.json.write_text(json.dumps(seconds) + "\n", encoding="utf-8")
    print(f"{len(catalogue.TRANSFORMS)} transforms; load average {os.getloadavg()[0]:.1f}")
    print(table(seconds, verdicts))
    return 0


def measure(
    group: str, state: State, function: str, seconds: Seconds, verdicts: dict[str, Counter[str]]
) -> None:
    """Asks for the palettes of one function, and for some forms and diagnoses."""
    selections = [None, *(p.path for p in paths.walk(state.mod[function]) if p.blocks)][: PLACES + 1]
    rng = random.Random(0)
    for path in selections:
        start = time.process_time()
        found = palette(state, function, path, "en")
        row = f"{group}, first" if path is None else group
        seconds[row].append(time.process_time() - start)
        verdicts[row].update(v.state for v in found.verdicts)
        for verdict in rng.sample(_of_loops(found), _FORMS):
            start = time.process_time()
            offer(state, function, path, verdict.transform, {}, "en")
            seconds["forms"].append(time.process_time() - start)
            if verdict.state == "refused":
                start = time.process_time()
                diagnosis(state, Step(verdict.transform, function, verdict.params), "en")
                seconds["diagnoses"].append(time.process_time() - start)


def _of_loops(found: Palette) -> list:
    return [v for v in found.verdicts if catalogue.TRANSFORMS[v.transform].level == "loop"]


def subjects(models: Sequence[str], functions: int, schedules: int) -> Iterator[tuple[str, State, str]]:
    """(group, state, function) in the order of the table."""
    kinds = {info.name: info.kind for info in loaders.samples()}
    for model in models:
        if kinds[model] == "function":
            yield "plain", replay(Trace(model), _no_file), "main"
        else:
            state = replay(Trace(model, tuple(map(Step, FUSED))), _no_file)
            for name in _different(state)[:functions]:
                yield "plain", state, name
    for model in models:
        file = SHIPPED / f"{model}.json"
        if file.exists():
            yield from _along(Trace.loads(file.read_text(encoding="utf-8")))
    single = [model for model in models if kinds[model] == "function"]
    for seed in range(schedules if single else 0):
        yield "random schedules", _random(seed, single), "main"


def _different(state: State) -> list[str]:
    """The tensor functions of a network in the module's order, each once."""
    from tvm.tirx import PrimFunc
    from tvm_ffi import structural_hash

    found = {}
    for var, func in state.mod.functions_items():
        if isinstance(func, PrimFunc) and any(p.blocks for p in paths.walk(func)):
            found.setdefault(structural_hash(func.without_attr("global_symbol")), var.name_hint)
    return list(found.values())


def _along(trace: Trace) -> Iterator[tuple[str, State, str]]:
    """A shipped schedule after every fourth step, and at its end."""
    for n in range(len(trace.steps), 0, -4):
        function = trace.steps[n - 1].function
        if function is not None:
            yield "shipped schedules", replay(trace.upto(n), _no_file), function


def _random(seed: int, models: Sequence[str]) -> State:
    """A sample after steps that the palette said to apply."""
    rng = random.Random(seed)
    state = replay(Trace(rng.choice(models)), _no_file)
    for _ in range(STEPS):
        place = rng.choice([p.path for p in paths.walk(state.mod["main"]) if p.blocks])
        found = [v for v in _of_loops(palette(state, "main", place, "en")) if v.state == "applies"]
        verdict = rng.choice(found)
        try:
            state = apply(state, Step(verdict.transform, "main", verdict.params))
        except MlcError as e:
            raise AssertionError(f"the palette said that it applies: {verdict}") from e
    return state


def table(seconds: Seconds, verdicts: dict[str, Counter[str]]) -> str:
    """Markdown, a row a group."""
    states = ("applies", "nothing", "refused", "elsewhere")
    rows = [
        f"| asked for | answers | p50 ms | p95 ms | max ms | {' | '.join(states)} |",
        "|---" * (5 + len(states)) + "|",
    ]
    for group, times in seconds.items():
        ms = sorted(1000 * s for s in times)
        p95 = ms[min(len(ms) - 1, int(0.95 * len(ms)))]
        counts = [f"{verdicts[group][s] / len(ms):.1f}" if verdicts[group] else "" for s in states]
        numbers = (f"{n:.1f}" for n in (statistics.median(ms), p95, ms[-1]))
        rows.append(f"| {group} | {len(ms)} | {' | '.join(numbers)} | {' | '.join(counts)} |")
    return "\n".join(rows)


def _no_file(digest: str) -> bytes:
    raise AssertionError("the samples need no files")


if __name__ == "__main__":
    raise SystemExit(main())
