"""Indices beyond a buffer that nothing guards: what a copy of a padded access would read and write.

A block that pads reads ``X[i - 1]`` only where its condition holds. A copy of that access has no condition:
TVM makes it for `read_at`, `reindex` and `reindex_cache_read` all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tvm_ffi
from tvm.ir import Call, TensorLoad
from tvm.tirx import BufferStore, IfThenElse, IntImm, Select

from ..views.index_trees import is_conditional
from .instances import Leaf, Region, Values, array, count


def outside(leaf: Leaf, sample: Values) -> Iterator[tuple[str, str]]:
    """(code, element) of what the block of `leaf` writes or, without asking, reads beyond a buffer."""
    if not count(sample):
        return
    for code, regions in (("written_outside", leaf.writes), ("read_outside", leaf.reads)):
        for region in regions:
            element = _first_outside(region, sample)
            if element is not None and (code == "written_outside" or not _asks(leaf.block)):
                yield code, f"{region.buffer.name}[{', '.join(map(str, element))}]"


def _first_outside(region: Region, sample: Values) -> Sequence[int] | None:
    sizes = [int(n) if isinstance(n, IntImm) else None for n in region.buffer.ty.shape]
    if not sizes:  # a single number
        return None
    first = np.array([array(e, sample) for e in region.first]).reshape(len(sizes), -1)
    last = first + np.array([array(e, sample) for e in region.extent]).reshape(first.shape) - 1
    for axis, size in enumerate(sizes):
        if size is not None:
            below, above = first[axis] < 0, last[axis] >= size
            if below.any():
                return first[:, below.argmax()].tolist()
            if above.any():
                return last[:, above.argmax()].tolist()
    return None


def _asks(block: Any) -> bool:
    """Whether a condition stands in the block, so that it may not read all that it seems to."""
    found: list[bool] = []

    def call(expression: Call) -> None:
        if is_conditional(expression):
            found.append(True)

    conditions = ((Select, IfThenElse), lambda _: found.append(True))
    tvm_ffi.structural_walk(block.body, (conditions, (Call, call)))
    return bool(found)


def is_copy(block: Any) -> bool:
    """Whether it does nothing but carry elements from one buffer to another."""
    body = block.body
    while type(body).__name__ == "For":
        body = body.body
    return isinstance(body, BufferStore) and isinstance(body.value, TensorLoad)
