"""One candidate, built, checked and timed, in a process of its own.

It is checked on a sample of its outputs, so that what it must agree with is small enough to travel to every
trial. The winner of a tuning is measured, and checked, like any other state.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import Refused
from ...schema.report import AGREES
from .. import arrays, targets
from ..build import build, signature
from ..measure import refuse_unless_comparable, seeded_inputs
from ..transforms.wording import words
from ..verify import compare
from .candidate import NAME, module_of, scheduled

SAMPLE = 4096  # elements of an output that are compared
_HOPELESS = 4.0  # times the best: one call is then time enough
_LONG = 1.0  # seconds: so is one of such a call
_SHORT = 0.005  # but a single short one says more about threads that wake up


def reference(code: str) -> list[dict[str, Any]]:
    """What a task's outputs must be: a sample of each, as `arrays.dump` writes it, from the function without
    a schedule, compiled for the generic target."""
    plain = build(module_of(code), targets.target("generic"), NAME)
    return arrays.dump(sampled(plain(seeded_inputs(plain.signature.inputs)))) or []


def trial(
    code: str,
    candidate: Mapping[str, Any],
    target: str,
    expected: Sequence[Mapping[str, Any]],
    seconds: float,
    best_ms: float | None = None,
) -> float:
    """Median milliseconds of a call of the task's function after `candidate`, timed for about `seconds`.

    What takes a second, or many times `best_ms`, is called once or twice only. Refused if it does not apply
    or computes something else."""
    built = build(scheduled(code, candidate), targets.target(target), NAME)
    refuse_unless_comparable(NAME, built.signature, signature(module_of(code), NAME))
    inputs = seeded_inputs(built.signature.inputs)
    start = time.perf_counter()
    outputs = built(inputs)
    once = time.perf_counter() - start
    refuse_unless_right(outputs, expected)
    if once < _LONG:  # the first call also warms caches and threads
        once = min(once, *built.timer(inputs).sample(1, 1))
    if once > _LONG or (once > _SHORT and best_ms is not None and once * 1e3 > _HOPELESS * best_ms):
        return once * 1e3
    return float(np.median(built.time(inputs, seconds))) * 1e3


def refuse_unless_right(outputs: Sequence[np.ndarray], expected: Sequence[Mapping[str, Any]]) -> None:
    """Compares whole outputs with a sample of what they should be."""
    difference = compare(sampled(outputs), arrays.load([dict(e) for e in expected]))
    if difference.max_rel > AGREES:
        raise Refused(**words("tune_wrong", error=f"{difference.max_rel:.2g}"), place="candidate")


def sampled(outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """At most `SAMPLE` elements of each array, at places that depend on its size alone."""
    return [np.ascontiguousarray(a).reshape(-1)[_places(a.size)] for a in outputs]


def _places(size: int) -> np.ndarray:
    if size <= SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(size).choice(size, SAMPLE, replace=False))
