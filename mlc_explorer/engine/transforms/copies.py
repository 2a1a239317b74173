"""Copies that are made where they are used: at a loop, around a block that works in place, of its indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import PrimFunc
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from ...schema.params import Block, Buffer, Choice, Integer, Loop, param
from .. import paths
from . import buffers, sources
from .base import LoopTransform, Moves
from .caching import SCOPES
from .sources import Source
from .wording import words


@dataclass(frozen=True)
class ReadAt(LoopTransform):
    """Copies what a block reads in one iteration of a loop, at the start of that iteration, as one block.

    TVM: ``read_at`` (cache_read and compute_at in one); Halide: ``in().compute_at``; MLIR:
    ``transform.structured.promote``; Exo: ``stage_mem``.

    block: the block that reads.
    buffer: what it reads, by name or position.
    loop: a loop around it; each iteration copies what it needs.
    scope: where the copy lives.

    ``for i: for j: C[i, j] = A[i, j]`` at i →
    ``for i: A_local[i, 0:8] = A[i, 0:8]; for j: C[i, j] = A_local[i, j]``
    """

    name: ClassVar[str] = "read_at"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "read_at"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.outer_first}

    block: str = param(Block())
    buffer: int | str = param(Buffer("read"))
    loop: str = param(Loop())
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        index = buffers.position(sch, block, self.buffer, "read", self.block)
        _refuse_loop_elsewhere(sch, function, self.block, self.loop, self.name)
        sch.read_at(loop, block, index, self.scope)
        return {}


@dataclass(frozen=True)
class WriteAt(LoopTransform):
    """Lets a block write into a copy, and carries what an iteration of a loop wrote to the buffer at its end.

    TVM: ``write_at`` (cache_write and reverse_compute_at in one); Halide: a wrapper Func with
    ``compute_at``; MLIR: ``transform.structured.promote``; Exo: ``stage_mem``.

    block: the block that writes.
    loop: a loop around it, outside of its reduction loops.
    buffer: what it writes, by name or position.
    scope: where the copy lives.

    ``for i: for j: C[i, j] = A[i, j]`` at i →
    ``for i: for j: C_local[i, j] = A[i, j]; C[i, 0:8] = C_local[i, 0:8]``
    """

    name: ClassVar[str] = "write_at"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "write_at"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.outer_first}

    block: str = param(Block())
    loop: str = param(Loop())
    buffer: int | str = param(Buffer("write"), default=0)
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        _refuse_loop_elsewhere(sch, function, self.block, self.loop, self.name)
        self._refuse_unread(sch.mod[function], buffers.region(sch, block, index, "write"))
        sch.write_at(loop, block, index, self.scope)
        return {}

    def _refuse_unread(self, func: PrimFunc, buffer: Any) -> None:
        """Refused if the buffer is read beneath the loop only: those readers take the copy, so that what is
        carried out of the loop is for nobody, and TVM then does not compile it."""
        if buffers.is_parameter(func, buffer):
            return
        loop = paths.find(func, self.loop)
        readers = [
            place.path
            for place in paths.walk(func)
            if place.kind == "block" and any(r.source.same_as(buffer) for r in place.node.reads)
        ]
        if all(path in loop.blocks for path in readers):
            said = words("carried_for_nobody", loop=loop.path, buffer=str(buffer.name))
            raise Refused(**said, place="loop", paths=(loop.path, *readers))


@dataclass(frozen=True)
class CacheInplace(LoopTransform):
    """Copies a buffer that a block both reads and writes, lets it work on the copy, and copies it back.

    TVM: ``cache_inplace``; Halide has none (its functions never overwrite); MLIR:
    ``transform.structured.promote``; Exo: ``stage_mem``.

    block: a block that reads and writes the buffer over one fixed region, such as one made by blockize at its
        outermost loop. Where the region depends on the block's axes, TVM leaves the axes unbound.
    buffer: by name or position among those that it reads.
    scope: where the copy lives.

    ``A[0:8] = f(A[0:8])`` → ``A_local[0:8] = A[0:8]`` / ``A_local = f(A_local)`` / ``A[0:8] = A_local[0:8]``
    """

    name: ClassVar[str] = "cache_inplace"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "cache_inplace"

    block: str = param(Block())
    buffer: int | str = param(Buffer("read"))
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "read", self.block)
        self._refuse_what_varies(sch.get(block), index)
        sch.cache_inplace(block, index, self.scope)
        return {}

    def _refuse_what_varies(self, block: Any, index: int) -> None:
        buffer = block.reads[index].source
        if not any(region.source.same_as(buffer) for region in block.writes):
            said = words("not_in_place", block=self.block, buffer=str(buffer.name))
            raise Refused(**said, place="buffer", paths=(self.block,))
        axes = {axis.var for axis in block.iter_vars}
        regions = [r for r in (*block.reads, *block.writes) if r.source.same_as(buffer)]
        if any(axes & set(undefined_vars(one.min)) for region in regions for one in region.region):
            said = words("inplace_varies", block=self.block, buffer=str(buffer.name))
            raise Refused(**said, place="block", paths=(self.block,))


@dataclass(frozen=True)
class CacheIndex(LoopTransform):
    """Computes the indices of a block once, into buffers of whole numbers that the block then looks up.

    TVM: ``cache_index``; Halide and MLIR have none. Worth it where an index is expensive (a resize, a
    division), a loss where it is a sum.

    block: a block whose accesses are more than its plain axes.
    scope: where the indices live.
    cse_thresh: an expression must occur so often to be computed ahead; 0: every one is.

    ``B[i] = A[i // 3]`` → ``index_var_0[i] = i // 3`` / ``B[i] = A[index_var_0[i]]``
    """

    name: ClassVar[str] = "cache_index"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "cache_index"

    block: str = param(Block())
    scope: str = param(Choice(SCOPES), default="global")
    cse_thresh: int = param(Integer(0, 999), default=0)

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        with buffers.within_memory(sch, function, self.block, "block"):
            sch.cache_index(block, self.scope, self.cse_thresh)
        return {}


def _refuse_loop_elsewhere(sch: Schedule, function: str, block: str, loop: str, transform: str) -> None:
    """Refused if `loop` does not stand around `block`: TVM fails in a check without a word."""
    func = sch.mod[function]
    inner, outer = paths.find(func, block), paths.find(func, loop)
    if inner.path not in outer.blocks:
        said = words("loop_not_around", transform=transform, where=f"{outer.path}, {inner.path}")
        raise Refused(**said, place="loop", paths=(outer.path, inner.path))
