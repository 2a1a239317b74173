"""What to do next, in one panel: a transform of one's own choice, what the engine proposes, or a sweep; and
the refusal if there is one.

The transforms, their forms and previews are a component, which asks for its answers itself: Python hears of
the steps to apply.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import streamlit as st

from mlc_explorer import session as headless
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.schema.transform import Shortcut
from mlc_explorer.texts import say
from mlc_explorer.ui import (
    answers,
    boundary,
    catalogue,
    component,
    fast,
    ideas,
    sweeping,
    tuning,
    views,
    workspace,
)
from mlc_explorer.ui.workspace import Workspace

TAB = "palette.tab"
_VIEW, _FOCUS = "palette.view", "palette.focus"
_numbers = itertools.count(1)  # each focus is another one, so that the browser follows it once


_OTHERS = {"ideas": ideas.show, "sweep": sweeping.show, "tuning": tuning.show}


@st.fragment(key="palette")
def show(language: str) -> None:
    """The panel."""
    work = workspace.current()
    with st.container(key="mlc-palette"):
        fast.buttons(work, language)
        tab = _tab(language)
        if tab == "transform":
            _shortcuts(work, language)
            component.palette_view(_data(work, language), key=_VIEW, on_event_change=_on_event)
        else:
            _OTHERS[tab](language)
        refusal(work, language)
        if work.gone:
            said = say("selection.gone", language, name=boundary.plain(work.gone))
            st.info(said, icon=":material/link_off:")


def _tab(language: str) -> str:
    tabs = ["transform", *_OTHERS]
    chosen = st.session_state.get(TAB)
    st.session_state[TAB] = chosen if chosen in tabs else "transform"  # a widget's value ends with its page
    return st.segmented_control(
        say("palette.tab.title", language),
        tabs,
        key=TAB,
        required=True,
        format_func=lambda tab: say(f"palette.tab.{tab}", language),
        label_visibility="collapsed",
        width="stretch",
    )


def _shortcuts(work: Workspace, language: str) -> None:
    with st.container(horizontal=True, gap="small"):
        for shortcut in catalogue.shortcuts() if work.kind(work.info.entry) == "graph" else ():
            st.button(
                shortcut.title[language],
                help=shortcut.text[language],
                key=f"shortcut.{shortcut.name}",
                icon=":material/bolt:",
                on_click=_apply_shortcut,
                args=(shortcut,),
            )
        trace = headless.shipped_trace(work.session.history.model)
        if trace is not None:
            st.button(
                say("palette.shipped", language),
                help=say("palette.shipped_help", language, count=len(trace.steps)),
                key="shortcut.shipped",
                icon=":material/auto_awesome:",
                on_click=_replay_shipped,
                args=(trace,),
            )


def _apply_shortcut(shortcut: Shortcut) -> None:
    workspace.apply(tuple(Step.from_json(s) for s in shortcut.steps))
    work = workspace.current()
    if work.refusal is None:
        _look_at_new_function(work)
    workspace.redraw()


def legalize() -> None:
    """Gives every operator its loop nest, and shows the largest of them."""
    workspace.apply((Step("LegalizeOps", None, {}),))
    work = workspace.current()
    if work.refusal is None:
        _look_at_new_function(work)


def _replay_shipped(trace: Trace) -> None:
    """The shipped schedule from its start: a click in the history walks through it."""
    work = workspace.current()
    last = next((s.function for s in reversed(trace.steps) if s.function), None)
    session = headless.Session(trace, len(trace.steps), engine=work.session.engine)
    workspace.show(session.select(function=last))
    workspace.redraw()


def _look_at_new_function(work: Workspace) -> None:
    """After a shortcut a person wants to see what it made: the new loop nest that took in the most
    tensors.
    """
    added = {name for report in work.info.steps for name in report.added}
    new = {f.name for f in work.info.functions if f.name in added and f.kind == "loops"}
    graph = views.graph_view(work.session, work.info.entry)
    inputs = Counter(edge.target for edge in graph.edges)
    node = max((n for n in graph.nodes if n.function in new), key=lambda n: inputs[n.id], default=None)
    if node is not None:
        workspace.choose(function=node.function, node=node.id, path=None)


def search() -> None:
    """Brings the search to a person who stands at another tab."""
    st.session_state[TAB] = "transform"
    st.session_state[_FOCUS] = next(_numbers)


def _data(work: Workspace, language: str) -> dict[str, Any]:
    chosen = workspace.selection(work)
    kind = work.kind(work.function)
    return {
        "at": {
            "token": answers.token(work.session, work.target, language),
            "function": work.function,
            "kind": kind,
            "path": chosen.path if kind == "loops" else None,
        },
        "catalogue": catalogue.for_component(language),
        "language": language,
        "focus": st.session_state.pop(_FOCUS, 0),
        "labels": component.labels(language),
    }


def _on_event() -> None:
    event = component.event(_VIEW) or {}
    if event.get("type") == "steps":
        workspace.apply(tuple(Step.from_json(step) for step in event["steps"]))
        workspace.redraw()
    elif event.get("type") == "sweep":
        st.session_state[sweeping.WANTED] = event["steps"]
        st.session_state[TAB] = "sweep"
        workspace.redraw("palette")


def refusal(work: Workspace, language: str) -> None:
    """Why the last step was refused, or a step of the history no longer applies, with TVM's own words folded
    below.
    """
    if work.refusal is not None:
        name = work.refused.transform if work.refused else ""
        problem(work.refusal, language, title=say("palette.refused", language, name=name) if name else "")
    elif work.broken is not None:
        number, error = work.broken
        problem(error, language, title=say("palette.broken", language, number=number))


def problem(error: MlcError, language: str, title: str = "") -> None:
    """An error beside what it concerns: what happened, what to do, details folded."""
    message, hint = boundary.message_and_hint(error, language)
    lines = [f"**{title}**"] if title else []
    lines += [boundary.plain(message)] + ([f":material/lightbulb: {boundary.plain(hint)}"] if hint else [])
    st.warning("\n\n".join(lines), icon=":material/block:")
    if error.detail:
        with st.expander(say("boundary.detail", language)):
            st.code(error.detail, language=None, wrap_lines=True, height=240)
