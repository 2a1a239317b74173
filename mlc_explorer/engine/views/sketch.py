"""A graph before it is laid out: boxes without a place, and which tensor flows where."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ...schema.graph import Node


@dataclass
class Sketch:
    """Grows while a function is read; ids are unique, an edge between two boxes is kept once.

    `arguments` tell for a call of a graph function what each of its arguments is made of; `insides` for a
    call whose function has been drawn in (`insides.with_insides`) the calls in it.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)
    arguments: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    insides: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, node: Node, sources: Iterable[str] = ()) -> str:
        """Puts `node` in, with an edge from each of `sources`; gives its id."""
        self.nodes[node.id] = node
        for source in sources:
            if source != node.id:
                self.edges[source, node.id] = None
        return node.id

    def free_id(self, name: str, taken: Collection[str] = ()) -> str:
        """`name`, or ``name#2``, … if that is an id already."""
        number, candidate = 1, name
        while candidate in self.nodes or candidate in taken:
            number += 1
            candidate = f"{name}#{number}"
        return candidate


def shape_text(shape: Iterable[object]) -> str:
    """A shape as NumPy writes it: ``(1, 784)``, ``(200,)``."""
    extents = [str(getattr(n, "value", n)) for n in shape]
    return f"({extents[0]},)" if len(extents) == 1 else f"({', '.join(extents)})"
