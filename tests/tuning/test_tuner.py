"""A tuning from its plan to the steps of the best, on a real engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from mlc_explorer import Session
from mlc_explorer.errors import Refused
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.schema.tuning import Heard, Tuning
from mlc_explorer.store import Store
from mlc_explorer.tuning import Budget, Tuner, TuningRun
from mlc_explorer.tuning import tuner as tuner_module
from mlc_explorer.workers.client import Engine

MODEL = "matmul_128"
SEED = 5  # among the eight candidates that it draws first, some crash and some hang (`unlucky.fate`)
Make = Callable[..., Tuner]


@pytest.fixture(scope="module")
def sixteen(engine: Engine) -> tuple[Tuning, list[Tuning]]:
    """A tuning of 16 candidates, and what was heard of it."""
    heard: list[Tuning] = []
    return Tuner(engine, Trace(MODEL), "main", "cpu", Budget(16)).run(heard.append), heard


def test_the_best_of_sixteen_candidates_is_the_fastest(
    sixteen: tuple[Tuning, list[Tuning]],
) -> None:
    found, _ = sixteen
    assert found.ended == "trials" and not found.cancelled
    assert [t.kind for t in found.trials].count("search") == 16
    assert [t.number for t in found.trials] == list(range(1, len(found.trials) + 1))
    times = [t.ms for t in found.trials if t.ms is not None]
    (one,) = found.functions
    assert one.started_ms is not None and one.best_ms == min([*times, one.started_ms])
    assert found.best_ms is not None and found.started_ms is not None and found.taken_at and found.machine


def test_each_candidate_is_heard_of_as_soon_as_it_is_measured(sixteen: tuple[Tuning, list[Tuning]]) -> None:
    found, heard = sixteen
    counts = [len(h.trials) for h in heard]
    assert counts == sorted(counts) and set(counts) == set(range(len(found.trials) + 1))
    assert {h.ended for h in heard[:-1]} == {""} and heard[-1] == found


def test_the_steps_of_the_best_replay_and_compute_the_same(
    sixteen: tuple[Tuning, list[Tuning]], engine: Engine
) -> None:
    """Ordinary steps, and beside them those of the recipe."""
    found, _ = sixteen
    for trace in (found.trace, found.recipe_trace):
        again = Trace.from_json(json.loads(json.dumps(trace.to_json())))
        assert again == trace
        assert Session.from_trace(again, engine=engine).measure(seconds=0.05).right
    assert decode(Tuning, json.loads(json.dumps(encode(found)))) == found


def test_a_record_that_wins_becomes_one_group_of_primitives(engine: Engine) -> None:
    """Whatever the recipe took: here it is not asked."""
    tuner = Tuner(engine, Trace(MODEL), "main", "cpu", Budget(3))
    tuner._first = lambda race, tell: None  # type: ignore[method-assign]
    found = tuner.run()
    assert found.functions[0].best_kind == "search"
    assert found.trace.steps[-1].group in ("tuned", "")
    steps = tuner_module.steps_of_best(engine.call, Trace(MODEL), tuner._races, False)
    assert {step["group"] for step in steps} == {"tuned"} and len(steps) > 3
    assert Session.from_trace(Trace(MODEL, tuple(map(Step.from_json, steps))), engine=engine).state()


def test_a_whole_model_shares_its_candidates_out(tuner: Make) -> None:
    found = tuner("mlp", trials=3).run()
    assert found.function is None and len(found.functions) >= 2
    assert sum(t.kind == "search" for t in found.trials) == 3
    assert {t.function for t in found.trials} <= {f.function for f in found.functions}
    assert "FuseTIR" in [step.transform for step in found.trace.steps]
    assert {step.group.partition("/")[0] for step in found.trace.steps} == {"tuned"}


def test_around_the_recipe_comes_before_the_search(tuner: Make) -> None:
    found = tuner(MODEL, trials=6, around=True).run()
    kinds = [t.kind for t in found.trials]
    assert kinds[0] == "recipe" and kinds[1] == "around" and kinds[-1] == "search"
    assert kinds == sorted(kinds, key=["recipe", "around", "search"].index)


def test_what_is_cancelled_half_way_keeps_its_best(tuner: Make) -> None:
    one = tuner(MODEL, trials=500)

    def half_way(now: Tuning) -> None:
        if len(now.trials) == 5:
            one.cancel()

    found = one.run(half_way)
    assert found.ended == "cancelled" and found.cancelled
    assert len(found.trials) == 5
    assert found.best and found.best_ms == min(t.ms for t in found.trials if t.ms is not None)


def test_minutes_end_it_as_well(tuner: Make) -> None:
    found = tuner(MODEL, trials=10_000, minutes=0.05).run()
    assert found.ended == "minutes" and found.cancelled and len(found.trials) < 100


def test_candidates_that_crash_or_hang_end_nothing_else(
    unlucky: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner_module, "LIMIT_SECONDS", 2.0)
    found = Tuner(unlucky, Trace(MODEL), "main", "cpu", Budget(8, seed=SEED)).run()
    codes = [t.code for t in found.trials]
    assert "job_crashed" in codes and "job_timed_out" in codes
    assert all(t.error for t in found.trials if t.ms is None)
    assert found.ended == "trials" and found.best_ms is not None
    assert any(t.kind == "search" and t.ms is not None for t in found.trials)


def test_what_was_found_is_known_to_the_next_tuning(tuner: Make, store: Store) -> None:
    """Of the same function, however it is scheduled when it is tuned; its candidates are not tried again."""
    first = tuner(MODEL, "main", store, trials=2).run()
    (one,) = first.functions
    second = tuner(MODEL, "main", store, trials=1).run()
    assert [t.kind for t in second.trials][:2] == ["recipe", "record"]
    split = Step("split", "main", {"loop": "matmul/k", "factors": [None, 8]})
    kept = store.tuned(Trace(MODEL, (split,)), "main", "cpu")
    assert kept == second
    assert store.tuned(Trace("matmul_1024"), "main", "cpu") is None and one.best_ms is not None


def test_a_function_without_loops_is_refused(tuner: Make) -> None:
    with pytest.raises(Refused) as refusal:
        tuner("mlp", "main", trials=1).run()
    assert refusal.value.code == "tune_no_loops"


def test_a_run_in_the_background_tells_how_far_it_is_and_can_be_cancelled(engine: Engine) -> None:
    run = TuningRun.start(engine, None, Trace(MODEL), "main", trials=500, minutes=1)
    seen = threading.Event()
    while not seen.wait(0.05):
        if run.heard.trials >= 2:
            seen.set()
        assert run.active or run.result
    heard = run.heard
    assert isinstance(heard, Heard) and heard.of == 500 and len(heard.points) == len(heard.kinds)
    run.cancel()
    assert run.wait(30)
    assert run.error is None and run.result is not None and run.result.cancelled and run.result.best


def test_a_run_that_fails_says_why(engine: Engine) -> None:
    run = TuningRun.start(engine, None, Trace("mlp"), "main")
    assert run.wait(30) and run.result is None
    assert run.error is not None and run.error.code == "tune_no_loops"
