"""Copies that exchange axes: what is read side by side is written far apart, or the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from ..paths import Place
from ..transforms.scope import Scope, extent
from . import nests
from .base import Recipe
from .nests import Nest

WAYS = 8  # lines of a cache's set: rows a power of two apart share a set, and more would drive each other out
_LEAST = 4


@dataclass(frozen=True)
class Transposed(Recipe):
    """Schedules a transposition, and what is computed on its way, for a CPU: tile by tile.

    1. All elementwise operators are computed in one nest, so that each element is loaded and stored once.
    2. The two axes that change places are cut into square tiles: each cache line that a tile touches is used
       for a whole row of it.
    3. A tile has no more rows than a set of the nearest cache has lines.
    4. Within a tile vectors are loaded along the axis that is contiguous in the source.
    5. Tiles run over the cores.

    TVM: the primitives that it unfolds into; Halide: ``tile`` and ``vectorize`` of a transposing ``Func``.

    tile: how many elements a tile has along either axis.
    pieces: into how many pieces the work is cut for the cores; 1 leaves it to one core.

    ``for i, j: B[i, j] = A[j, i]`` → ``for i_0_j_0 (parallel), j_1, i_1 (vectorized)``
    """

    name: ClassVar[str] = "transpose_tiled"

    tile: int = param(Integer(2, 64))
    pieces: int = param(Integer(1, 4096))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        draft = Draft(func, "main")
        found = _inlined(draft)
        axes = None if found is None else _exchanged(found)
        if found is None or axes is None:
            return None
        tile = next(
            (n for n in range(WAYS, _LEAST - 1, -1) if all((extent(p) or 1) % n == 0 for p in axes)), 0
        )
        return cls(tile, nests.pieces_for(found.work, machine.cores)) if tile else None

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = _inlined(Draft(func, "main"))
        axes = None if found is None else _exchanged(found)
        return {
            "source": extent(axes[0]) if axes else 0,
            "result": extent(axes[1]) if axes else 0,
            "ways": WAYS,
            "work": found.work if found is not None else 0,
            "cores": machine.cores,
            "grain": nests.GRAIN,
        }

    def write(self, draft: Draft) -> None:
        found = _inlined(draft)
        axes = None if found is None else _exchanged(found)
        if found is None or axes is None:
            raise self.refuse()
        source, result = (axis.node.loop_var for axis in axes)
        others = [p.node.loop_var for p in found.loops if p not in axes]
        source_out, source_in = draft.tile(source, self.tile)
        result_out, result_in = draft.tile(result, self.tile)
        outer = [v for v in (*others, source_out, result_out) if v is not None]
        draft.reorder([*outer, result_in, source_in])
        draft.mark("vectorize", source_in)
        nests.over_cores(draft, outer, self.pieces)


def _inlined(draft: Draft) -> Nest | None:
    """The one nest that is left of an elementwise function when all operators are written into the last."""
    found = nests.untouched(Scope(None, draft.scope.func))  # type: ignore[arg-type]
    if not found or any(nest.reduction for nest in found):
        return None
    nests.inline(draft)
    left = nests.nests(draft.scope)
    return left[0] if len(left) == 1 else None


def _exchanged(nest: Nest) -> tuple[Place, Place] | None:
    """The loops along which the source and the result are contiguous, if they are two."""
    result = nest.loops[-1]
    if nest.conditional or not nest.writes_along(result):
        return None
    for region in nest.reads:
        step = nest.stride(result, region)
        along = next((p for p in nest.loops if nest.stride(p, region) == 1 and extent(p) != 1), None)
        if along is not None and along is not result and step is not None and step > 1:
            return along, result
    return None
