"""Make it fast (CPU): what the steps make of a network computes the same, whatever the network."""


import numpy as np
from hypothesis import given, settings

from mlc_explorer.engine import targets
from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.network import graph_steps
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.errors import MlcError

from .networks import random_networks

CPU = targets.target("cpu")


def silent(*_):
    """Nobody asks how far it is."""


def after_graph_steps(mod, lanes=16):
    """The module after the passes, without recipes for its functions."""
    state = State(mod, "main")
    for step in graph_steps(Machine(4 * lanes, 32, 1 << 15, 1 << 20, 2)):
        try:
            state = apply(state, step)
        except MlcError:  # a pass that has nothing to do here
            continue
    return state.mod


def results(mod, seed=0):
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal(i.shape).astype(i.dtype) for i in signature(mod, "main").inputs]
    return build(mod, CPU)(inputs)


def assert_same(mod, other):
    for expected, got in zip(results(mod), results(other), strict=True):
        assert np.abs(got - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


@settings(max_examples=25, derandomize=True, deadline=None)
@given(random_networks())
def test_a_network_at_random_computes_the_same(mod):
    assert_same(mod, after_graph_steps(mod))
