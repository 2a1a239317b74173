"""The computational graph of one Relax function, laid out, as the screen draws it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A box: an input, a constant, a call or the output.

    `id` is the binding's variable (or ``out``), unique in the function. `op` is the operator
    or callee as read by a person (``matmul``, ``linear_relu``), `family` one of
    input, constant, matmul, conv, elementwise, reduce, shape, pool, call, output, other (it picks the
    colour). `function` is the name of the PrimFunc or Relax function behind the box, if any.
    x, y are the centre; x, y, w, h are pixels.
    """

    id: str
    op: str
    family: str
    shape: str = ""
    dtype: str = ""
    function: str | None = None
    label: str = ""
    x: float = 0.0
    y: float = 0.0
    w: float = 0.0
    h: float = 0.0


@dataclass(frozen=True)
class Edge:
    """A tensor that flows from `source` to `target` (node ids); `points` are the control
    points of cubic Bézier curves in pixels: start, then three per curve."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class GraphView:
    """`layout` says who placed the boxes: ``dot``, or ``layers`` (the fallback)."""

    function: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float
    layout: str = "dot"
