"""Functions that take statistics of each row and then change the row by them: softmax, layer norm."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Rows(Recipe):
    """Schedules statistics of rows, and what is done with them (softmax, layer norm), for a CPU.

    1. A row goes through all steps while it is in the nearest cache; rows run over the cores.
    2. Each statistic is taken in several vectors of partial results, which hide the latency of an addition.
    3. These are brought together once a row: first the vectors, then the lanes of the last one.
    4. What is done to each element runs in vectors.

    TVM: the primitives that it unfolds into; Halide: ``compute_at`` the rows, ``rfactor``, ``vectorize``.

    parts: how many partial results of a statistic there are.
    vector: how many elements one step of the innermost loop computes.
    pieces: into how many pieces the work is cut for the cores; 1 leaves it to one core.

    ``for i, k: m[i] = max(…)`` / ``for i, k: s[i] += …`` / ``for i, k: Y = …`` →
    ``for i (parallel): m; s; Y``, each ``for k_0: for k_1 (vectorized)``
    """

    name: ClassVar[str] = "row_by_row"

    parts: int = param(Integer(1, 4096))
    vector: int = param(Integer(1, 1024))
    pieces: int = param(Integer(1, 4096))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = _rows(func)
        if not found:
            return None
        lanes = machine.lanes(nests.element_bytes(found[-1]))
        first = next(n for n in found if n.reduction)
        work = sum(n.work for n in found)
        parts = reducing.parts_of(first, lanes)
        if reducing.is_uneven(first, lanes):  # nest by nest it is faster
            return None
        return cls(parts, lanes, nests.pieces_for(work, machine.cores))

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = _rows(func)
        return {
            "columns": extent(found[-1].loops[-1]) if found else 0,
            "vectors": max(1, self.parts // self.vector),
            "lanes": self.vector,
            "work": sum(n.work for n in found),
            "cores": machine.cores,
            "grain": nests.GRAIN,
        }

    def write(self, draft: Draft) -> None:
        if not _rows(draft.scope.func):
            raise self.refuse()
        nests.inline(draft)
        last = draft.scope.leaves[-1].path
        sums = [p.path for p in draft.scope.leaves if p.node.init is not None]
        partial = [block for name in sums for block in self._partial(draft, name)]
        row = draft.fuse(draft.nest(last)[:-1])
        for block in reversed([p.path for p in draft.scope.leaves]):
            if block != last:
                draft.do("compute_at", block=block, loop=draft.path(row))
        nests.over_cores(draft, [row], self.pieces)
        for block in [p.path for p in draft.scope.leaves]:
            if block in partial:
                reducing.vectors_of_parts(draft, block, self.vector)
            else:
                self._inner(draft, block)

    def _partial(self, draft: Draft, block: str) -> list[str]:
        """Cuts a statistic into partial results; gives their blocks."""
        run = draft.nest(block)[-1]
        size = extent(draft.loop(run)) or 1
        if self.parts < 2 or size % self.parts:
            return []
        return reducing.partial_sums(draft, block, run, self.parts, self.vector)

    def _inner(self, draft: Draft, block: str) -> None:
        """What a block does within a row: in vectors, or written out where lanes come together."""
        found = nests.nest(draft, block)
        if not found.reduction and len(found.loops[-1].blocks) == 1:
            nests.in_vectors(draft, block, found.loops[-1].node.loop_var, self.vector)
        elif found.reduction and (extent(found.loops[-1]) or 0) <= self.vector:
            draft.mark("unroll", found.loops[-1].node.loop_var)


def _rows(func: PrimFunc | None) -> list[Nest]:
    """The nests of a function over rows that nothing is done to yet: the last changes each element of a row,
    each of the others does so, or takes a statistic, or computes one number of it. Nothing otherwise."""
    if func is None:
        return []
    found = nests.untouched(Scope(None, func))  # type: ignore[arg-type]  # only the function is asked
    if len(found) < 2 or not any(n.reduction for n in found) or found[-1].reduction:
        return []
    *rows, column = [extent(loop) for loop in found[-1].loops]
    for nest in found:
        spatial = [extent(loop) for loop in nest.spatial]
        summed = [extent(loop) for loop in nest.reduction]
        whole = spatial == [*rows, column] and not summed
        if not rows or not (whole or (spatial == rows and summed in ([column], []))) or not _in_row(nest):
            return []
    return found


def _in_row(nest: Nest) -> bool:
    """Whether a statistic is taken along contiguous elements."""
    last = nest.loops[-1]
    return not nest.reduction or all(nest.stride(last, region) in (0, 1) for region in nest.reads)
