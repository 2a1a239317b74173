"""What any function with loops gets that no other recipe is for: never wrong, and not slow without need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.params import Integer, param
from ..draft import Draft
from ..machine import Machine
from ..transforms.scope import Scope
from . import nests, reducing
from .base import Recipe
from .nests import Nest
from .reducing import Numbers


@dataclass(frozen=True)
class Generic(Recipe):
    """Schedules whatever has loops for a CPU, nest by nest.

    1. What is computed element by element is written into what reads it.
    2. Each nest that is left is scheduled for itself: contiguous loops become one and run in vectors.
    3. A sum gets its initial value beforehand, and vectors of sums or of partial sums where memory allows.
    4. The outer loops of a nest run over the cores, if it has enough to do.
    5. Where a primitive is refused the nest stays as it is.

    TVM: the primitives that it unfolds into; Halide: an auto-scheduler's last resort.

    vector: how many elements one step of the innermost loop computes.
    cores: over how many cores the nests run.
    grain: operations for each core below which one core does a nest alone.

    ``for i: for k: s += A`` / ``for i: B = A / s`` →
    ``for i (parallel): for k_0: s_rf[k_1] += A`` / ``for i (parallel): B = A / s``
    """

    name: ClassVar[str] = "generic"

    vector: int = param(Integer(1, 1024))
    cores: int = param(Integer(1, 1024))
    grain: int = param(Integer(1, 1 << 30))

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        found = _open(Scope(None, func))  # type: ignore[arg-type]  # only the function is asked
        if not found:
            return None
        return cls(machine.lanes(nests.element_bytes(found[-1])), machine.cores, nests.GRAIN)

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        found = _open(Scope(None, func))  # type: ignore[arg-type]
        busy = [n for n in found if n.work >= self.grain * self.cores]
        return {"nests": len(found), "shared": len(busy), "most": max((n.work for n in found), default=0)}

    def write(self, draft: Draft) -> None:
        if not _open(draft.scope):
            raise self.refuse()
        nests.inline(draft)
        for nest in _open(draft.scope):
            pieces = nests.pieces_for(nest.work, self.cores, self.grain)
            block, numbers = nest.block.path, Numbers(self.vector, pieces)
            if not nest.reduction:
                attempt(draft, nests.spatial_nest, block, self.vector, pieces)
            elif not attempt(draft, reducing.reduction_nest, block, numbers):
                attempt(draft, reducing.plain, block, pieces)


def _open(scope: Scope) -> list[Nest]:
    """The nests that nothing is done to yet and in which nothing else stands."""
    return [n for n in nests.nests(scope) if n.loops and n.plain and n.alone]


def attempt(draft: Draft, write: Callable[..., None], *arguments: Any) -> bool:
    """Does all the steps that `write(draft, *arguments)` does, or, where one of them is refused, none."""
    assert draft.scope.func is not None
    trial = Draft(draft.scope.func, draft.function)
    try:
        write(trial, *arguments)
    except Refused:
        return False
    for step in trial.steps:
        draft.do(step.transform, **step.params)
    return True
