"""Functions with one sum (or largest element) in them: pooling over windows, means, sums along any axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from ..transforms.scope import Scope, extent
from . import nests, reducing
from .base import Recipe
from .nests import Nest
from .reducing import Numbers

_PIXELS = 8  # results of a tile: as many sums under way hide the latency of each


@dataclass(frozen=True)
class Reduction(Recipe):
    """Schedules a sum, mean or maximum along some axes for a CPU.

    1. What is computed element by element before the sum is written into it.
    2. Where results lie side by side in memory, a vector holds that many of them, and the summed axes run
       outside of it.
    3. Where the summed elements lie side by side, vectors of partial sums are added up at the end.
    4. Otherwise a few results are summed side by side, so that no addition waits for the one before.
    5. What follows the sum is computed while the sum is in the cache; results run over the cores.

    TVM: the primitives that it unfolds into; Halide: ``rfactor``, ``vectorize``, ``parallel``.

    vector: how many elements one step of the innermost loop computes.
    pieces: into how many pieces the work is cut for the cores; 1 leaves it to one core.

    ``for i: for k: s[i] += A`` →
    ``for i (parallel): for k_0: s_rf[k_1 (vectorized)] += A`` / ``for k_1: s += s_rf``
    """

    name: ClassVar[str] = "reduction"

    vector: int = param(Integer(1, 1024))
    pieces: int = param(Integer(1, 4096))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = _one_sum(func)
        return None if found is None else cls(lanes(found, machine), pieces(found, machine))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = _one_sum(func)
        work = found.work if found is not None else 0
        return {"lanes": self.vector, "work": work, "cores": machine.cores, "grain": nests.GRAIN}

    def write(self, draft: Draft) -> None:
        if _one_sum(draft.scope.func) is None:
            raise self.refuse()
        summed(draft, Numbers(self.vector, self.pieces))


@dataclass(frozen=True)
class Pooling(Recipe):
    """Schedules pooling over windows, on blocked channels, for a CPU.

    1. The border is not copied: the window asks whether it is inside, and takes the neutral value outside.
    2. Channels that lie side by side are one vector; a tile is some pixels of a row of them.
    3. The window runs around the tile, and a small one is written out, so that results stay in registers.
    4. What follows is computed on the tile; rows of all channels run over the cores.

    TVM: the primitives that it unfolds into; Halide: ``vectorize`` over channels, ``unroll`` of the window.

    vector: how many elements one step of the innermost loop computes.
    pixels: how many pixels of a row a tile has.
    pieces: into how many pieces the work is cut for the cores; 1 leaves it to one core.

    ``for n, c, y, x, v, ry, rx`` →
    ``for n_c_y (parallel), x_0, ry, rx (unrolled), x_1 (unrolled), v (vectorized)``
    """

    name: ClassVar[str] = "pooling"

    vector: int = param(Integer(1, 1024))
    pixels: int = param(Integer(1, 64))
    pieces: int = param(Integer(1, 4096))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = _window(func)
        if found is None:
            return None
        row = _row(found)
        fits = min(_PIXELS, machine.registers // 2)
        pixels = next(n for n in range(fits, 0, -1) if row % n == 0)
        return cls(lanes(found, machine), pixels, pieces(found, machine))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = _window(func)
        return {
            "lanes": self.vector,
            "columns": _row(found) if found is not None else 0,
            "window": math.prod(extent(p) or 1 for p in found.reduction) if found is not None else 0,
            "work": found.work if found is not None else 0,
            "cores": machine.cores,
            "grain": nests.GRAIN,
        }

    def write(self, draft: Draft) -> None:
        if _window(draft.scope.func) is None:
            raise self.refuse()
        summed(draft, Numbers(self.vector, self.pieces, self.pixels))


def lanes(nest: Nest, machine: Machine) -> int:
    """Elements of the result in a vector register."""
    return machine.lanes(nests.element_bytes(nest))


def pieces(nest: Nest, machine: Machine) -> int:
    """Pieces of the work for the cores."""
    return nests.pieces_for(nest.work, machine.cores)


def summed(draft: Draft, numbers: Numbers) -> None:
    """Schedules a function with one sum: what comes before and after it goes into it."""
    block = next(p.path for p in draft.scope.leaves if p.node.init is not None)
    nests.inline(draft)
    readers = draft.scope.consumers(draft.scope.at(block))
    reducing.reduction_nest(draft, block, numbers, readers[0].path if len(readers) == 1 else None)


def _one_sum(func: PrimFunc | None) -> Nest | None:
    """The nest with the sum, if there is one only, each nest before and after it is elementwise, and nothing
    is scheduled yet."""
    if func is None:
        return None
    found = nests.untouched(Scope(None, func))  # type: ignore[arg-type]  # only the function is asked
    sums = [n for n in found if n.reduction]
    if len(sums) != 1 or len(sums[0].block.node.writes) != 1:
        return None
    return sums[0]


def _window(func: PrimFunc | None) -> Nest | None:
    """The same, if it is a window over rows of blocked channels."""
    found = _one_sum(func)
    if found is None or len(found.reduction) != 2 or len(found.spatial) != 5 or _row(found) == 1:
        return None
    return found if reducing.column(found) is found.spatial[-1] else None


def _row(nest: Nest) -> int:
    """The length of the loop outside of the vectors."""
    return extent(nest.spatial[-2]) or 1
