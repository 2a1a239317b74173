"""The tab "Sweep": values as ranges, every combination tried and measured, a click takes one.

A sweep begins with steps that hold ranges: from a form of the palette (`WANTED`), a ready-made one, or with
numbers of the history. The engine makes the points; they are measured in the background as any other traces,
so that what a sweep measured is known to a later one, and to the history.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from mlc_explorer.errors import BadTrace, MlcError
from mlc_explorer.schema import ranges
from mlc_explorer.schema import sweep as schema
from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.palette import Grid
from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import boundary, component, measuring, sweep_offers, sweep_points, views, workspace
from mlc_explorer.ui.workspace import Workspace
from mlc_explorer.workers.client import Job

WANTED = "sweep.steps"  # steps with ranges that another part of the page wants swept
RUN = "sweep"
MOST = (16, 36, 64, 144, 256)
_KEY, _VIEW = "sweep", "sweep.view"
_REFRESH_SECONDS = 0.5
_BUDGET = measuring.Budget(schema.SECONDS, schema.LIMIT_SECONDS, twins=False)


@dataclass
class Sweep:
    """A sweep of `steps` after `base`, compared with the state `start` in which it was begun. `number` tells
    its widgets from an earlier sweep's. `current`: the grid is that of the steps, and not one from before a
    range was changed."""

    number: int
    base: Session
    steps: list[dict[str, Any]]
    start: Trace
    target: str
    most: int = 64
    error: MlcError | None = None
    grid: Grid | None = None
    traces: list[Trace] = field(default_factory=list)
    function: str | None = None
    started: float = 0.0
    job: tuple[views.Question, Job] | None = None
    current: bool = False

    def look(self, language: str) -> bool:
        """Takes the grid once it is there; whether there is nothing more to wait for."""
        wanted = {"steps": self.steps, "most": self.most}
        asked = views.question(self.base, "grid", None, self.target, wanted, language)
        answer = views.known(asked)
        if answer is None and (self.job is None or self.job[0] != asked):
            self.job, self.error = (asked, asked.submit()), None
        if answer is None and self.job is not None and self.job[1].done():
            try:
                answer = views.keep(asked, self.job[1].result_bytes())
            except MlcError as error:
                self.error = error
        self.current = answer is not None
        if answer is not None:
            self.grid = decode(Grid, json.loads(answer))
            self.traces = schema.traces(self.base.trace, self.grid)
            self.function = schema.measured_function(views.state(self.base), self.steps)
        return answer is not None or self.error is not None

    @property
    def everything(self) -> list[Trace]:
        """What is measured: the state to compare with, and the points that apply, each once."""
        grid = self.grid
        legal = [t for t, p in zip(self.traces, grid.points if grid else ()) if p.refusal is None]
        return list({trace.key(): trace for trace in (self.start, *legal)}.values())


def show(language: str) -> None:
    """The panel; it refreshes itself while points are made or measured."""
    wanted = st.session_state.pop(WANTED, None)
    if wanted:
        work = workspace.current()
        _open(work, work.session.trace, wanted)
    sweep: Sweep | None = st.session_state.get(_KEY)
    waits = sweep is not None and not sweep.look(language)
    active = _running() is not None

    @st.fragment(key="sweep", run_every=_REFRESH_SECONDS if waits or active else None)
    def live() -> None:
        now: Sweep | None = st.session_state.get(_KEY)
        if (waits and (now is None or now.look(language))) or (active and _running() is None):
            st.rerun()  # to stop refreshing; and what was measured concerns the other panels too
        if now is None:
            _begin(workspace.current(), language)
        else:
            _draw(workspace.current(), now, language)

    live()


def _running() -> measuring.Run | None:
    run = measuring.current(RUN)
    return run if run is not None and run.active else None


# -- how to begin


def _begin(work: Workspace, language: str) -> None:
    """What a sweep is, and ready-made ones."""
    with st.container(key="mlc-sweep-empty"):
        st.markdown(f"**{say('sweep.empty_title', language)}**")
        st.caption(say("sweep.empty", language))
        loops = work.kind(work.function) == "loops"
        offers = _offers(work) if loops else []
        for offer in offers:
            st.button(
                say(f"sweep.offer.{offer.name}.title", language, **offer.words),
                help=say(f"sweep.offer.{offer.name}.text", language, **offer.words),
                key=f"sweep.offer.{offer.name}",
                icon=":material/grid_on:",
                on_click=_open_offer,
                args=(offer,),
            )
        if loops and not offers:
            st.caption(say("sweep.no_offer", language))
        if not loops:
            st.caption(say("sweep.choose_function", language))
        _history(work, language)


def _offers(work: Workspace) -> list[sweep_offers.Offer]:
    tree = views.loop_tree(work.session, work.function)
    return sweep_offers.for_block(tree, workspace.selection(work).path)


def _history(work: Workspace, language: str) -> None:
    """The numbers of the history, to be varied where they stand."""
    numbers = sweep_offers.numbers(work.session.trace)
    if not numbers:
        return
    key = f"sweep.numbers.{work.session.trace.key()}"
    chosen = st.pills(
        say("sweep.history", language),
        range(len(numbers)),
        selection_mode="multi",
        key=key,
        format_func=lambda n: f"{numbers[n].label} = {numbers[n].value}",
        help=say("sweep.history_help", language),
    )
    st.button(
        say("sweep.open_history", language),
        key="sweep.history",
        icon=":material/grid_on:",
        disabled=not chosen,
        on_click=_open_history,
        args=(key,),
    )


def _open_offer(offer: sweep_offers.Offer) -> None:
    work = workspace.current()
    _open(work, work.session.trace, offer.steps)
    workspace.redraw("palette")


def _open_history(key: str) -> None:
    work = workspace.current()
    numbers = sweep_offers.numbers(work.session.trace)
    chosen = [numbers[n] for n in st.session_state.get(key) or ()]
    if chosen:
        _open(work, *sweep_offers.of_history(work.session.trace, chosen))
    workspace.redraw("palette")


def _open(work: Workspace, base: Trace, steps: Sequence[dict[str, Any]]) -> None:
    measuring.cancel(RUN)
    number = st.session_state.get("sweep.number", 0) + 1
    st.session_state["sweep.number"] = number
    session = replace(work.session, history=base, cursor=len(base.steps))
    start = work.session.trace
    st.session_state[_KEY] = Sweep(number, session, sweep_offers.ordered(steps), start, work.target)


# -- a sweep


def _draw(work: Workspace, sweep: Sweep, language: str) -> None:
    with st.container(key="mlc-sweep"):
        found = measuring.known([sweep.start, *sweep.traces], sweep.function, sweep.target)
        _bar(sweep, [t for t in sweep.everything if t.key() not in found], language)
        _ranges(sweep, language)
        if sweep.error is not None:
            message, hint = boundary.message_and_hint(sweep.error, language)
            st.warning(f"{boundary.plain(message)}\n\n{boundary.plain(hint)}", icon=":material/block:")
        elif sweep.grid is None:
            st.caption(say("sweep.trying", language))
        else:
            _points(work, sweep, sweep.grid, found, language)


def _bar(sweep: Sweep, missing: list[Trace], language: str) -> None:
    run = _running()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mlc-sweep-bar"):
        if run is not None:
            st.button(
                say("sweep.cancel", language),
                icon=":material/stop_circle:",
                key="sweep.cancel",
                on_click=_cancel,
                shortcut="Esc",
            )
            st.progress(_share(run), text=_progress(sweep, run, language))
            return
        again = not missing and sweep.current
        text = say("sweep.again", language) if again else say("sweep.measure", language, count=len(missing))
        st.button(
            text,
            type="secondary" if again else "primary",
            icon=":material/timer:",
            key="sweep.measure",
            disabled=not sweep.current or len(sweep.everything) < 2,
            on_click=_measure,
            args=(again,),
        )
        if sweep.grid is not None and not sweep.current and sweep.error is None:
            st.caption(say("sweep.trying", language))
        st.space("stretch")
        st.button(say("sweep.close", language), icon=":material/close:", key="sweep.close", on_click=_close)


def _share(run: measuring.Run) -> float:
    done = run.finished + float(run.progress.get("fraction") or 0)
    return min(1.0, done / max(1, len(run.traces)))


def _progress(sweep: Sweep, run: measuring.Run, language: str) -> str:
    text = say("sweep.progress", language, done=run.finished, of=len(run.traces))
    if run.finished:
        left = (time.monotonic() - sweep.started) / run.finished * (len(run.traces) - run.finished)
        text += " · " + say("sweep.left", language, seconds=max(1, round(left)))
    return text


def _ranges(sweep: Sweep, language: str) -> None:
    """The ranges, to be changed as text; how many points are measured of a large grid."""
    grid, found = sweep.grid, sweep_offers.together(sweep.steps)
    running = _running() is not None
    columns = st.columns(min(3, len(found) + 1))
    for n, group in enumerate(found):
        key = f"sweep.range.{sweep.number}.{n}"
        text, typed = sweep_offers.typed(group[0][1]["sweep"])
        columns[n % len(columns)].text_input(
            grid.axes[n] if grid and n < len(grid.axes) else str(group[0][0][1]),
            value=text,
            key=key,
            disabled=running or not typed,
            help=say("sweep.range_help", language),
            on_change=_change_range,
            args=(n, key),
        )
    if grid is not None and grid.total > MOST[0]:
        key = f"sweep.most.{sweep.number}"
        columns[len(found) % len(columns)].selectbox(
            say("sweep.most", language),
            MOST,
            index=MOST.index(sweep.most) if sweep.most in MOST else None,
            key=key,
            disabled=running,
            on_change=_change_most,
            args=(key,),
        )


def _points(work: Workspace, sweep: Sweep, grid: Grid, found: dict[str, Any], language: str) -> None:
    if len(grid.points) < grid.total:
        st.caption(say("sweep.sampled", language, count=len(grid.points), total=grid.total))
    here = work.session.trace.key()
    keys = [trace.key() for trace in sweep.traces]
    if here not in (sweep.start.key(), sweep.base.trace.key(), *keys):
        st.caption(f":material/history: {say('sweep.stale', language)}")
    data = sweep_points.data(
        grid,
        keys,
        found,
        measuring.current(RUN),
        now=found.get(sweep.start.key()),
        taken=here,
        steps=len(sweep.steps),
        language=language,
    )
    component.sweep_view(data, key=_VIEW, on_event_change=_on_event)


# -- what a person does


def _change_range(number: int, key: str) -> None:
    sweep: Sweep = st.session_state[_KEY]
    try:
        sweep.steps = sweep_offers.retyped(sweep.steps, number, ranges.values(st.session_state[key]))
        sweep.error = None
    except BadTrace as error:
        sweep.error = error
    workspace.redraw("palette")


def _change_most(key: str) -> None:
    sweep: Sweep = st.session_state[_KEY]
    sweep.most = int(st.session_state[key] or sweep.most)
    workspace.redraw("palette")


def _measure(again: bool) -> None:
    sweep: Sweep = st.session_state[_KEY]
    traces = sweep.everything
    if not again:
        found = measuring.known(traces, sweep.function, sweep.target)
        traces = [trace for trace in traces if trace.key() not in found]
    sweep.started = time.monotonic()
    measuring.begin(RUN, sweep.base.engine, traces, sweep.function, sweep.target, _BUDGET)
    workspace.redraw("palette")


def _cancel() -> None:
    measuring.cancel(RUN)
    workspace.redraw("palette")


def _close() -> None:
    measuring.cancel(RUN)
    st.session_state.pop(_KEY, None)
    workspace.redraw("palette")


def _on_event() -> None:
    event = component.event(_VIEW) or {}
    sweep: Sweep | None = st.session_state.get(_KEY)
    number = event.get("point")
    known = sweep.traces if sweep is not None and event.get("type") == "take" else []
    if sweep is not None and isinstance(number, int) and 0 <= number < len(known):
        _take(sweep, known[number])
    workspace.redraw()


def _take(sweep: Sweep, trace: Trace) -> None:
    """The point's steps after the state that the sweep varies; a step of the history that was swept is
    replaced, with what followed it."""
    base = replace(sweep.base, selection=workspace.current().session.selection)
    try:
        workspace.show(base.apply_steps(trace.steps[len(base.trace.steps) :]))
    except MlcError as error:
        sweep.error = error
