"""Ideas for a graph name transforms and parameters that exist, and each does something somewhere."""

import pytest

from mlc_explorer.engine.replay import State, replay
from mlc_explorer.engine.suggest.graph_ideas import IDEAS, tried
from mlc_explorer.engine.transforms import lookup
from mlc_explorer.schema.trace import Step, Trace


def at(model: str, *steps: Step) -> State:
    return replay(Trace(model, steps), lambda digest: b"")


@pytest.mark.parametrize("name", IDEAS)
def test_every_step_is_one_that_the_catalogue_can_make(name):
    for transform, params in IDEAS[name][1]:
        assert lookup.make(Step(transform, None, params)).name == transform


def test_each_idea_changes_something_on_some_network():
    folded = at("mlp", Step("FoldLinear"), Step("LegalizeOps"), Step("FuseTIR"))
    found = {name for state in (at("mlp"), at("cnn"), folded) for name, *_ in tried(state)}
    assert set(IDEAS) - found <= {"graph_onnxruntime", "graph_fold_constants", "graph_common"}
