"""Finding a block's buffer by name or position, for every transform that takes one."""

from __future__ import annotations

from typing import Any

from tvm.s_tir import Schedule

from ...errors import Refused
from .wording import words


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


def role(sch: Schedule, block: Any, buffer: int | str) -> str:
    """``write`` if a buffer of this name is written (a position means a written one), else ``read``."""
    named = isinstance(buffer, str) and buffer not in _names(sch, block, "write")
    return "read" if named and buffer in _names(sch, block, "read") else "write"


def region(sch: Schedule, block: Any, index: int, access: str) -> Any:
    """The buffer behind a position."""
    node = sch.get(block)
    return (node.reads if access == "read" else node.writes)[index].source


def _names(sch: Schedule, block: Any, access: str) -> list[str]:
    node = sch.get(block)
    return [str(r.source.name) for r in (node.reads if access == "read" else node.writes)]
