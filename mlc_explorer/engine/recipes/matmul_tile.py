"""The tile of a matrix product that stays in vector registers, and how many of them each core gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..machine import Machine
from .matmul_product import Product

_LATENCY = 4  # cycles from one addition to a sum until the next may begin
_AT_ONCE = 2  # multiply-adds, or loads, that begin in a cycle
_SPARE = 1  # registers besides the sums and a row of vectors: the broadcast value
_VECTORS = (1, 2, 3, 4, 6, 8)
_MOST_ROWS = 16
BODY = 96  # multiply-adds of a body that the processor's decoder still keeps up with
SERIAL = 20_000  # operations below which waking the other cores costs more than they bring
_MOST_STRIDE = 4  # vectors from one step of the sum to the next in an operand that is as good as packed
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
    if product.column.extent % most == 0 or worth_packing(product, most):
        return most
    return next(n for n in range(most, 0, -1) if product.column.extent % n == 0)


def worth_packing(product: Product, lanes: int) -> bool:
    """Whether to copy the operand into panels first: it is read with jumps, and by enough rows; or its
    columns do not fill vectors."""
    if product.panels is not None or product.row is None or not product.packable:
        return False
    jumps = product.column.right != 1 or product.sums[-1].right > _MOST_STRIDE * lanes
    return product.row.extent >= PACKED_ROWS and (jumps or product.column.extent % lanes > 0)


def fits(tile: Tile, registers: int) -> bool:
    """Whether the sums, one row of vectors and a broadcast value have a register each, and one is left."""
    return tile.rows * tile.vectors + tile.vectors + _SPARE < registers


def tile_for(product: Product, machine: Machine) -> Tile:
    """The tile that needs the fewest cycles on the core with most to do; of equals, the one that loads least
    for each multiply-add."""
    lanes = lanes_of(product, machine)
    rows = product.row.extent if product.row is not None else 1
    groups = column_groups(product, lanes)
    found = [
        Tile(r, v, lanes, parts)
        for r in range(1, min(rows, _MOST_ROWS) + 1)
        for v in _VECTORS
        if v <= groups and _whole(product, v, lanes) and fits(Tile(r, v, lanes), machine.registers)
        for parts in _parts(product, machine, -(-rows // r), -(-groups // v))
    ]
    return min(found, key=lambda t: (_cycles(product, machine, t, rows, groups), t.parts, _loads(t)))


def column_groups(product: Product, lanes: int) -> int:
    """Vectors that one row of the result takes."""
    panels = product.panels
    across = -(-product.column.extent // lanes)
    return across * panels.extent if panels is not None else across


def _whole(product: Product, vectors: int, lanes: int) -> bool:
    """Whether the vectors of a tile are some whole panels, or parts of one panel."""
    if product.panels is None:
        return True
    across = product.column.extent // lanes
    return vectors % across == 0 or across % vectors == 0


def cores_for(product: Product, machine: Machine) -> int:
    """Over how many cores it is worth to spread the product."""
    return machine.cores if product.operations >= SERIAL else 1


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
    """Of the innermost loop for one step of the sum, on the core with most to do."""
    row_tiles, column_tiles = -(-rows // tile.rows), -(-groups // tile.vectors)
    whole = _cost(tile.rows, tile.vectors)
    last_row = rows - (row_tiles - 1) * tile.rows
    last_column = groups - (column_tiles - 1) * tile.vectors
    down = (row_tiles - 1) * whole + _cost(last_row, tile.vectors)
    last = (row_tiles - 1) * _cost(tile.rows, last_column) + _cost(last_row, last_column)
    total = (column_tiles - 1) * down + last
    count = tasks(product, tile, groups)
    cores = cores_for(product, machine)
    rounds = -(-count // cores) * cores / count
    return float(total * rounds)


def _cost(rows: int, vectors: int) -> float:
    """Cycles for one step of the sum in a tile: its multiply-adds, its loads, or the latency of one sum."""
    return max(rows * vectors / _AT_ONCE, (rows + vectors) / _AT_ONCE, _LATENCY)


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
