"""What a step leaves alone, so that `hazards` looks again only at blocks and buffers whose story it changed.

The story of a buffer is all that decides when which of its elements is written and read: the blocks that
touch it, with their loops, guards, axes and regions, and the order in which these run. Two stories that are
written down alike have the same hazards, whatever else of the function became different around them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tvm.tirx import ForKind

from ...schema.motion import Expression
from .instances import Leaf, Region
from .outside import is_copy

_AT_ONCE = (int(ForKind.PARALLEL), int(ForKind.VECTORIZED))

Story = Hashable


@dataclass(frozen=True)
class Stories:
    """Of a function: for each of its blocks how it runs and what it touches, and each buffer's story."""

    blocks: tuple[Story, ...] = ()
    buffers: Mapping[Any, Story] = field(default_factory=dict)


UNKNOWN = Stories()


def stories_of(leaves: Sequence[Leaf]) -> Stories:
    """The stories of all blocks, in their order, and of all buffers that they touch."""
    blocks = [_block(leaf) for leaf in leaves]
    users: dict[Any, dict[int, None]] = {}
    for n, leaf in enumerate(leaves):
        for region in (*leaf.writes, *leaf.reads):
            users.setdefault(region.buffer, {})[n] = None
    buffers = {
        buffer: _buffer([leaves[n] for n in at], [blocks[n] for n in at]) for buffer, at in users.items()
    }
    return Stories(tuple(blocks), buffers)


def _block(leaf: Leaf) -> Story:
    """Loops are called by their depth, so that their names do not matter."""
    depth = {loop.key: n for n, loop in enumerate(leaf.loops)}
    kinds = [int(axis.iter_type) for axis in leaf.block.iter_vars]
    return (
        tuple((loop.first, loop.extent, loop.kind in _AT_ONCE, loop.is_thread) for loop in leaf.loops),
        tuple(_renamed(guard, depth) for guard in leaf.guards),
        tuple((_renamed(a.value, depth), a.first, a.extent, kind) for a, kind in zip(leaf.axes, kinds)),
        tuple((_renamed(a.value, depth), a.first, a.extent) for a in leaf.outer),
        leaf.has_init,
        is_copy(leaf.block),
        tuple(_region(region, depth) for region in leaf.writes),
        tuple(_region(region, depth) for region in leaf.reads),
    )


def _region(region: Region, depth: Mapping[str, int]) -> Story:
    corners = tuple((_renamed(a, depth), _renamed(n, depth)) for a, n in zip(region.first, region.extent))
    return (region.buffer, corners)


def _buffer(users: list[Leaf], blocks: list[Story]) -> Story:
    """The order of the users: in each column of their times the loop's number, or the rank of a statement's
    position among the users, so that a statement put between two others changes nothing for them."""
    loops: dict[
        str, int
    ] = {}  # numbered as they come, so that two blocks in one loop are told from two loops
    for leaf in users:
        for loop in leaf.loops:
            loops.setdefault(loop.key, len(loops))
    ranks = [_ranks(users, column) for column in range(max(len(leaf.time) for leaf in users))]
    moments = tuple(
        tuple(
            ranks[column][entry] if isinstance(entry, int) else ("loop", loops[entry])
            for column, entry in enumerate(leaf.time)
        )
        for leaf in users
    )
    return (tuple(blocks), moments)


def _ranks(users: list[Leaf], column: int) -> dict[int, int]:
    entries = {leaf.time[column] for leaf in users if column < len(leaf.time)}
    return {position: rank for rank, position in enumerate(sorted(e for e in entries if isinstance(e, int)))}


def _renamed(expression: Expression, depth: Mapping[str, int]) -> Hashable:
    if isinstance(expression, int):
        return expression
    if isinstance(expression, str):
        return ("loop", depth[expression])
    operator, *arguments = expression
    return (operator, *(_renamed(a, depth) for a in arguments))
