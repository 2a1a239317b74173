"""Tiling: cut loops, join them, change their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule

from ...schema.params import Factors, Loop, Loops, param
from .. import paths
from .base import LoopTransform, Moves


@dataclass(frozen=True)
class Split(LoopTransform):
    """Cuts one loop into a nest of two or more.

    TVM: ``split``; Halide: ``split``; MLIR: ``transform.structured.tile_using_for`` with one size. If the
    product exceeds the trip count, TVM guards the body with a predicate.

    loop: the loop to cut.
    factors: trip counts from outermost to innermost; one may be None and is then computed.

    ``for i in range(64)`` with factors [None, 8] → ``for i_0 in range(8): for i_1 in range(8)``
    """

    name: ClassVar[str] = "split"
    family: ClassVar[str] = "tiling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "split"

    loop: str = param(Loop())
    factors: tuple[int | None, ...] = param(Factors())

    def run(self, sch: Schedule, function: str) -> Moves:
        before = self.canonical(sch, function, self.loop)
        parts = sch.split(paths.loop_rv(sch, function, self.loop), list(self.factors))
        return {before: parts[-1]}


@dataclass(frozen=True)
class Fuse(LoopTransform):
    """Joins loops that are nested directly in each other into one.

    TVM: ``fuse``; Halide: ``fuse``; MLIR transform dialect: ``transform.loop.coalesce``.

    loops: from outermost to innermost.

    ``for i in range(8): for j in range(4)`` → ``for i_j_fused in range(32)``
    """

    name: ClassVar[str] = "fuse"
    family: ClassVar[str] = "tiling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "fuse"

    loops: tuple[str, ...] = param(Loops())

    def run(self, sch: Schedule, function: str) -> Moves:
        before = [self.canonical(sch, function, loop) for loop in self.loops]
        fused = sch.fuse(*(paths.loop_rv(sch, function, loop) for loop in self.loops))
        return dict.fromkeys(before, fused)


@dataclass(frozen=True)
class Reorder(LoopTransform):
    """Puts loops of one nest into the given order; loops that are not named stay where they are.

    TVM: ``reorder``; Halide: ``reorder`` (innermost first there); MLIR: ``transform.structured.interchange``.

    loops: the wanted order, outermost first.

    ``for i: for j: for k`` with [k, i] → ``for k: for j: for i``
    """

    name: ClassVar[str] = "reorder"
    family: ClassVar[str] = "tiling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "reorder"

    loops: tuple[str, ...] = param(Loops(swapped=True))

    def run(self, sch: Schedule, function: str) -> Moves:
        sch.reorder(*(paths.loop_rv(sch, function, loop) for loop in self.loops))
        return {}
