"""Nests: a loop cut into ranges that follow each other, loops that become one, a loop of one iteration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.s_tir.schedule import Trace

from ...errors import Refused
from ...schema.params import Factors, Loop, Loops, Place, param
from .. import paths
from . import sources
from .accesses import say_accesses
from .base import LoopTransform, Moves
from .scope import Scope, extent
from .sources import Chosen, Source
from .wording import words

MOST_BLOCKS = 256  # blocks of a function: each partition copies those beneath its loop


def _ranges(scope: Scope, chosen: Chosen) -> Sequence[list[int | None]]:
    """The first or the last iteration apart, both, or halves."""
    loop = scope.at(chosen.get("loop"))
    trips = extent(loop) if loop is not None else None
    ways: list[list[int | None]] = [[1, None], [None, 1], [1, None, 1]]
    if trips is None:
        return ways
    ways.append([trips // 2, None])
    return [way for way in ways if sum(n or 1 for n in way) <= trips and 0 not in way]


def _side_by_side(scope: Scope, chosen: Chosen) -> Sequence[list[str]]:
    """The selected loop with each later or earlier one at the same depth that runs as often."""
    found = []
    for loop in [scope.loop] if scope.loop is not None else scope.loops:
        for other in scope.loops:
            alike = other.depth == loop.depth and extent(other) == extent(loop)
            if alike and other is not loop and not set(loop.blocks) & set(other.blocks):
                pair = sorted((loop, other), key=scope.places.index)
                found.append([place.path for place in pair])
    return list(map(list, dict.fromkeys(map(tuple, found))))


@dataclass(frozen=True)
class LoopPartition(LoopTransform):
    """Cuts a loop's range into pieces that run one after the other, each with a loop and blocks of its own,
    so that the first or last iterations can be scheduled, or spared a condition, apart from the rest.

    TVM: ``loop_partition``; Halide: ``partition``; MLIR: ``transform.loop.peel``; Exo: ``cut_loop``.

    loop: a spatial loop of constant extent with one block beneath it (TVM would begin a sum anew in each
        piece of a reduction).
    factors: how many iterations each piece has, in order; one may be None and gets the rest.

    ``for i in range(64)`` with [2, None] → ``for i0 in range(2)`` / ``for i1 in range(2, 64)``
    """

    name: ClassVar[str] = "loop_partition"
    family: ClassVar[str] = "tiling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "loop_partition"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.spatial_outer_first, "factors": _ranges}

    loop: str = param(Loop())
    factors: tuple[int | None, ...] = param(Factors())

    def run(self, sch: Schedule, function: str) -> Moves:
        places = paths.walk(sch.mod[function])
        place = paths.find(sch.mod[function], self.loop)
        self._refuse_several(place)
        self._refuse_many(places, place)
        beneath = paths.beneath(places, place)
        pieces = sch.loop_partition(paths.loop_rv(sch, function, self.loop), list(self.factors))
        say_accesses(sch, pieces[0])
        largest = max(map(sch.get, pieces), key=lambda loop: getattr(loop.extent, "value", 0))
        now = paths.walk(sch.mod[function])
        copies = paths.beneath(now, next(p for p in now if p.node.same_as(largest)))
        return {was.path: copy.node for was, copy in zip(beneath, copies)}

    def source(self, trace: Trace) -> list[str]:
        """What TVM does, and then `say_accesses`, whose text it carries."""
        lines = super().source(trace)
        pieces = lines[-1].partition(" = ")[0].split(", ")
        needs = ["from typing import Any", inspect.getsource(say_accesses)]
        return [*needs, *lines, f"say_accesses(sch, {pieces[0]})"]

    def _refuse_several(self, place: paths.Place) -> None:
        """TVM 0.27 crashes (SIGSEGV) on a loop with several blocks beneath it."""
        if len(place.blocks) > 1:
            said = words("several_blocks", transform=self.name, where=place.path, reason="-")
            raise Refused(**said, place="loop", paths=(place.path,))

    def _refuse_many(self, places: tuple[paths.Place, ...], place: paths.Place) -> None:
        count = sum(p.kind == "block" for p in places) + len(place.blocks) * len(self.factors)
        if count > MOST_BLOCKS:
            said = words("too_many_blocks", loop=place.path, count=count, most=MOST_BLOCKS)
            raise Refused(**said, place="factors", paths=(place.path,))


@dataclass(frozen=True)
class Merge(LoopTransform):
    """Makes one loop of loops that run one after the other equally often: what they held now runs side by
    side in each iteration, so that a result is used while it is still in the cache.

    TVM: ``merge``; Halide: ``compute_with``; MLIR: ``transform.loop.fuse_sibling``; Exo: ``fuse``.

    loops: loops at the same depth of different nests, in the order of the text. The loops around them are
        merged as well.

    ``for i: B[i] = …`` / ``for i: C[i] = …`` → ``for i_m: B[i_m] = …; C[i_m] = …``
    """

    name: ClassVar[str] = "merge"
    family: ClassVar[str] = "tiling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "merge"
    proposes: ClassVar[Mapping[str, Source]] = {"loops": _side_by_side}

    loops: tuple[str, ...] = param(Loops())

    def run(self, sch: Schedule, function: str) -> Moves:
        func = sch.mod[function]
        places = paths.walk(func)
        self._refuse_same([self.canonical(sch, function, loop) for loop in self.loops])
        lines = [_loops_around(places, paths.find(func, loop)) for loop in self.loops]
        merged = sch.merge(*(paths.loop_rv(sch, function, loop) for loop in self.loops))
        now = paths.walk(sch.mod[function])
        line = _loops_around(now, next(p for p in now if p.node.same_as(sch.get(merged))))
        moves: dict[str, Any] = {}
        for own in lines:  # outer loops that the nests had in common already keep their place
            changed = [(was, new) for was, new in zip(own[::-1], line[::-1]) if was.path != new.path]
            moves.update((was.path, new.node) for was, new in changed)
        return moves

    def _refuse_same(self, loops: list[str]) -> None:
        """TVM crashes over a loop that is to be merged with itself."""
        twice = [loop for loop in dict.fromkeys(loops) if loops.count(loop) > 1]
        if twice:
            said = words("loop_twice", transform=self.name, where=", ".join(twice))
            raise Refused(**said, place="loops", paths=tuple(twice))


def _loops_around(places: tuple[paths.Place, ...], place: paths.Place) -> list[paths.Place]:
    """The loops outside of `place` and itself, outermost first."""
    found = [place]
    parent = place.parent
    while parent is not None:
        if places[parent].kind == "loop":
            found.append(places[parent])
        parent = places[parent].parent
    return found[::-1]


@dataclass(frozen=True)
class AddUnitLoop(LoopTransform):
    """Puts a loop of one iteration around a loop or a block: a place for what wants a loop, such as a thread
    index or a block to be computed there.

    TVM: ``add_unit_loop``; Halide and MLIR have none; Exo: ``add_loop`` with one iteration.

    place: the loop or block that it is put around.

    ``for i in range(8)`` → ``for u in range(1): for i in range(8)``
    """

    name: ClassVar[str] = "add_unit_loop"
    family: ClassVar[str] = "tiling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "add_unit_loop"

    place: str = param(Place())

    def run(self, sch: Schedule, function: str) -> Moves:
        place = paths.find(sch.mod[function], self.place)
        find = paths.loop_rv if place.kind == "loop" else paths.block_rv
        sch.add_unit_loop(find(sch, function, self.place))
        return {}
