"""The product with a constant matrix whose columns lie in panels, as a tensor expression.

A panel holds `lanes` columns: W (K, N) becomes (N / lanes, K, lanes), so that the loop over k reads a panel
from front to back and each row of it is a whole number of vectors. Where `lanes` does not divide N, the last
panel is filled up with columns of zeros, which ``unpack`` leaves out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tvm import te, tirx


def matmul_packed(data: te.Tensor, panels: te.Tensor, columns: int) -> te.Tensor:
    """(…, K) with (panels, K, lanes) → (…, columns).

    Blocks: ``matmul_packed`` (m, n_outer, n_inner; k), where m counts all rows of `data`, then ``unpack``,
    with the axes of the result.
    """
    *leading, depth = data.shape
    rows = [int(extent) for extent in leading]
    count, lanes = panels.shape[0], panels.shape[2]
    k = te.reduce_axis((0, depth), "k")

    def product(m, n_outer, n_inner):  # type: ignore[no-untyped-def]
        return te.sum(data[(*_unflattened(m, rows), k)] * panels[n_outer, k, n_inner], axis=[k])

    def unpacked(*index: tirx.Var) -> Any:
        *row, n = index
        return packed[_flattened(row, rows), n // lanes, n % lanes]

    packed = te.compute((tirx.IntImm("int64", product_of(rows)), count, lanes), product, name="matmul_packed")
    return te.compute((*rows, columns), unpacked, name="unpack")


def _unflattened(m: Any, extents: Sequence[int]) -> list[Any]:
    """The index of row `m` of a tensor whose leading axes have these extents."""
    index, left = [], product_of(extents)
    for extent in extents:
        below = left // extent
        row = m if left == product_of(extents) else m % left
        index.append(tirx.IntImm("int64", 0) if extent == 1 else row if below == 1 else row // below)
        left = below
    return index


def _flattened(index: Sequence[Any], extents: Sequence[int]) -> Any:
    """The row of that index."""
    row: Any = tirx.IntImm("int64", 0)
    for axis, extent in enumerate(extents):
        row = row + index[axis] * product_of(extents[axis + 1 :]) if extent != 1 else row
    return row


def product_of(extents: Sequence[int]) -> int:
    """1 of none."""
    return int(np.prod(extents, dtype="int64"))
