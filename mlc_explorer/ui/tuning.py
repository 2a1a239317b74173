"""The tab "Tune": a budget, a live curve of the best time, and the winner beside the recipe.

A tuning runs in a thread of its own (`mlc_explorer.tuning`), so that it goes on while a person looks at
something else; the page reads how far it is. What it found is kept in the store: another visit, or the same
function scheduled otherwise, finds it there at once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import streamlit as st

from mlc_explorer import session as headless
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.advice import measured_function
from mlc_explorer.schema.trace import Trace
from mlc_explorer.schema.tuning import Heard, Tuning, without_schedules
from mlc_explorer.session import Session, default_store
from mlc_explorer.texts import say
from mlc_explorer.tuning import TuningRun
from mlc_explorer.ui import background, boundary, component, measuring, tuning_budget, tuning_shown, workspace
from mlc_explorer.ui.background import Work
from mlc_explorer.ui.tuning_budget import Budget
from mlc_explorer.ui.workspace import Workspace

RUN = "tuning"
_BEGUN, _FAILED, _VIEW = "tuning.begun", "tuning.failed", "tuning.view"
_REFRESH_SECONDS = 0.5
_END_SECONDS = 1.0


@dataclass(frozen=True)
class Subject:
    """What is tuned: `function` (None: the whole model, as the history measures it) of `trace`, for `target`.
    A person calls it `name`, which is empty for a graph."""

    trace: Trace
    function: str | None
    target: str
    name: str = ""

    @classmethod
    def chosen(cls, work: Workspace) -> Subject:
        name = work.function if work.kind(work.function) == "loops" else ""
        function = measured_function(work.info, name) if name else None
        return cls(work.session.trace, function, work.target, name)

    @property
    def key(self) -> tuple[str, str | None, str]:
        """The same for the same function, however it is scheduled."""
        names = None if self.function is None else [self.function]
        return without_schedules(self.trace, names)[0].key(), self.function, self.target


@dataclass(frozen=True)
class Begun:
    """The visitor's last tuning."""

    run: TuningRun
    subject: Subject
    budget: Budget

    def concerns(self, subject: Subject) -> bool:
        """Whether that is what was tuned; also where it has the graph passes that this tuning put before."""
        base = Trace.from_json(self.run.so_far.base)
        own = self.subject
        return subject.key in (own.key, replace(own, trace=base).key)


def show(language: str) -> None:
    """The panel; it refreshes itself while something is tuned."""
    active = _running() is not None

    @st.fragment(key="tuning", run_every=_REFRESH_SECONDS if active else None)
    def live() -> None:
        if active and _running() is None:
            st.rerun()  # to stop refreshing; and what was measured concerns the other panels too
        _draw(workspace.current(), language)

    live()


def _running() -> Begun | None:
    begun: Begun | None = st.session_state.get(_BEGUN)
    return begun if begun is not None and begun.run.active else None


def _draw(work: Workspace, language: str) -> None:
    with st.container(key="mlc-tuning"):
        begun, subject = _running(), Subject.chosen(work)
        if begun is not None:
            _progress(begun, language)
            _curve(work, begun.run.so_far, begun.budget.trials, language)
            return
        _choose(work, subject, language)
        _failures(subject, language)
        found = _found(subject)
        if found is not None:
            _curve(work, found, None, language)
        _elsewhere(subject, language)


# -- before


def _choose(work: Workspace, subject: Subject, language: str) -> None:
    """What is tuned, for how long, and what that costs."""
    what = "function" if subject.name else "model"
    st.markdown(say(f"tuning.title_{what}", language, name=boundary.plain(subject.name)))
    is_new = _found(subject) is None
    if is_new:
        st.caption(say(f"tuning.about_{what}", language))
    budget = tuning_budget.fields(language)
    reason = "" if _runs_here(work.target) else say("tuning.not_here", language, target=work.target)
    with st.container(horizontal=True, vertical_alignment="center", key="mlc-tuning-go"):
        tuning_budget.around(language)
        st.space("stretch")
        st.button(
            say("tuning.go" if is_new else "tuning.again", language, count=budget.trials),
            type="primary" if is_new else "secondary",
            icon=":material/tune:",
            key="tuning.go",
            disabled=bool(reason),
            help=reason or None,
            on_click=_begin,
        )
    if reason:
        st.caption(reason)


@functools.cache
def _runs_here(target: str) -> bool:
    """Whether code for the target can be timed on this machine."""
    return next((t.runs for t in headless.targets() if t.name == target), False)


# -- meanwhile


def _progress(begun: Begun, language: str) -> None:
    heard = begun.run.heard
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mlc-tuning-bar"):
        st.button(
            say("tuning.cancel", language),
            icon=":material/stop_circle:",
            key="tuning.cancel",
            help=say("tuning.cancel_help", language),
            on_click=_cancel,
            shortcut="Esc",
        )
        st.progress(_share(heard, begun.budget.minutes), text=boundary.plain(_said(heard, begun, language)))


def _share(heard: Heard, minutes: float | None) -> float:
    by_time = heard.seconds / (60 * minutes) if minutes else 0.0
    return min(1.0, max(heard.trials / max(1, heard.of), by_time))


def _said(heard: Heard, begun: Begun, language: str) -> str:
    """``23 of 64 · best 1.24 ms, 5.3× of the start · 40 s``, and for a model whose turn it is."""
    parts = [say("tuning.progress", language, done=heard.trials, of=heard.of)]
    if not heard.points:
        parts = [say("tuning.looking", language)]
    elif heard.trials >= heard.of:
        parts = [say("tuning.concluding", language)]
    if heard.best_ms:
        best = say("tuning.best", language, time=measuring.milliseconds(heard.best_ms))
        if heard.started_ms:
            times = tuning_shown.ratio(heard.started_ms / heard.best_ms)
            best += say("tuning.of_start", language, times=times)
        parts.append(best)
    parts.append(say("tuning.seconds", language, seconds=round(heard.seconds)))
    if name := begun.subject.name or heard.function:
        parts.append(name)
    return " · ".join(parts)


def _curve(work: Workspace, tuning: Tuning, budget: int | None, language: str) -> None:
    here = work.session.trace
    ways = tuning_shown.ways(tuning)  # where the recipe won, it is the only one, and equal to the best
    taken = next((w for w in ways if _after(here, tuning, w).key() == here.key()), None)
    data = tuning_shown.data(tuning, budget, taken, language)
    component.tuning_view(data, key=_VIEW, on_event_change=_on_event)


# -- afterwards


def _found(subject: Subject) -> Tuning | None:
    """What the last tuning of it found, in this visit or an earlier one."""
    begun: Begun | None = st.session_state.get(_BEGUN)
    if begun is not None and begun.run.result is not None and begun.concerns(subject):
        return begun.run.result
    return default_store().tuned(subject.trace, subject.function, subject.target)


def _failures(subject: Subject, language: str) -> None:
    """Why the last tuning, or taking its steps, came to nothing."""
    begun: Begun | None = st.session_state.get(_BEGUN)
    failed: tuple[Subject, MlcError] | None = st.session_state.get(_FAILED)
    found = [("apply", failed[1])] if failed is not None and failed[0].key == subject.key else []
    if begun is not None and begun.run.error is not None and begun.concerns(subject):
        found.append(("run", begun.run.error))
    for what, error in found:
        message, hint = map(boundary.plain, boundary.message_and_hint(error, language))
        title = boundary.plain(say(f"tuning.failed_{what}", language))
        lines = [f"**{title}**", message] + ([f":material/lightbulb: {hint}"] if hint else [])
        st.warning("\n\n".join(lines), icon=":material/block:")


def _elsewhere(subject: Subject, language: str) -> None:
    """The way back to what was tuned last, where something else is chosen now."""
    begun: Begun | None = st.session_state.get(_BEGUN)
    if begun is None or begun.concerns(subject) or begun.subject.trace.model != subject.trace.model:
        return
    name = begun.subject.name
    what = boundary.plain(name) if name else say("tuning.the_model", language)
    st.button(
        say("tuning.elsewhere", language, name=what),
        type="tertiary",
        icon=":material/arrow_back:",
        key="tuning.elsewhere",
        on_click=_go_there,
        args=(name,),
    )


def _after(here: Trace, tuning: Tuning, way: str) -> Trace:
    """The trace on screen with the steps that were found, in the place of those on the same function; for a
    whole model the one that was tuned."""
    base = tuning_shown.base(tuning, way)
    if tuning.function is not None:
        base = without_schedules(here, [tuning.function])[0]
    return Trace(base.model, (*base.steps, *tuning_shown.steps(tuning, way)))


# -- what a person does


def _begin() -> None:
    work = workspace.current()
    subject, budget = Subject.chosen(work), tuning_budget.chosen()
    st.session_state.pop(_FAILED, None)
    for name in (measuring.HISTORY, RUN):
        measuring.cancel(name)
    run = TuningRun.start(
        work.session.engine, default_store(), subject.trace, subject.function, subject.target,
        budget.trials, budget.minutes, budget.around,
    )  # fmt: skip
    measuring.adopt(RUN, run)
    st.session_state[_BEGUN] = Begun(run, subject, budget)
    workspace.redraw()


def _cancel() -> None:
    begun = _running()
    if begun is not None:
        begun.run.cancel()
        begun.run.wait(_END_SECONDS)
    workspace.redraw("palette", "history")


def _go_there(name: str) -> None:
    work = workspace.current()
    workspace.choose(function=name or work.info.entry, path=None)
    workspace.redraw()


def _on_event() -> None:
    event = component.event(_VIEW) or {}
    work = workspace.current()
    begun = _running()
    found = begun.run.so_far if begun is not None else _found(Subject.chosen(work))
    if event.get("type") == "take" and event.get("way") in tuning_shown.WAYS and found is not None:
        _take(work, found, str(event["way"]))
    elif event.get("type") == "function":
        workspace.choose(function=str(event["name"]), path=None)
    workspace.redraw()


def _take(work: Workspace, tuning: Tuning, way: str) -> None:
    """Applies what was found, as one group of the history."""
    st.session_state.pop(_FAILED, None)
    trace, subject = _after(work.session.trace, tuning, way), Subject.chosen(work)

    def make(session: Session) -> Session:
        after = replace(session, history=trace, cursor=len(trace.steps))
        after.state()  # raises where a step no longer applies
        return after

    def done(change: Work) -> None:
        if change.error is not None:
            st.session_state[_FAILED] = (subject, change.error)
        now = workspace.current()
        if change.result is not None and now.session.trace == change.start.trace:
            workspace.show(change.result.select(**vars(now.session.selection)), since=now)

    background.begin("tuned", work.session, make, done)
