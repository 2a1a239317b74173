"""A change of the history under way: its result or error, its progress, and how it is called off."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import streamlit as st

from mlc_explorer.errors import Cancelled, Refused
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import Session
from mlc_explorer.ui import background
from mlc_explorer.ui.background import Work


class Job:
    """A job that ends when it is told to, or is cancelled."""

    def __init__(self) -> None:
        self.ended, self.cancelled = threading.Event(), False

    def progress(self) -> dict[str, Any]:
        return {"stage": "functions", "fraction": 0.5}

    def cancel(self) -> None:
        self.cancelled = True
        self.ended.set()

    def result(self) -> Any:
        self.ended.wait(5)
        if self.cancelled:
            raise Cancelled("called off")
        return []


class Engine:
    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, job: str, timeout: float | None = None, **args: Any) -> Job:
        self.jobs.append(Job())
        return self.jobs[-1]


@pytest.fixture
def start() -> Session:
    return Session(Trace("mlp"), engine=Engine())  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor's session state, without a page."""
    monkeypatch.setattr(st, "session_state", {})


def one_more(session: Session) -> Session:
    return Session(session.history.then(Step("FuseOps")), 1, engine=session.engine)


def with_a_job(session: Session) -> Session:
    session.engine.call("recipe")
    return one_more(session)


def test_the_result_belongs_to_the_engine_it_came_from(start: Session) -> None:
    work = Work("edit", start, one_more)
    work.wait(5)
    assert work.result is not None and len(work.result.history.steps) == 1
    assert work.result.engine is start.engine and work.error is None


def test_a_refusal_is_kept(start: Session) -> None:
    def refuse(session: Session) -> Session:
        raise Refused("no", hint="-")

    work = Work("edit", start, refuse)
    work.wait(5)
    assert work.error is not None and work.error.message == "no" and work.result is None


def test_it_says_how_far_the_job_is_that_runs(start: Session) -> None:
    background.begin("fast", start, with_a_job, lambda work: None)
    work = background.current()
    assert work is not None
    assert work.progress() == {"job": "recipe", "stage": "functions", "fraction": 0.5}
    background.cancel()


def test_called_off_it_ends_its_job_and_leaves_nothing(start: Session) -> None:
    taken: list[Work] = []
    background.begin("fast", start, with_a_job, taken.append)
    work = background.current()
    assert work is not None
    background.cancel()
    assert start.engine.jobs[0].cancelled  # type: ignore[attr-defined]
    assert not work.active and work.result is None and work.error is None
    assert not background.settle() and taken == []


def test_no_job_is_sent_after_it_was_called_off(start: Session) -> None:
    def two_jobs(session: Session) -> Session:
        try:
            session.engine.call("recipe")
        except Cancelled:
            session.engine.call("state")
        return session

    background.begin("fast", start, two_jobs, lambda work: None)
    background.cancel()
    assert len(start.engine.jobs) == 1  # type: ignore[attr-defined]


def test_what_is_there_at_once_is_taken_at_once(start: Session) -> None:
    taken: list[Work] = []
    background.begin("edit", start, one_more, taken.append)
    assert [work.result is not None for work in taken] == [True]
    assert background.current() is None


def test_what_takes_longer_is_taken_by_a_later_run(start: Session) -> None:
    taken: list[Work] = []
    background.begin("fast", start, with_a_job, taken.append)
    work = background.current()
    assert work is not None and taken == [] and not background.settle()
    start.engine.jobs[0].ended.set()  # type: ignore[attr-defined]
    work.wait(5)
    assert background.settle() and taken == [work]
    assert not background.settle()


def test_a_new_change_calls_the_one_under_way_off(start: Session) -> None:
    background.begin("fast", start, with_a_job, lambda work: None)
    background.begin("edit", start, one_more, lambda work: None)
    assert start.engine.jobs[0].cancelled  # type: ignore[attr-defined]
