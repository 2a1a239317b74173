"""What the panes show, asked of the engine once and kept by trace: a click on a known state costs nothing."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
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


def payload(
    session: Session, job: str, function: str, level: str | None = None, target: str = "cpu"
) -> bytes:
    """The JSON of a view (`job`: graph, loops, text, diff), as the browser gets it."""
    if job != "text":
        return _view(session.trace.dumps(), job, function=function)
    if level not in ("llvm", "asm"):
        return _view(session.trace.dumps(), job, function=function, level=level)
    return _view(session.trace.dumps(), job, function=function, level=level, target=target)


LEVELS = ("tir", "llvm", "asm")


@dataclass(frozen=True)
class FunctionPanes:
    """What the panes show of one function: ``text``, ``loops``, ``diff`` as JSON (or None), and the text's
    level.
    """

    payloads: dict[str, bytes | None]
    level: str
    levels: tuple[str, ...]


def function_panes(session: Session, function: str, level: str | None, target: str) -> FunctionPanes:
    """The panes of `function` at the session's cursor. A PrimFunc is shown at `level` (default: tir), a graph
    function as Relax. Raises what compiling raises, for llvm and asm."""
    if _kind(state(session), function) != "loops":
        text = payload(session, "text", function, "relax")
        return FunctionPanes({"text": text, "loops": None, "diff": _diff(session, function)}, "relax", ())
    level = level if level in LEVELS else "tir"
    text = payload(session, "text", function, level, target)
    diff = _diff(session, function) if level == "tir" else None
    return FunctionPanes(
        {"text": text, "loops": payload(session, "loops", function), "diff": diff}, level, LEVELS
    )


def _diff(session: Session, function: str) -> bytes | None:
    """Against the step before, where the function stood there at the same level: a new one is no
    difference.
    """
    steps = state(session).steps
    if not steps or function not in steps[-1].changed:
        return None
    if _kind(state(session.undo()), function) != _kind(state(session), function):
        return None
    return payload(session, "diff", function)


def _kind(info: StateInfo, function: str) -> str | None:
    return next((f.kind for f in info.functions if f.name == function), None)


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
