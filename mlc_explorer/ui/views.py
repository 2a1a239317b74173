"""What the panes show, asked of the engine once and kept by trace: a click on a known state costs nothing."""

from __future__ import annotations

import functools
import json
from typing import Any

from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.graph import GraphView
from mlc_explorer.schema.loops import LoopNode, LoopTree
from mlc_explorer.schema.report import StateInfo
from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import Session, default_engine


def state(session: Session) -> StateInfo:
    """The state at the session's cursor."""
    return _state(session.trace.dumps())


def payload(session: Session, job: str, function: str, level: str | None = None, target: str = "cpu") -> bytes:
    """The JSON of a view (`job`: graph, loops, text, diff), as the browser gets it."""
    if job != "text":
        return _view(session.trace.dumps(), job, function=function)
    if level not in ("llvm", "asm"):
        return _view(session.trace.dumps(), job, function=function, level=level)
    return _view(session.trace.dumps(), job, function=function, level=level, target=target)


def loop_tree(session: Session, function: str) -> LoopTree:
    """The loops of a PrimFunc, for forms."""
    return _tree(payload(session, "loops", function))


def graph_view(session: Session, function: str) -> GraphView:
    """The graph, for looking nodes up."""
    return _graph(payload(session, "graph", function))


def places(tree: LoopTree, kind: str) -> list[LoopNode]:
    """All loops, or all blocks, in the order of the text."""
    found: list[LoopNode] = []

    def visit(nodes: tuple[LoopNode, ...]) -> None:
        for node in nodes:
            if node.kind == kind:
                found.append(node)
            visit(node.children)

    visit(tree.roots)
    return found


@functools.lru_cache(maxsize=1024)
def _state(trace: str) -> StateInfo:
    return decode(StateInfo, default_engine().call("state", trace=Trace.loads(trace).to_json()))


@functools.lru_cache(maxsize=96)  # the largest text seen is 2 MB
def _view(trace: str, job: str, **args: Any) -> bytes:
    return default_engine().call_bytes(job, trace=Trace.loads(trace).to_json(), **args)


@functools.lru_cache(maxsize=32)
def _tree(data: bytes) -> LoopTree:
    return decode(LoopTree, json.loads(data))


@functools.lru_cache(maxsize=8)
def _graph(data: bytes) -> GraphView:
    return decode(GraphView, json.loads(data))
