"""How a nest that adds up (or takes the largest) becomes fast: vectors along what is contiguous.

Where the results lie side by side, a vector holds that many sums. Where the summed elements do, a vector
holds partial sums of one result, which are added up at the end; this changes the order of additions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..draft import Draft, LoopVar
from ..paths import Place
from ..transforms.scope import extent
from . import nests
from .nests import Nest

CHAINS = 4  # vectors of partial sums: an addition takes about four cycles
_FOLDED = 4  # lanes that are left when a vector of partial sums is folded
ROWS = 8  # results that are summed side by side where there are no vectors
_WRITTEN_OUT = 16  # iterations of a window that are written out


@dataclass(frozen=True)
class Numbers:
    """`vector` elements in a register, `pieces` for the cores, `tile` results summed side by side."""

    vector: int
    pieces: int
    tile: int = 1


def reduction_nest(draft: Draft, block: str, numbers: Numbers, epilogue: str | None = None) -> None:
    """Schedules a nest with sums. `epilogue`: the only block that reads them, computed beside each piece of
    the result. Raises Refused, and leaves the draft half done, where TVM does not take it."""
    found = nests.nest(draft, block)
    if column(found) is not None:
        _in_columns(draft, block, numbers, epilogue)
    elif is_uneven(found, numbers.vector):
        _in_uneven_parts(draft, block, numbers, epilogue)
    elif parts_of(found, numbers.vector) > 1:
        _in_parts(draft, block, numbers, epilogue)
    else:
        _in_rows(draft, block, numbers, epilogue)


def column(nest: Nest) -> Place | None:
    """The loop along which results and operands lie side by side."""
    return next((p for p in reversed(nest.spatial) if extent(p) != 1 and nest.vectorizable(p)), None)


def parts_of(nest: Nest, vector: int) -> int:
    """How many partial sums the innermost loops of the reduction are cut into: they are one run of contiguous
    elements that so many divide. 1 where there is no such run."""
    loops = _summed_run(nest)
    if not loops or nest.conditional or len(nest.block.node.writes) > 1:
        return 1
    length = math.prod(extent(p) or 1 for p in loops)
    whole = [n for n in (CHAINS * vector, vector) if length % n == 0]
    return whole[0] if whole else next(n for n in range(min(vector, length), 0, -1) if length % n == 0)


def is_uneven(nest: Nest, vector: int) -> bool:
    """Whether a long run of summed elements has a length that not even half a vector divides."""
    long = math.prod(extent(p) or 1 for p in _summed_run(nest)) > 2 * vector
    single = not nest.conditional and len(nest.block.node.writes) == 1
    return single and long and 2 * parts_of(nest, vector) < vector


def _summed_run(nest: Nest) -> list[Place]:
    """The innermost reduction loops that walk through contiguous elements as one."""
    loops = [p for p in nest.reduction if extent(p) != 1]
    if not loops or any(extent(p) is None for p in loops):
        return []
    steps = [nest.stride(loops[-1], region) for region in nest.reads]
    if 1 not in steps or any(step not in (0, 1) for step in steps):
        return []
    first = len(loops) - 1
    while first > 0 and nest.one_run(loops[first - 1], loops[first]):
        first -= 1
    return loops[first:]


# -- results side by side


def _in_columns(draft: Draft, block: str, numbers: Numbers, epilogue: str | None) -> None:
    found = nests.nest(draft, block)
    along = column(found)
    assert along is not None
    outer: list[LoopVar | None] = [p.node.loop_var for p in found.spatial if p is not along]
    sums = [p.node.loop_var for p in found.reduction]
    wide = nests.width(extent(along) or 1, numbers.vector)
    steps, lanes = _cut(draft, along.node.loop_var, wide)
    tiled = None
    if numbers.tile > 1 and outer:
        outer[-1], tiled = _cut(draft, outer[-1], numbers.tile)
    draft.reorder([*outer, steps, *sums, tiled, lanes])
    around = [v for v in (*outer, steps) if v is not None]
    _beside(draft, block, around, epilogue, wide)
    if wide > 1:
        draft.mark("vectorize", lanes)
    if tiled is not None:
        draft.mark("unroll", tiled)
    nests.over_cores(draft, around, numbers.pieces)
    _initialise(draft, block, wide, tiled is not None)
    _write_out(draft, sums)


def _cut(draft: Draft, loop: LoopVar, size: int) -> tuple[LoopVar | None, LoopVar | None]:
    """The loop over pieces of `size`, and the one within a piece: all of the loop for a size of one."""
    return (None, loop) if size == 1 else draft.tile(loop, size)


def _beside(draft: Draft, block: str, around: list[LoopVar], epilogue: str | None, width: int) -> None:
    """What is done with the sums afterwards, or the copy into the result, follows each piece of them."""
    if not around:
        return
    if epilogue is None:
        draft.do("cache_write", block=block, buffer=0, scope="global")
        epilogue = draft.scope.consumers(draft.scope.at(block))[0].path
    draft.do("reverse_compute_at", block=epilogue, loop=draft.path(around[-1]))
    last = draft.nest(epilogue)
    if (
        width > 1
        and not last[-1].same_as(around[-1])
        and nests.nest(draft, epilogue).vectorizable(draft.loop(last[-1]))
    ):
        draft.mark("vectorize", last[-1])


def _initialise(draft: Draft, block: str, width: int = 1, tiled: bool = False) -> None:
    """The initial value on its own, before the reduction; in vectors of `width`, a tile written out."""
    found = nests.nest(draft, block)
    if not found.reduction or found.block.node.init is None:
        return
    draft.do("decompose_reduction", block=block, loop=found.reduction[0].path)
    if width > 1:
        *outer, lanes = draft.nest(f"{block}_init")
        draft.mark("vectorize", lanes)
        if tiled:
            draft.mark("unroll", outer[-1])


def _write_out(draft: Draft, sums: list[LoopVar]) -> None:
    """The loops of a small window, from the innermost."""
    copies = 1
    for loop in reversed(sums):
        size = extent(draft.loop(loop)) or _WRITTEN_OUT + 1
        copies *= size
        if copies > _WRITTEN_OUT:
            return
        if size > 1:
            draft.mark("unroll", loop)


# -- summed elements side by side


def _in_parts(draft: Draft, block: str, numbers: Numbers, epilogue: str | None) -> None:
    found = nests.nest(draft, block)
    outer = [p.node.loop_var for p in found.spatial]
    whole = parts_of(found, numbers.vector)
    run = draft.fuse([p.node.loop_var for p in _summed_run(found)])
    partial = partial_sums(draft, block, run, whole, numbers.vector)
    if outer:
        for name in partial:
            draft.do("compute_at", block=name, loop=draft.path(outer[-1]))
        if epilogue is not None:
            draft.do("reverse_compute_at", block=epilogue, loop=draft.path(outer[-1]))
        nests.over_cores(draft, outer, numbers.pieces)
    for name in partial:
        vectors_of_parts(draft, name, numbers.vector)


def _in_uneven_parts(draft: Draft, block: str, numbers: Numbers, epilogue: str | None) -> None:
    """Partial sums of which the last step has a few only: the loop over the steps is cut before that one, so
    that only there is a condition, and LLVM makes vectors of the rest. They stay in a nest of their own,
    because ``compute_at`` would lose the condition."""
    found = nests.nest(draft, block)
    outer = [p.node.loop_var for p in found.spatial]
    run = draft.fuse([p.node.loop_var for p in _summed_run(found)])
    partial = factored(draft, block, draft.split(run, None, numbers.vector)[-1])
    steps = nests.nest(draft, partial).reduction[-1].node.loop_var
    nests.over_cores(draft, draft.nest(partial)[: len(outer)], numbers.pieces)
    draft.do("annotate", place=draft.path(steps), key="pragma_loop_partition_hint", value=1)
    draft.do("decompose_reduction", block=partial, loop=draft.path(steps))
    draft.mark("vectorize", draft.nest(f"{partial}_init")[-1])
    if epilogue is not None and outer:
        draft.do("reverse_compute_at", block=epilogue, loop=draft.path(draft.nest(block)[len(outer) - 1]))
    nests.over_cores(draft, draft.nest(block)[: len(outer)], numbers.pieces)


def partial_sums(draft: Draft, block: str, run: LoopVar, parts: int, vector: int) -> list[str]:
    """Cuts the reduction loop `run` into `parts` sums that `block` adds up: first whole vectors, then the
    lanes of the last one, which are folded to a few before. Gives the blocks of partial results, the last of
    them first."""
    size = extent(draft.loop(run)) or 1
    if parts % vector:
        chains, lanes = 1, [parts]
    else:
        chains, lanes = parts // vector, [vector // _FOLDED, _FOLDED] if vector > _FOLDED else [vector]
    if size == parts and chains == len(lanes) == 1:
        return []
    draft.split(run, None, chains, *lanes)
    found = [block]
    for before in range(len(lanes) + (chains > 1 and size > parts)):
        summed = nests.nest(draft, found[-1]).reduction
        found.append(factored(draft, found[-1], summed[-1].node.loop_var, before))
    return found[1:]


def factored(draft: Draft, block: str, loop: LoopVar, before: int = 0) -> str:
    """The block of the partial sums over `loop`, which become the last axis but `before`."""
    axes = len(draft.scope.at(block).node.writes[0].region)
    draft.do("rfactor", loop=draft.path(loop), factor_axis=axes - before)
    return draft.scope.producers(draft.scope.at(block))[-1].path


def vectors_of_parts(draft: Draft, block: str, vector: int) -> None:
    """A block of partial results: the reduction outside, the parts in vectors inside of it, side by side."""
    found = nests.nest(draft, block)
    own = [p for p in found.spatial if len(p.blocks) == 1 and extent(p) != 1]
    own.sort(key=lambda p: found.stride(p, found.block.node.writes[0]) or 0, reverse=True)
    first = len(own) - 1
    while first > 0 and math.prod(extent(p) or 1 for p in own[first - 1 :]) <= vector:
        first -= 1
    variables = [p.node.loop_var for p in own]
    draft.reorder([*(p.node.loop_var for p in found.reduction), *variables])
    draft.mark("vectorize", draft.fuse(variables[first:]))
    for chain in variables[:first]:
        draft.mark("unroll", chain)
    _initialise(draft, block, 2, first > 0)


# -- neither


def _in_rows(draft: Draft, block: str, numbers: Numbers, epilogue: str | None) -> None:
    """A few results are summed side by side, so that no addition waits for the one before."""
    found = nests.nest(draft, block)
    outer = [p.node.loop_var for p in found.spatial]
    sums = [p.node.loop_var for p in found.reduction]
    rows = next((n for n in range(ROWS, 1, -1) if outer and (extent(found.spatial[-1]) or 1) % n == 0), 1)
    steps, inner = draft.tile(outer[-1], rows) if rows > 1 else (outer[-1] if outer else None, None)
    around = [v for v in (*outer[:-1], steps) if v is not None]
    draft.reorder([*around, *sums, inner])
    if epilogue is not None and around:
        draft.do("reverse_compute_at", block=epilogue, loop=draft.path(around[-1]))
    if inner is not None:
        draft.mark("unroll", inner)
    nests.over_cores(draft, around, numbers.pieces)
    _initialise(draft, block)


def plain(draft: Draft, block: str, pieces: int) -> None:
    """The least that helps any sum: its outer loops over the cores, its initial value beforehand."""
    nests.over_cores(draft, [p.node.loop_var for p in _leading(nests.nest(draft, block))], pieces)
    _initialise(draft, block)


def _leading(nest: Nest) -> list[Place]:
    """The spatial loops outside of every reduction."""
    first = next((i for i, p in enumerate(nest.loops) if p in nest.reduction), len(nest.loops))
    return list(nest.loops[:first])
