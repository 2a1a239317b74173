"""Products of matrices: a tile of the result stays in registers while the sum runs over it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Flag, Integer, param
from ..draft import Draft, LoopVar
from ..machine import Machine
from . import matmul_tile
from .base import Recipe
from .matmul_nest import epilogue, pack, pad_columns, write_back
from .matmul_product import Product, product_of


@dataclass(frozen=True)
class MatmulTiled(Recipe):
    """Schedules a product of matrices, or a batch of them, for a CPU: a tile of the result in registers.

    1. A tile is some rows times some vectors of columns: each vector that is loaded serves all rows, each
       value that is broadcast all vectors.
    2. The sum runs around the tile, a few of its iterations written out, so that every element is
       written once.
    3. An operand whose rows lie far apart is first copied into panels as wide as a tile, which are then
       read from front to back.
    4. What follows (bias, residual, activation) is computed tile by tile, while the sums are at hand.
    5. Tiles of columns, and parts of the rows where those are too few, run over the cores.
    6. Where a tile does not divide the result, the last one asks whether a row or a vector is still
       there; columns that do not fill a vector are filled up with zeros in the copy.

    TVM: the primitives that it unfolds into; Halide: ``tile``, ``vectorize``, ``unroll`` of a product, with
    ``in`` for the panels; MLIR: ``linalg.pack`` and a register tile.

    tile_rows: how many rows a tile has.
    tile_vectors: how many vectors of columns a tile has.
    lanes: how many columns a vector has.
    unroll: how many iterations of the innermost sum are written out.
    pack: whether the operand that is read in vectors is copied into panels first.
    row_parts: into how many parts the rows are cut for the cores.
    parallel: whether the work is spread over the cores at all.

    ``for i, j, k`` → ``for j_0 (parallel), i_0, k_0, k_1, i_1, j_1, j_2 (vector)``
    """

    name: ClassVar[str] = "matmul_tiled"

    tile_rows: int = param(Integer(1, 64))
    tile_vectors: int = param(Integer(1, 64))
    lanes: int = param(Integer(1, 1024))
    unroll: int = param(Integer(1, 64))
    pack: bool = param(Flag())
    row_parts: int = param(Integer(1, 1 << 20))
    parallel: bool = param(Flag())

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        product = product_of(func)
        if product is None:
            return None
        tile = matmul_tile.tile_for(product, machine)
        unroll = matmul_tile.unrolled(tile, product.sums[-1].extent)
        packed = matmul_tile.worth_packing(product, tile)
        spread = matmul_tile.cores_for(product, machine) > 1
        return cls(tile.rows, tile.vectors, tile.lanes, unroll, packed, tile.parts, spread)

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        product = product_of(func)
        if product is None:
            return {}
        return matmul_tile.reasons(product, self, machine)

    def write(self, draft: Draft) -> None:
        product = product_of(draft.scope.func)
        if product is None or (product.panels is not None and self.pack):
            raise self.refuse()
        block = product.block
        uneven = pad_columns(draft, product, self.lanes) if self.pack else False
        last = epilogue(draft, product)
        loops = dict(zip(product.order, draft.nest(block)))
        ...
