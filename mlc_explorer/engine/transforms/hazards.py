"""Programs that TVM accepts and compiles to wrong results, refused here.

A buffer that is used only beneath a vectorized loop gets its storage inside that loop, and TVM 0.27 then lets
all lanes share one element: seen wrong for an elementwise producer, a row sum and a cache_write alike, in
whichever order the loop was vectorized and the block moved there.
"""

from __future__ import annotations

from typing import Any

from tvm.tirx import ForKind, PrimFunc

from ...errors import Refused
from .. import paths
from .wording import words


def refuse_vectorized_storage(func: PrimFunc) -> None:
    """Refused if a vectorized loop of `func` encloses every access to a buffer that is no parameter."""
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
