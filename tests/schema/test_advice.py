"""Suggestions stand best first: right ones by their time, then those without, wrong ones, failures last."""

from __future__ import annotations

from mlc_explorer.errors import TimedOut
from mlc_explorer.schema import advice
from mlc_explorer.schema.palette import Candidate, Candidates
from mlc_explorer.schema.report import FunctionInfo, Measurement, StateInfo
from mlc_explorer.schema.trace import Step, Trace

START = Trace("matmul_128", (Step("parallel", "main", {"loop": "matmul/i"}),))


def idea(name: str) -> Candidate:
    step = {"transform": "unroll", "function": "main", "params": {"loop": f"matmul/{name}"}}
    return Candidate(name, (step,), name, name, "mapping")


IDEAS = Candidates("main", "matmul", tuple(map(idea, ("wrong", "failed", "slow", "fast", "waiting"))))


def took(ms: float, error: float = 0.0) -> Measurement:
    return Measurement(
        "cpu", None, ms, ms, ms, 10, 2, error, error, "untransformed", 0.1, "2026-01-01T00:00:00"
    )


def key(name: str) -> str:
    return advice.after(START, idea(name)).key()


def ranked(now: Measurement | None = None) -> advice.Advice:
    measured = {key("wrong"): took(0.1, error=0.5), key("slow"): took(8.0), key("fast"): took(1.0)}
    if now is not None:
        measured[START.key()] = now
    return advice.ranked(START, IDEAS, measured, {key("failed"): TimedOut("took too long")})


def test_the_order_is_that_of_the_times_and_nothing_wrong_is_ranked() -> None:
    names = [one.candidate.name for one in ranked().suggestions]
    assert names == ["fast", "slow", "waiting", "wrong", "failed"]


def test_a_speedup_compares_with_what_stands() -> None:
    assert [one.speedup for one in ranked(took(4.0)).suggestions] == [4.0, 0.5, None, None, None]
    assert {one.speedup for one in ranked().suggestions} == {None}


def test_a_failure_says_why() -> None:
    assert ranked().suggestions[-1].error.message == "took too long"


def test_steps_follow_those_that_stand() -> None:
    after = advice.after(START, idea("k"))
    assert [step.transform for step in after.steps] == ["parallel", "unroll"]


def test_the_entry_is_measured_as_the_whole_model() -> None:
    functions = (FunctionInfo("main", "graph"), FunctionInfo("linear", "loops"))
    info = StateInfo("mlp", "main", functions, (), ())
    assert advice.measured_function(info, "main") is None
    assert advice.measured_function(info, "linear") == "linear"
