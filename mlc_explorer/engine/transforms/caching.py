"""Caching: read or write a buffer through a copy of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule

from ...errors import Refused
from ...schema.params import Block, Blocks, Buffer, Choice, param
from .. import paths
from . import buffers
from .base import LoopTransform, Moves
from .wording import words

# Ordinary memory, registers, what a GPU's threads share (fixed, or sized at the launch), what a warp shares,
# and the operands of its matrix instructions. On a CPU all are memory.
SCOPES = (
    "global",
    "local",
    "shared",
    "shared.dyn",
    "warp",
    "wmma.matrix_a",
    "wmma.matrix_b",
    "wmma.accumulator",
)


@dataclass(frozen=True)
class CacheRead(LoopTransform):
    """Copies a buffer first, and lets the block read the copy (which may then get a layout of its own).

    TVM: ``cache_read``; Halide: ``in``; MLIR: ``transform.structured.promote``; Exo: ``stage_mem``.

    block: the block that reads.
    buffer: what it reads, by name or position.
    scope: where the copy lives: ``global`` memory, ``local`` registers, a GPU's ``shared`` memory, …
    consumer_blocks: the blocks that read the copy; none named: every block that reads the buffer.

    ``C[i] = A[i] + 1`` → ``A_global[i] = A[i]`` / ``C[i] = A_global[i] + 1``
    """

    name: ClassVar[str] = "cache_read"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "cache_read"

    block: str = param(Block())
    buffer: int | str = param(Buffer("read"))
    scope: str = param(Choice(SCOPES), default="global")
    consumer_blocks: tuple[str, ...] = param(Blocks(at_least=0), default=())

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "read", self.block)
        _refuse_own_result(sch, block, index, self.block)
        sch.cache_read(block, index, self.scope, _consumers(sch, function, block, index, self))
        return {}


def _refuse_own_result(sch: Schedule, block: Any, index: int, path: str) -> None:
    """Refused if the block reads the buffer only to add to it: TVM then makes a copy after the block, which
    nobody reads, and which may not compile."""
    node = sch.get(block)
    buffer = node.reads[index].source
    if any(region.source.same_as(buffer) for region in node.writes):
        raise Refused(
            **words("reads_own_result", block=path, buffer=str(buffer.name)), place="buffer", paths=(path,)
        )


@dataclass(frozen=True)
class CacheWrite(LoopTransform):
    """Lets the block write into a copy, which a new block then carries to the buffer.

    TVM: ``cache_write``; Halide: a wrapper Func with ``compute_at``; MLIR: ``transform.structured.promote``;
    Exo: ``stage_mem``.

    block: the block that writes.
    buffer: what it writes, by name or position.
    scope: where the copy lives: ``global`` memory, ``local`` registers, a GPU's ``shared`` memory, …
    consumer_blocks: the blocks that read the copy and not the buffer; none named: all read the buffer.

    ``C[i] = A[i] + 1`` → ``C_local[i] = A[i] + 1`` / ``C[i] = C_local[i]``
    """

    name: ClassVar[str] = "cache_write"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "cache_write"

    block: str = param(Block())
    buffer: int | str = param(Buffer("write"), default=0)
    scope: str = param(Choice(SCOPES), default="global")
    consumer_blocks: tuple[str, ...] = param(Blocks(at_least=0), default=())

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        sch.cache_write(block, index, self.scope, _consumers(sch, function, block, index, self))
        return {}


def _consumers(
    sch: Schedule, function: str, block: Any, index: int, step: CacheRead | CacheWrite
) -> list[Any] | None:
    """The schedule's variables for the consumers that the step names; None for none.

    Refused if one of them does not read the buffer: TVM takes it without a word and changes nothing there.
    """
    access = "read" if isinstance(step, CacheRead) else "write"
    buffer = buffers.region(sch, block, index, access)
    found = [paths.block_rv(sch, function, path) for path in step.consumer_blocks]
    for path, consumer in zip(step.consumer_blocks, found):
        if not any(region.source.same_as(buffer) for region in sch.get(consumer).reads):
            said = words("consumer_reads_not", block=path, buffer=str(buffer.name))
            raise Refused(**said, place="consumer_blocks", paths=(path,))
    return found or None
