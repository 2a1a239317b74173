"""Products of matrices: a tile of the result stays in registers while the sum runs over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Flag, Integer, param
from ..draft import Draft, LoopVar
from ..machine import Machine
from ..transforms.scope import extent
from . import matmul_nest, matmul_tile
from .base import Recipe
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
    6. Where tiles do not divide the result, copies of the operands are filled up with zeros, so that the
       innermost loop never asks whether a row or a vector is there.

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
        if tile is None:
            return None
        unroll = matmul_tile.unrolled(tile, product.sums[-1].extent)
        packed = matmul_tile.worth_packing(product, tile.lanes)
        spread = matmul_tile.spread(product, tile, machine)
        return cls(tile.rows, tile.vectors, tile.lanes, unroll, packed, tile.parts, spread)

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        product = product_of(func)
        if product is None:
            return {}
        return matmul_tile.facts(product, self._tile(), machine) | {
            "body": self.tile_rows * self.tile_vectors * self.unroll,
        }

    def write(self, draft: Draft) -> None:
        product = product_of(draft.scope.func)
        if product is None or not matmul_tile.divides(product, self._tile(), self.pack):
            raise self.refuse()
        block = product.block
        copies = matmul_nest.fill_up(draft, product, self.tile_rows, self._width if self.pack else 1)
        copy = copies.right or (matmul_nest.copy_of_right(draft, product) if self.pack else None)
        matmul_nest.inline_before(draft, product, self.lanes, parallel=self.parallel)
        if copies.left is not None:
            matmul_nest.nest_of_its_own(draft, copies.left, self.lanes, parallel=self.parallel)
        last = matmul_nest.last_block(draft, product)
        apart = last is not None and (
            matmul_nest.calls_library(draft, last) or matmul_nest.ragged(draft, last, self.lanes)
        )
        stored = matmul_nest.local_copy(draft, block) if last is None or apart else None
        tiles = self._tiled(draft, product)
        if copy is not None:
            matmul_nest.into_panels(draft, product, copy, self._width)
        self._placed(draft, tiles, stored, written_out=True)
        self._placed(draft, tiles, last, written_out=not apart)
        for loop in tiles.written_out:
            draft.mark("unroll", loop)
        if self.lanes > 1:
            draft.mark("vectorize", tiles.vector)
        self._over_cores(draft, tiles, copy)
        matmul_nest.initialise(draft, block, tiles.sums[0])

    @property
    def _width(self) -> int:
        """Columns of a tile."""
        return self.tile_vectors * self.lanes

    def _tile(self) -> matmul_tile.Tile:
        return matmul_tile.Tile(self.tile_rows, self.tile_vectors, self.lanes, self.row_parts)

    def _tiled(self, draft: Draft, product: Product) -> Tiles:
        """Cuts the product's loops into tiles and puts them into order."""
        loops = draft.nest(product.block)
        outside = [loops[axis.position] for axis in product.outside]
        groups, vector = draft.tile(loops[product.column.position], self.lanes)
        panels = [] if product.panels is None else [loops[product.panels.position]]
        outer_columns, inner_columns = self._columns(draft, panels, groups)
        row_out, row_in = self._rows(draft, loops, product)
        parts, row_out = self._parts(draft, row_out)
        *sums, last = [loops[axis.position] for axis in product.sums]
        sum_out, sum_in = matmul_nest.cut(draft, last, self.unroll)
        spread = [*outside, *outer_columns, *matmul_nest.present(parts)]
        rows = matmul_nest.present(row_out)
        sums = [*sums, *matmul_nest.present(sum_out)]
        inner = matmul_nest.present(sum_in, row_in, *inner_columns)
        draft.reorder([*spread, *rows, *sums, *inner, vector])
        return Tiles(spread, rows, sums or inner[:1] or [vector], inner, vector)

    def _columns(
        self, draft: Draft, panels: list[LoopVar], groups: LoopVar | None
    ) -> tuple[list[LoopVar], list[LoopVar]]:
        """Loops over tiles of columns, and over the vectors in one."""
        across = 1 if groups is None else extent(draft.loop(groups)) or 1
        if not panels or self.tile_vectors < across:
            out, inside = (
                (None, None) if groups is None else matmul_nest.cut(draft, groups, self.tile_vectors)
            )
            return [*panels, *matmul_nest.present(out)], matmul_nest.present(inside)
        out, inside = matmul_nest.cut(draft, panels[0], self.tile_vectors // across)
        return matmul_nest.present(out), matmul_nest.present(inside, groups)

    def _rows(
        self, draft: Draft, loops: list[LoopVar], product: Product
    ) -> tuple[LoopVar | None, LoopVar | None]:
        if product.row is None:
            return None, None
        return matmul_nest.cut(draft, loops[product.row.position], self.tile_rows)

    def _parts(self, draft: Draft, rows: LoopVar | None) -> tuple[LoopVar | None, LoopVar | None]:
        """The rows' tiles in parts for the cores."""
        if rows is None or self.row_parts == 1:
            return None, rows
        if extent(draft.loop(rows)) == self.row_parts:
            return rows, None
        parts, within = draft.split(rows, self.row_parts, None)
        return parts, within

    def _placed(self, draft: Draft, tiles: Tiles, block: str | None, *, written_out: bool) -> None:
        """What follows the sums, beside the tile if it can be there."""
        if block is None:
            return
        if matmul_nest.beside(draft, block, tiles.place) or tiles.place is None:
            matmul_nest.in_vectors(draft, block, tiles.place, self.lanes, written_out=written_out)
        else:
            matmul_nest.nest_of_its_own(draft, block, self.lanes, parallel=self.parallel)

    def _over_cores(self, draft: Draft, tiles: Tiles, copy: str | None) -> None:
        """Parallel loops; the panel of a copy is made by the core that reads it, if it is the only one."""
        fused = draft.fuse(tiles.spread) if tiles.spread else None
        if copy is not None and (fused is None or self.row_parts > 1):
            matmul_nest.nest_of_its_own(draft, copy, self.lanes, parallel=self.parallel)
        elif copy is not None:
            draft.do("compute_at", block=copy, loop=draft.path(fused))
            matmul_nest.in_vectors(draft, copy, fused, self.lanes, written_out=False)
        if fused is not None and self.parallel:
            draft.mark("parallel", fused)


@dataclass(frozen=True, eq=False)
class Tiles:
    """Loops of the tiled nest, from outside to inside: over tiles that cores can share, over tiles of rows,
    over the sum, those written out, and over the columns of a vector."""

    spread: list[LoopVar]
    rows: list[LoopVar]
    sums: list[LoopVar]
    written_out: list[LoopVar]
    vector: LoopVar

    @property
    def place(self) -> LoopVar | None:
        """The innermost loop around one tile."""
        return next(iter([*self.rows[::-1], *self.spread[::-1]]), None)
