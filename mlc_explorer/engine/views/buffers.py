"""What a PrimFunc reads and writes: the roles of its buffers, for the loop tree and the graph alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tvm_ffi
from tvm.tirx import BufferStore, PrimFunc
from tvm.tirx.buffer import BufferType

from ...schema.loops import BufferInfo
from ..paths import Place, walk


def buffers(func: PrimFunc, places: tuple[Place, ...] | None = None) -> tuple[BufferInfo, ...]:
    """Parameters first (``input``, or ``output`` if the function writes it), then allocations (``local``)."""
    places = walk(func) if places is None else places
    written = written_buffers(func, places)
    params = [
        _info(p, "output" if p in written else "input", places)
        for p in func.params
        if isinstance(p.ty, BufferType)
    ]
    return (*params, *(_info(b, "local", places) for b in allocations(func, places)))


def innermost_blocks(places: Sequence[Place]) -> list[Place]:
    """The blocks that do the work: an outer block's regions are only those of the blocks in it."""
    return [p for p in places if p.kind == "block" and len(p.blocks) == 1]


def written_buffers(func: PrimFunc, places: tuple[Place, ...]) -> set[Any]:
    """The buffers that a block of `func` writes or, where it has no blocks, that a store writes."""
    blocks = [p.node for p in places if p.kind == "block"]
    if blocks:
        return {region.source for block in blocks for region in block.writes}
    found: set[Any] = set()
    tvm_ffi.structural_walk(func.body, (BufferStore, lambda store: found.add(store.buffer)))
    return found


def allocations(func: PrimFunc, places: tuple[Place, ...]) -> list[Any]:
    """The buffers that blocks (the root too) allocate, in the order of the text."""
    root = getattr(func.body, "block", None)
    blocks = [root] if root is not None and not root.iter_vars and root.name_hint == "root" else []
    blocks += [p.node for p in places if p.kind == "block"]
    return [buffer for block in blocks for buffer in block.alloc_buffers]


def shape_of(buffer: Any) -> tuple[int | str, ...]:
    """Elements per axis; a symbolic extent is its text."""
    return tuple(int(n) if hasattr(n, "value") else str(n) for n in buffer.shape)


def dtype_of(buffer: Any) -> str:
    return str(buffer.ty.dtype)


def bytes_of(elements: int, dtype: Any) -> int:
    """The size in bytes of so many elements."""
    scalar = tvm_ffi.dtype(str(dtype))
    return math.ceil(elements * scalar.bits * scalar.lanes / 8)


def _info(buffer: Any, role: str, places: tuple[Place, ...]) -> BufferInfo:
    shape = shape_of(buffer)
    is_known = all(isinstance(n, int) for n in shape)
    innermost = innermost_blocks(places)
    return BufferInfo(
        name=buffer.name,
        shape=shape,
        dtype=dtype_of(buffer),
        scope=buffer.ty.storage_scope or "global",
        bytes=bytes_of(math.prod(shape), buffer.ty.dtype) if is_known else 0,
        role=role,
        writers=tuple(p.path for p in innermost if _has(p.node.writes, buffer)),
        readers=tuple(p.path for p in innermost if _has(p.node.reads, buffer)),
    )


def _has(regions: Any, buffer: Any) -> bool:
    return any(region.source.same_as(buffer) for region in regions)
