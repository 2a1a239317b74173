"""Where a block is computed: beside its consumer, beside its producer, or inside either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule

from ...schema.params import Block, Flag, Loop, param
from .. import paths
from .base import LoopTransform, Moves


@dataclass(frozen=True)
class ComputeAt(LoopTransform):
    """Moves a producer under a loop of its consumer, which then computes just what an iteration needs.

    TVM: ``compute_at``; Halide: ``compute_at``; MLIR: ``transform.structured.fuse_into_containing_op``.

    block: the producer.
    loop: a loop around its consumers.
    preserve_unit_loops: keep loops of one iteration.

    ``for i: B[i] = …`` / ``for i: C[i] = B[i]`` → ``for i: B[i] = …; C[i] = B[i]``
    """

    name: ClassVar[str] = "compute_at"
    family: ClassVar[str] = "compute"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "compute_at"

    block: str = param(Block())
    loop: str = param(Loop())
    preserve_unit_loops: bool = param(Flag(), default=False)

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        sch.compute_at(block, loop, preserve_unit_loops=self.preserve_unit_loops)
        return {}


@dataclass(frozen=True)
class ReverseComputeAt(LoopTransform):
    """Moves a consumer under a loop of its producer, so that it uses a result while it is still in the cache.

    TVM: ``reverse_compute_at``; Halide: ``compute_with`` is near; MLIR: ``fuse_sibling`` is near.

    block: the consumer.
    loop: a loop around its producers.
    preserve_unit_loops: keep loops of one iteration.

    ``for i: B[i] = …`` / ``for i: C[i] = B[i]`` → ``for i: B[i] = …; C[i] = B[i]``
    """

    name: ClassVar[str] = "reverse_compute_at"
    family: ClassVar[str] = "compute"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reverse_compute_at"

    block: str = param(Block())
    loop: str = param(Loop())
    preserve_unit_loops: bool = param(Flag(), default=False)

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        sch.reverse_compute_at(block, loop, preserve_unit_loops=self.preserve_unit_loops)
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
