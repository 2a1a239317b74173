"""Operators that compute each element of the result by itself: one pass over memory for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from ..transforms.scope import Scope
from . import nests
from .base import Recipe
from .nests import Nest

VECTORS = 4  # registers that one step fills: their loads are under way at once


@dataclass(frozen=True)
class Elementwise(Recipe):
    """Schedules a chain of elementwise operators (activation, scale and shift, copy) for a CPU.

    1. All operators are computed in one nest, so that each element is loaded and stored once.
    2. Loops that walk through memory one after the other become a single long one.
    3. That loop runs in vectors; a few of them follow each other without a jump.
    4. Where there is enough to do, the outer loops run over the cores.

    TVM: the primitives that it unfolds into; Halide: all stages inlined, ``vectorize``, ``parallel``.

    vector: how many elements one step of the innermost loop computes.
    pieces: into how many pieces the work is cut for the cores; 1 leaves it to one core.

    ``for i: for j: B = A * s`` / ``for i: for j: C = max(B, 0)`` →
    ``for i_0 (parallel), i_1, j (vectorized): C = max(A * s, 0)``
    """

    name: ClassVar[str] = "elementwise"

    vector: int = param(Integer(1, 1024))
    pieces: int = param(Integer(1, 4096))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = _chain(func)
        if not found:
            return None
        lanes = machine.lanes(nests.element_bytes(found[-1]))
        return cls(_vector(found[-1], lanes), nests.pieces_for(sum(n.work for n in found), machine.cores))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = _chain(func)
        return {
            "lanes": machine.lanes(nests.element_bytes(found[-1])) if found else 0,
            "work": sum(n.work for n in found),
            "cores": machine.cores,
            "grain": nests.GRAIN,
        }

    def write(self, draft: Draft) -> None:
        if not _chain(draft.scope.func):
            raise self.refuse()
        nests.inline(draft)
        for block in [p.path for p in draft.scope.leaves]:
            nests.spatial_nest(draft, block, self.vector, self.pieces)


def _chain(func: PrimFunc | None) -> list[Nest]:
    """The nests of an elementwise function, not scheduled yet; nothing if it is none."""
    if func is None:
        return []
    found = nests.untouched(Scope(None, func))  # type: ignore[arg-type]  # only the function is asked
    return found if found and not any(n.reduction for n in found) else []


def _vector(last: Nest, lanes: int) -> int:
    """A few vectors where the innermost loops have them, else one."""
    return max(lanes, nests.width(math.prod(last.parts), lanes * VECTORS, last.parts))
