"""A schedule under construction: steps of a trace, each tried on a copy as soon as it is written.

Rules speak of loops by their variables, which TVM keeps while it moves a loop, because paths change with
every step. The draft turns them into the paths that a trace has. What TVM refuses raises Refused and ends the
rule.
"""

from __future__ import annotations

from typing import Any

from tvm.s_tir import Schedule
from tvm.s_tir.schedule import Trace
from tvm.tirx import PrimFunc

from ..errors import Refused
from ..schema.trace import Step
from .paths import Place
from .transforms import lookup
from .transforms.apply import apply_step, schedule_of
from .transforms.base import LoopTransform
from .transforms.hazards import refuse_wrong
from .transforms.refusals import explained
from .transforms.scope import Scope

LoopVar = Any  # tvm.tirx.Var


class Draft:
    """Steps for `function`, which is `func` before them. `scope` is the function as the steps left it."""

    def __init__(self, func: PrimFunc, function: str, group: str = "") -> None:
        """`group`: what the steps are a part of, as in a trace."""
        self.function, self.steps, self._group = function, list[Step](), group
        self._before = func
        self._schedule: Schedule = schedule_of(func, function)
        self.scope = Scope(self._schedule.mod, func)

    def do(self, transform: str, **params: Any) -> None:
        """One more step, by the name and parameters that a trace has."""
        step = Step(transform, self.function, params, self._group)
        made = lookup.make(step)
        if isinstance(made, LoopTransform):
            with explained(made, self._schedule.mod[self.function]):
                made.run(self._schedule, self.function)
        else:  # a rule for the whole function
            after = apply_step(self._schedule.mod, step).mod
            self._schedule = schedule_of(after[self.function], self.function)
        self.steps.append(step)
        self.scope = Scope(self._schedule.mod, self._schedule.mod[self.function])

    @property
    def trace(self) -> Trace:
        """The schedule's own trace, if no rule for the whole function is among the steps."""
        return self._schedule.trace

    def finished(self) -> PrimFunc:
        """The function after all steps. Raises Refused for what TVM accepts and gets wrong."""
        refuse_wrong(self._before, self.scope.func)
        return self.scope.func

    # -- loops

    def nest(self, block: str) -> list[LoopVar]:
        """Variables of the loops around the block, outermost first."""
        place = self.scope.at(block)
        if place is None:
            raise Refused(f"There is no block '{block}' any more.", code="path_missing", place=block)
        return [loop.node.loop_var for loop in self.scope.nest(place)]

    def loop(self, variable: LoopVar) -> Place:
        """The loop of that variable as it stands now."""
        return next(p for p in self.scope.loops if p.node.loop_var.same_as(variable))

    def path(self, variable: LoopVar) -> str:
        """Its path now."""
        return self.loop(variable).path

    def split(self, loop: LoopVar, *factors: int | None) -> list[LoopVar]:
        """The parts, outermost first. A cut into parts of which one is the whole loop is left out: the other
        parts are then missing from the answer."""
        place = self.loop(loop)
        around = len(self.scope.nest(place)) - 1
        block = place.blocks[0]
        self.do("split", loop=place.path, factors=list(factors))
        return self.nest(block)[around : around + len(factors)]

    def tile(self, loop: LoopVar, size: int) -> tuple[LoopVar | None, LoopVar]:
        """The loop in tiles of `size`: over the tiles (None if there is one only), and within one."""
        extent = getattr(self.loop(loop).node.extent, "value", None)
        if extent is not None and int(extent) == size:
            return None, loop
        outer, inner = self.split(loop, None, size)
        return outer, inner

    def fuse(self, loops: list[LoopVar]) -> LoopVar:
        """One loop for those nested directly in each other; a single one stays as it is."""
        if len(loops) == 1:
            return loops[0]
        first = self.loop(loops[0])
        around = len(self.scope.nest(first)) - 1
        self.do("fuse", loops=[self.path(v) for v in loops])
        return self.nest(first.blocks[0])[around]

    def reorder(self, loops: list[LoopVar | None]) -> None:
        """Puts the loops into this order; None stands for one that does not exist. Does nothing where they
        stand so already."""
        wanted = [v for v in loops if v is not None]
        now = sorted(wanted, key=lambda v: len(self.scope.nest(self.loop(v))))
        if any(not a.same_as(b) for a, b in zip(wanted, now)):
            self.do("reorder", loops=[self.path(v) for v in wanted])

    def mark(self, how: str, loop: LoopVar) -> None:
        """``parallel``, ``vectorize`` or ``unroll``."""
        self.do(how, loop=self.path(loop))
