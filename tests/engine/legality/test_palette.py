"""The palette says of every transform whether it applies to the selection; what it says is tried here."""

from __future__ import annotations

import pytest

from mlc_explorer.engine import paths
from mlc_explorer.engine.legality.palette import palette
from mlc_explorer.engine.loaders import load_cached
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.transforms import catalogue
from mlc_explorer.errors import MlcError, NotFound, Refused
from mlc_explorer.schema.palette import Palette, Verdict
from mlc_explorer.schema.trace import Step


def of(found: Palette, transform: str) -> Verdict:
    return next(v for v in found.verdicts if v.transform == transform)


def test_every_transform_has_a_verdict_in_the_catalogues_order(sample):
    found = palette(sample("matmul_128"), "main", None, "en")
    assert [v.transform for v in found.verdicts] == list(catalogue.TRANSFORMS)


@pytest.mark.parametrize("name", ["matmul_128", "bmm_relu", "conv2d"])
def test_what_is_said_to_apply_applies_and_what_is_refused_is_refused(sample, name):
    state = sample(name)
    for path in [None, *(place.path for place in paths.walk(state.mod["main"]))]:
        for verdict in palette(state, "main", path, "en").verdicts:
            cls = catalogue.TRANSFORMS[verdict.transform]
            if cls.level == "graph" or verdict.state == "elsewhere":
                continue
            step = Step(verdict.transform, "main", verdict.params)
            try:
                report = apply(state, step).reports[-1]
            except MlcError as refusal:
                assert verdict.state == "refused", (path, step, refusal)
                assert verdict.refusal.message and verdict.refusal.hint, (path, step)
            else:
                assert verdict.state == ("applies" if report.changed else "nothing"), (path, step)


def test_a_selected_loop_is_what_is_tried_even_if_another_would_do(sample):
    verdict = of(palette(sample("matmul_128"), "main", "matmul/k", "en"), "vectorize")
    assert (verdict.state, verdict.refusal.code) == ("refused", "reduction_axis")
    assert verdict.params == {"loop": "matmul/k"}
    assert "matmul/k" in verdict.refusal.paths


def test_a_selected_block_brings_a_loop_that_makes_sense(sample):
    found = palette(sample("matmul_128"), "main", "matmul", "en")
    assert of(found, "vectorize").params == {"loop": "matmul/j"}
    assert of(found, "parallel").params == {"loop": "matmul/i"}
    assert of(found, "rfactor").params == {"loop": "matmul/k"}
    assert of(found, "decompose_reduction").params == {"block": "matmul", "loop": "matmul/k"}


def test_a_producer_is_moved_to_its_consumer_and_back(sample):
    found = palette(sample("bmm_relu"), "main", "bmm", "en")
    assert of(found, "compute_at").params == {"block": "bmm", "loop": "relu/n"}
    found = palette(sample("bmm_relu"), "main", "relu", "en")
    assert of(found, "reverse_compute_at").params == {"block": "relu", "loop": "bmm/j"}


def test_a_selected_loop_calls_its_producer_to_it(sample):
    found = palette(sample("bmm_relu"), "main", "relu/i", "en")
    assert of(found, "compute_at").params == {"block": "bmm", "loop": "relu/i"}


def test_a_block_without_consumers_can_be_moved_nowhere(sample):
    verdict = of(palette(sample("matmul_128"), "main", "matmul", "en"), "compute_at")
    assert (verdict.state, verdict.refusal.code) == ("elsewhere", "no_loop_here")


def test_a_graph_has_no_loops_to_schedule():
    model = load_cached("mlp", lambda digest: b"")
    found = palette(State(model.mod, model.entry), model.entry, None, "en")
    assert of(found, "split").state == "elsewhere"
    assert of(found, "split").refusal.code == "function_has_no_loops"
    assert of(found, "LegalizeOps").state == "applies"


def test_reasons_come_in_the_language_that_was_asked_for(sample):
    state = sample("matmul_128")
    english, chinese = (of(palette(state, "main", "matmul/k", lang), "parallel") for lang in ("en", "zh"))
    assert english.params == chinese.params
    assert "reduction" in english.refusal.message and "归约" in chinese.refusal.message


def test_what_was_tried_is_known_the_second_time(sample):
    state = sample("softmax")
    first = palette(state, "main", "exp/j", "en")
    again = palette(state, "main", "exp/j", "zh")
    assert [v.state for v in again.verdicts] == [v.state for v in first.verdicts]
    assert again.seconds < first.seconds / 5


@pytest.mark.parametrize("path", ["nowhere/i", "matmul/z", "matmul/"])
def test_a_place_that_is_not_there_is_refused(sample, path):
    with pytest.raises(Refused):
        palette(sample("matmul_128"), "main", path, "en")


def test_a_function_that_is_not_there_is_not_found(sample):
    with pytest.raises(NotFound):
        palette(sample("matmul_128"), "other", None, "en")


def test_a_loop_within_a_bound_one_is_offered_another_index(sample):
    state = sample("matmul_128", ("bind", {"loop": "matmul/i", "thread": "blockIdx.x"}))
    bound = of(palette(state, "main", "matmul/j", "en"), "bind")
    assert (bound.state, bound.params["thread"]) == ("applies", "threadIdx.x")
