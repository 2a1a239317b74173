"""TVMScript of one function, with a map from its lines to loops, blocks and bindings.

TVM prints a comment at every object that is asked for; one print with a numbered comment per loop, block and
binding gives the exact line of each, and the comments are then taken out again. (TVM can also be asked by
access path, but then looks through all paths at every node: 0.6 s for a thousand bindings instead of 14 ms.)
Sugar is off, so that every loop has a line of its own. The text starts at the decorator; the explicit root
block, three lines and an indentation that say nothing, is left out wherever TVM's own sugar leaves it out.

The text of a tensor function is source: `IMPORTS` followed by the lines is a Python file, and `parse` gives
back a structurally equal PrimFunc.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from tvm.ir import IRModule
from tvm.s_tir.stmt import SBlockRealize
from tvm.script import from_source
from tvm.tirx import PrimFunc

from ...schema.text import Mark, TextView
from .. import paths
from .bindings import walk_bindings
from .lookup import prim_func, relax_function

IMPORTS = ("from tvm.script import tirx as T", "from tvm.tirx.layout import Axis")

_TOKEN = re.compile(r"\s*# @@(\d+)@@$")
_ROOT = ('    with T.sblock("root"):', "        T.reads()", "        T.writes()")


def text(mod: IRModule, function: str, level: str) -> TextView:
    """The TVMScript of `function`: `level` is ``tir`` for a PrimFunc, ``relax`` for a graph function.

    Raises NotFound for an unknown function, or for a level that the function does not have.
    """
    if level == "tir":
        return _tir(prim_func(mod, function, level), function)
    return _relax(mod, function)


def parse(view: TextView) -> PrimFunc:
    """The PrimFunc whose ``tir`` text is `view`. Its spans count the view's lines, from 1.

    Parsing TVMScript runs code: give it only what `text` made, never what a person wrote.
    """
    return from_source("\n".join(view.lines))


def _tir(func: PrimFunc, function: str) -> TextView:
    places = paths.walk(func)
    lines, at = printed(func, function, [p.node for p in places])
    if _root_is_implied(func):
        lines, at = _without_root(lines, at)
    marks = tuple(
        Mark(place.path, place.kind, at[i], _end(lines, at[i])) for i, place in enumerate(places) if i in at
    )
    return TextView(function, "tir", tuple(lines), marks)


def _relax(mod: IRModule, function: str) -> TextView:
    func = relax_function(mod, function, "relax")
    bindings = [b for b in walk_bindings(func) if b.drawn]
    lines, at = printed(func, function, [b.node for b in bindings])
    marks = [Mark(b.id, "binding", at[i], _end(lines, at[i])) for i, b in enumerate(bindings) if i in at]
    return TextView(function, "relax", tuple(lines), tuple(sorted(marks, key=lambda m: (m.line, -m.end))))


def printed(func: Any, name: str, nodes: list[Any]) -> tuple[list[str], dict[int, int]]:
    """The lines from the decorator on, and for each node (by its index) the 1-based line it starts on.

    `nodes` are in the order of the text, so that an object which stands in two places is told apart.
    """
    places: dict[Any, list[int]] = {}
    for i, node in enumerate(nodes):
        places.setdefault(node, []).append(i)
    left = [iter(indices) for indices in places.values()]
    tokens = {node: f"@@{i}@@" for i, node in enumerate(places)}
    source = func.script(name=name, syntax_sugar=False, obj_to_annotate=tokens)
    lines: list[str] = []
    at: dict[int, int] = {}
    waiting: list[int] = []
    for line in source.split("\n"):
        token = _TOKEN.search(line)
        if token:
            waiting.extend(islice(left[int(token[1])], 1))
            line = line[: token.start()]
            if not line:
                continue
        if line.startswith("# ") or (not lines and not line):
            continue  # TVM's comments on imports and metadata stand at the left edge
        lines.append(line)
        at.update(dict.fromkeys(waiting, len(lines)))
        waiting = []
    while lines and not lines[-1]:
        lines.pop()
    return lines, at


def _end(lines: list[str], start: int) -> int:
    """The last line of what starts on line `start`: all that is indented deeper belongs to it."""
    indent = _indent(lines[start - 1])
    end = start
    while end < len(lines) and (
        not lines[end] or _indent(lines[end]) > indent or _is_else(lines[end], indent)
    ):
        end += 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_else(line: str, indent: int) -> bool:
    return line[indent:] == "else:" and _indent(line) == indent


def _root_is_implied(func: PrimFunc) -> bool:
    """Whether the parser puts the root block back by itself, so that its lines may go.

    It does not where the body could be taken for the root itself: a block without axes.
    """
    realize = func.body
    if not isinstance(realize, SBlockRealize) or realize.block.name_hint != "root":
        return False
    root = realize.block
    if root.iter_vars or root.annotations or root.match_buffers or root.init is not None:
        return False
    return bool(root.alloc_buffers) or not isinstance(root.body, SBlockRealize)


def _without_root(lines: list[str], at: dict[int, int]) -> tuple[list[str], dict[int, int]]:
    start = next((i for i in range(len(lines)) if tuple(lines[i : i + 3]) == _ROOT), None)
    if start is None:
        return lines, at
    kept = lines[:start] + [line[4:] for line in lines[start + 3 :]]
    return kept, {node: line - 3 for node, line in at.items()}
