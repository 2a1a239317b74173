"""Indices beyond a buffer that nothing guards: what a copy of a padded access would read and write.

A block that pads reads ``X[i - 1]`` only where its condition holds. A copy of that access has no condition:
TVM makes it for `read_at`, `reindex` and `reindex_cache_read` all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tvm.ir import TensorLoad
from tvm.tirx import BufferStore, IntImm

from .instances import Leaf, Region, Values, array, count


def outside(leaf: Leaf, sample: Values) -> Iterator[tuple[str, str]]:
    """(code, element) of what the block of `leaf` writes beyond a buffer, or copies from beyond one."""
    if not count(sample):
        return
    for code, regions in (("written_outside", leaf.writes), ("read_outside", leaf.reads)):
        if code == "written_outside" or is_copy(leaf.block):
            for region in regions:
                element = _first_outside(region, sample)
                if element is not None:
                    yield code, f"{region.buffer.name}[{', '.join(map(str, element))}]"


def _first_outside(region: Region, sample: Values) -> Sequence[int] | None:
    sizes = [int(n) if isinstance(n, IntImm) else None for n in region.buffer.ty.shape]
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


def is_copy(block: object) -> bool:
    """Whether it does nothing but carry elements, so that no condition stands before what it reads."""
    body = block.body  # type: ignore[attr-defined]
    while type(body).__name__ == "For":
        body = body.body
    return isinstance(body, BufferStore) and isinstance(body.value, TensorLoad)
