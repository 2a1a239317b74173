"""Places a graph's boxes: by dot where it can be run in time, else in plain layers.

The graphviz package writes the DOT, `dot` has it placed. A layout is kept by the digest of what was asked.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import graphviz

from ...schema.graph import Edge, GraphView, Node
from . import dot
from .layers import Placed, layers
from .sketch import Sketch

DOT_NODES = 1000
ROUGH_EDGES = 300  # above it dot's network simplex is bounded: dense graphs take minutes otherwise

_OP_CHAR, _SHAPE_CHAR = 7.2, 6.0  # pixels: Inter semibold at 12 px, JetBrains Mono at 10 px
_BOX_HEIGHT, _CONSTANT_HEIGHT = 40.0, 24.0
_BOX_PADDING, _CONSTANT_PADDING, _BOX_LEAST = 28.0, 16.0, 72.0
_INCH = 72.0  # dot counts lengths in inches; a pixel here is a point there
_MARGIN = 16.0
_KEPT = 256

_layouts: OrderedDict[str, tuple[Placed, str]] = OrderedDict()


def lay_out(function: str, sketch: Sketch) -> GraphView:
    """`sketch` with places for its boxes and curves for its edges, in pixels, y down."""
    nodes = list(sketch.nodes.values())
    index = {node.id: i for i, node in enumerate(nodes)}
    edges = [(index[source], index[target]) for source, target in sketch.edges]
    sizes = [box_size(node) for node in nodes]
    straight = [nodes[source].family != "constant" for source, _ in edges]
    placed, by = _placed(sizes, edges, straight)
    return GraphView(
        function=function,
        nodes=tuple(_at(node, size, centre) for node, size, centre in zip(nodes, sizes, placed.centres)),
        edges=tuple(Edge(s, t, points) for (s, t), points in zip(sketch.edges, placed.points)),
        width=placed.width,
        height=placed.height,
        layout=by,
    )


def box_size(node: Node) -> tuple[float, float]:
    """Width and height in pixels that a node's text needs."""
    if node.family == "constant":
        return round(len(node.label) * _SHAPE_CHAR + _CONSTANT_PADDING, 1), _CONSTANT_HEIGHT
    text = max(len(node.label or node.op) * _OP_CHAR, len(node.shape) * _SHAPE_CHAR)
    return round(max(text + _BOX_PADDING, _BOX_LEAST), 1), _BOX_HEIGHT


def forget() -> None:
    """Drops the layouts that were kept."""
    _layouts.clear()


def _at(node: Node, size: tuple[float, float], centre: tuple[float, float]) -> Node:
    return Node(
        node.id, node.op, node.family, node.shape, node.dtype, node.function, node.label, *centre, *size
    )


def _placed(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], straight: Sequence[bool]
) -> tuple[Placed, str]:
    """The layout and who made it. One that dot did not manage in time is kept too: it would not next time."""
    source = _dot_source(sizes, edges, straight)
    digest = hashlib.sha256(source.encode()).hexdigest()
    if digest in _layouts:
        _layouts.move_to_end(digest)
        return _layouts[digest]
    by_dot = _by_dot(source, len(sizes), edges) if 0 < len(sizes) <= DOT_NODES else None
    result = (by_dot, "dot") if by_dot is not None else (layers(sizes, edges), "layers")
    _layouts[digest] = result
    if len(_layouts) > _KEPT:
        _layouts.popitem(last=False)
    return result


def _dot_source(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], straight: Sequence[bool]
) -> str:
    """The graph in DOT. Edges that are to be `straight` pull harder, so that the network's trunk hangs
    plumb."""
    bounded = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1"} if len(edges) > ROUGH_EDGES else {}
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.3", "ranksep": "0.45"} | bounded,
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    for i, (width, height) in enumerate(sizes):
        graph.node(f"n{i}", width=f"{width / _INCH:.4f}", height=f"{height / _INCH:.4f}")
    for (source, target), is_straight in zip(edges, straight):
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
