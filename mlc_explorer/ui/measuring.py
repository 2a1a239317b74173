"""Measurements under way: a thread per run asks the engine for one trace after the other.

The thread, not the page, drives the run, so that it goes on while the person looks at something else; the
page only reads `Run`. Each measurement is stored as soon as it is there. A run whose page is gone ends,
because others wait for the machine. A visitor has one run of each `name`: the history's, the ideas', …;
starting one cancels the others, because they would share the cores. `adopt` counts a tuning among them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mlc_explorer.errors import Cancelled, MlcError
from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import Session, default_store
from mlc_explorer.workers.client import Engine, Job

HISTORY = "history"
_KEY = "measuring"
_POLL_SECONDS = 0.1
_END_SECONDS = 0.5
_ABANDONED_SECONDS = 15.0  # a page that reconnects within this time has not gone


@dataclass(frozen=True)
class Budget:
    """For each trace: `seconds` of timing, `limit` seconds for the whole job (None: the engine's own), and
    whether NumPy and ONNX Runtime are timed as well."""

    seconds: float = 1.0
    limit: float | None = None
    twins: bool = True


class Cancellable(Protocol):
    """What else uses the cores for a while."""

    @property
    def active(self) -> bool: ...

    def cancel(self) -> None: ...


class Run:
    """Some traces of one model, measured in order. Read from any thread; written by its own only.

    The untransformed outputs are asked for once, where there is more than one trace: those of the last one,
    which has every function that is measured.
    """

    def __init__(
        self,
        engine: Engine,
        traces: Iterable[Trace],
        function: str | None,
        target: str,
        is_watched: Callable[[], bool],
        budget: Budget = Budget(),
    ) -> None:
        self.traces = list(traces)
        self.function, self.target, self.budget = function, target, budget
        self.errors: dict[str, MlcError] = {}
        self.now: str | None = None
        self.progress: dict[str, Any] = {}
        self.finished = 0
        self._known: Any = None
        self._job: Job | None = None
        self._engine, self._is_watched = engine, is_watched
        self._cancel = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="measuring", daemon=True)
        self._thread.start()

    @property
    def active(self) -> bool:
        return self._thread.is_alive()

    @property
    def pending(self) -> set[str]:
        """Keys of the traces that are still to be measured, the current one included."""
        return {t.key() for t in self.traces[self.finished :]} if self.active else set()

    def cancel(self) -> None:
        """Ends the current job within a second and starts no other; what was measured is kept."""
        self._cancel.set()
        job = self._job
        if job is not None:
            job.cancel()
        self._thread.join(_END_SECONDS)  # the page that is drawn next should not show a run that ends

    def _drive(self) -> None:
        if len(self.traces) > 1:
            self._learn_reference()
        for trace in self.traces:
            if self._cancel.is_set():
                return
            self.now, self.progress = trace.key(), {}
            try:
                save(trace, self._measure(trace))
            except Cancelled:
                return
            except MlcError as error:  # one state that can't be measured must not hide the others
                self.errors[trace.key()] = error
            self.finished += 1

    def _learn_reference(self) -> None:
        """The untransformed model's outputs, once for all steps. Where that fails each step says why by
        itself.
        """
        trace = self.traces[-1]
        with suppress(MlcError):
            self._known = self._wait("reference", None, trace=trace.to_json(), function=self.function)

    def _measure(self, trace: Trace) -> Measurement:
        return decode(
            Measurement,
            self._wait(
                "measure",
                self.budget.limit,
                trace=trace.to_json(),
                function=self.function,
                target=self.target,
                seconds=self.budget.seconds,
                known=self._known,
                twins=self.budget.twins,
            ),
        )

    def _wait(self, name: str, limit: float | None, **args: Any) -> Any:
        self._job = job = self._engine.submit(name, limit, **args)
        if self._cancel.is_set():  # pressed between two jobs
            job.cancel()
        watched_at = time.monotonic()
        while not job.done(_POLL_SECONDS):
            self.progress = job.progress() or {}
            if self._is_watched():
                watched_at = time.monotonic()
            elif time.monotonic() - watched_at > _ABANDONED_SECONDS:
                self._cancel.set()
                job.cancel()
        return job.result()


def save(trace: Trace, measurement: Measurement) -> None:
    """Keeps a measurement for every later visit."""
    default_store().save_measurement(trace, measurement)


def known(traces: list[Trace], function: str | None, target: str) -> dict[str, Measurement]:
    """The latest stored measurement of each trace, by `Trace.key`."""
    return default_store().measurements(traces, function, target)


def known_by_key(keys: Sequence[str], function: str | None, target: str) -> dict[str, Measurement]:
    """The same for states by their keys (`Trace.keys`)."""
    return default_store().measurements_of(keys, function, target)


def shown(m: Measurement | None) -> dict[str, Any] | None:
    """A measurement as the components take it (`component`)."""
    if m is None:
        return None
    return {
        "median_ms": m.median_ms,
        "p10_ms": m.p10_ms,
        "p90_ms": m.p90_ms,
        "max_rel_error": m.max_rel_error,
        "ok": m.right,
        "taken_at": m.taken_at,
    }


def milliseconds(value: float) -> str:
    """A time in the unit that reads best: 950 ns, 12.3 µs, 4.56 ms, 1.23 s."""
    for factor, unit in ((1e-3, "s"), (1.0, "ms"), (1e3, "µs")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} ns"


def current(name: str = HISTORY) -> Run | None:
    """The visitor's run of that name, if there was one."""
    return cast(Run | None, _runs().get(name))


def start(session: Session, cursors: list[int], function: str | None, target: str) -> None:
    """Starts measuring some states of the history; runs that are still active are cancelled first."""
    begin(HISTORY, session.engine, [session.history.upto(c) for c in cursors], function, target)


def begin(
    name: str,
    engine: Engine,
    traces: Iterable[Trace],
    function: str | None,
    target: str,
    budget: Budget = Budget(),
) -> None:
    """Starts a run of that name; runs of any name that are still active are cancelled first."""
    for other in _runs():
        cancel(other)
    _runs()[name] = Run(engine, traces, function, target, _page_is_open(), budget)


def adopt(name: str, run: Cancellable) -> None:
    """Counts `run` among the visitor's, by a name of its own: the others are cancelled now, and it is when
    another starts or the page has gone."""
    for other in _runs():
        cancel(other)
    _runs()[name] = run
    watch = threading.Thread(target=_end_if_abandoned, args=(run, _page_is_open()), daemon=True)
    watch.start()


def _end_if_abandoned(run: Cancellable, is_watched: Callable[[], bool]) -> None:
    watched_at = time.monotonic()
    while run.active:
        time.sleep(_POLL_SECONDS)
        if is_watched():
            watched_at = time.monotonic()
        elif time.monotonic() - watched_at > _ABANDONED_SECONDS:
            return run.cancel()


def cancel(name: str = HISTORY) -> None:
    run = _runs().get(name)
    if run is not None:
        run.cancel()


def _runs() -> dict[str, Cancellable]:
    return st.session_state.setdefault(_KEY, {})


def _page_is_open() -> Callable[[], bool]:
    """Tells, from any thread, whether the page of this run is still connected."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not runtime.exists():
        return lambda: True
    visitor = context.session_id
    return lambda: not runtime.exists() or runtime.get_instance().is_active_session(visitor)
