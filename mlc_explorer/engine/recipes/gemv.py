"""Products of a matrix and a vector, or a few: each element of the matrix is used once, so memory decides.

In which direction the matrix is contiguous makes two recipes of it: along the result, whose elements are then
the lanes of a vector, or along the sum, which then grows in the lanes and is added up at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Flag, Integer, param
from ..draft import Draft, LoopVar
from ..machine import Machine
from ..transforms.scope import REDUCTION
from . import matmul_nest, matmul_tile
from .base import Recipe
from .matmul import MatmulTiled
from .matmul_product import Product, product_of

_SUMS = 8  # sums under way: as many hide the latency of each
_FEW_ROWS = matmul_tile.PACKED_ROWS  # from so many on a copy into panels pays


@dataclass(frozen=True)
class GemvStreamed(Recipe):
    """Schedules a matrix times a vector for a CPU, where the matrix lies as the result does.

    1. Every element of the matrix is used once, so that the time is that of reading it.
    2. Some vectors of the result are summed side by side, so that no sum waits for another and the matrix
       is read in long runs; where it lies in panels, each is read from front to back.
    3. A few iterations of the sum are written out.
    4. What follows (bias, activation) is computed while the sums are in registers.
    5. Parts of the result run over the cores, where there is enough to read.

    TVM: the primitives that it unfolds into; dlight: ``gemv``; Halide: ``split`` and ``vectorize`` of the
    result.

    tile_vectors: how many vectors of the result are summed side by side.
    lanes: how many columns a vector has.
    unroll: how many iterations of the sum are written out.
    parallel: whether the work is spread over the cores at all.

    ``for j, k`` → ``for j_0 (parallel), k_0, k_1, j_1, j_2 (vector)``
    """

    name: ClassVar[str] = "gemv_streamed"

    tile_vectors: int = param(Integer(1, 64))
    lanes: int = param(Integer(1, 1024))
    unroll: int = param(Integer(1, 64))
    parallel: bool = param(Flag())

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        product, found = product_of(func), MatmulTiled.fitting(func, machine)
        if product is None or found is None or found.pack or _rows(product) > 1:
            return None
        return cls(found.tile_vectors, found.lanes, found.unroll, found.parallel)

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        return self._as_matmul().reasons(func, machine) | {"kib": _kib(func)}

    def write(self, draft: Draft) -> None:
        product = product_of(draft.scope.func)
        if product is None or _rows(product) > 1:
            raise self.refuse()
        self._as_matmul().write(draft)

    def _as_matmul(self) -> MatmulTiled:
        """A matrix product whose tiles have one row."""
        return MatmulTiled(1, self.tile_vectors, self.lanes, self.unroll, False, 1, self.parallel)


@dataclass(frozen=True)
class GemvDot(Recipe):
    """Schedules a matrix times a vector, or a few, for a CPU, where the matrix lies along the sum.

    1. Every element of the matrix is used once, so that the time is that of reading it.
    2. A sum grows in the lanes of a vector, each of which adds up its own part, because neighbours in
       memory belong to one sum.
    3. Some sums grow side by side: they share the vector that is loaded, and none waits for another.
    4. At the end the lanes of each sum are added up, and what follows (bias, activation) is computed.
    5. Parts of the result run over the cores, where there is enough to read.

    TVM: ``rfactor`` and the primitives that it unfolds into; dlight: ``gemv``; Halide: ``rfactor``.

    tile_columns: how many elements of each row of the result are summed side by side.
    lanes: into how many parts a sum is cut.
    parallel: whether the work is spread over the cores at all.

    ``for j, k`` → ``for j_0 (parallel): for k_0, j_1, k_1 (vector)`` / ``for j_1, k_1``
    """

    name: ClassVar[str] = "gemv_dot"

    tile_columns: int = param(Integer(1, 64))
    lanes: int = param(Integer(2, 1024))
    parallel: bool = param(Flag())

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        product = product_of(func)
        if product is None or not _along_the_sum(product) or _rows(product) >= _FEW_ROWS:
            return None
        most = machine.lanes(product.element_bytes)
        lanes = math.gcd(product.sums[-1].extent, most)
        if (
            lanes * 4 < most or lanes == 1 or product.sums[-1].extent < 2 * lanes
        ):  # a product in panels is then better
            return None
        wanted = max(1, _SUMS // _rows(product))
        columns = next(n for n in range(wanted, 0, -1) if product.column.extent % n == 0)
        return cls(columns, lanes, matmul_tile.cores_for(product, machine) > 1)

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        product = product_of(func)
        if product is None:
            return {}
        tile = matmul_tile.Tile(1, 1, self.lanes)
        return matmul_tile.facts(product, tile, machine) | {
            "kib": _kib(func),
            "sums": self.tile_columns * _rows(product),
            "enough": _SUMS,
        }

    def write(self, draft: Draft) -> None:
        product = product_of(draft.scope.func)
        if product is None or not _along_the_sum(product) or self._left_over(product):
            raise self.refuse()
        matmul_nest.inline_before(draft, product, self.lanes, parallel=self.parallel)
        last = matmul_nest.last_block(draft, product)
        parts = self._in_parts(draft, product)
        spread, inner = self._tiled(draft, product)
        place = spread[-1] if spread else None
        if place is not None:
            draft.do("compute_at", block=parts, loop=draft.path(place))
        if last is not None:
            self._finished(draft, last, place)
        for loop in inner:
            draft.mark("unroll", loop)
        place = draft.fuse(spread) if spread else None
        if place is not None and self.parallel:
            draft.mark("parallel", place)
        self._summed(draft, parts, place)

    def _left_over(self, product: Product) -> bool:
        return product.sums[-1].extent % self.lanes > 0 or product.column.extent % self.tile_columns > 0

    def _in_parts(self, draft: Draft, product: Product) -> str:
        """Cuts each sum into one for each lane, which a new block computes; that block."""
        known = {p.path for p in draft.scope.leaves}
        _, lane = draft.tile(draft.nest(product.block)[product.sums[-1].position], self.lanes)
        written = draft.scope.at(product.block).node.writes[0].source
        draft.do("rfactor", loop=draft.path(lane), factor_axis=len(written.ty.shape))
        return next(p.path for p in draft.scope.leaves if p.path not in known)

    def _tiled(self, draft: Draft, product: Product) -> tuple[list[LoopVar], list[LoopVar]]:
        """The loops around the addition of the lanes: over tiles, and within one."""
        *loops, lane = draft.nest(product.block)
        row = [] if product.row is None else [loops[product.row.position]]
        outside = [loops[axis.position] for axis in product.outside]
        out, inside = matmul_nest.cut(draft, loops[product.column.position], self.tile_columns)
        spread = [*outside, *matmul_nest.present(out)]
        inner = [*row, *matmul_nest.present(inside), lane]
        draft.reorder([*spread, *inner])
        return spread, inner

    def _finished(self, draft: Draft, last: str, place: LoopVar | None) -> None:
        if place is None or matmul_nest.beside(draft, last, place):
            matmul_nest.in_vectors(draft, last, place, self.tile_columns, written_out=True)
        else:
            matmul_nest.nest_of_its_own(draft, last, self.tile_columns, parallel=self.parallel)

    def _summed(self, draft: Draft, parts: str, place: LoopVar | None) -> None:
        """The loops that fill the lanes: the sum outermost, its lanes innermost."""
        loops = matmul_nest.beneath(draft, parts, place)
        lane = _last_written(draft, parts)
        sums = [v for v in loops if draft.scope.axis(draft.loop(v)) == REDUCTION]
        others = [v for v in loops if not v.same_as(lane) and not any(v.same_as(s) for s in sums)]
        draft.reorder([*sums, *others, lane])
        for loop in others:
            draft.mark("unroll", loop)
        draft.mark("vectorize", lane)
        matmul_nest.initialise(draft, parts, sums[0])


def _last_written(draft: Draft, block: str) -> LoopVar:
    """The loop along which neighbours of what `block` writes lie."""
    place = draft.scope.at(block)
    last = place.node.writes[0].region[-1].min
    bound = dict(zip((axis.var for axis in place.node.iter_vars), place.realize.iter_values))
    return next(value for axis, value in bound.items() if axis.same_as(last))


def _along_the_sum(product: Product) -> bool:
    """Whether both operands are contiguous along the innermost sum."""
    innermost = product.sums[-1]
    return innermost.right == 1 and innermost.left == 1 and product.column.right != 1


def _rows(product: Product) -> int:
    return 1 if product.row is None else product.row.extent


def _kib(func: PrimFunc) -> int:
    """The size of the largest operand."""
    return max(math.prod(int(n) for n in p.ty.shape) for p in func.params) * 4 >> 10
