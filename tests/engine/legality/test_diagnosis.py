"""Why not: the reason, the offending lines, and remedies, of which each is applied here."""

from __future__ import annotations

import json

import pytest
import tvm_ffi

from mlc_explorer.engine import paths
from mlc_explorer.engine.legality.diagnosis import diagnosis
from mlc_explorer.engine.legality.palette import palette
from mlc_explorer.engine.loaders.functions import FUNCTIONS
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.transforms import catalogue
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.palette import Diagnosis
from mlc_explorer.schema.trace import Step


def why(state: State, transform: str, language: str = "en", **params) -> Diagnosis:
    return diagnosis(state, Step(transform, "main", params), language)


def after(state: State, steps) -> State:
    for step in steps:
        state = apply(state, Step.from_json(step))
    return state


def titles(found: Diagnosis) -> list[str]:
    return [remedy.title for remedy in found.remedies]


def test_a_step_that_applies_has_nothing_to_explain(sample):
    found = why(sample("matmul_128"), "unroll", loop="matmul/k")
    assert (found.refusal, found.remedies) == (None, ())


def test_a_reduction_loop_becomes_spatial_by_rfactor_or_another_is_taken(sample):
    found = why(sample("matmul_128"), "vectorize", loop="matmul/k")
    assert found.refusal.code == "reduction_axis"
    assert "for k in range(10):" in [found.text.lines[n - 1].strip() for n in found.lines]
    assert "split matmul/k [·, 2], then rfactor matmul/k_1, then vectorize matmul_rf/k_1" in titles(found)
    assert "vectorize matmul/j" in titles(found)


def test_the_loops_in_between_are_named_too(sample):
    found = why(sample("matmul_128"), "fuse", loops=["matmul/i", "matmul/k"])
    assert titles(found)[0] == "fuse [matmul/i, matmul/j, matmul/k]"


def test_what_stands_between_two_loops_is_moved_away(sample):
    state = sample("bmm_relu", ("reverse_compute_at", {"block": "relu", "loop": "bmm/i"}))
    found = why(state, "fuse", loops=["bmm/i", "bmm/j"])
    assert found.refusal.code == "nest_imperfect"
    assert titles(found)[0] == "reverse_compute_at relu bmm/j, then fuse [bmm/i, bmm/j]"


def test_a_producer_goes_to_its_consumers_loops(sample):
    found = why(sample("bmm_relu"), "compute_at", block="bmm", loop="bmm/i")
    assert found.refusal.code == "scope_mismatch"
    assert titles(found)[:3] == ["compute_at bmm relu/n", "compute_at bmm relu/i", "compute_at bmm relu/j"]


def test_an_output_is_brought_to_its_producer_instead(sample):
    found = why(sample("bmm_relu"), "compute_inline", block="relu")
    assert found.refusal.code == "output_block"
    assert "reverse_compute_at relu bmm/j" in titles(found)


def test_two_parallel_loops_become_one(sample):
    state = sample("matmul_128", ("parallel", {"loop": "matmul/i"}))
    found = why(state, "parallel", loop="matmul/j")
    assert titles(found) == ["fuse [matmul/i, matmul/j], then parallel matmul/i_j_fused"]


@pytest.mark.parametrize(
    ("transform", "code"), [("vectorize", "too_many_lanes"), ("unroll", "unroll_too_long")]
)
def test_too_long_a_loop_is_split(transform, code):
    full = State(FUNCTIONS["matmul_128"].module(), "main")
    state = apply(full, Step("fuse", "main", {"loops": ["matmul/i", "matmul/j"]}))
    found = why(state, transform, loop="matmul/i_j_fused")
    assert found.refusal.code == code
    wanted = f"split matmul/i_j_fused [·, 16], then {transform} matmul/i_j_fused_1"
    assert titles(found)[0] == wanted


def test_the_callers_buffer_is_copied_first(sample):
    state = sample("matmul_128")
    found = why(state, "transform_layout", block="matmul", buffer="B", index_map="k, j -> j, k")
    assert found.refusal.code == "layout_of_parameter"
    assert titles(found)[0] == "cache_read matmul B, then transform_layout B_global B_global k, j -> j, k"


def test_factors_that_drop_iterations_are_replaced(sample):
    found = why(sample("matmul_128"), "split", loop="matmul/j", factors=[3, 4])
    assert found.refusal.code == "factors_too_small"
    assert titles(found)[0] == "split matmul/j [·, 8]"


def test_a_name_of_an_earlier_state_finds_its_successor(sample):
    state = sample("matmul_128", ("split", {"loop": "matmul/k", "factors": [None, 5]}))
    found = why(state, "unroll", loop="matmul/k")
    assert found.refusal.code == "path_missing"
    assert set(titles(found)[:2]) == {"unroll matmul/k_0", "unroll matmul/k_1"}


@pytest.mark.parametrize("params", [{}, {"loop": 3}, {"loop": "matmul/k"}, {"loop": "matmul/k", "depth": 1}])
def test_what_is_missing_or_unreadable_is_proposed(sample, params):
    found = why(sample("matmul_128"), "split", **params)
    assert found.refusal.code.startswith("param_") and found.remedies
    if params.get("loop") == "matmul/k":
        assert all(remedy.steps[-1]["params"]["loop"] == "matmul/k" for remedy in found.remedies[:1])


@pytest.mark.parametrize("name", ["matmul_128", "bmm_relu"])
def test_every_remedy_works(sample, name):
    """Of everything that the palette refuses anywhere in the function."""
    state, helped = sample(name), 0
    for path in [None, *(place.path for place in paths.walk(state.mod["main"]))]:
        for verdict in palette(state, "main", path, "en").verdicts:
            if verdict.state == "refused" and catalogue.TRANSFORMS[verdict.transform].level == "loop":
                found = diagnosis(state, Step(verdict.transform, "main", verdict.params), "en")
                assert found.refusal.code == verdict.refusal.code
                for remedy in found.remedies:
                    changed = after(state, remedy.steps).mod["main"]
                    assert not tvm_ffi.structural_equal(changed, state.mod["main"]), remedy
                    assert remedy.title and remedy.text
                    helped += 1
    assert helped > 10


def test_a_diagnosis_is_in_the_persons_language_and_survives_the_journey(sample):
    found = why(sample("matmul_128"), "parallel", "zh", loop="matmul/k")
    assert "归约" in found.refusal.message and "rfactor" in found.remedies[0].text
    assert "，然后 " in found.remedies[0].title
    assert decode(Diagnosis, json.loads(json.dumps(encode(found)))) == found


def test_a_function_that_is_not_there_is_said_to_be_missing(sample):
    found = diagnosis(sample("matmul_128"), Step("unroll", "other", {"loop": "a/b"}), "en")
    assert (found.refusal.code, found.text, found.remedies) == ("function_missing", None, ())


def test_an_unknown_transform_is_not_found(sample):
    with pytest.raises(NotFound):
        diagnosis(sample("matmul_128"), Step("splitt", "main"), "en")
