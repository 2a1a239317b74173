"""Sample functions at sizes at which tiles, lanes and threads have something to do, and machines that are
always the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.suggest.sight import Sight
from mlc_explorer.schema.trace import Step
from tests.engine.views.interpreter import at_size

SIZES = {
    "matmul_128": {"A": (64, 96), "B": (96, 128)},
    "softmax": {"X": (32, 256)},
    "layer_norm": {"X": (32, 256), "gamma": (256,), "beta": (256,)},
    "conv2d": {"X": (1, 16, 24, 24), "W": (16, 16, 3, 3)},
    "bmm_relu": {"A": (8, 32, 64), "B": (8, 64, 64)},
}
AVX512 = Machine(vector_bytes=64, registers=32, l1=48 << 10, l2=2 << 20, cores=4)
SSE = Machine(vector_bytes=16, registers=16, l1=32 << 10, l2=1 << 20, cores=1)


@pytest.fixture
def sample() -> Callable[..., State]:
    """`sample("softmax", *steps)`: the function ``main`` of a sample after these steps."""

    def make(name: str, *steps: Step) -> State:
        state = State(at_size(name, SIZES[name]), "main")
        for step in steps:
            state = apply(state, step)
        return state

    return make


@pytest.fixture
def look() -> Callable[..., Sight]:
    """`look(state, path, machine)`: what a rule sees there."""

    def make(state: State, path: str | None = None, machine: Machine = AVX512) -> Sight:
        return Sight(state.mod["main"], "main", path, machine)

    return make
