"""Random schedules of the sample functions: applied, run, and held against what the function computes.

`python -m tests.engine.random_schedules FIRST COUNT [SECONDS]` tries that many, one a seed from FIRST on,
and prints a line of JSON for each that goes wrong, then one that sums up. It is a process of its own, which
has run nothing on TVM's threads, so that it may fork: each schedule runs in a child, because a wrong one can
write where it likes. Before that the Python level runs it, which finds an index out of bounds without harm.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tvm import IRModule

from mlc_explorer.engine import paths
from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.loaders.functions import FUNCTIONS
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.trace import Step
from tests.engine.proposed_steps import drawn
from tests.engine.random_buffers import buffers_and_layouts
from tests.engine.random_structure import loops_and_blocks
from tests.engine.views.interpreter import at_size, called

SIZES = {
    "matmul_128": {"A": (12, 10), "B": (10, 16)},
    "softmax": {"X": (4, 24)},
    "layer_norm": {"X": (4, 24), "gamma": (24,), "beta": (24,)},
    "conv2d": {"X": (1, 3, 6, 6), "W": (4, 3, 3, 3)},
    "bmm_relu": {"A": (2, 8, 8), "B": (2, 8, 8)},
}
HAZARDS = {
    "guard_missing", "never_written", "sum_not_started", "summed_twice", "read_too_early", "read_across",
    "sum_at_once", "begun_again", "vectorized_storage", "written_outside", "read_outside", "overwritten",
    "map_clashes", "zeros_count",
}  # fmt: skip
ATTEMPTS = 16
SECONDS = 20  # for one run; beyond that it hangs

Draw = Callable[[random.Random, IRModule], Step]


def draw(rng: random.Random, mod: IRModule) -> Step:
    """A step of any primitive, by turns one that a form proposes and one that names places at random; whether
    it is legal is for the catalogue to say."""
    proposed = drawn(rng, mod) if rng.random() < 0.5 else None
    return proposed or _anywhere(rng, mod)


def _anywhere(rng: random.Random, mod: IRModule) -> Step:
    places = paths.walk(mod["main"])
    loops = [p for p in places if p.kind == "loop"]
    block = rng.choice([p for p in places if p.kind == "block"])
    around = [loop.path for loop in loops if block.path in loop.blocks]
    any_loop = rng.choice(around or [loop.path for loop in loops] or ["none/none"])
    i = rng.randrange(max(1, len(around) - 1))
    pair = around[i : i + 2]
    scope = rng.choice(["global", "local"])
    other = rng.choice(loops).path if loops else "none/none"
    name, params = rng.choice(
        [
            *buffers_and_layouts(rng, mod, block, around or [other]),
            *loops_and_blocks(rng, mod, block, around or [other]),
            ("split", {"loop": any_loop, "factors": [None, rng.choice([2, 3, 4, 5, 7])]}),
            ("fuse", {"loops": pair}),
            ("reorder", {"loops": pair[::-1]}),
            ("vectorize", {"loop": around[-1] if around else other}),
            ("parallel", {"loop": around[0] if around else other}),
            ("unroll", {"loop": any_loop}),
            ("cache_read", {"block": block.path, "buffer": rng.randrange(2), "scope": scope}),
            ("cache_write", {"block": block.path, "buffer": 0, "scope": scope}),
            ("decompose_reduction", {"block": block.path, "loop": any_loop}),
            ("rfactor", {"loop": any_loop}),
            ("compute_at", {"block": block.path, "loop": other}),
            ("compute_at", {"block": block.path, "loop": other}),
            ("reverse_compute_at", {"block": block.path, "loop": other}),
            ("reverse_compute_at", {"block": block.path, "loop": other}),
            ("compute_inline", {"block": block.path}),
            ("reverse_compute_inline", {"block": block.path}),
        ]
    )
    return Step(name, "main", params)


def schedule(seed: int, counts: collections.Counter[str]) -> tuple[str, IRModule, list[Step]]:
    """The sample of this seed, what it became, and the steps that the catalogue accepted."""
    rng = random.Random(seed)
    name = rng.choice(sorted(SIZES))
    mod, steps = at_size(name, SIZES[name]), []
    for _ in range(ATTEMPTS):
        step = draw(rng, mod)
        try:
            mod = apply_step(mod, step).mod
        except MlcError as e:
            counts["refused"] += 1
            if e.code in HAZARDS:
                counts["hazards"] += 1
                counts[e.code] += 1
        else:
            steps.append(step)
    return name, mod, steps


def wrong(name: str, mod: IRModule) -> str:
    """What is wrong with the schedule `mod` of the sample `name`; nothing if it computes what it should."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(i.shape).astype(i.dtype) for i in signature(mod, "main").inputs]
    expected = FUNCTIONS[name].numpy(*inputs)
    try:
        if not _close(called(mod, "main", inputs)[0], expected):
            return "the Python level computes something else"
    except (IndexError, NameError) as e:
        return f"the Python level: {e}"
    try:
        runnable = build(mod, target("generic"))
    except MlcError as e:
        return f"it does not compile: {e.message} {e.detail[:200]}"
    return _in_child(lambda: _close(runnable(inputs)[0], expected))


def _close(got: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(got, expected, rtol=1e-4, atol=1e-4))


def _in_child(check: Callable[[], bool]) -> str:
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            os._exit(0 if check() else 3)
        finally:
            os._exit(4)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"the compiled function ends by {signal.Signals(os.WTERMSIG(status)).name}"
    said = {0: "", 3: "the compiled function computes something else"}
    return said.get(os.WEXITSTATUS(status), "the compiled function can't be called")


def main(arguments: Sequence[str]) -> None:
    first, count = int(arguments[0]), int(arguments[1])
    end = time.monotonic() + float(arguments[2] if len(arguments) > 2 else "inf")
    counts: collections.Counter[str] = collections.Counter()
    for seed in range(first, first + count):
        if time.monotonic() > end:
            break
        name, mod, steps = schedule(seed, counts)
        counts["schedules"] += 1
        counts["steps"] += len(steps)
        found = wrong(name, mod)
        if found:
            counts["wrong"] += 1
            _say({"seed": seed, "sample": name, "wrong": found, "steps": [s.to_json() for s in steps]})
    _say({"counts": dict(counts)})


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
