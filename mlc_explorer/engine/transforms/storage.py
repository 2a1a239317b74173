"""Where and how an intermediate buffer is kept: its memory, its rows' distance, its type, how much of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import IntImm

from ...errors import Refused
from ...schema.params import Block, Buffer, Choice, Integer, param
from .. import paths
from . import buffers
from .base import LoopTransform, Moves
from .caching import SCOPES
from .scope import Scope
from .sources import Chosen, Source
from .wording import words

MOST_FACTOR = 4096  # elements between two rows' starts: a page of float32 and more
DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64")


def _row_axes(scope: Scope, chosen: Chosen) -> Sequence[int]:
    """The axis before the last first: its stride is the length of a row."""
    block = scope.at(chosen.get("block")) or scope.block
    written = scope.regions(block, "write") if block is not None else ()
    rank = len(written[0].source.ty.shape) if written else 1
    return sorted(range(rank), key=lambda axis: (axis != max(0, rank - 2), -axis))


def _row_factors(scope: Scope, chosen: Chosen) -> Sequence[int]:
    """A cache line of float32, a vector register, a GPU's 32 banks."""
    return (16, 8, 32, 64)


@dataclass(frozen=True)
class StorageAlign(LoopTransform):
    """Puts the rows of an intermediate buffer further apart, so that each starts aligned, or so that equal
    columns do not meet in one cache set or memory bank.

    TVM: ``storage_align``; Halide: ``align_storage``; MLIR: ``nvgpu.optimize_shared_memory`` is near; Exo has
    none.

    block: the block that writes the buffer.
    axis: the axis whose stride (in elements) is set; negative ones count from the end.
    factor: the stride becomes the next multiple of it …
    offset: … plus this. 1 avoids bank conflicts.
    buffer: what the block writes, by name or position.

    strides ``[24, 1]`` with axis 0, factor 32, offset 1 → ``[33, 1]``
    """

    name: ClassVar[str] = "storage_align"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "storage_align"
    proposes: ClassVar[Mapping[str, Source]] = {"axis": _row_axes, "factor": _row_factors}

    block: str = param(Block())
    axis: int = param(Integer(-16, 15))
    factor: int = param(Integer(1, MOST_FACTOR))
    offset: int = param(Integer(0, MOST_FACTOR), default=0)
    buffer: int | str = param(Buffer("write"), default=0)

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        buffer = buffers.region(sch, block, index, "write")
        buffers.refuse_parameter(sch.mod[function], buffer, self.block, "storage_of_parameter")
        rank = len(buffer.ty.shape)
        if not -rank <= self.axis < rank:
            said = words("axis_range", buffer=str(buffer.name), axes=rank, axis=self.axis)
            raise Refused(**said, place="axis", paths=(self.block,))
        self._refuse_huge(buffer, self.axis % rank)
        sch.storage_align(block, index, self.axis, self.factor, self.offset)
        return {}

    def _refuse_huge(self, buffer: Any, axis: int) -> None:
        extents = [int(n) if isinstance(n, IntImm) else 1 for n in buffer.ty.shape]
        row = math.prod(extents[axis + 1 :])
        stride = -(-row // self.factor) * self.factor + self.offset
        size = math.prod(extents[: axis + 1]) * stride * buffers.item_bytes(buffer)
        if size > max(buffers.MOST_BYTES, buffers.size(buffer)):
            said = words(
                "buffer_too_large", buffer=str(buffer.name), mib=size >> 20, most=buffers.MOST_BYTES >> 20
            )
            raise Refused(**said, place="factor", paths=(self.block,))


@dataclass(frozen=True)
class SetScope(LoopTransform):
    """Moves an intermediate buffer into another memory: a GPU's shared memory, registers, …

    TVM: ``set_scope``; Halide: ``store_in``; MLIR: ``memref.cast`` of a memory space; Exo: ``set_memory``.

    block: the block that writes the buffer.
    scope: the memory.
    buffer: what the block writes, by name or position.

    ``B = T.sblock_alloc_buffer((8,))`` → ``B_local = T.sblock_alloc_buffer((8,), scope="local")``
    """

    name: ClassVar[str] = "set_scope"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "set_scope"

    block: str = param(Block())
    scope: str = param(Choice(SCOPES))
    buffer: int | str = param(Buffer("write"), default=0)

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        buffer = buffers.region(sch, block, index, "write")
        buffers.refuse_parameter(sch.mod[function], buffer, self.block, "storage_of_parameter")
        sch.set_scope(block, index, self.scope)
        return {}


@dataclass(frozen=True)
class UnsafeSetDtype(LoopTransform):
    """Keeps an intermediate buffer in another type: values are converted when they are written and back when
    they are read. Unsafe: a narrower type rounds or overflows; measure, and look at the error.

    TVM: ``unsafe_set_dtype``; Halide has none; MLIR: ``arith.truncf`` by hand; Exo: ``set_precision``.

    block: the block that writes the buffer.
    dtype: the type, e.g. ``float16``.
    buffer: what the block writes, by name or position.

    ``B[i] = A[i] + 1`` → ``B[i] = T.Cast("float16", A[i] + 1)``, and ``B[i]`` is read as
    ``T.Cast("float32", B[i])``
    """

    name: ClassVar[str] = "unsafe_set_dtype"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "unsafe_set_dtype"

    block: str = param(Block())
    dtype: str = param(Choice(DTYPES))
    buffer: int | str = param(Buffer("write"), default=0)

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        buffer = buffers.region(sch, block, index, "write")
        buffers.refuse_parameter(sch.mod[function], buffer, self.block, "storage_of_parameter")
        sch.unsafe_set_dtype(block, index, self.dtype)
        return {}


@dataclass(frozen=True)
class RollingBuffer(LoopTransform):
    """Keeps of an intermediate buffer only the rows that are still needed, in a ring: each iteration computes
    the new rows and reuses those that the iteration before left there.

    TVM: ``rolling_buffer``; Halide: ``store_at`` outside of ``compute_at`` (sliding window and storage
    folding); MLIR has none.

    block: a producer that compute_at has put beneath a loop of a consumer which reads overlapping windows,
        such as a convolution's padding. The loop must stay serial.
    buffer: what the block writes, by name or position.

    ``for h: P[h:h + 3] = …; Y[h] = P[h] + P[h + 1] + P[h + 2]`` →
    ``for h: P[h % 3 …] = …  # only the new row``
    """

    name: ClassVar[str] = "rolling_buffer"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "rolling_buffer"

    block: str = param(Block())
    buffer: int | str = param(Buffer("write"), default=0)

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        buffer = buffers.region(sch, block, index, "write")
        buffers.refuse_parameter(sch.mod[function], buffer, self.block, "storage_of_parameter")
        sch.rolling_buffer(block, index)
        return {}
