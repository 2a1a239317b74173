"""Keep what is added up in registers: a tile of the result, large enough to hide the latency of each sum."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..draft import Draft, LoopVar
from ..paths import Place
from ..transforms.scope import REDUCTION, Scope
from .plan import Plan
from .sight import Loop, Sight, divisors

_MOST_ROWS = 16  # rows of a tile: each is a copy of the body
_SPARE = 1  # registers besides the accumulators and a row of operands: the broadcast one
_MOST_VECTORS = 8  # in a row of a tile
_SHORT, _MOST_COPIES = 16, 64  # an unrolled loop's iterations; copies of the body altogether


def register_tile(sight: Sight) -> Plan | None:
    """Rows × columns of the result stay in vector registers while the reduction runs over them.

    Each loaded vector then serves all rows and each broadcast value all columns. The tile is the one with the
    most operations a load among those that fit.
    """
    column = sight.contiguous
    if column is None or not (sight.untouched and sight.alone and sight.reduction and sight.initialises):
        return None
    row = _row(sight, column)
    tile = _tile(sight, row, column)
    if tile is None:
        return None
    block, draft = sight.block.path, sight.draft()
    was_parallel = any(loop.parallel for loop in sight.loops)
    row_out, row_in = draft.tile(row.variable, tile.rows) if row else (None, None)
    column_out, column_in = draft.tile(column.variable, tile.columns)
    others = [loop.variable for loop in sight.spatial if loop not in (row, column)]
    sums = [loop.variable for loop in sight.reduction]
    draft.reorder([*others, column_out, row_out, *sums, row_in, column_in])
    _result_beside(draft, sight, block, [*others, column_out, row_out], tile)
    _vectors(draft, column_in, tile)
    if row_in is not None and tile.rows > 1:
        draft.mark("unroll", row_in)
    outermost = draft.loop(draft.nest(block)[0])
    if was_parallel and draft.scope.axis(outermost) != REDUCTION:
        draft.do("parallel", loop=outermost.path)
    return Plan(draft, {**vars(tile), "used": tile.used, "registers": sight.machine.registers})


@dataclass(frozen=True)
class Tile:
    """`rows` × `columns` of the result, of which `lanes` at a time are one vector."""

    rows: int
    columns: int
    lanes: int

    @property
    def vectors(self) -> int:
        return self.columns // self.lanes

    @property
    def used(self) -> int:
        """Registers that hold sums."""
        return self.rows * self.vectors


def _row(sight: Sight, column: Loop) -> Loop | None:
    """The spatial loop whose iterations share what is loaded along `column`."""
    loaded = [r for r in sight.reads if sight.stride(column, r) == 1]
    for loop in reversed(sight.spatial):
        if loop is not column and loaded and all(sight.stride(loop, r) == 0 for r in loaded):
            return loop
    return None


def _tile(sight: Sight, row: Loop | None, column: Loop) -> Tile | None:
    """The tile with most multiply-adds for each vector or broadcast value that is loaded; None where the
    columns fill less than half a register."""
    extent = column.extent or 1
    lanes = math.gcd(extent, sight.lanes)
    if 2 * lanes < sight.lanes:
        lanes = divisors(extent, sight.lanes)[0]
    fitting = [
        tile
        for rows in (divisors(row.extent or 1, _MOST_ROWS) if row else [1])
        for vectors in divisors(extent // lanes, _MOST_VECTORS)
        if (tile := Tile(rows, vectors * lanes, lanes)).used + vectors + _SPARE <= sight.machine.registers
    ]
    if 2 * lanes < sight.lanes or not fitting:
        return None
    return max(fitting, key=lambda tile: (tile.used / (tile.rows + tile.vectors), tile.vectors))


def _vectors(draft: Draft, loop: LoopVar, tile: Tile) -> None:
    """One wide vector, which LLVM cuts itself, where it is a power of two of registers; else each alone."""
    if tile.vectors & (tile.vectors - 1):
        vectors, loop = draft.tile(loop, tile.lanes)
        draft.mark("unroll", vectors)
    draft.mark("vectorize", loop)


def _result_beside(draft: Draft, sight: Sight, block: str, outside: list[LoopVar | None], tile: Tile) -> None:
    """What follows the sum is done tile by tile: its only elementwise consumer or, where there is none, the
    copy of the accumulators into the result."""
    around = [v for v in outside if v is not None]
    if not around:
        return
    consumer = only_consumer(sight.scope, sight.block)
    if consumer is None:
        draft.do("cache_write", block=block, buffer=0, scope="local")
        consumer = draft.scope.consumers(draft.scope.at(block))[0]
    draft.do("reverse_compute_at", block=consumer.path, loop=draft.path(around[-1]))
    _vectors(draft, draft.nest(consumer.path)[-1], tile)


def only_consumer(scope: Scope, block: Place) -> Place | None:
    """The one block that reads what `block` writes, if it is elementwise and stands in a nest of its own."""
    consumers = scope.consumers(block)
    if len(consumers) != 1 or consumers[0].node.init is not None:
        return None
    own, its = scope.nest(block), scope.nest(consumers[0])
    spatial = all(scope.axis(loop) != REDUCTION for loop in its)
    return consumers[0] if spatial and not set(own) & set(its) else None


def accumulate_in_register(sight: Sight) -> Plan | None:
    """The sum grows in a local variable and is stored once."""
    if sight.block is None or not sight.reduction or not sight.initialises or not sight.alone:
        return None
    first = next(i for i, loop in enumerate(sight.loops) if loop.axis == REDUCTION)
    inside = sight.loops[first:]
    written = sight.block.node.writes[0].source
    if first == 0 or (written.ty.storage_scope or "global") != "global":
        return None
    if any(loop.axis != REDUCTION for loop in inside):
        return None
    draft, block = sight.draft(), sight.block.path
    draft.do("cache_write", block=block, buffer=0, scope="local")
    copy = draft.scope.consumers(draft.scope.at(block))[0]
    draft.do("reverse_compute_at", block=copy.path, loop=draft.path(sight.loops[first - 1].variable))
    return Plan(draft, {"buffer": str(written.name), "loop": inside[0].name})


def unroll_short(sight: Sight) -> Plan | None:
    """Short serial loops at the bottom of the nest are written out."""
    chosen: list[Loop] = []
    copies = 1
    for loop in reversed(sight.loops):
        if loop.vectorized or not loop.serial:
            continue
        if not loop.extent or not 2 <= loop.extent <= _SHORT or copies * loop.extent > _MOST_COPIES:
            break
        chosen.append(loop)
        copies *= loop.extent
    if not chosen or sight.block is None:
        return None
    draft = sight.draft()
    for loop in chosen:
        draft.mark("unroll", loop.variable)
    return Plan(draft, {"loops": ", ".join(loop.name for loop in reversed(chosen)), "copies": copies})


def unroll_reduction(sight: Sight) -> Plan | None:
    """A few iterations of the long innermost reduction loop are written out."""
    loop = next((p for p in reversed(sight.loops) if p.serial), None)
    if loop is None or loop.axis != REDUCTION or not loop.extent or loop.extent <= _SHORT:
        return None
    factor = next(n for n in divisors(loop.extent, 4))
    if factor == 1:
        return None
    draft = sight.draft()
    _, inner = draft.tile(loop.variable, factor)
    draft.mark("unroll", inner)
    return Plan(draft, {"loop": loop.name, "factor": factor})
