"""The loop tree of one PrimFunc: its loops and blocks with all that a person needs to choose a transform."""

from __future__ import annotations

from typing import Any

import tvm
from tvm.ir import IRModule
from tvm.s_tir.analysis import estimate_tir_flops
from tvm.tirx import ForKind, IterVar
from tvm.tirx.analysis import undefined_vars

from ...schema.loops import LoopNode, LoopTree
from ...schema.text import TextView
from .. import paths
from .buffers import buffers
from .footprints import footprints
from .lookup import prim_func
from .text import text

_MARKS = {
    int(ForKind.SERIAL): "serial",
    int(ForKind.PARALLEL): "parallel",
    int(ForKind.VECTORIZED): "vectorized",
    int(ForKind.UNROLLED): "unrolled",
}
_AXES = {int(IterVar.DataPar): "spatial", int(IterVar.CommReduce): "reduction"}


def loops(mod: IRModule, function: str) -> LoopTree:
    """The tree of the PrimFunc `function`; line numbers are those of its ``tir`` text.

    Raises NotFound for an unknown function, or for a graph function, which has no loops of its own.
    """
    func = prim_func(mod, function, "loops")
    places = paths.walk(func)
    declared = buffers(func, places)
    runs = _iterations(places, None)
    return LoopTree(
        function=function,
        roots=_Tree(places, runs, text(mod, function, "tir")).roots(),
        buffers=declared,
        flops=flops(func.body),
        iterations=sum(n or 0 for p, n in zip(places, _iterations(places, 1)) if p.kind == "block"),
        bytes=sum(b.bytes for b in declared),
    )


def flops(work: tvm.tirx.Stmt) -> float | None:
    """Floating-point operations of one execution, by TVM's estimate; None where TVM has none."""
    try:
        return float(estimate_tir_flops(work))
    except (ValueError, TypeError, RuntimeError):  # an intrinsic or a symbolic extent that TVM does not know
        return None


class _Tree:
    """Builds the nodes of one function from its places and its text."""

    def __init__(self, places: tuple[paths.Place, ...], runs: list[int | None], source: TextView) -> None:
        self._places = places
        self._runs = runs
        self._footprints = footprints(places)
        self._lines = source.lines
        self._line = {mark.path: mark.line for mark in source.marks}
        self._children: dict[int | None, list[int]] = {}
        for i, place in enumerate(places):
            self._children.setdefault(place.parent, []).append(i)
        self._axes = loop_axes(places)

    def roots(self) -> tuple[LoopNode, ...]:
        return self._below(None)

    def _below(self, parent: int | None) -> tuple[LoopNode, ...]:
        return tuple(self._node(i) for i in self._children.get(parent, ()))

    def _node(self, index: int) -> LoopNode:
        place = self._places[index]
        common: dict[str, Any] = {
            "path": place.path,
            "kind": place.kind,
            "name": place.name,
            "depth": place.depth,
            "line": self._line.get(place.path),
            "annotations": _annotations(place.node) or None,
            "children": self._below(index),
            "iterations": self._runs[index],
        }
        if place.kind == "loop":
            return LoopNode(
                extent=_extent(place.node),
                axis=self._axes[index],
                mark=loop_mark(place.node),
                **self._cost(index),
                **common,
            )
        return LoopNode(
            reads=self._regions(place.path, "reads"), writes=self._regions(place.path, "writes"), **common
        )

    def _cost(self, index: int) -> dict[str, Any]:
        footprint, work = self._footprints[index], flops(self._places[index].node)
        touched = sum(footprint.values())
        intensity = None if work is None or not touched else work / touched
        return {"footprint": footprint, "flops": work, "intensity": intensity}

    def _regions(self, path: str, which: str) -> tuple[str, ...]:
        """The block's ``T.reads`` or ``T.writes`` as printed, which is the only faithful text of a region."""
        header = self._line.get(path)
        if header is None:
            return ()
        indent = len(self._lines[header - 1]) - len(self._lines[header - 1].lstrip()) + 4
        start = f"{' ' * indent}T.{which}("
        for line in self._lines[header:]:
            if not line.startswith(" " * indent):
                break
            if line.startswith(start):
                return _split_arguments(line[len(start) : line.rindex(")")])
        return ()


def loop_axes(places: tuple[paths.Place, ...]) -> list[str]:
    """For each place the kind of axis that it feeds (blocks get ""), by the block axes bound to its
    variable."""
    kinds: list[set[str]] = [set() for _ in places]
    loop_of = {place.node.loop_var: i for i, place in enumerate(places) if place.kind == "loop"}
    for place in places:
        if place.kind == "loop":
            continue
        for axis, value in zip(place.node.iter_vars, place.realize.iter_values):
            for var in undefined_vars(value):
                if var in loop_of:
                    kinds[loop_of[var]].add(_AXES.get(int(axis.iter_type), "mixed"))
    return ["mixed" if len(kind) > 1 else next(iter(kind), "") for kind in kinds]


def _extent(loop: Any) -> int | None:
    value = getattr(loop.extent, "value", None)
    return None if value is None else int(value)


def loop_mark(loop: Any) -> str:
    """``serial``, ``parallel``, ``vectorized``, ``unrolled``, or the thread axis that it is bound to."""
    if loop.thread_binding is not None:
        return str(loop.thread_binding.thread_tag)
    return _MARKS.get(int(loop.kind), "serial")


def _annotations(node: Any) -> dict[str, str]:
    return {str(key): str(getattr(value, "value", value)) for key, value in node.annotations.items()}


def _iterations(places: tuple[paths.Place, ...], symbolic: int | None) -> list[int | None]:
    """How often each loop's body, or block, runs in one call. A symbolic trip count counts as `symbolic`, of
    which None makes all that is within unknown."""
    runs: list[int | None] = []
    for place in places:
        around = 1 if place.parent is None else runs[place.parent]
        extent = _extent(place.node) if place.kind == "loop" else 1
        extent = symbolic if extent is None else extent
        runs.append(None if around is None or extent is None else around * extent)
    return runs


def _split_arguments(arguments: str) -> tuple[str, ...]:
    """Splits at the commas outside brackets: ``A[i, k], B[k, j]`` has two."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(arguments):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(arguments[start:i].strip())
            start = i + 1
    parts.append(arguments[start:].strip())
    return tuple(part for part in parts if part)
