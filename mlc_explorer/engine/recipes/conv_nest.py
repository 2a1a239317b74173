"""The steps that all convolutions share: what is computed before a tile and with it, what is written out."""

from __future__ import annotations

from ..draft import Draft, LoopVar
from .conv_layer import Layer

_PARTITION = {"key": "pragma_loop_partition_hint", "value": 1}


def cut(draft: Draft, loop: LoopVar, size: int) -> tuple[LoopVar | None, LoopVar | None]:
    """The loop over tiles of `size` and the one within a tile; None for one that would run once."""
    return (loop, None) if size == 1 else draft.tile(loop, size)


def prepare(draft: Draft, layer: Layer) -> list[str]:
    """Inlines what only hands values on, before the convolution and after it. Gives the blocks that are left
    after it, which write what the function returns; where there is none, one is made, so that each sum is
    written once."""
    for other in layer.before:
        draft.do("compute_inline", block=other)
    results = [path for path in layer.following if _is_result(draft, path)]
    for other in layer.following:
        if other not in results:
            draft.do("compute_inline", block=other)
    if results:
        return results
    draft.do("cache_write", block=layer.block, buffer=0, scope="global")
    return [place.path for place in draft.scope.consumers(draft.scope.at(layer.block))]


def place_results(draft: Draft, results: list[str], loop: LoopVar) -> None:
    """What follows the convolution is computed in an iteration of `loop`, where the tile is complete: written
    out, lanes as vectors. Sums whose addresses are all known when compiling live in registers."""
    outside = len(draft.scope.nest(draft.loop(loop)))
    for block in results:
        draft.do("reverse_compute_at", block=block, loop=draft.path(loop))
        *tile, lanes = draft.nest(block)[outside:]
        draft.mark("vectorize", lanes)
        for inner in tile:
            draft.mark("unroll", inner)


def spread_copy(draft: Draft, copy: str | None) -> None:
    """The copy with its border of zeros as a nest of its own, if there is one: rows over the cores."""
    if copy is None:
        return
    *rows, _, last = draft.nest(copy)
    draft.mark("parallel", draft.fuse(rows))
    draft.mark("vectorize", last)


def peel(draft: Draft, tiles: LoopVar | None, pixels: int, columns: int) -> None:
    """Lets the compiler take a last, smaller tile out of the loop over `tiles`: the others need no guard."""
    if tiles is not None and columns % pixels:
        draft.do("annotate", place=draft.path(tiles), **_PARTITION)


def start_at_zero(draft: Draft, block: str, reduction: LoopVar, written_out: list[LoopVar | None]) -> None:
    """The sums' zeros before the loop over `reduction`, as vectors; as many loops of the tile stand around
    the lanes there as are `written_out`."""
    draft.do("decompose_reduction", block=block, loop=draft.path(reduction))
    *tile, lanes = draft.nest(f"{block}_init")
    draft.mark("vectorize", lanes)
    copies = sum(loop is not None for loop in written_out)
    for loop in tile[len(tile) - copies :]:
        draft.mark("unroll", loop)


def _is_result(draft: Draft, path: str) -> bool:
    place = draft.scope.at(path)
    return place is not None and any(r.source in draft.scope.outputs for r in place.node.writes)
