"""Places a graph's boxes and frames: by dot where it can be run in time, else in plain layers.

The graphviz package writes the DOT, `dot` has it placed. A layout is kept by the digest of what was asked.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import graphviz

from ...schema.graph import Edge, GraphView, Group, Node
from . import dot
from .layers import Placed, nested_layers
from .opened import Shown

DOT_NODES = 600  # boxes; more take dot longer than a person waits
ROUGH_EDGES = 300  # above it dot's network simplex is bounded: dense graphs take minutes otherwise

FRAME = 18.0  # pixels between an open group's content and its frame; its name stands in that strip
_OP_CHAR, _SHAPE_CHAR = 7.2, 6.0  # pixels: Inter semibold at 12 px, JetBrains Mono at 10 px
_BOX_HEIGHT, _CONSTANT_HEIGHT = 40.0, 24.0
_BOX_PADDING, _CONSTANT_PADDING, _BOX_LEAST, _COUNT = 28.0, 16.0, 72.0, 26.0
_INCH = 72.0  # dot counts lengths in inches; a pixel here is a point there
_MARGIN = 16.0
_KEPT = 256

_layouts: OrderedDict[str, tuple[Placed, str]] = OrderedDict()


@dataclass(frozen=True)
class Problem:
    """What is to be placed: sizes of boxes in pixels, edges as pairs of positions in it, which of them ought
    to be straight, for each box its frame (-1: none), and for each frame the one around it."""

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]
    straight: tuple[bool, ...]
    within: tuple[int, ...]
    frames: tuple[int, ...]


def lay_out(function: str, shown: Shown, total: int = 0, plain: bool = False) -> GraphView:
    """`shown` with places for its boxes and frames and curves for its edges, in pixels, y down. `plain`: in
    layers at once, for who does not want to wait."""
    nodes = shown.nodes
    placed, by = _placed(_problem(shown), plain)
    boxes = tuple(
        replace(node, x=x, y=y, w=w, h=h)
        for node, (w, h), (x, y) in zip(nodes, map(box_size, nodes), placed.centres)
    )
    return GraphView(
        function=function,
        nodes=boxes,
        edges=tuple(Edge(s, t, points) for (s, t), points in zip(shown.edges, placed.points)),
        width=placed.width,
        height=placed.height,
        layout=by,
        groups=_framed(shown, boxes),
        total=total or len(nodes),
    )


def box_size(node: Node) -> tuple[float, float]:
    """Width and height in pixels that a node's text needs."""
    if node.family == "constant":
        return round(len(node.label) * _SHAPE_CHAR + _CONSTANT_PADDING, 1), _CONSTANT_HEIGHT
    extra = _COUNT if node.family == "group" else 0.0
    text = max(len(node.label or node.op) * _OP_CHAR, len(node.shape) * _SHAPE_CHAR)
    return round(max(text + _BOX_PADDING + extra, _BOX_LEAST), 1), _BOX_HEIGHT


def forget() -> None:
    """Drops the layouts that were kept."""
    _layouts.clear()


def _problem(shown: Shown) -> Problem:
    index = {node.id: i for i, node in enumerate(shown.nodes)}
    frame = {group.id: i for i, group in enumerate(shown.frames)}
    return Problem(
        tuple(box_size(node) for node in shown.nodes),
        tuple((index[s], index[t]) for s, t in shown.edges),
        tuple(shown.nodes[index[s]].family != "constant" for s, _ in shown.edges),
        tuple(frame.get(shown.within.get(node.id, ""), -1) for node in shown.nodes),
        tuple(frame.get(group.parent, -1) for group in shown.frames),
    )


def _framed(shown: Shown, boxes: Sequence[Node]) -> tuple[Group, ...]:
    """The frames with their places: around their boxes and inner frames."""
    inside: dict[str, list[tuple[float, float, float, float]]] = {g.id: [] for g in shown.frames}
    for box in boxes:
        if shown.within.get(box.id):
            left, top = box.x - box.w / 2, box.y - box.h / 2
            inside[shown.within[box.id]].append((left, top, left + box.w, top + box.h))
    placed: dict[str, Group] = {}
    for group in reversed(shown.frames):  # inner ones first
        lefts, tops, rights, bottoms = zip(*inside[group.id])
        left, top = min(lefts) - FRAME, min(tops) - FRAME
        right, bottom = max(rights) + FRAME, max(bottoms) + FRAME
        if group.parent:
            inside[group.parent].append((left, top, right, bottom))
        centre = round((left + right) / 2, 1), round((top + bottom) / 2, 1)
        size = round(right - left, 1), round(bottom - top, 1)
        placed[group.id] = Group(group.id, group.label, group.parent, group.count, *centre, *size)
    return tuple(placed[group.id] for group in shown.frames)


def _placed(problem: Problem, plain: bool) -> tuple[Placed, str]:
    """The layout and who made it. One that dot did not manage in time is kept too: it would not next time."""
    count = len(problem.sizes)
    if plain or not 0 < count <= DOT_NODES:
        return nested_layers(problem.sizes, problem.edges, problem.within, problem.frames, FRAME), "layers"
    source = _dot_source(problem)
    digest = hashlib.sha256(source.encode()).hexdigest()
    if digest in _layouts:
        _layouts.move_to_end(digest)
        return _layouts[digest]
    by_dot = _by_dot(source, count, problem.edges)
    result = (by_dot, "dot") if by_dot is not None else _placed(problem, plain=True)
    _layouts[digest] = result
    if len(_layouts) > _KEPT:
        _layouts.popitem(last=False)
    return result


def _dot_source(problem: Problem) -> str:
    """The graph in DOT. Edges that are to be `straight` pull harder, so that the network's trunk hangs
    plumb."""
    bounded = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1"} if len(problem.edges) > ROUGH_EDGES else {}
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.3", "ranksep": "0.45"} | bounded,
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    boxes: list[list[int]] = [[] for _ in range(len(problem.frames) + 1)]  # the last: those in no frame
    for i, frame in enumerate(problem.within):
        boxes[frame].append(i)
    frames: list[list[int]] = [[] for _ in boxes]
    for i, frame in enumerate(problem.frames):
        frames[frame].append(i)

    def fill(into: graphviz.Digraph, frame: int) -> None:
        for i in boxes[frame]:
            width, height = problem.sizes[i]
            into.node(f"n{i}", width=f"{width / _INCH:.4f}", height=f"{height / _INCH:.4f}")
        for inner in frames[frame]:
            with into.subgraph(name=f"cluster{inner}", graph_attr={"margin": f"{FRAME:.0f}"}) as cluster:
                fill(cluster, inner)

    fill(graph, -1)
    for (source, target), is_straight in zip(problem.edges, problem.straight):
        graph.edge(f"n{source}", f"n{target}", weight="8" if is_straight else "1")
    return graph.source


def _by_dot(source: str, count: int, edges: Sequence[tuple[int, int]]) -> Placed | None:
    """dot's layout, or None where it can't run, takes too long or says what can't be read."""
    plain = dot.plain(source)
    try:
        return _read_plain(plain, count, edges) if plain else None
    except (ValueError, KeyError, IndexError):
        return None


def _read_plain(plain: str, count: int, edges: Sequence[tuple[int, int]]) -> Placed:
    """Reads dot's plain format (inches, y up): ``graph``, then ``node name x y …``, ``edge tail head n x1 y1
    …``."""
    centres: dict[int, tuple[float, float]] = {}
    curves: dict[tuple[int, int], tuple[tuple[float, float], ...]] = {}
    width = height = 0.0

    def pixel(x: str, y: str) -> tuple[float, float]:
        return round(float(x) * _INCH + _MARGIN, 1), round((height - float(y)) * _INCH + _MARGIN, 1)

    for line in plain.splitlines():
        kind, *words = line.split()
        if kind == "graph":
            width, height = float(words[1]), float(words[2])
        elif kind == "node":
            centres[int(words[0][1:])] = pixel(words[1], words[2])
        elif kind == "edge":
            points = words[3 : 3 + 2 * int(words[2])]
            pair = int(words[0][1:]), int(words[1][1:])
            curves[pair] = tuple(pixel(x, y) for x, y in zip(points[::2], points[1::2]))
    return Placed(
        tuple(centres[i] for i in range(count)),
        tuple(curves[pair] for pair in edges),
        round(width * _INCH + 2 * _MARGIN, 1),
        round(height * _INCH + 2 * _MARGIN, 1),
    )
