"""A quick layered layout, for graphs that are too big for dot or where dot can't run.

Each box is one rank below the lowest box that it takes from; within a rank boxes stand in the order of the
mean x of their sources, packed from the left and centred. Linear in boxes and edges but for the sorting. With
frames each is laid out by itself, inner ones first, and stands as one box in what is around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP_X, GAP_Y, MARGIN = 24.0, 40.0, 16.0  # pixels
_LONG = 2 * GAP_Y  # an edge of this height is longer than from one row to the next


@dataclass(frozen=True)
class Placed:
    """Centres of boxes and control points of edges in pixels (y down), in the order they were given in."""

    centres: tuple[tuple[float, float], ...]
    points: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def layers(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Placed:
    """Places boxes of `sizes` (width, height in pixels); `edges` are pairs of indices into it."""
    sources: list[list[int]] = [[] for _ in sizes]
    for source, target in edges:
        sources[target].append(source)
    ranks = _pulled_down(_ranks(len(sizes), edges), edges)
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=0) + 1)]
    for box, rank in enumerate(ranks):
        rows[rank].append(box)
    width = (
        max((sum(sizes[b][0] + GAP_X for b in row) - GAP_X for row in rows if row), default=0) + 2 * MARGIN
    )
    centres: list[tuple[float, float]] = [(0.0, 0.0)] * len(sizes)
    top = MARGIN
    for row in rows:
        height = max((sizes[b][1] for b in row), default=0.0)
        _place_row(row, sizes, sources, centres, width, top + height / 2)
        top += height + GAP_Y
    points = tuple(_curve(centres, sizes, source, target) for source, target in edges)
    return Placed(tuple(centres), points, width, max(top - GAP_Y, MARGIN) + MARGIN)


def nested_layers(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    within: Sequence[int],
    frames: Sequence[int],
    border: float,
) -> Placed:
    """`layers`, where box i lies in frame `within[i]` and frame i in `frames[i]` (-1: in none; an outer frame
    comes before its inner ones). `border` is the empty strip in pixels inside a frame."""
    if not frames:
        return layers(sizes, edges)
    boxes = len(sizes)
    outer = [*within, *frames]  # a frame is a box too, numbered after the boxes
    inside: list[list[int]] = [[] for _ in range(len(frames) + 1)]  # the last: in no frame
    for box, frame in enumerate(outer):
        inside[frame].append(box)
    lifted = _lifted(edges, outer, boxes)
    extents = [*sizes, *((0.0, 0.0) for _ in frames)]
    places: list[tuple[float, float]] = [(0.0, 0.0)] * len(outer)  # centres within the frame
    for frame in (*reversed(range(len(frames))), -1):
        number = {box: i for i, box in enumerate(inside[frame])}
        pairs = [(number[s], number[t]) for s, t in lifted[frame]]
        part = layers([extents[box] for box in inside[frame]], pairs)
        shift = 0.0 if frame < 0 else border - MARGIN
        for box, (x, y) in zip(inside[frame], part.centres):
            places[box] = x + shift, y + shift
        if frame >= 0:
            extents[boxes + frame] = part.width + 2 * shift, part.height + 2 * shift
    width, height = part.width, part.height
    for box, frame in sorted(enumerate(outer), key=lambda pair: pair[0] < boxes):  # frames, outer first
        if frame >= 0:
            (x, y), (w, h) = places[boxes + frame], extents[boxes + frame]
            places[box] = places[box][0] + x - w / 2, places[box][1] + y - h / 2
    points = tuple(_curve(places, sizes, source, target) for source, target in edges)
    return Placed(tuple(places[:boxes]), points, width, height)


def _lifted(
    edges: Sequence[tuple[int, int]], outer: Sequence[int], boxes: int
) -> list[dict[tuple[int, int], None]]:
    """For each frame (the last: for what is in none) the edges between what lies right in it."""

    def chain(box: int) -> list[int]:
        found = [box]
        while outer[found[-1]] >= 0:
            found.append(boxes + outer[found[-1]])
        return found[::-1]

    chains = [chain(box) for box in range(boxes)]
    lifted: list[dict[tuple[int, int], None]] = [{} for _ in range(len(outer) - boxes + 1)]
    for source, target in edges:
        for s, t in zip(chains[source], chains[target]):
            if s != t:
                lifted[outer[s]][s, t] = None
                break
    return lifted


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The length of the longest path to each box; an edge that closes a cycle is ignored."""
    targets: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in edges:
        targets[source].append(target)
        waiting[target] += 1
    ready = [box for box in range(count) if not waiting[box]]
    ranks = [0] * count
    for box in ready:  # grows while it is read
        for target in targets[box]:
            ranks[target] = max(ranks[target], ranks[box] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return ranks


def _pulled_down(ranks: list[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    """Boxes without sources (weights) move down to just above what uses them first."""
    has_source = {target for _, target in edges}
    first_use: dict[int, int] = {}
    for source, target in edges:
        first_use[source] = min(first_use.get(source, ranks[target]), ranks[target])
    return [
        rank if box in has_source else max(first_use.get(box, 1) - 1, rank) for box, rank in enumerate(ranks)
    ]


def _place_row(
    row: list[int],
    sizes: Sequence[tuple[float, float]],
    sources: list[list[int]],
    centres: list[tuple[float, float]],
    width: float,
    y: float,
) -> None:
    def wish(box: int) -> float:
        above = sources[box]
        return sum(centres[s][0] for s in above) / len(above) if above else width / 2

    row.sort(key=lambda box: (wish(box), box))
    x = (width - sum(sizes[b][0] + GAP_X for b in row) + GAP_X) / 2
    for box in row:
        centres[box] = (x + sizes[box][0] / 2, y)
        x += sizes[box][0] + GAP_X


def _curve(
    centres: list[tuple[float, float]], sizes: Sequence[tuple[float, float]], source: int, target: int
) -> tuple[tuple[float, float], ...]:
    (x0, y0), (x1, y1) = centres[source], centres[target]
    start, end = y0 + sizes[source][1] / 2, y1 - sizes[target][1] / 2
    bend = (end - start) / 2
    aside = 0.0
    if end - start > _LONG:  # past boxes in between, which it goes round on the right
        aside = (max(sizes[source][0], sizes[target][0]) / 2 + GAP_X) * 4 / 3
        bend = min(bend, _LONG)
    return ((x0, start), (x0 + aside, start + bend), (x1 + aside, end - bend), (x1, end))
