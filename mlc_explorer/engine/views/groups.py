"""The structure of a big graph, as a tree of groups: by the scopes that its names tell, by blocks that
repeat, by fused functions, and where there is nothing of that, by number.

A group holds the calls beneath it; inputs and the output belong to the whole graph, a constant to the
innermost group that holds all its users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np

from ...schema.graph import Node
from .repeats import Repeat, repeats
from .sketch import Sketch

ROW = 24  # members in a row that need no further structure
MOST_MEMBERS = 100  # more than these are cut into stretches, so that opening a group never floods the screen
_STRETCHES, _SHORTEST = 20, 10  # how many stretches are wished for, and the least members of one
_OUTSIDE = ("input", "constant", "output")


@dataclass(frozen=True, eq=False)
class Scope:
    """A group: its members are names of boxes and groups, in the order of the program. `node` is the call
    behind the group of a fused function. `kind` of shape: equal scopes have equal `signature`."""

    id: str
    label: str
    members: tuple[str | Scope, ...]
    node: Node | None = None
    signature: str = ""
    constants: list[str] = field(default_factory=list)

    def leaves(self) -> Iterator[str]:
        """All calls beneath."""
        for member in self.members:
            if isinstance(member, Scope):
                yield from member.leaves()
            else:
                yield member

    def scopes(self) -> Iterator[Scope]:
        """This group and all beneath it, outer before inner."""
        yield self
        for member in self.members:
            if isinstance(member, Scope):
                yield from member.scopes()


def structure(sketch: Sketch, names: Mapping[str, str]) -> Scope:
    """The tree of `sketch`, whose root is the whole graph (id empty). `names` give a call's path in the
    model that it came from, such as ``/layer1/conv1/Conv``."""
    builder = _Builder(sketch)
    root = builder.whole(names)
    _place_constants(root, sketch)
    return root


class _Builder:
    def __init__(self, sketch: Sketch) -> None:
        self._sketch = sketch
        self._order = {name: i for i, name in enumerate(sketch.nodes)}
        # The last call in the program's order that uses what a call gives.
        self._last_use: dict[str, int] = {}
        for source, target in sketch.edges:
            self._last_use[source] = max(self._last_use.get(source, 0), self._order[target])

    def whole(self, names: Mapping[str, str]) -> Scope:
        inner: dict[str, str] = {
            call: owner for owner, calls in self._sketch.insides.items() for call in calls
        }
        calls: list[str | Scope] = []
        for name, node in self._sketch.nodes.items():
            if node.family in _OUTSIDE or name in inner:
                continue
            calls.append(name)
        placed = [self._function(c) if c in self._sketch.insides else c for c in calls]
        members = self._by_path([(m, _path(names.get(_name(m), ""))) for m in placed], ())
        return Scope("", "", self._folded(members), signature="")

    def _function(self, call: str) -> Scope:
        """The inside of a fused function."""
        members = tuple(self._sketch.insides[call])
        node = self._sketch.nodes[call]
        return Scope(call, node.label, members, node, signature=f"{node.op}()")

    def _by_path(
        self, placed: Sequence[tuple[str | Scope, tuple[str, ...]]], above: tuple[str, ...]
    ) -> list[str | Scope]:
        """Members with a common next part of their path become a group, where the first of them stands."""
        depth = len(above)
        buckets: dict[str, list[tuple[str | Scope, tuple[str, ...]]]] = {}
        for i, (member, path) in enumerate(placed):
            key = path[depth] if len(path) > depth else f"\0{i}"
            buckets.setdefault(key, []).append((member, path))
        result: list[str | Scope] = []
        for key, bucket in buckets.items():
            if key.startswith("\0") or len(bucket) == 1:
                result.extend(member for member, _ in bucket)
                continue
            if len(buckets) == 1:  # a group of everything tells nothing
                return self._by_path(bucket, (*above, key))
            members = self._folded(self._by_path(bucket, (*above, key)))
            result.append(self._scope("/".join((*above, key)), key, members))
        return result

    def _folded(self, members: Sequence[str | Scope]) -> tuple[str | Scope, ...]:
        """Repeats become groups, and what is still too long a row is cut."""
        if len(members) <= ROW:
            return tuple(members)
        found = repeats([self._sign(m) for m in members], _Crossings(self, members))
        result: list[str | Scope] = []
        end = 0
        for repeat in found:
            if repeat.length == len(members):
                continue
            result += members[end : repeat.start]
            result.append(self._repeated(members, repeat))
            end = repeat.end
        result += members[end:]
        return self._cut(result)

    def _repeated(self, members: Sequence[str | Scope], repeat: Repeat) -> Scope:
        blocks: list[str | Scope] = []
        parts = [
            members[repeat.start + i * repeat.length : repeat.start + (i + 1) * repeat.length]
            for i in range(repeat.count)
        ]
        name = _summary([self._title(m) for m in parts[0]])
        for number, part in enumerate(parts, 1):
            blocks.append(
                part[0] if repeat.length == 1 else self._scope(None, f"{name} #{number}", self._folded(part))
            )
        return self._scope(None, f"{name} ×{repeat.count}", self._cut(blocks), of=members[repeat.start :])

    def _cut(self, members: Sequence[str | Scope]) -> tuple[str | Scope, ...]:
        """At most `MOST_MEMBERS` members: stretches of equal length where there are more."""
        while len(members) > MOST_MEMBERS:
            size = min(MOST_MEMBERS, max(_SHORTEST, len(members) // _STRETCHES))
            count = -(-len(members) // size)
            ends = [len(members) * i // count for i in range(count + 1)]
            members = [
                self._scope(None, f"{low + 1}–{high}", tuple(members[low:high]))
                for low, high in pairwise(ends)
            ]
        return tuple(members)

    def _scope(
        self, name: str | None, label: str, members: tuple[str | Scope, ...], of: Sequence[str | Scope] = ()
    ) -> Scope:
        """A group; without a name of its own it is called by its first and last call, and how deep it is."""
        if name is None:
            first, last = _first(members[0]), _last(members[-1])
            name = f"{first}…{last}"
            while any(isinstance(m, Scope) and m.id.rstrip("'") == name for m in members):
                name += "'"
        sign = "(" + " ".join(self._sign(m) for m in members) + ")" if len(members) <= ROW else f"({name})"
        return Scope(name, label, members, signature=sign)

    def _sign(self, member: str | Scope) -> str:
        return member.signature if isinstance(member, Scope) else self._sketch.nodes[member].op

    def _title(self, member: str | Scope) -> str:
        return member.label if isinstance(member, Scope) else self._sketch.nodes[member].op


class _Crossings:
    """How many tensors flow past a place between two members."""

    def __init__(self, builder: _Builder, members: Sequence[str | Scope]) -> None:
        self._starts = np.array([builder._order[_first(m)] for m in members])
        leaves = [leaf for m in members for leaf in ((m,) if isinstance(m, str) else m.leaves())]
        self._from = np.array([builder._order[leaf] for leaf in leaves])
        self._until = np.array([builder._last_use.get(leaf, 0) for leaf in leaves])

    def __call__(self, place: int) -> int:
        if place >= len(self._starts):
            return 0
        here = self._starts[place]
        return int(np.count_nonzero((self._from < here) & (self._until >= here)))


def _path(name: str) -> tuple[str, ...]:
    """``/layer1/conv1/Conv`` → (layer1, conv1): the scopes of a name, without its own last part."""
    return tuple(part for part in name.split("/") if part)[:-1]


def _name(member: str | Scope) -> str:
    return member.id if isinstance(member, Scope) else member


def _first(member: str | Scope) -> str:
    return member if isinstance(member, str) else _first(member.members[0])


def _last(member: str | Scope) -> str:
    return member if isinstance(member, str) else _last(member.members[-1])


def _summary(titles: Iterable[str]) -> str:
    """``conv2d, relu ×2, add``: what a block is made of, in a few words."""
    parts = [(title, len(list(run))) for title, run in groupby(titles)]
    words = [title if count == 1 else f"{title} ×{count}" for title, count in parts]
    return ", ".join(words[:3]) + (" …" if len(words) > 3 else "")


def _place_constants(root: Scope, sketch: Sketch) -> None:
    """Each constant goes to the innermost group that holds all its users."""
    above: dict[str, tuple[Scope, ...]] = {}

    def visit(scope: Scope, chain: tuple[Scope, ...]) -> None:
        for member in scope.members:
            if isinstance(member, Scope):
                visit(member, (*chain, member))
            else:
                above[member] = chain

    visit(root, (root,))
    common: dict[str, tuple[Scope, ...]] = {}
    for source, target in sketch.edges:
        if sketch.nodes[source].family != "constant":
            continue
        chain = above.get(target, (root,))
        held = common.get(source, chain)
        shared = next((i for i, (a, b) in enumerate(zip(held, chain)) if a is not b), None)
        common[source] = held[: shared if shared is not None else min(len(held), len(chain))]
    for constant, chain in common.items():
        chain[-1].constants.append(constant)
