"""What a form may refer to: the function, what is selected in it, and what stands around that.

Proposals (`sources`) are drawn from a scope, so that a transform declares from where its parameters come and
not how a tree is walked. A scope looks and never changes anything; it costs a walk and is kept for as long as
its function and selection are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvm import IRModule
from tvm.tirx import ForKind, IntImm, IterVar, PrimFunc
from tvm.tirx.analysis import undefined_vars

from .. import paths
from ..paths import Place

SPATIAL, REDUCTION, MIXED = "spatial", "reduction", "mixed"
_AXES = {int(IterVar.DataPar): SPATIAL, int(IterVar.CommReduce): REDUCTION}


@dataclass(frozen=True, eq=False)
class Scope:
    """`path` is a loop or block of `func`, or None. One that does not exist raises Refused. For a graph pass
    there is no `func`, and no places; `mod` is the whole model."""

    mod: IRModule
    func: PrimFunc | None = None
    path: str | None = None

    @functools.cached_property
    def places(self) -> tuple[Place, ...]:
        return paths.walk(self.func) if self.func is not None else ()

    @functools.cached_property
    def selected(self) -> Place | None:
        return paths.find(self.func, self.path) if self.func is not None and self.path else None

    @functools.cached_property
    def block(self) -> Place | None:
        """The selected block; else the one with most iterations beneath the selected loop, or of all."""
        if self.selected is not None and self.selected.kind == "block":
            return self.selected
        beneath = self.blocks_in(self.selected) if self.selected is not None else self.leaves
        return max(beneath, key=self.iterations, default=None)

    @functools.cached_property
    def loop(self) -> Place | None:
        """The selected loop, if it is one that can be scheduled."""
        chosen = self.selected
        return chosen if chosen is not None and chosen.kind == "loop" and chosen.blocks else None

    @functools.cached_property
    def blocks(self) -> tuple[Place, ...]:
        return tuple(p for p in self.places if p.kind == "block")

    @functools.cached_property
    def leaves(self) -> tuple[Place, ...]:
        """The blocks that enclose no other."""
        return tuple(p for p in self.blocks if len(p.blocks) == 1)

    @functools.cached_property
    def loops(self) -> tuple[Place, ...]:
        return tuple(p for p in self.places if p.kind == "loop" and p.blocks)

    @functools.cached_property
    def outputs(self) -> frozenset[Any]:
        """Parameters of the function."""
        return frozenset(self.func.params) if self.func is not None else frozenset()

    def at(self, path: str | None) -> Place | None:
        """The place of that path, or None."""
        return self._by_path.get(path or "")

    def blocks_in(self, place: Place) -> tuple[Place, ...]:
        """The leaf blocks at or beneath a place."""
        return tuple(leaf for leaf in self.leaves if leaf.path in place.blocks)

    def nest(self, place: Place | None) -> tuple[Place, ...]:
        """The loops around a place, outermost first; a loop is the last of its own nest."""
        if place is None:
            return ()
        found = [place] if place.kind == "loop" else []
        found += [p for p in self.around(place) if p.kind == "loop"]
        return tuple(reversed(found))

    def around(self, place: Place) -> Iterator[Place]:
        """What encloses a place, innermost first."""
        parent = place.parent
        while parent is not None:
            yield self.places[parent]
            parent = self.places[parent].parent

    def only_child(self, loop: Place) -> Place | None:
        """The loop that stands directly and alone in `loop`."""
        return next((p for p in self.loops if p.node.same_as(loop.node.body)), None)

    def axis(self, loop: Place) -> str:
        """``spatial``, ``reduction`` or ``mixed``, by the block axes that a loop feeds; empty if none."""
        kinds = self._axes.get(loop.path, set())
        return MIXED if len(kinds) > 1 else next(iter(kinds), "")

    def iterations(self, place: Place) -> int:
        """How often a place runs in one call; a symbolic trip count counts as one."""
        return math.prod(extent(loop) or 1 for loop in self.nest(place))

    def consumers(self, block: Place) -> tuple[Place, ...]:
        """The leaf blocks that read what `block` writes."""
        written = {region.source for region in block.node.writes}
        return tuple(p for p in self.leaves if p is not block and _touches(p.node.reads, written))

    def producers(self, block: Place) -> tuple[Place, ...]:
        """The leaf blocks that write what `block` reads."""
        read = {region.source for region in block.node.reads}
        return tuple(p for p in self.leaves if p is not block and _touches(p.node.writes, read))

    def regions(self, block: Place, access: str) -> tuple[Any, ...]:
        """What `block` reads or writes (`access` ``read`` or ``write``), by position."""
        return tuple(block.node.reads if access == "read" else block.node.writes)

    @functools.cached_property
    def _by_path(self) -> dict[str, Place]:
        return {p.path: p for p in self.places}

    @functools.cached_property
    def _axes(self) -> dict[str, set[str]]:
        loop_of = {p.node.loop_var: p.path for p in self.places if p.kind == "loop"}
        kinds: dict[str, set[str]] = {}
        for block in self.blocks:
            for axis, value in zip(block.node.iter_vars, block.realize.iter_values):
                for var in undefined_vars(value):
                    if var in loop_of:
                        kind = _AXES.get(int(axis.iter_type), MIXED)
                        kinds.setdefault(loop_of[var], set()).add(kind)
        return kinds


def extent(loop: Place) -> int | None:
    """The trip count; None if it is a variable."""
    value = loop.node.extent
    return int(value) if isinstance(value, IntImm) else None


def is_serial(loop: Place) -> bool:
    """Whether nothing is said yet of how the loop runs."""
    return int(loop.node.kind) == int(ForKind.SERIAL) and loop.node.thread_binding is None


def _touches(regions: Any, buffers: set[Any]) -> bool:
    return any(region.source in buffers for region in regions)
