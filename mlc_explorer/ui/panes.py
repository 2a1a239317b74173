"""The linked view of the workspace, and what a choice in it does. What the panes show they ask for themselves
(`answers`): Python tells them which states there are and what is chosen.
"""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.schema.codec import encode
from mlc_explorer.schema.levels import LEVELS
from mlc_explorer.schema.trace import Step
from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import (
    answers,
    boundary,
    catalogue,
    component,
    history,
    history_rows,
    palette,
    views,
    workspace,
)
from mlc_explorer.ui.workspace import Workspace

_VIEW = "linked.view"
_OTHER = "panes.other"  # the other workspace of a comparison: its link


@st.fragment(key="panes")
def show(language: str) -> None:
    """Draws the view."""
    component.linked_view(_data(workspace.current(), language), key=_VIEW, on_event_change=_on_event)


def _data(work: Workspace, language: str) -> dict[str, Any]:
    chosen = workspace.selection(work)
    return {
        "states": _states(work.session, work.target, language),
        "cursor": work.session.cursor,
        "other": _other(work.target, language),
        "kind": work.kind(work.function),
        "wanted": work.session.selection.function,
        "selection": {"node": chosen.node, "function": work.function, "path": chosen.path},
        "problem": _problem(work.refusal, language),
        "levels": encode(LEVELS),
        "labels": component.labels(language),
        "times": history.times(work),
    }


def _states(session: Session, target: str, language: str) -> list[dict[str, Any]]:
    """The states of the history, the untransformed first: a token each, and the step that led there."""
    steps: tuple[Step | None, ...] = (None, *session.history.steps)
    tokens = answers.tokens(session, range(len(steps)), target, language)
    texts = _texts(language)
    return [
        {
            "token": token,
            "title": step.transform if step else say("history.start", language),
            "detail": history_rows.arguments(step) if step else "",
            "function": step.function if step else None,
            "about": texts.get(step.transform, "") if step else "",
        }
        for step, token in zip(steps, tokens, strict=True)
    ]


@functools.cache
def _texts(language: str) -> dict[str, str]:
    """What each transform does, in the catalogue's sentence."""
    return {spec.name: spec.text[language] for spec in catalogue.transforms()}


def _other(target: str, language: str) -> dict[str, Any] | None:
    """Another workspace to compare with, at its cursor."""
    link = st.session_state.get(_OTHER)
    if link is None:
        return None
    try:
        session = Session.from_link(link)
        views.state(session)
    except MlcError as error:
        return {"error": " ".join(boundary.message_and_hint(error, language))}
    return {"token": answers.token(session, target, language), "title": session.history.model}


def _problem(refusal: MlcError | None, language: str) -> dict[str, Any] | None:
    if refusal is None or not refusal.paths:
        return None
    return {"message": boundary.message_and_hint(refusal, language)[0], "paths": list(refusal.paths)}


def _choose_node(work: Workspace, node: str, function: str | None) -> None:
    """A box of the graph: the function behind it, or in a function's own dataflow the block that it is."""
    known = {f.name for f in work.info.functions}
    function = function if function in known else work.info.entry
    path: str | None = node
    if work.kind(function) == "loops":
        blocks = {b.path for b in views.places(views.loop_tree(work.session, function), "block")}
        path = node if work.kind(work.info.entry) == "loops" and node in blocks else None
    workspace.choose(node=node, function=function, path=path)


def _node_of(work: Workspace, path: str) -> str | None:
    """The box that belongs to a path: the binding's own, the block's in a function's dataflow, else the
    chosen one.
    """
    if work.kind(work.function) == "graph":
        return path
    if work.kind(work.info.entry) == "loops":
        return path.rpartition("/")[0] or path
    return work.session.selection.node


def _on_event() -> None:
    event = component.event(_VIEW)
    work = workspace.current()
    kind = event.get("type")
    if kind == "node":
        _choose_node(work, event["id"], event.get("function"))
    elif kind == "path":
        workspace.choose(path=event["path"], node=_node_of(work, event["path"]), function=work.function)
        workspace.redraw("panes", "palette", "share")
    elif kind == "function":
        workspace.choose(function=event["name"], node=event.get("node"), path=None)
    elif kind == "goto":
        session = work.session.goto(int(event["cursor"]))
        workspace.show(session.select(path=event["path"]) if event.get("path") else session)
    elif kind == "legalize":
        palette.legalize()
    elif kind == "search":
        palette.search()
        workspace.redraw("palette")
    elif kind == "compare":
        _compare(str(event.get("link", "")))
        workspace.redraw("panes")
    workspace.redraw(*workspace.PARTS)


def _compare(link: str) -> None:
    """The workspace behind a link (an address, or what follows ``?w=`` in one) stands beside this one."""
    text = link.strip().rpartition("w=")[2].partition("&")[0]
    if not text:
        st.session_state.pop(_OTHER, None)
        return
    st.session_state[_OTHER] = text
