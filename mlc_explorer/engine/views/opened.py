"""What of a grouped graph is seen: which groups are open, and the boxes, frames and edges that then show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from ...schema.graph import Group, Node
from .groups import Scope
from .sketch import Sketch

SMALL = 250  # boxes that a graph may have to be shown whole
FEW, MANY = 20, 80  # boxes that a bigger one shows at first
MOST = 2000  # boxes that "open all" shows


@dataclass
class Shown:
    """`frames` are the open groups, outer first; `within` names each box's and frame's frame (empty:
    none)."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    frames: list[Group] = field(default_factory=list)
    within: dict[str, str] = field(default_factory=dict)


def at_first(root: Scope, sketch: Sketch) -> frozenset[str] | None:
    """The groups that are open before a person has chosen: None where all is shown without any frame."""
    if len(drawn(sketch)) <= SMALL:
        return None
    return opened_up(root, FEW, MANY)


def opened_up(root: Scope, enough: int, most: int) -> frozenset[str]:
    """Groups to open, outer and larger ones first, until `enough` boxes show, but never more than `most`.
    Fused functions stay closed: that they are one is what a person fused them for."""
    opened: set[str] = set()
    waiting = _groups(root)
    shown = _size(root)
    while waiting and shown < enough:
        waiting.sort(key=lambda scope: -_weight(scope))
        chosen = next((s for s in waiting if s.node is None and shown - 1 + _size(s) <= most), None)
        if chosen is None:
            break
        waiting.remove(chosen)
        opened.add(chosen.id)
        shown += _size(chosen) - 1
        waiting += _groups(chosen)
    return frozenset(opened)


def everything(root: Scope, most: int = MOST) -> frozenset[str]:
    """All groups, level by level, as long as no more than `most` boxes show."""
    opened: set[str] = set()
    level, shown = _groups(root), _size(root)
    while level:
        deeper = []
        for scope in level:
            if shown - 1 + _size(scope) <= most:
                opened.add(scope.id)
                shown += _size(scope) - 1
                deeper += _groups(scope)
        level = deeper
    return frozenset(opened)


def ungrouped(root: Scope) -> Scope:
    """The tree without any groups but fused functions."""

    def members(scope: Scope) -> Iterator[str | Scope]:
        for member in scope.members:
            if isinstance(member, Scope) and member.node is None:
                yield from members(member)
            else:
                yield member

    inner = [scope for scope in root.scopes() if scope.node is None]
    return replace(
        root, members=tuple(members(root)), constants=[c for scope in inner for c in scope.constants]
    )


def drawn(sketch: Sketch) -> list[Node]:
    """The boxes of the graph while no fused function is open."""
    inner = {call for _, calls in _all_inside(sketch) for call in calls}
    return [node for name, node in sketch.nodes.items() if name not in inner]


def show(sketch: Sketch, root: Scope, opened: Collection[str]) -> Shown:
    """The graph with the groups `opened` (ids; a group in a closed one stays out of sight)."""
    shown, seen = Shown(), {}
    order = {name: i for i, name in enumerate(sketch.nodes)}

    def visit(scope: Scope) -> None:
        for member in (*scope.members, *scope.constants):
            if not isinstance(member, Scope):
                _add(shown, sketch.nodes[member], scope.id)
                seen[member] = member
            elif member.id in opened:
                count = sum(1 for _ in member.leaves())
                shown.frames.append(Group(member.id, member.label, scope.id, count))
                shown.within[member.id] = scope.id
                visit(member)
            else:
                _add(shown, _closed(sketch, member), scope.id)
                seen.update(dict.fromkeys(_contents(member), member.id))
                order[member.id] = order[next(member.leaves())]

    visit(root)
    placed = seen.keys()
    for name, node in sketch.nodes.items():
        if node.family in ("input", "constant", "output") and name not in placed:
            _add(shown, node, "")
            seen[name] = name
    shown.nodes.sort(key=lambda node: order[node.id])
    shown.edges = _lifted(sketch, seen)
    return shown


def _add(shown: Shown, node: Node, frame: str) -> None:
    shown.nodes.append(node)
    shown.within[node.id] = frame


def _closed(sketch: Sketch, scope: Scope) -> Node:
    """The box of a closed group: the call itself for a fused function, else with the shape that leaves it."""
    leaves = list(scope.leaves())
    if scope.node is not None:
        return replace(scope.node, count=len(leaves))
    last = sketch.nodes[leaves[-1]]
    calls = (sketch.nodes[leaf].function for leaf in leaves)
    outer = (s.node.function for s in scope.scopes() if s.node is not None)
    functions = tuple(dict.fromkeys(f for f in (*calls, *outer) if f))
    return Node(
        scope.id, scope.label, "group", last.shape, last.dtype,
        label=scope.label, count=len(leaves), inside=functions,
    )  # fmt: skip


def _contents(scope: Scope) -> Iterable[str]:
    for inner in scope.scopes():
        yield from inner.constants
        yield from (m for m in inner.members if isinstance(m, str))


def _lifted(sketch: Sketch, seen: dict[str, str]) -> list[tuple[str, str]]:
    """The edges between the boxes in whose place others are `seen`."""
    pairs = ((seen.get(s), seen.get(t)) for s, t in sketch.edges)
    return list(dict.fromkeys((s, t) for s, t in pairs if s is not None and t is not None and s != t))


def _all_inside(sketch: Sketch) -> list[tuple[str, list[str]]]:
    """For each drawn-in call all boxes in it, constants too: they are named after it."""
    found: dict[str, list[str]] = {call: [] for call in sketch.insides}
    for name in sketch.nodes:
        outer = name.rpartition("/")[0]
        if outer in found:
            found[outer].append(name)
    return list(found.items())


def _groups(scope: Scope) -> list[Scope]:
    """Those right beneath."""
    return [m for m in scope.members if isinstance(m, Scope)]


def _size(scope: Scope) -> int:
    return len(scope.members) + len(scope.constants)


def _weight(scope: Scope) -> int:
    return sum(1 for _ in scope.leaves())
