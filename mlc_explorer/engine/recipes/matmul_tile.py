"""The tile of a matrix product that stays in vector registers, and how many of them each core gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..machine import Machine
from .matmul_product import Product

_LATENCY = 4  # cycles from one addition to a sum until the next may begin
_A_LOAD = 0.05  # cycles that a load costs besides
_FROM_L2 = 32  # bytes a cycle of what the first level cache does not hold
_A_TILE = 20  # cycles for a tile to begin and end
_A_NEST = 3000  # cycles for a parallel nest to begin and end
_AT_ONCE = 2  # multiply-adds, or loads, that begin in a cycle
_SPARE = 1  # registers besides the sums and a row of vectors: the broadcast value
_VECTORS = (1, 2, 3, 4, 6, 8)
_MOST_VECTORS = 16
_MOST_ROWS = 16
BODY = 96  # multiply-adds of a body that the processor's decoder still keeps up with
SERIAL = 60_000  # operations below which waking the other cores costs more than they bring
_MOST_STRIDE = 8  # vectors from one step of the sum to the next in an operand that is as good as packed
_RAGGED = 4  # a vector may have so many times fewer columns than a register
PACKED_ROWS = 8  # rows from which on a copy of the other operand is paid back


@dataclass(frozen=True)
class Tile:
    """`rows` × `vectors` of `lanes` columns each; the rows are cut into `parts` for the cores."""

    rows: int
    vectors: int
    lanes: int
    parts: int = 1


def lanes_of(product: Product, machine: Machine) -> int:
    """Columns of one vector: those of a register, or all where they are fewer; of columns that no copy fills
    up, a number that divides them."""
    most = min(machine.lanes(product.element_bytes), product.column.extent)
    if worth_packing(product, most) or product.column.extent % most == 0:
        return most
    common = math.gcd(product.column.extent, most)
    if common * _RAGGED >= most:
        return common
    return next(n for n in range(most, 0, -1) if product.column.extent % n == 0)


def worth_packing(product: Product, lanes: int) -> bool:
    """Whether to copy the operand into panels first: it is read with jumps, and by enough rows; or hardly a
    vector divides its columns."""
    if product.panels is not None or not product.packable:
        return False
    jumps = product.sums[-1].right > _MOST_STRIDE * lanes
    rows = 1 if product.row is None else product.row.extent
    common = math.gcd(product.column.extent, lanes)
    few = product.column.right == 1 and common * _RAGGED >= lanes
    return not few or (rows >= PACKED_ROWS and (jumps or common < lanes))


def fits(tile: Tile, registers: int) -> bool:
    """Whether the sums, one row of vectors and a broadcast value have a register each, and one is left."""
    return tile.rows * tile.vectors + tile.vectors + _SPARE < registers


def tile_for(product: Product, machine: Machine) -> Tile | None:
    """The tile that needs the fewest cycles on the core with most to do; None if none fits."""
    lanes = lanes_of(product, machine)
    packed = worth_packing(product, lanes)
    rows = product.row.extent if product.row is not None else 1
    groups = column_groups(product, lanes)
    found = [
        Tile(r, v, lanes, parts)
        for r in range(1, min(rows, _MOST_ROWS) + 1)
        for v in {*_VECTORS, -(-product.column.extent // lanes)}
        if v <= min(groups, _MOST_VECTORS) and fits(Tile(r, v, lanes), machine.registers)
        for parts in _parts(product, machine, -(-rows // r), -(-groups // v))
        if divides(product, Tile(r, v, lanes, parts), packed)
    ]
    return min(
        found, key=lambda t: (_cycles(product, machine, t, rows, groups), t.parts, t.rows), default=None
    )


def divides(product: Product, tile: Tile, packed: bool) -> bool:
    """Whether no tile asks in its innermost loop whether a row or vector is there: they divide the result, or
    copies of the operands fill it up. A single row may ask, since so small a loop becomes two without."""
    rows = product.row.extent if product.row is not None else 1
    if -(-rows // tile.rows) % tile.parts:
        return False
    if product.run == rows:
        whole_rows = rows % tile.rows == 0 or len(product.left_axes) > 0
    else:  # one loop over tiles that are some whole runs, or divide one: TVM follows no two into a run
        fit = tile.rows % product.run == 0 or product.run % tile.rows == 0
        whole_rows = fit and rows % tile.rows == 0 and tile.parts in (1, rows // tile.rows)
    return whole_rows and (packed or _whole(product, tile))


def column_groups(product: Product, lanes: int) -> int:
    """Vectors that one row of the result takes."""
    panels = product.panels
    across = -(-product.column.extent // lanes)
    return across * panels.extent if panels is not None else across


def _whole(product: Product, tile: Tile) -> bool:
    """Whether the vectors of tiles are all the columns: some whole panels, or parts of one."""
    across, left = divmod(product.column.extent, tile.lanes)
    if left:
        return False
    if product.filled and tile.vectors % across:
        return False  # what follows must find whole panels
    if product.panels is None:
        return tile.rows == 1 or across % tile.vectors == 0
    if tile.vectors % across:
        return across % tile.vectors == 0
    return tile.rows == 1 or product.panels.extent % (tile.vectors // across) == 0


def cores_for(product: Product, machine: Machine) -> int:
    """Over how many cores it is worth to spread the product."""
    return machine.cores if product.operations >= SERIAL else 1


def spread(product: Product, tile: Tile, machine: Machine) -> bool:
    """Whether there is work for several cores."""
    groups = column_groups(product, tile.lanes)
    return cores_for(product, machine) > 1 and tasks(product, tile, groups) > 1


def tasks(product: Product, tile: Tile, groups: int) -> int:
    """Iterations that can be handed to the cores."""
    outside = math.prod(axis.extent for axis in product.outside)
    return outside * -(-groups // tile.vectors) * tile.parts


def unrolled(tile: Tile, length: int) -> int:
    """Iterations of the innermost sum that are written out: the largest divisor up to eight for which the
    body stays small."""
    body = tile.rows * tile.vectors
    return next(n for n in (8, 4, 3, 2, 1) if length % n == 0 and (body * n <= BODY or n == 1))


def _parts(product: Product, machine: Machine, row_tiles: int, column_tiles: int) -> list[int]:
    """Into how many parts the rows can be cut: not at all, or into a divisor of their tiles."""
    outside = math.prod(axis.extent for axis in product.outside)
    if cores_for(product, machine) == 1 or outside * column_tiles >= 4 * machine.cores:
        return [1]
    return [n for n in range(1, row_tiles + 1) if row_tiles % n == 0 and n <= 4 * machine.cores]


def _cycles(product: Product, machine: Machine, tile: Tile, rows: int, groups: int) -> float:
    """For one step of the sum, of the core with most to do. The tile's multiply-adds count, or its loads, or
    the latency of one sum; then what each tile takes to begin and end, and the copy that fills up rows."""
    row_tiles = -(-rows // tile.rows)
    size, loads = tile.rows * tile.vectors, tile.rows + tile.vectors
    panel = product.depth * tile.vectors * tile.lanes * product.element_bytes
    farther = tile.vectors * machine.vector_bytes / _FROM_L2 if 2 * panel > machine.l1 else 0.0
    one = (
        max(size / _AT_ONCE, loads / _AT_ONCE, _LATENCY, farther) + _A_LOAD * loads + _A_TILE / product.depth
    )
    count, cores = tasks(product, tile, groups), cores_for(product, machine)
    a_task = row_tiles / tile.parts * (one + _A_TILE / product.depth)
    copied = 0.0 if rows % tile.rows == 0 else 2 * rows / tile.lanes + _A_NEST / product.depth
    return -(-count // cores) * a_task + copied


def _loads(tile: Tile) -> float:
    return (tile.rows + tile.vectors) / (tile.rows * tile.vectors)


def facts(product: Product, tile: Tile, machine: Machine) -> dict[str, Any]:
    """What the reasons of a tile's numbers speak of."""
    groups = column_groups(product, tile.lanes)
    return {
        "rows": product.row.extent if product.row is not None else 1,
        "columns": product.column.extent * (product.panels.extent if product.panels is not None else 1),
        "groups": groups,
        "sums": tile.rows * tile.vectors,
        "loads": f"{_loads(tile):.2f}",
        "register_lanes": machine.lanes(product.element_bytes),
        "registers": machine.registers,
        "length": product.sums[-1].extent,
        "most": BODY,
        "packed_rows": PACKED_ROWS,
        "near": _MOST_STRIDE * tile.lanes,
        "jump": product.sums[-1].right,
        "column_tiles": -(-groups // tile.vectors),
        "outside": math.prod(axis.extent for axis in product.outside),
        "tasks": tasks(product, tile, groups),
        "cores": machine.cores,
        "operations": product.operations,
        "serial": SERIAL,
    }
