"""History and staircase in one panel: a row per step, with its measured time as a bar."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mlc_explorer.schema.report import Measurement, StepReport
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.texts import say
from mlc_explorer.ui import boundary, component, measuring, repeating, workspace
from mlc_explorer.ui.workspace import Workspace

SCOPE = "measure.scope"
_VIEW = "history.view"
_REFRESH_SECONDS = 0.4
_ROWS_SHOWN, _MOST_HEIGHT = 9, 460  # a longer history scrolls within, so that the panes above stay in sight


def scope_function(work: Workspace) -> str | None:
    """The function to measure alone, or None for the whole model."""
    return (
        work.function
        if st.session_state.get(SCOPE) == "function" and work.kind(work.function) == "loops"
        else None
    )


def show(language: str) -> None:
    """The panel; it refreshes itself while something is being measured."""
    run = measuring.current()
    active = run is not None and run.active

    @st.fragment(key="history", run_every=_REFRESH_SECONDS if active else None)
    def live() -> None:
        now = measuring.current()
        if active and not (now is not None and now.active):
            st.rerun()  # the last measurement concerns the other panels too
        _head(workspace.current(), language)
        _list(workspace.current(), language)

    live()


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


def _measure_all() -> None:
    work = workspace.current()
    measuring.start(work.session, list(range(work.session.cursor + 1)), scope_function(work), work.target)
    workspace.redraw()


def _cancel() -> None:
    measuring.cancel()
    workspace.redraw()


def measure_now() -> None:
    """Measures the state on screen."""
    work = workspace.current()
    measuring.start(work.session, [work.session.cursor], scope_function(work), work.target)


def _list(work: Workspace, language: str) -> None:
    run = measuring.current()
    traces = _traces(work)
    keys = [t.key() for t in traces]
    found = measuring.known(traces, scope_function(work), work.target)
    pending = run.pending if run else set()
    errors = run.errors if run else {}
    rows = [_start_row(work, language)] + [_row(work, i, language) for i in range(1, len(traces))]
    for row, key in zip(rows, keys):
        row["time"] = measuring.shown(found.get(key))
        row["pending"] = key in pending
        if key in errors:
            row["message"] = boundary.message_and_hint(errors[key], language)[0]
    data = {
        "rows": rows,
        "cursor": work.session.cursor,
        "lines": _lines(found, keys, work.session.cursor),
        "labels": component.labels(language),
    }
    component.trace_view(
        data,
        key=_VIEW,
        on_event_change=_on_event,
        height="content" if len(rows) <= _ROWS_SHOWN else _MOST_HEIGHT,
    )


def _start_row(work: Workspace, language: str) -> dict[str, Any]:
    return {
        "n": 0,
        "title": say("history.start", language),
        "detail": work.info.model,
        "function": None,
        "badges": [],
        "state": "done",
    }


def _row(work: Workspace, number: int, language: str) -> dict[str, Any]:
    step = work.session.history.steps[number - 1]
    row: dict[str, Any] = {
        "n": number,
        "title": step.transform,
        "detail": arguments(step),
        "function": step.function,
        "badges": [],
        "state": "done" if number <= work.session.cursor else "redo",
    }
    if number <= len(work.info.steps):
        row["badges"] = _badges(work.info.steps[number - 1], language)
    if work.broken and work.broken[0] == number:
        row["state"], row["message"] = "bad", boundary.message_and_hint(work.broken[1], language)[0]
    return row


def arguments(step: Step) -> str:
    """The parameters in code style: ``k, [None, 8]``; a path is shortened to the loop's own name."""
    shown = []
    for name, value in step.params.items():
        if isinstance(value, list):
            text = "[" + ", ".join("None" if v is None else str(v).rpartition("/")[2] for v in value) + "]"
        else:
            text = str(value).rpartition("/")[2] if "->" not in str(value) else str(value)
        shown.append(text if name in ("loop", "loops", "block", "factors") else f"{name}={text}")
    return ", ".join(shown)


def _badges(report: StepReport, language: str) -> list[str]:
    counts = {"changed": report.changed, "added": report.added, "removed": report.removed}
    badges = [say(f"history.{k}", language, count=len(v)) for k, v in counts.items() if v]
    return badges or [say("history.unchanged", language)]


def _traces(work: Workspace) -> list[Trace]:
    history = work.session.history
    return [history.upto(cursor) for cursor in range(len(history.steps) + 1)]


def times(work: Workspace) -> list[float | None]:
    """The measured median of each state of the history in ms, None where there is none yet."""
    traces = _traces(work)
    found = measuring.known(traces, scope_function(work), work.target)
    return [found[t.key()].median_ms if t.key() in found else None for t in traces]


def _lines(found: dict[str, Measurement], keys: list[str], cursor: int) -> dict[str, float]:
    """NumPy's and ONNX Runtime's times, from the measurement nearest before the cursor that has them."""
    for key in reversed(keys[: cursor + 1]):
        if key in found and found[key].others:
            return dict(found[key].others)
    return {}


def _on_event() -> None:
    event = component.event(_VIEW)
    work = workspace.current()
    if event.get("type") == "goto":
        workspace.show(work.session.goto(int(event["cursor"])))
    elif event.get("type") == "delete":
        workspace.show(work.session.delete_last())
    workspace.redraw()
