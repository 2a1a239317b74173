"""Programs that TVM makes and that are wrong by their text alone, without asking what runs when."""

from __future__ import annotations

import re
from typing import Any

import tvm_ffi
from tvm import IRModule
from tvm.ir import TensorLoad
from tvm.s_tir import transform
from tvm.s_tir.analysis import verify_well_formed
from tvm.tirx import FloorDiv, FloorMod, ForKind, PrimFunc

from ...errors import Refused
from .. import paths
from .wording import words


def refuse_ill_formed(func: PrimFunc) -> None:
    """Refused if a variable of `func` is used where nothing defines it: TVM would fail at the next step.

    Seen for `reindex` of a block with loops of its own, such as `read_at` makes."""
    try:
        verify_well_formed(func)
    except Exception as e:  # TVM raises ValueError or its own InternalError
        said = re.search(r"undefined variable (\w+)", str(e))
        raise Refused(**words("ill_formed", what=said[1] if said else "?"), detail=str(e)) from e


def refuse_broken_copy(func: PrimFunc) -> None:
    """Refused if a block that read_at or write_at made is no copy of one buffer any more: lowering looks for
    one that is, and fails."""
    for place in paths.walk(func):
        if place.kind == "block" and "auto_copy" in place.node.annotations:
            loads: set[Any] = set()
            tvm_ffi.structural_walk(place.node.body, (TensorLoad, lambda load: loads.add(load.source)))  # noqa: B023
            if (len(loads), len(place.node.reads), len(place.node.writes)) != (1, 1, 1):
                raise Refused(**words("copy_no_more", block=place.path), paths=(place.path,))


def refuse_unsized(func: PrimFunc) -> None:
    """Refused if TVM can't tell how large a buffer has to be, and makes its size depend on a loop's variable
    outside of that loop. Seen where one remainder is taken of another, as after two index maps, or one and
    `fuse`: only such functions are lowered so far as to be asked."""
    if not _takes_remainders_of_remainders(func):
        return
    try:
        mod = IRModule({"main": func})
        for one in _UNTIL_SIZED:
            mod = one()(mod)
        verify_well_formed(mod["main"])
    except Exception as e:  # TVM raises its own kinds
        said = re.search(r"undefined variable (\w+) at <root>.*alloc_buffers", str(e))
        if said:
            raise Refused(**words("unsized", what=said[1]), detail=str(e)) from e


_UNTIL_SIZED = (
    transform.LowerInitBlock,
    transform.PlanAndUpdateBufferAllocationLocation,
    transform.ConvertBlocksToOpaque,
    transform.CompactBufferAllocation,
)


def _takes_remainders_of_remainders(func: PrimFunc) -> bool:
    """Whether an index takes a remainder or quotient of a remainder, at once or through a block's axis."""
    rests: set[Any] = set()  # axes that are remainders
    found: list[bool] = []

    def within(expression: Any) -> None:
        inner = expression.a
        if isinstance(inner, FloorMod) or inner in rests:
            found.append(True)

    for place in paths.walk(func):
        if place.kind == "block":
            axes = zip(place.node.iter_vars, place.realize.iter_values)
            rests |= {axis.var for axis, value in axes if isinstance(value, FloorMod)}
    tvm_ffi.structural_walk(func.body, ((FloorMod, FloorDiv), within))
    return bool(found)


def refuse_vectorized_storage(func: PrimFunc) -> None:
    """Refused if a vectorized loop of `func` encloses every access to a buffer that is no parameter.

    Such a buffer gets its storage inside that loop, and TVM then lets all lanes share one element: seen wrong
    for an elementwise producer, a row sum and a cache_write alike, in whichever order the loop was vectorized
    and the block moved there.
    """
    places = paths.walk(func)
    params = set(func.params)
    around: dict[Any, set[int]] = {}
    for i, place in enumerate(places):
        if place.kind == "block":
            lanes = _vectorized_above(places, i)
            for region in (*place.node.reads, *place.node.writes):
                around[region.source] = around.get(region.source, lanes) & lanes
    for buffer, loops in around.items():
        if loops and buffer not in params:
            loop = places[min(loops)]
            raise Refused(
                **words("vectorized_storage", loop=loop.path, buffer=str(buffer.name)), paths=(loop.path,)
            )


def _vectorized_above(places: tuple[paths.Place, ...], index: int) -> set[int]:
    found = set()
    parent = places[index].parent
    while parent is not None:
        if places[parent].kind == "loop" and places[parent].node.kind == ForKind.VECTORIZED:
            found.add(parent)
        parent = places[parent].parent
    return found
