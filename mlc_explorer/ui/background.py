"""A change of the history under way: another session is made of the one on screen, in a thread of its own.

Most changes are there at once, and the callback that began them waits for that. Where one takes longer (a
recipe for a whole network, or all later steps to be tried anew) the page goes on, shows how far it is, and
takes the result when it is there, or has it called off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import streamlit as st

from mlc_explorer.errors import Cancelled, MlcError
from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import language
from mlc_explorer.workers.client import Engine, Job

_KEY = "background"
_AT_ONCE_SECONDS = 0.25
_END_SECONDS = 0.5


class Watched:
    """An engine of which one job at a time is watched, and ended by `cancel`."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._job, self._ended = engine, cast(Job | None, None), False
        self._name = ""

    def submit(self, job: str, timeout: float | None = None, **args: Any) -> Job:
        """As `Engine.submit`; Cancelled once this was called off."""
        if self._ended:
            raise Cancelled("It was called off.", hint="Nothing has changed.")
        self._name, self._job = job, self._engine.submit(job, timeout, **args)
        sent = self._job
        if self._ended:  # called off between the two
            sent.cancel()
        return sent

    def call(self, job: str, timeout: float | None = None, **args: Any) -> Any:
        """As `Engine.call`."""
        return self.submit(job, timeout, **args).result()

    def progress(self) -> dict[str, Any]:
        """What the job that runs says of itself, and its name as ``job``."""
        return {"job": self._name, **((self._job.progress() if self._job is not None else None) or {})}

    def cancel(self) -> None:
        self._ended = True
        if self._job is not None:
            self._job.cancel()


class Work:
    """`do` makes another session of `start`. Once it is no longer `active` there is a `result` or an `error`;
    neither if it was called off."""

    def __init__(self, name: str, start: Session, do: Callable[[Session], Session]) -> None:
        self.name, self.start = name, start
        self.result: Session | None = None
        self.error: MlcError | None = None
        self._do, self._engine = do, Watched(start.engine)
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)
        self._thread.start()

    @property
    def active(self) -> bool:
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds)

    def progress(self) -> dict[str, Any]:
        return self._engine.progress()

    def cancel(self) -> None:
        self._engine.cancel()
        self.wait(_END_SECONDS)

    def _run(self) -> None:
        try:
            made = self._do(replace(self.start, engine=cast(Engine, self._engine)))
            self.result = replace(made, engine=self.start.engine)
        except Cancelled:
            pass
        except MlcError as error:
            self.error = error


@dataclass(frozen=True)
class _Held:
    work: Work
    then: Callable[[Work], None]


def begin(name: str, start: Session, do: Callable[[Session], Session], then: Callable[[Work], None]) -> None:
    """Starts a change; one that is still under way is called off. `then` gets it when it has ended: before
    this returns if that is at once, else in the next run of the page."""
    cancel()
    work = Work(name, start, do)
    st.session_state[_KEY] = _Held(work, then)
    work.wait(_AT_ONCE_SECONDS)
    settle()


def current() -> Work | None:
    """The change under way, if there is one."""
    held: _Held | None = st.session_state.get(_KEY)
    return held.work if held is not None and held.work.active else None


def settle() -> bool:
    """Takes a change that has ended; whether there was one."""
    held: _Held | None = st.session_state.get(_KEY)
    if held is None or held.work.active:
        return False
    st.session_state.pop(_KEY)
    held.then(held.work)
    return True


def drop() -> None:
    """Says that a change came too late: the history is another now than the one that was changed."""
    st.toast(say("history.dropped", language.current()), icon=":material/info:")


def cancel() -> None:
    """Calls the change off that is under way: nothing has changed then."""
    held: _Held | None = st.session_state.pop(_KEY, None)
    if held is not None:
        held.work.cancel()
