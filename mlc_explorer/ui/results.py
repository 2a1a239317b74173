"""The last measurement of the state on screen, figure by figure."""

from __future__ import annotations

import html
from datetime import datetime

import streamlit as st

from mlc_explorer.schema.report import AGREES, Measurement
from mlc_explorer.texts import say
from mlc_explorer.ui import history, measuring, workspace
from mlc_explorer.ui.measuring import milliseconds

_INCOMPARABLE = 1e300  # the engine's mark for NaN against a number, or another shape: JSON has no infinity


@st.fragment(key="results")
def show(language: str) -> None:
    """The panel; it says what to do where nothing has been measured yet."""
    work = workspace.current()
    function = history.scope_function(work)
    traces = [work.session.trace, work.session.history.upto(0)]
    found = measuring.known(traces, function, work.target)
    here, start = (found.get(t.key()) for t in traces)
    if here is None:
        st.caption(say("result.none", language))
        return
    st.html(_table(here, start, language))


def _table(m: Measurement, start: Measurement | None, language: str) -> str:
    rows = [
        ("median", milliseconds(m.median_ms)),
        ("spread", f"{milliseconds(m.p10_ms)} – {milliseconds(m.p90_ms)}"),
        ("runs", f"{m.runs} · {say('result.threads', language, count=m.threads)}"),
        ("error", _errors(m, language)),
        ("compile", f"{m.compile_s:.2f} s"),
    ]
    if start is not None and start is not m and m.median_ms > 0:
        rows.insert(1, ("speedup", f"{start.median_ms / m.median_ms:.2f}×"))
    for name, value in m.others.items():
        rows.append((f"versus_{name}", f"{value / m.median_ms:.2f}× ({milliseconds(value)})"))
    for name, value in m.other_errors.items():
        rows.append((f"difference_{name}", _number(value, language)))
    rows.append(("taken", _when(m.taken_at)))
    body = "".join(
        f"<tr><th>{html.escape(say(f'result.{key}', language))}</th><td>{html.escape(value)}</td></tr>"
        for key, value in rows
    )
    return f'<table class="mlc-result" data-testid="mlc-result">{body}</table>'


def _errors(m: Measurement, language: str) -> str:
    """Absolute and relative error against the untransformed model, and whether that is right."""
    if m.max_rel_error >= _INCOMPARABLE:
        return f"{say('result.incomparable', language)} {_mark(m.max_rel_error)}"
    return f"{m.max_abs_error:.1e} · {m.max_rel_error:.1e} {_mark(m.max_rel_error)}"


def _number(value: float, language: str) -> str:
    return say("result.incomparable", language) if value >= _INCOMPARABLE else f"{value:.1e}"


def _mark(error: float) -> str:
    return "✓" if error <= AGREES else "✗"


def _when(taken_at: str) -> str:
    try:
        return datetime.fromisoformat(taken_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return taken_at
