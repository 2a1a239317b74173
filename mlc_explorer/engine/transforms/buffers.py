"""A block's buffers: finding one by name or position, and keeping what is allocated within reason.

A trace comes from anybody, so that a transform which makes a buffer as large as its parameters say must not
fill the memory of whoever runs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tvm_ffi
from tvm.s_tir import SBlock, Schedule
from tvm.tirx import IntImm, PrimFunc

from ...errors import Refused
from .wording import words

MOST_BYTES = 1 << 30  # of one buffer that a step makes: beyond it a measurement would run out of memory


def position(sch: Schedule, block: Any, buffer: int | str, access: str, path: str) -> int:
    """The position of `buffer` among the regions that the block reads (`access` ``read``) or writes.

    `path` is the block's, for the message. Raises Refused naming the buffers that there are.
    """
    names = _names(sch, block, access)
    if isinstance(buffer, int):
        if 0 <= buffer < len(names):
            return buffer
    elif buffer in names:
        return names.index(buffer)
    known = ", ".join(names) or "-"
    code = "buffer_not_read" if access == "read" else "buffer_not_written"
    raise Refused(**words(code, block=path, buffer=buffer, known=known), place="buffer", paths=(path,))


def either(sch: Schedule, block: Any, buffer: int | str, path: str) -> tuple[str, int]:
    """(``read`` or ``write``, position there) of a buffer that the block touches.

    Of a name, what the block writes comes first; a position counts first what it writes, then what it reads.
    """
    reads, writes = _names(sch, block, "read"), _names(sch, block, "write")
    if isinstance(buffer, int) and len(writes) <= buffer < len(writes) + len(reads):
        return "read", buffer - len(writes)
    if isinstance(buffer, str) and buffer in reads and buffer not in writes:
        return "read", reads.index(buffer)
    return "write", position(sch, block, buffer, "write", path)


def region(sch: Schedule, block: Any, index: int, access: str) -> Any:
    """The buffer behind a position."""
    node = sch.get(block)
    return (node.reads if access == "read" else node.writes)[index].source


def is_parameter(func: PrimFunc, buffer: Any) -> bool:
    """Whether callers know `buffer`."""
    return any(p.same_as(buffer) or p.name == buffer.name for p in func.params)


def refuse_parameter(func: PrimFunc, buffer: Any, block: str, code: str) -> None:
    """Refused if `buffer` is an input or output of `func`: what callers know can't be changed."""
    if is_parameter(func, buffer):
        raise Refused(**words(code, buffer=str(buffer.name)), place="buffer", paths=(block,))


@contextmanager
def within_memory(sch: Schedule, function: str, block: str, place: str) -> Iterator[None]:
    """Refused if what is done inside makes a buffer of over `MOST_BYTES`, or makes one such larger.

    `place` is the parameter that makes it so large, `block` the path of the block that is worked on.
    """
    known = {str(buffer.name): size(buffer) for buffer in allocated(sch.mod[function])}
    yield
    for buffer in allocated(sch.mod[function]):
        if size(buffer) > max(MOST_BYTES, known.get(str(buffer.name), 0)):
            mib = size(buffer) >> 20
            said = words("buffer_too_large", buffer=str(buffer.name), mib=mib, most=MOST_BYTES >> 20)
            raise Refused(**said, place=place, paths=(block,))


def allocated(func: PrimFunc) -> list[Any]:
    """The buffers that the blocks of `func` allocate."""
    found: list[Any] = []
    tvm_ffi.structural_walk(func.body, (SBlock, lambda block: found.extend(block.alloc_buffers)))
    return found


def size(buffer: Any) -> int:
    """The bytes of `buffer`; an extent that is a variable counts as 1."""
    extents = [int(n) if isinstance(n, IntImm) else 1 for n in buffer.ty.shape]
    return math.prod(extents) * item_bytes(buffer)


def item_bytes(buffer: Any) -> int:
    """The bytes of one element."""
    dtype = buffer.ty.dtype.dtype
    return max(1, dtype.bits * dtype.lanes // 8)


def _names(sch: Schedule, block: Any, access: str) -> list[str]:
    node = sch.get(block)
    return [str(r.source.name) for r in (node.reads if access == "read" else node.writes)]
