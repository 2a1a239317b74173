"""Caching: read or write a buffer through a copy of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule

from ...schema.params import Block, Buffer, Choice, param
from .. import paths
from . import buffers
from .base import LoopTransform, Moves

SCOPES = ("global", "local", "shared")


@dataclass(frozen=True)
class CacheRead(LoopTransform):
    """Copies a buffer first, and lets the block read the copy (which may then get a layout of its own).

    TVM: ``cache_read``; Halide: ``in``; MLIR: ``transform.structured.promote``.

    block: the block that reads.
    buffer: what it reads, by name or position.
    scope: where the copy lives: ``global`` memory, ``local`` registers, a GPU's ``shared`` memory.

    ``C[i] = A[i] + 1`` → ``A_global[i] = A[i]`` / ``C[i] = A_global[i] + 1``
    """

    name: ClassVar[str] = "cache_read"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "cache_read"

    block: str = param(Block())
    buffer: int | str = param(Buffer("read"))
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        sch.cache_read(block, buffers.position(sch, block, self.buffer, "read", self.block), self.scope)
        return {}


@dataclass(frozen=True)
class CacheWrite(LoopTransform):
    """Lets the block write into a copy, which a new block then carries to the buffer.

    TVM: ``cache_write``; Halide: a wrapper Func with ``compute_at``; MLIR: ``transform.structured.promote``.

    block: the block that writes.
    buffer: what it writes, by name or position.
    scope: where the copy lives: ``global`` memory, ``local`` registers, a GPU's ``shared`` memory.

    ``C[i] = A[i] + 1`` → ``C_local[i] = A[i] + 1`` / ``C[i] = C_local[i]``
    """

    name: ClassVar[str] = "cache_write"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "cache_write"

    block: str = param(Block())
    buffer: int | str = param(Buffer("write"), default=0)
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        sch.cache_write(block, buffers.position(sch, block, self.buffer, "write", self.block), self.scope)
        return {}
