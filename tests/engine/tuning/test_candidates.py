"""Where candidates come from, and what a trial says of them."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest

pytest.importorskip("tvm", reason="candidates are schedules of TVM's")

import tvm_ffi

from mlc_explorer.engine.pasted import steps_of
from mlc_explorer.engine.replay import apply, replay
from mlc_explorer.engine.tuning import search
from mlc_explorer.engine.tuning.candidate import function_of, scheduled
from mlc_explorer.engine.tuning.jobs import tune_plan, tune_propose, tune_reference, tune_trial
from mlc_explorer.errors import BadTrace, Refused
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.schema.tuning import Task

MODEL = "matmul_128"


@pytest.fixture(scope="module")
def task() -> Task:
    return tune_plan(Trace(MODEL).to_json(), _no_model).tasks[0]


@pytest.fixture(scope="module")
def expected(task: Task):
    return tune_reference(task.code)


def _no_model(digest: str) -> bytes:
    raise AssertionError(digest)


def keys(candidates) -> list[str]:
    return [json.dumps(c, sort_keys=True) for c in candidates]


def test_metaschedule_proposes_without_its_intrinsics(task: Task):
    """They take half a minute to import, and nothing here needs them."""
    found = tune_propose(task.code, [], 4, seed=1)
    assert len(found) == 4 and len(set(keys(found))) == 4
    assert "tvm.s_tir.tensor_intrin" not in sys.modules


def test_the_same_seed_proposes_the_same(task: Task):
    assert tune_propose(task.code, [], 4, seed=3) == tune_propose(task.code, [], 4, seed=3)


def test_what_is_known_is_not_proposed_again(task: Task):
    first = tune_propose(task.code, [], 6, seed=1)
    known = [c | {"ms": 1.0 + n if n else None} for n, c in enumerate(first)]
    second = tune_propose(task.code, known, 6, seed=1)
    assert second and not set(keys(second)) & set(keys(first))


@pytest.mark.skipif(importlib.util.find_spec("xgboost") is None, reason="xgboost is not installed")
def test_with_xgboost_a_model_learns_from_the_records(task: Task):
    known = [c | {"ms": 1.0 + n % 5} for n, c in enumerate(tune_propose(task.code, [], 20, seed=2))]
    assert len(tune_propose(task.code, known, 4, seed=2)) == 4


def test_without_xgboost_the_search_goes_on_at_random(task: Task, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "has_cost_model", lambda: False)
    known = [c | {"ms": 1.0} for c in tune_propose(task.code, [], 4, seed=2)]
    assert len(tune_propose(task.code, known, 4, seed=2)) == 4


@pytest.mark.parametrize("model", ["matmul_128", "softmax"])
def test_a_record_becomes_steps_that_do_the_same(model: str):
    """The same but for the names of loops: so the winner of a tuning can be walked through."""
    (task,) = tune_plan(Trace(model).to_json(), _no_model).tasks
    state = replay(Trace(model), _no_model)
    for candidate in tune_propose(task.code, [], 4, seed=5, first=task.first):
        after = state
        for step in candidate.get("steps", ()):
            after = apply(after, Step.from_json(step))
        assert ("steps" in candidate) == bool(task.first)
        for step in steps_of(after, "main", json.dumps([candidate["record"], [], {}, []])):
            after = apply(after, step)
        ours, theirs = after.mod["main"], scheduled(task.code, candidate)["main"]
        assert shape(ours) == shape(theirs)


def shape(func) -> list[tuple[str, int, str]]:
    """Loops in order: kind, extent, and the annotations that code generation reads."""
    found = []

    def loop(node) -> None:
        found.append((int(node.kind), int(node.extent), sorted(map(str, node.annotations.items()))))

    tvm_ffi.structural_walk(func.body, (sys.modules["tvm.tirx"].For, loop))
    return found


def test_neighbours_of_a_recipe_differ_in_one_number(task: Task):
    recipe = task.recipe[0]
    found = tune_propose(task.code, [], 5, seed=0, recipe=[recipe])
    assert found and len(set(keys(found))) == len(found)
    for candidate in found:
        (step,) = candidate["steps"]
        assert step["transform"] == recipe["transform"]
        assert len([n for n in step["params"] if step["params"][n] != recipe["params"][n]]) == 1


def test_the_neighbourhood_moves_to_the_best(task: Task):
    """Numbers next to the fastest variant so far, not to the rule's own; none of them again."""
    recipe = task.recipe[0]
    first = tune_propose(task.code, [], 4, seed=0, recipe=[recipe])
    known = [c | {"ms": 2.0 - n / 10} for n, c in enumerate(first)]
    best = first[-1]["steps"][0]["params"]
    second = tune_propose(task.code, known, 4, seed=1, recipe=[recipe])
    assert second and not set(keys(second)) & set(keys(first))
    for candidate in second:
        params = candidate["steps"][0]["params"]
        assert len([n for n in params if params[n] != best[n]]) == 1


def test_every_neighbour_applies_and_is_right(task: Task, expected):
    for candidate in tune_propose(task.code, [], 3, seed=4, recipe=task.recipe):
        assert tune_trial(task.code, candidate, expected, seconds=0.01)["ms"] > 0


def test_a_trial_checks_the_result(task: Task, expected):
    """A time is worth nothing if something else was computed."""
    other = [e | {"base64": f[0]} for e, f in zip(expected, [[_shifted(expected[0]["base64"])]])]
    with pytest.raises(Refused) as refusal:
        tune_trial(task.code, {"steps": []}, other, seconds=0.01)
    assert refusal.value.code == "tune_wrong"


def _shifted(text: str) -> str:
    """The same base64 with one sample changed."""
    import base64

    import numpy as np

    values = np.frombuffer(base64.b64decode(text), np.float32).copy()
    values[7] += 100.0
    return base64.b64encode(values).decode()


def test_what_is_no_candidate_is_refused(task: Task, expected):
    with pytest.raises(BadTrace):
        tune_trial(task.code, {}, expected)
    with pytest.raises(Refused):
        tune_trial(task.code, {"record": [[["GetSBlock", [], ["nowhere", "main"], ["b0"]]], []]}, expected)


def test_the_code_of_a_task_is_the_function(task: Task):
    state = replay(Trace(MODEL), _no_model)
    assert tvm_ffi.structural_equal(
        function_of(task.code), state.mod["main"].with_attr("global_symbol", "main")
    )
