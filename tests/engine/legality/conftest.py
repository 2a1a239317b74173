"""Sample functions at sizes for which trying everything takes a moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlc_explorer.engine.replay import State, apply
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES
from tests.engine.views.interpreter import at_size

Scheduled = Callable[..., State]


@pytest.fixture
def sample() -> Scheduled:
    """`sample("softmax", ("split", {...}), ...)`: the function ``main`` of a sample after these steps."""

    def make(name: str, *steps: tuple[str, dict]) -> State:
        state = State(at_size(name, SIZES[name]), "main")
        for transform, params in steps:
            state = apply(state, Step(transform, "main", params))
        return state

    return make
