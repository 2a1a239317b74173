"""What can be asked about a workspace, asked of the engine once and kept by trace: a click on a known state
costs nothing.

A pane asks by name (`VIEWS`): a level of text, or another view. The answer is the JSON that the engine wrote,
never decoded on its way to the browser.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlc_explorer.errors import NotFound
from mlc_explorer.schema import levels
from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.graph import GraphView
from mlc_explorer.schema.loops import LoopNode, LoopTree
from mlc_explorer.schema.report import StateInfo
from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import Session, default_engine
from mlc_explorer.workers.client import Job

# The views that are no text: name (which is also the job's) → the arguments that a pane may give besides.
VIEWS: Mapping[str, tuple[str, ...]] = {
    "state": (),
    "graph": ("open", "plain"),
    "graph_search": ("query",),
    "loops": (),
    "diff": ("base", "base_function"),
    "dataflow": (),
    "motion": ("block",),
    "pipeline": ("pipeline", "target"),
    "pipeline_pass": ("pipeline", "target", "index"),
    "palette": ("path",),
    "offer": ("transform", "path", "params"),
    "diagnosis": ("step",),
    "candidates": ("path",),
    "grid": ("steps", "most"),
    "steps_of": ("text",),
    "repeats": ("steps",),
    "explain": ("step",),
}
# Their answers hold sentences, in the person's language.
_SPOKEN = {"palette", "offer", "diagnosis", "candidates", "grid", "repeats", "explain"}
# They are about the model, or about the functions that their steps name.
_WHOLE = {"state", "diagnosis", "grid", "repeats", "explain"}
_FOR_TARGET = {"candidates", "explain"}
_KEPT_BYTES = 128 << 20


@dataclass(frozen=True)
class Question:
    """A job about a state, as a key: `trace` and `args` are JSON."""

    trace: str
    job: str
    args: str = "{}"

    def submit(self) -> Job:
        """Sends it to the engine."""
        trace = Trace.loads(self.trace).to_json()
        return default_engine().submit(self.job, trace=trace, **json.loads(self.args))


def question(
    session: Session,
    view: str,
    function: str | None,
    target: str,
    more: Mapping[str, Any] | None = None,
    language: str = "en",
) -> Question:
    """What the pane `view` of `function` asks. ``program`` is the text at the function's own level.
    Sentences in the answer come in `language`.

    Raises NotFound for an unknown view.
    """
    args: dict[str, Any] = {} if function is None else {"function": function}
    level = levels.level(view)
    if view == "program" or level is not None:
        args |= {"level": level.name} if level else {}
        args |= {"target": target} if level and level.targeted else {}
        view = "text"
    elif view in VIEWS:
        args |= {name: value for name, value in (more or {}).items() if name in VIEWS[view]}
    else:
        raise NotFound(
            f"There is no view '{view}'.",
            hint=f"There are: {', '.join(('program', *levels.NAMES, *VIEWS))}.",
            place="view",
            code="level_missing",
            params={"level": view, "known": ", ".join(("program", *levels.NAMES, *VIEWS))},
        )
    if view in _WHOLE:
        args.pop("function", None)
    args |= {"language": language} if view in _SPOKEN else {}
    args |= {"target": target} if view in _FOR_TARGET else {}
    return Question(session.trace.dumps(), view, json.dumps(args, sort_keys=True))


_answers: OrderedDict[Question, bytes] = OrderedDict()
_lock = threading.Lock()


def known(asked: Question) -> bytes | None:
    """The answer, if it was given before."""
    with _lock:
        if asked in _answers:
            _answers.move_to_end(asked)
        return _answers.get(asked)


def keep(asked: Question, answer: bytes) -> bytes:
    """Remembers `answer`; the least recently used go when all together exceed the memory set aside."""
    with _lock:
        _answers[asked] = answer
        size = sum(map(len, _answers.values()))
        while size > _KEPT_BYTES and len(_answers) > 1:
            size -= len(_answers.popitem(last=False)[1])
    return answer


def ask(asked: Question) -> bytes:
    """The answer, from memory or from the engine. Raises what the job raises."""
    answer = known(asked)
    return answer if answer is not None else keep(asked, asked.submit().result_bytes())


def state(session: Session) -> StateInfo:
    """The state at the session's cursor."""
    return _state(session.trace.dumps())


def loop_tree(session: Session, function: str) -> LoopTree:
    """The loops of a PrimFunc, for forms."""
    return _tree(ask(question(session, "loops", function, "cpu")))


def graph_view(session: Session, function: str) -> GraphView:
    """The graph, for looking nodes up."""
    return _graph(ask(question(session, "graph", function, "cpu")))


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
    return decode(StateInfo, json.loads(ask(Question(trace, "state"))))


@functools.lru_cache(maxsize=32)
def _tree(data: bytes) -> LoopTree:
    return decode(LoopTree, json.loads(data))


@functools.lru_cache(maxsize=8)
def _graph(data: bytes) -> GraphView:
    return decode(GraphView, json.loads(data))
