"""A run measures traces one after the other in a thread of its own; it can be called off."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mlc_explorer.errors import Cancelled, Refused
from mlc_explorer.schema.codec import encode
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.ui import measuring
from mlc_explorer.ui.measuring import Budget, Run

MEASURED = Measurement(
    "cpu", "f", 1.0, 0.9, 1.1, 10, 2, 0.0, 0.0, "untransformed", 0.1, "2026-01-01T00:00:00"
)


class Job:
    """A job that is done at once, or that waits until somebody cancels it."""

    def __init__(self, answer: Any, waits: bool) -> None:
        self.answer, self.ended = answer, threading.Event()
        if not waits:
            self.ended.set()

    def done(self, timeout: float) -> bool:
        return self.ended.wait(timeout)

    def progress(self) -> dict[str, Any]:
        return {"stage": "time", "fraction": 0.5}

    def cancel(self) -> None:
        self.answer = Cancelled("called off")
        self.ended.set()

    def result(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Engine:
    """Writes down what is asked for; the trace that ends in `refused` fails, that in `endless` never ends."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float | None, dict[str, Any]]] = []

    def submit(self, job: str, timeout: float | None = None, **args: Any) -> Job:
        self.asked.append((job, timeout, args))
        last = args["trace"]["steps"][-1]["transform"]
        if job == "reference":
            return Job(["outputs"], waits=False)
        answer = Refused("no", hint="-") if last == "refused" else encode(MEASURED)
        return Job(answer, waits=last == "endless")


def after(name: str) -> Trace:
    return Trace("mlp", (Step(name, None, {}),))


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Trace]:
    """The traces whose measurements were stored."""
    traces: list[Trace] = []
    monkeypatch.setattr(measuring, "save", lambda trace, measurement: traces.append(trace))
    return traces


def ended(run: Run) -> Run:
    run._thread.join(5)
    assert not run.active
    return run


def test_traces_are_measured_in_order_against_one_reference(saved: list[Trace]) -> None:
    engine = Engine()
    traces = [after("one"), after("two")]
    run = ended(Run(engine, traces, "f", "cpu", lambda: True, Budget(0.25, 12.0, twins=False)))
    assert saved == traces and run.finished == 2 and run.pending == set()
    assert [job for job, _, _ in engine.asked] == ["reference", "measure", "measure"]
    _, limit, args = engine.asked[-1]
    assert limit == 12.0
    assert args["known"] == ["outputs"] and args["seconds"] == 0.25 and args["twins"] is False


def test_a_single_trace_needs_no_reference_beforehand(saved: list[Trace]) -> None:
    engine = Engine()
    ended(Run(engine, [after("one")], None, "cpu", lambda: True))
    assert [(job, limit) for job, limit, _ in engine.asked] == [("measure", None)]


def test_one_that_fails_hides_no_other(saved: list[Trace]) -> None:
    run = ended(Run(Engine(), [after("refused"), after("two")], None, "cpu", lambda: True))
    assert saved == [after("two")]
    assert run.errors[after("refused").key()].message == "no"


def test_called_off_it_ends_and_keeps_what_it_has(saved: list[Trace]) -> None:
    run = Run(Engine(), [after("one"), after("endless"), after("three")], None, "cpu", lambda: True)
    for _ in range(50):
        if run.now == after("endless").key():
            break
        threading.Event().wait(0.05)
    assert after("three").key() in run.pending
    run.cancel()
    assert not run.active and saved == [after("one")]
    assert run.errors == {}


def test_a_run_that_nobody_watches_ends(saved: list[Trace], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_ABANDONED_SECONDS", 0.2)
    ended(Run(Engine(), [after("endless"), after("two")], None, "cpu", lambda: False))
    assert saved == []
