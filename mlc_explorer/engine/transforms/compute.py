"""Where a block is computed: beside its consumer, beside its producer, or inside either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.params import Block, Flag, Integer, Loop, param
from .. import paths
from . import sources
from .base import LoopTransform, Moves
from .sources import Source
from .wording import words

MOST_STATEMENTS = 999  # positions in a loop's body that a form offers to choose from


@dataclass(frozen=True)
class ComputeAt(LoopTransform):
    """Moves a producer under a loop of its consumer, which then computes just what an iteration needs.

    TVM: ``compute_at``; Halide: ``compute_at``; MLIR: ``transform.structured.fuse_into_containing_op``.

    block: the producer.
    loop: a loop around its consumers.
    preserve_unit_loops: keep loops of one iteration.
    index: where in the loop's body: -1 as late as possible, -2 as early as possible, else the position.

    ``for i: B[i] = …`` / ``for i: C[i] = B[i]`` → ``for i: B[i] = …; C[i] = B[i]``
    """

    name: ClassVar[str] = "compute_at"
    family: ClassVar[str] = "compute"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "compute_at"
    proposes: ClassVar[Mapping[str, Source]] = {
        "block": sources.producers_to_move,
        "loop": sources.loops_of_consumers,
    }

    block: str = param(Block())
    loop: str = param(Loop())
    preserve_unit_loops: bool = param(Flag(), default=False)
    index: int = param(Integer(-2, MOST_STATEMENTS), default=-1)

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        sch.compute_at(block, loop, self.preserve_unit_loops, self.index)
        return {}


@dataclass(frozen=True)
class ReverseComputeAt(LoopTransform):
    """Moves a consumer under a loop of its producer, so that it uses a result while it is still in the cache.

    TVM: ``reverse_compute_at``; Halide: ``compute_with`` is near; MLIR: ``fuse_sibling`` is near.

    block: the consumer.
    loop: a loop around its producers.
    preserve_unit_loops: keep loops of one iteration.
    index: where in the loop's body: -1 as late as possible, -2 as early as possible, else the position.

    ``for i: B[i] = …`` / ``for i: C[i] = B[i]`` → ``for i: B[i] = …; C[i] = B[i]``
    """

    name: ClassVar[str] = "reverse_compute_at"
    family: ClassVar[str] = "compute"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reverse_compute_at"
    proposes: ClassVar[Mapping[str, Source]] = {
        "block": sources.consumers_to_move,
        "loop": sources.loops_of_producers,
    }

    block: str = param(Block())
    loop: str = param(Loop())
    preserve_unit_loops: bool = param(Flag(), default=False)
    index: int = param(Integer(-2, MOST_STATEMENTS), default=-1)

    def run(self, sch: Schedule, function: str) -> Moves:
        _refuse_stranger(sch.mod[function], self.block, self.loop)
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        sch.reverse_compute_at(block, loop, self.preserve_unit_loops, self.index)
        return {}


@dataclass(frozen=True)
class ComputeInline(LoopTransform):
    """Writes a producer's expression into its consumers; its buffer is gone.

    TVM: ``compute_inline``; Halide: ``compute_inline`` (the default there); MLIR: elementwise fusion.

    block: the producer, an elementwise block that is no output.

    ``B[i] = A[i] + 1; C[i] = B[i] * 2`` → ``C[i] = (A[i] + 1) * 2``
    """

    name: ClassVar[str] = "compute_inline"
    family: ClassVar[str] = "compute"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "compute_inline"

    block: str = param(Block())

    def run(self, sch: Schedule, function: str) -> Moves:
        sch.compute_inline(paths.block_rv(sch, function, self.block))
        return {}


@dataclass(frozen=True)
class ReverseComputeInline(LoopTransform):
    """Writes a consumer's expression into its only producer.

    TVM: ``reverse_compute_inline``; Halide has none; MLIR: elementwise fusion of the consumer.

    block: the consumer, an elementwise block with one producer.

    ``B[i] = A[i] + 1; C[i] = B[i] * 2`` → ``C[i] = (A[i] + 1) * 2`` (the block that is left is the producer)
    """

    name: ClassVar[str] = "reverse_compute_inline"
    family: ClassVar[str] = "compute"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reverse_compute_inline"

    block: str = param(Block())

    def run(self, sch: Schedule, function: str) -> Moves:
        sch.reverse_compute_inline(paths.block_rv(sch, function, self.block))
        return {}


def _refuse_stranger(func: PrimFunc, block: str, loop: str) -> None:
    """Refused if `block` reads nothing that is computed under `loop`.

    TVM asks only that all producers of the block stand there, and so takes a block that has none: each
    iteration would then do all its work again. That is right but never wanted, so it is refused and not
    warned of.
    """
    moving, around = paths.find(func, block), paths.find(func, loop)
    if moving.kind != "block" or around.kind != "loop":
        return  # block_rv and loop_rv say what is wrong
    beneath = [p.node for p in paths.walk(func) if p.kind == "block" and p.path in around.blocks]
    read = {region.source for region in moving.node.reads}
    if not any(region.source in read for one in beneath for region in one.writes):
        said = words("no_producer_there", path=moving.path, other=around.path, what="-")
        raise Refused(**said, place="loop", paths=(moving.path, around.path))
