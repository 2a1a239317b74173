"""Ideas are steps that apply and compute the same; each says why in both languages and shows its diff."""

from __future__ import annotations

import numpy as np
import pytest

from mlc_explorer.engine import targets
from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.measure import seeded_inputs
from mlc_explorer.engine.replay import State, apply, replay
from mlc_explorer.engine.suggest import IDEAS, MOST, candidates, graph_ideas
from mlc_explorer.engine.transforms.catalogue import TRANSFORMS
from mlc_explorer.errors import Refused
from mlc_explorer.schema.palette import Candidate, Candidates
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.texts import LANGUAGES, has
from tests.engine.suggest.conftest import SIZES


def ideas(state: State, path: str | None = None, language: str = "en") -> Candidates:
    return candidates(state, "main", path, targets.target("cpu"), language)


def named(found: Candidates, name: str) -> Candidate:
    return next(c for c in found.candidates if c.name == name)


def after(state: State, idea: Candidate) -> State:
    """The state after the idea's steps, applied one by one as a person's are."""
    for step in idea.steps:
        state = apply(state, Step.from_json(step))
    return state


def run(state: State, inputs: list[np.ndarray]) -> np.ndarray:
    return build(state.mod, targets.target("cpu"), "main")(inputs)[0]


@pytest.mark.parametrize("name", SIZES)
def test_every_idea_applies_and_computes_the_same(sample, name):
    state = sample(name)
    inputs = seeded_inputs(signature(state.mod, "main").inputs)
    expected = run(state, inputs)
    found = ideas(state).candidates
    assert 3 <= len(found) <= MOST
    for idea in found:
        result = run(after(state, idea), inputs)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4, err_msg=idea.name)


@pytest.mark.parametrize("name", SIZES)
def test_ideas_follow_on_ideas(sample, name):
    """Taking the first idea three times over leads to a function that is still right."""
    state = sample(name)
    inputs = seeded_inputs(signature(state.mod, "main").inputs)
    expected = run(state, inputs)
    for _ in range(3):
        found = ideas(state).candidates
        if not found:
            break
        for idea in found:
            after(state, idea)  # every one applies here, too
        state = after(state, found[0])
    np.testing.assert_allclose(run(state, inputs), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_idea_has_a_title_a_reason_a_family_and_a_diff(sample, name, language):
    found = ideas(sample(name), language=language).candidates
    families = {cls.family for cls in TRANSFORMS.values()}
    assert len({idea.name for idea in found}) == len(found)
    for idea in found:
        assert idea.title and idea.text and "{" not in idea.title + idea.text
        assert idea.family in families
        assert any(row.op in "+-" for row in idea.diff.rows)


def test_no_two_ideas_come_to_the_same_function(sample):
    state = sample("layer_norm")
    texts = [str(after(state, idea).mod.script()) for idea in ideas(state).candidates]
    assert len(set(texts)) == len(texts)


def test_every_idea_has_its_words():
    names = [idea.name for idea in IDEAS] + list(graph_ideas.IDEAS)
    assert [n for n in names if not (has(f"idea.{n}.title") and has(f"idea.{n}.text"))] == []


def test_ideas_are_for_what_is_selected(sample):
    state = sample("softmax")
    assert ideas(state, "exp").block == ideas(state, "exp/j").block == "exp"
    assert ideas(state, "row_sum/k").block == "row_sum"
    assert ideas(state).block == "row_max"  # as dear as row_sum, and before it


def test_what_was_made_fast_is_no_longer_the_dearest(sample):
    state = sample("softmax")
    better = after(state, named(ideas(state, "row_max"), "partial_results"))
    assert ideas(better).block == "row_sum"


def test_a_path_that_is_not_there_is_refused(sample):
    with pytest.raises(Refused) as refusal:
        ideas(sample("softmax"), "matmul/k")
    assert refusal.value.code == "path_missing"


def test_a_graph_gets_passes():
    state = replay(Trace("mlp"), lambda digest: b"")
    found = candidates(state, "main", None, targets.target("cpu"), "en")
    assert found.block is None
    fold = named(found, "graph_fold_linear")
    assert [step["transform"] for step in fold.steps] == ["FoldLinear", "LegalizeOps", "FuseTIR"]
    assert "linear_relu" in "".join(fold.diff.after)
    assert "graph_fold_constants" not in {c.name for c in found.candidates}  # there is nothing to fold
