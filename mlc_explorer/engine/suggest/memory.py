"""Keep data near: tiles that fit a cache, and operands in the order in which they are read."""

from __future__ import annotations

from typing import Any

from ..transforms.scope import REDUCTION
from .plan import Plan
from .registers import register_tile
from .sight import Loop, Sight, divisors, element_bytes
from .threads import vector_width

_SHARE = 2  # a tile may fill this part of a cache: the other half is for what passes through
_LEAST_GAIN = 2  # a loop shorter than this many tiles needs none


def tile_for_l1(sight: Sight) -> Plan | None:
    return _tile_for(sight, sight.machine.l1)


def tile_for_l2(sight: Sight) -> Plan | None:
    return _tile_for(sight, sight.machine.l2)


def _tile_for(sight: Sight, cache: int) -> Plan | None:
    """Two spatial loops and the reduction in tiles whose three operands fit `cache` together."""
    column = sight.contiguous
    if column is None or sight.block is None or not (sight.untouched and len(sight.reduction) == 1):
        return None
    rows = [loop for loop in sight.spatial if loop is not column and (loop.extent or 1) > 1]
    if not sight.alone or not rows or not column.extent:
        return None
    row, sums = rows[-1], sight.reduction[0]
    size_of_one = element_bytes(sight.block)
    side = int((cache / _SHARE / size_of_one / 3) ** 0.5)
    sizes = {loop: divisors(loop.extent or 1, side)[0] for loop in (row, column, sums)}
    if sum((loop.extent or 1) >= _LEAST_GAIN * size for loop, size in sizes.items()) < 2:
        return None
    draft = sight.draft()
    was_parallel = any(loop.parallel for loop in sight.loops)
    row_out, row_in = draft.tile(row.variable, sizes[row])
    column_out, column_in = draft.tile(column.variable, sizes[column])
    sums_out, sums_in = draft.tile(sums.variable, sizes[sums])
    others = [loop.variable for loop in sight.spatial if loop not in (row, column)]
    draft.reorder([*others, row_out, column_out, sums_out, row_in, sums_in, column_in])
    width = vector_width(sizes[column], sight.lanes)
    if width > 1:
        draft.mark("vectorize", draft.tile(column_in, width)[1])
    if was_parallel:
        draft.mark("parallel", [*others, row_out or column_out][0])
    used = size_of_one * sum(sizes[a] * sizes[b] for a, b in ((row, sums), (sums, column), (row, column)))
    shape = " × ".join(str(sizes[loop]) for loop in (row, column, sums))
    return Plan(draft, {"tile": shape, "kib": round(used / 1024), "cache": cache // 1024})


def pack_columns(sight: Sight) -> Plan | None:
    """The operand that is loaded in vectors is first copied into panels as wide as the vector loop."""
    column = sight.contiguous
    if column is None or not sight.reduction or not column.extent:
        return None
    width = column.extent if column.vectorized else vector_width(column.extent, sight.lanes)
    return _pack(sight, column, width)


def packed_tile(sight: Sight) -> Plan | None:
    """A register tile, and its vectors from panels: the two together make a fast matrix product."""
    tile = register_tile(sight)
    if tile is None or sight.block is None:
        return None
    packed = pack_columns(sight.after(tile.draft, sight.block.path))
    return Plan(packed.draft, {**tile.values, **packed.values}) if packed is not None else None


def pack_rows(sight: Sight) -> Plan | None:
    """The operand whose values are broadcast is first copied so that those of one tile lie together."""
    column = sight.contiguous
    unrolled = [loop for loop in sight.spatial if not (loop.serial or loop.parallel or loop.vectorized)]
    if column is None or not sight.reduction or not unrolled:
        return None
    return _pack(sight, unrolled[-1], unrolled[-1].extent or 1)


def _pack(sight: Sight, loop: Loop, width: int) -> Plan | None:
    """Copies the operand that moves along `loop` into panels of `width`, if it is read with jumps now."""
    innermost = next((p for p in reversed(sight.loops) if p.axis == REDUCTION), None)
    for position, region in enumerate(sight.block.node.reads if sight.block else ()):
        axis = _axis(sight, loop, region)
        if region not in sight.reads or axis is None or innermost is None or width < 2:
            continue
        if not _jumps(sight, loop, innermost, region, width):
            continue
        return _packed(sight, position, region, axis, loop, width)
    return None


def _axis(sight: Sight, loop: Loop, region: Any) -> int | None:
    """The buffer's axis that `loop` moves along, if each axis of the region is one block axis by itself."""
    assert sight.block is not None
    own = {axis.var for axis in sight.block.node.iter_vars}
    if any(r.min not in own for r in region.region):
        return None
    bound = dict(zip((a.var for a in sight.block.node.iter_vars), sight.block.realize.iter_values))
    return next((i for i, r in enumerate(region.region) if _uses(bound[r.min], loop.variable)), None)


def _uses(value: Any, variable: Any) -> bool:
    from tvm.tirx.analysis import undefined_vars

    return any(v.same_as(variable) for v in undefined_vars(value))


def _jumps(sight: Sight, loop: Loop, innermost: Loop, region: Any, width: int) -> bool:
    """Whether reading the region wastes most of a cache line or page: neighbours along `loop` lie apart, or
    the next iteration of the reduction lies farther than the end of the panel."""
    along, next_sum = sight.stride(loop, region), sight.stride(innermost, region)
    if along is None or next_sum is None or along == 0:
        return False
    return along > 1 or next_sum > width


def _packed(sight: Sight, position: int, region: Any, axis: int, loop: Loop, width: int) -> Plan:
    draft, block = sight.draft(), sight.block.path if sight.block else ""
    draft.do("cache_read", block=block, buffer=position)
    copy = next(p for p in draft.scope.producers(draft.scope.at(block)) if p.path not in _paths(sight))
    rank = len(region.region)
    names = [f"a{n}" for n in range(rank)]
    batch = [n for n in range(rank) if n < axis and _is_batch(sight, region, n)]
    inner = [names[n] for n in range(rank) if n != axis and n not in batch]
    new = [*(names[n] for n in batch), f"a{axis} // {width}", *inner, f"a{axis} % {width}"]
    index_map = f"{', '.join(names)} -> {', '.join(new)}"
    name = str(copy.node.writes[0].source.name)
    draft.do("transform_layout", block=copy.path, buffer=name, index_map=index_map)
    nest = draft.nest(copy.path)
    outer, panel = draft.tile(nest[axis], width)
    rest = [v for n, v in enumerate(nest) if n != axis and n not in batch]
    draft.reorder([*(nest[n] for n in batch), outer, *rest, panel])
    draft.mark("vectorize", panel)
    head = nest[batch[0]] if batch else outer
    if head is not None and sight.machine.cores > 1:
        draft.mark("parallel", head)
    return Plan(draft, {"buffer": str(region.source.name), "width": width, "loop": loop.name})


def _is_batch(sight: Sight, region: Any, axis: int) -> bool:
    """Whether an axis of the operand is spatial, as a batch is: it then stays outermost."""
    assert sight.block is not None
    kinds = {a.var: int(a.iter_type) for a in sight.block.node.iter_vars}
    return kinds.get(region.region[axis].min) == 0


def _paths(sight: Sight) -> set[str]:
    return {p.path for p in sight.scope.blocks}
