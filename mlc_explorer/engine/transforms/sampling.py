"""Sampling: a choice left to chance, and kept.

In TVM a sampling instruction changes nothing by itself: it draws a number that another instruction uses. Here
a step does both, as a person means it: it draws a tiling and splits, draws a value and annotates, draws a
place and moves there. What is drawn is the parameter `decision`; a form proposes draws, and a trace that
leaves it open has a `seed`, from which TVM's own generator (the same on every machine) draws the same again.
The exported script holds TVM's sampling instruction with its decision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm import IRModule
from tvm.s_tir import Schedule

from ...errors import Refused
from ...schema.params import Block, Integer, Integers, Loop, param
from .. import paths
from . import sources
from .base import LoopTransform, Moves
from .scope import Scope, extent
from .sources import Chosen, Source
from .wording import words

MOST_SEED = (1 << 31) - 2  # of TVM's linear congruential generator
_SPREAD = 1_000_003
_DRAWN = 8  # different decisions that a form proposes
_UNROLLING = "pragma_auto_unroll_max_step"


def _drawn(draw: Callable[[Schedule, Chosen], Any]) -> Source:
    """A form's source of decisions: what `draw` makes with the seed chosen and those after it."""

    def source(scope: Scope, chosen: Chosen) -> Sequence[Any]:
        if scope.func is None:
            return []
        found: list[Any] = []
        first = int(chosen.get("seed") or 1)
        for seed in range(first, first + 4 * _DRAWN):
            sch = Schedule(IRModule({"main": scope.func}))
            _seed(sch, seed)
            try:
                decision = draw(sch, chosen)
            except Exception:  # where TVM can draw nothing there is nothing to propose
                return []
            if decision not in found:
                found.append(decision)
        return found[:_DRAWN]

    return source


def _loop(sch: Schedule, chosen: Chosen) -> Any:
    return paths.loop_rv(sch, "main", chosen["loop"])


def _perfect(sch: Schedule, chosen: Chosen) -> list[int]:
    most = chosen.get("max_innermost_factor", 16)
    return [int(sch.get(v)) for v in sch.sample_perfect_tile(_loop(sch, chosen), chosen.get("n", 2), most)]


def _partitioned(sch: Schedule, chosen: Chosen) -> list[int]:
    settings = (chosen.get("n", 3), chosen.get("partition_pos", 1), chosen.get("innerpart_factor", 1))
    return [int(sch.get(v)) for v in sch.sample_partitioned_tile(_loop(sch, chosen), *settings)]


@dataclass(frozen=True)
class SamplePerfectTile(LoopTransform):
    """Draws factors whose product is the loop's trip count, and splits the loop by them.

    TVM: ``sample_perfect_tile`` and ``split``; Halide, MLIR and Exo have none.

    loop: the loop, of constant extent.
    n: how many loops it becomes.
    max_innermost_factor: the innermost is at most so long.
    seed: what chance starts from.
    decision: the factors drawn, outermost first; without them the seed draws.

    ``for i in range(64)`` with n = 2, decision [4, 16] → ``for i_0 in range(4): for i_1 in range(16)``
    """

    name: ClassVar[str] = "sample_perfect_tile"
    family: ClassVar[str] = "sampling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "sample_perfect_tile"
    proposes: ClassVar[Mapping[str, Source]] = {"decision": _drawn(_perfect)}

    loop: str = param(Loop())
    n: int = param(Integer(2, 8), default=2)
    max_innermost_factor: int = param(Integer(1, 1024), default=16)
    seed: int = param(Integer(1, MOST_SEED), default=1)
    decision: tuple[int, ...] | None = param(Integers(1), default=None)

    def run(self, sch: Schedule, function: str) -> Moves:
        place, loop = _constant_loop(sch, function, self.loop, self.name)
        if self.decision is not None:
            _refuse_other_tiling(self.decision, self.n, place)
            if self.decision[-1] > self.max_innermost_factor:
                said = words("decision_too_long", loop=place.path, most=self.max_innermost_factor)
                raise Refused(**said, place="decision", paths=(place.path,))
        _seed(sch, self.seed)
        drawn = sch.sample_perfect_tile(loop, self.n, self.max_innermost_factor, _listed(self.decision))
        return {place.path: sch.split(loop, drawn)[-1]}


@dataclass(frozen=True)
class SamplePartitionedTile(LoopTransform):
    """Draws factors whose product is the loop's trip count, such that the inner ones together are a multiple
    of a given number, and splits the loop by them: the inner part then fits an instruction or a register.

    TVM: ``sample_partitioned_tile`` and ``split``; Halide, MLIR and Exo have none.

    loop: the loop, of constant extent.
    n: how many loops it becomes.
    partition_pos: the inner part begins at this one, from 0.
    innerpart_factor: what the product of the inner part is a multiple of.
    seed: what chance starts from.
    decision: the factors drawn, outermost first; without them the seed draws.

    ``for i in range(64)`` with n = 3, partition_pos = 1, innerpart_factor = 4, decision [8, 2, 4] →
    ``for i_0, i_1, i_2 in T.grid(8, 2, 4)``
    """

    name: ClassVar[str] = "sample_partitioned_tile"
    family: ClassVar[str] = "sampling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "sample_partitioned_tile"
    proposes: ClassVar[Mapping[str, Source]] = {"decision": _drawn(_partitioned)}

    loop: str = param(Loop())
    n: int = param(Integer(2, 8), default=3)
    partition_pos: int = param(Integer(0, 7), default=1)
    innerpart_factor: int = param(Integer(1, 1024), default=1)
    seed: int = param(Integer(1, MOST_SEED), default=1)
    decision: tuple[int, ...] | None = param(Integers(1), default=None)

    def run(self, sch: Schedule, function: str) -> Moves:
        place, loop = _constant_loop(sch, function, self.loop, self.name)
        inner = math.prod(self.decision[self.partition_pos :]) if self.decision is not None else None
        if self.decision is not None:
            _refuse_other_tiling(self.decision, self.n, place)
        uneven = (extent(place) or 0) % self.innerpart_factor
        if self.partition_pos > self.n or uneven or (inner is not None and inner % self.innerpart_factor):
            said = words(
                "inner_part", loop=place.path, factor=self.innerpart_factor, position=self.partition_pos
            )
            raise Refused(**said, place="innerpart_factor", paths=(place.path,))
        _seed(sch, self.seed)
        settings = (self.n, self.partition_pos, self.innerpart_factor)
        drawn = sch.sample_partitioned_tile(loop, *settings, _listed(self.decision))
        return {place.path: sch.split(loop, drawn)[-1]}


@dataclass(frozen=True)
class SampleCategorical(LoopTransform):
    """Draws one of several numbers, and annotates the loop with it: up to how many statements what is beneath
    is unrolled.

    TVM: ``sample_categorical`` and ``annotate`` with ``pragma_auto_unroll_max_step``, as its tuner does;
    Halide, MLIR and Exo have none.

    loop: the loop.
    candidates: the numbers to choose from.
    weights: how likely each is, in relation to the others; all alike if left out.
    seed: what chance starts from.
    decision: which candidate was drawn, by position from 0; without it the seed draws.

    ``for i in range(8)`` with [0, 16, 64], decision 1 →
    ``for i in T.serial(8, annotations={"pragma_auto_unroll_max_step": 16})``
    """

    name: ClassVar[str] = "sample_categorical"
    family: ClassVar[str] = "sampling"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "sample_categorical"
    proposes: ClassVar[Mapping[str, Source]] = {
        "loop": sources.outer_first,
        "decision": lambda scope, chosen: list(range(len(chosen.get("candidates") or (0, 16, 64)))),
    }

    loop: str = param(Loop())
    candidates: tuple[int, ...] = param(Integers(0, 1024, 2), default=(0, 16, 64))
    weights: tuple[int, ...] | None = param(Integers(1, 1_000_000, 2), default=None)
    seed: int = param(Integer(1, MOST_SEED), default=1)
    decision: int | None = param(Integer(0, 255), default=None)

    def run(self, sch: Schedule, function: str) -> Moves:
        count = len(self.candidates)
        weights = self.weights or (1,) * count
        outside = self.decision is not None and self.decision >= count
        if len(weights) != count or count > 256 or outside:
            said = words("candidates_wrong", count=count, weights=len(weights), decision=str(self.decision))
            raise Refused(**said, place="decision" if outside else "weights", paths=(self.loop,))
        loop = paths.loop_rv(sch, function, self.loop)
        _seed(sch, self.seed)
        shares = [weight / sum(weights) for weight in weights]
        sch.annotate(loop, _UNROLLING, sch.sample_categorical(list(self.candidates), shares, self.decision))
        return {}


@dataclass(frozen=True)
class SampleComputeLocation(LoopTransform):
    """Draws where a block is computed among the places that are legal (where it is, inlined, or at a loop of
    its consumers), and moves it there.

    TVM: ``sample_compute_location`` and ``compute_at``; Halide, MLIR and Exo have none.

    block: a block that others read.
    seed: what chance starts from.
    decision: what was drawn: -1 leaves it where it is, -2 inlines it, else the consumer's loop from 0,
        outermost first; without it the seed draws.

    ``for i: B[i] = …`` / ``for i: C[i] = B[i]`` with decision 0 → ``for i: B[i] = …; C[i] = B[i]``
    """

    name: ClassVar[str] = "sample_compute_location"
    family: ClassVar[str] = "sampling"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "sample_compute_location"

    block: str = param(Block())
    seed: int = param(Integer(1, MOST_SEED), default=1)
    decision: int | None = param(Integer(-2, 63), default=None)

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        _seed(sch, self.seed)
        place = sch.sample_compute_location(block, self.decision)
        kept = int(sch.trace.decisions[sch.trace.insts[-1]])
        if self.decision is not None and kept != self.decision:
            said = words("decision_not_legal", block=self.block, decision=self.decision)
            raise Refused(**said, place="decision", paths=(self.block,))
        sch.compute_at(block, place)
        return {}


def _seed(sch: Schedule, seed: int) -> None:
    """From neighbouring numbers TVM's generator draws nearly the same, so that they are spread first."""
    sch.seed(1 + seed * _SPREAD % MOST_SEED)


def _constant_loop(sch: Schedule, function: str, path: str, name: str) -> tuple[paths.Place, Any]:
    loop = paths.loop_rv(sch, function, path)
    place = paths.find(sch.mod[function], path)
    if extent(place) is None:
        raise Refused(
            **words("trip_count_unknown", loop=place.path, transform=name), place="loop", paths=(place.path,)
        )
    return place, loop


def _refuse_other_tiling(decision: Sequence[int], n: int, place: paths.Place) -> None:
    """TVM makes of factors that do not fit others that do; a person would not notice."""
    if len(decision) != n or math.prod(decision) != extent(place):
        said = words(
            "decision_no_tiling", loop=place.path, n=n, trips=str(extent(place)), product=math.prod(decision)
        )
        raise Refused(**said, place="decision", paths=(place.path,))


def _listed(decision: Sequence[int] | None) -> list[int] | None:
    return list(decision) if decision is not None else None
