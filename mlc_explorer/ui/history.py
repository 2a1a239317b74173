"""History and staircase in one panel: a row per step or group of steps, with its measured time as a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import say
from mlc_explorer.ui import (
    background,
    catalogue,
    component,
    fast,
    history_edits,
    history_rows,
    history_tree,
    measuring,
    repeating,
    workspace,
)
from mlc_explorer.ui.history_edits import TakingOut
from mlc_explorer.ui.history_tree import Entry
from mlc_explorer.ui.workspace import Workspace

SCOPE = "measure.scope"
_VIEW = "history.view"
_REFRESH_SECONDS = 0.4
_ROWS_SHOWN, _MOST_HEIGHT = 9, 560  # a longer history scrolls within, so that the panes above stay in sight


def scope_function(work: Workspace) -> str | None:
    """The function to measure alone, or None for the whole model."""
    return (
        work.function
        if st.session_state.get(SCOPE) == "function" and work.kind(work.function) == "loops"
        else None
    )


def show(language: str) -> None:
    """The panel; it refreshes itself while something is being measured or made."""
    active = _active()

    @st.fragment(key="history", run_every=_REFRESH_SECONDS if active else None)
    def live() -> None:
        if background.settle() or (active and not _active()):
            st.rerun()  # what is there now concerns the other panels too
        work = workspace.current()
        _head(work, language)
        fast.show(work, language)
        history_edits.show(work, language)
        _list(work, language)

    live()


def _active() -> bool:
    run = measuring.current()
    return background.current() is not None or (run is not None and run.active)


def _head(work: Workspace, language: str) -> None:
    run = measuring.current()
    with st.container(horizontal=True, vertical_alignment="center", key="mlc-history-head"):
        st.markdown(f"**{say('history.title', language)}** :gray[{work.session.cursor}]", width="content")
        if work.kind(work.function) == "loops" and work.function != work.info.entry:
            st.segmented_control(
                say("history.scope", language),
                ["model", "function"],
                default="model",
                key=SCOPE,
                required=True,
                label_visibility="collapsed",
                on_change=workspace.redraw,
                format_func=lambda s: work.function if s == "function" else say("history.model", language),
            )
        st.space("stretch")
        repeating.button(work, language)
        if run is not None and run.active:
            st.button(
                say("history.cancel", language),
                icon=":material/stop_circle:",
                key="measure.cancel",
                on_click=_cancel,
                shortcut="Esc",
            )
        else:
            st.button(
                say("history.measure_all", language),
                icon=":material/stairs_2:",
                key="measure.all",
                on_click=_measure_all,
                help=say("history.measure_all_help", language),
            )
    if run is not None and run.active:
        stage = run.progress.get("stage", "queued")
        position = f"{run.finished + 1}/{len(run.traces)}"
        done = (run.finished + float(run.progress.get("fraction") or 0)) / max(1, len(run.traces))
        st.progress(min(1.0, done), text=f"{position} · {say(f'stage.{stage}', language)}")


def _entries(work: Workspace) -> list[Entry]:
    return history_tree.visible(work.session.history.steps, history_edits.opened())


def _measure_all() -> None:
    """Every state that has a row, up to the one on screen."""
    work = workspace.current()
    ends = (e.end if isinstance(e, history_tree.Group) else e.index + 1 for e in _entries(work))
    cursors = sorted({0, work.session.cursor, *(n for n in ends if n <= work.session.cursor)})
    measuring.start(work.session, cursors, scope_function(work), work.target)
    workspace.redraw()


def _cancel() -> None:
    measuring.cancel()
    workspace.redraw()


def measure_now() -> None:
    """Measures the state on screen."""
    work = workspace.current()
    measuring.start(work.session, [work.session.cursor], scope_function(work), work.target)


def _list(work: Workspace, language: str) -> None:
    entries = _entries(work)
    keys = history_rows.keys(work, entries)
    found = measuring.known_by_key(keys, scope_function(work), work.target)
    rows = history_rows.rows(work, entries, history_edits.opened(), found, language)
    data = {
        "rows": rows,
        "total": len(work.session.history.steps),
        "history": work.keys[-1],
        "cursor": work.session.cursor,
        "lines": _lines(found, keys, work.keys[work.session.cursor]),
        "runs": fast.runs(work),
        "busy": background.current() is not None,
        "specs": catalogue.published(language),
        "language": language,
        "labels": component.labels(language),
    }
    component.trace_view(
        data,
        key=_VIEW,
        on_event_change=_on_event,
        height="content" if len(rows) <= _ROWS_SHOWN else _MOST_HEIGHT,
    )


def times(work: Workspace) -> list[float | None]:
    """The measured median of each state of the history in ms, None where there is none yet."""
    found = measuring.known_by_key(work.keys, scope_function(work), work.target)
    return [found[key].median_ms if key in found else None for key in work.keys]


def _lines(found: Mapping[str, Measurement], keys: list[str], here: str) -> dict[str, float]:
    """NumPy's and ONNX Runtime's times, from the measurement nearest before the cursor that has them."""
    for key in reversed(keys[: keys.index(here) + 1]):
        if key in found and found[key].others:
            return dict(found[key].others)
    return {}


def _on_event() -> None:
    event = component.event(_VIEW) or {}
    work = workspace.current()
    kind = event.get("type")
    if kind == "goto":
        workspace.show(work.session.goto(int(event["cursor"])))
    elif kind == "open":
        history_edits.open_group(str(event["id"]), bool(event["open"]))
        workspace.redraw("history")
    elif event.get("history") == work.keys[-1]:  # else it was meant for steps that have changed since
        _edit(work, event)
    workspace.redraw()


def _edit(work: Workspace, event: dict[str, Any]) -> None:
    kind, first, count = event["type"], int(event["first"]), int(event.get("count", 1))
    if kind == "unfold":
        history_edits.unfold(work, first, count)
    elif kind == "remove":
        history_edits.take_out(work, TakingOut(range(first, first + count)))
    elif kind == "replace":
        history_edits.replace(work, first, [Step.from_json(step) for step in event["steps"]])
    elif kind == "measure":
        cursors = [int(n) for n in event["cursors"]]
        measuring.start(work.session, cursors, scope_function(work), work.target)
