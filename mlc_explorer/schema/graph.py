"""The computational graph of one Relax function, laid out, as the screen draws it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A box: an input, a constant, a call, the output, or a closed group.

    `id` is the binding's variable (or ``out``), unique in the function. `op` is the operator
    or callee as read by a person (``matmul``, ``linear_relu``), `family` one of
    input, constant, matmul, conv, elementwise, reduce, shape, pool, call, library (a predefined function),
    output, other, group, and in a schedule's dataflow buffer (it picks the colour). `function` is the name of
    the PrimFunc or Relax function behind the box, if any.
    x, y are the centre; x, y, w, h are pixels.

    `count` is the number of calls in it that show when it is opened (0: there is nothing to open), `inside`
    names the functions that these call.
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
    count: int = 0
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """A tensor that flows from `source` to `target` (node ids); `points` are the control
    points of cubic Bézier curves in pixels: start, then three per curve."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Group:
    """An open group: the frame around its content. `parent` is the group that it lies in (empty: none),
    `count` the number of calls in it. x, y are the centre; all four are pixels."""

    id: str
    label: str
    parent: str
    count: int
    x: float = 0.0
    y: float = 0.0
    w: float = 0.0
    h: float = 0.0


@dataclass(frozen=True)
class GraphView:
    """`layout` says who placed the boxes: ``dot``, or ``layers`` (the fallback). `groups` are the open ones,
    outer before inner; `total` counts the boxes that there would be if all groups were open."""

    function: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float
    layout: str = "dot"
    groups: tuple[Group, ...] = ()
    total: int = 0


@dataclass(frozen=True)
class Match:
    """A box that a search found; `groups` are those to open to see it, outermost first."""

    id: str
    op: str
    shape: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphMatches:
    """The first matches in the order of the program, and how many there are."""

    function: str
    query: str
    count: int
    matches: tuple[Match, ...] = ()
