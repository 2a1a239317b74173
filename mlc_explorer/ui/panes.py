"""The linked view: graph, text and loop tree of the workspace, and what a click in them does."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.schema.codec import encode
from mlc_explorer.texts import say
from mlc_explorer.ui import ahead, blobs, boundary, component, views, workspace
from mlc_explorer.ui.workspace import Workspace

_VIEW = "linked.view"


@st.fragment(key="panes")
def show(language: str) -> None:
    """Draws the view."""
    component.linked_view(_data(workspace.current(), language), key=_VIEW, on_event_change=_on_event)


def _data(work: Workspace, language: str) -> dict[str, Any]:
    session, function = work.session, work.function
    chosen = workspace.selection(work)
    problem = _problem(work.refusal, language)
    try:
        panes = views.function_panes(session, function, work.level, work.target)
    except (
        MlcError
    ) as error:  # the compiler may refuse what the schedule allowed; the text itself is always there
        problem = {"message": boundary.message_and_hint(error, language)[0], "paths": list(error.paths)}
        panes = views.function_panes(session, function, None, work.target)
    entries = {name: None if data is None else blobs.entry(data) for name, data in panes.payloads.items()}
    return entries | {
        "graph": blobs.entry(views.payload(session, "graph", work.info.entry)),
        "selection": {"node": chosen.node, "function": function, "path": chosen.path},
        "levels": panes.levels,
        "level": panes.level,
        "functions": [encode(f) for f in work.info.functions],
        "problem": problem,
        "changed": _changed_nodes(work),
        "labels": component.labels(language),
        "empty": {"loops": say("panes.no_loops", language)},
        # A pointer that comes near must not compile anything.
        "ahead": ahead.token(session, None, work.target) if work.level in (None, "tir") else None,
        "busy": False,
    }


def _problem(refusal: MlcError | None, language: str) -> dict[str, Any] | None:
    if refusal is None or not refusal.paths:
        return None
    return {"message": boundary.message_and_hint(refusal, language)[0], "paths": list(refusal.paths)}


def _changed_nodes(work: Workspace) -> list[str]:
    """Nodes of the graph whose function the last step changed or added."""
    if not work.info.steps:
        return []
    last = work.info.steps[-1]
    touched = (set(last.changed) | set(last.added)) - {work.info.entry}
    return [n.id for n in views.graph_view(work.session, work.info.entry).nodes if n.function in touched]


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
        nodes = views.graph_view(work.session, work.info.entry).nodes
        node = next((n.id for n in nodes if n.function == event["name"]), None)
        workspace.choose(function=event["name"], node=node, path=None)
    elif kind == "level":
        workspace.choose_level(event["level"])
        workspace.redraw("panes")
    workspace.redraw(*workspace.PARTS)
