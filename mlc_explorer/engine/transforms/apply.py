"""Applying one step to a module, and saying the same in plain TVM Python.

A loop-level step works on a schedule that holds only its function, so that its cost does not grow with the
model; the new PrimFunc is then put into a copy of the module. The module that came in is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.s_tir.schedule import LoopRV, SBlockRV
from tvm.tirx import PrimFunc

from ...errors import NotFound, Refused
from ...schema.trace import Step
from .. import paths
from . import hints, lookup, stages
from .base import FunctionTransform, GraphTransform, LoopTransform, Moves, ScheduleRule
from .hazards import refuse_wrong
from .refusals import explained
from .wording import words


class HasModule(Protocol):
    """Anything with a module, such as `replay.State`."""

    @property
    def mod(self) -> IRModule: ...


@dataclass(frozen=True, eq=False)
class Applied:
    """The module after a step, and where the step's places went (as `StepReport.moved`)."""

    mod: IRModule
    moved: Mapping[str, str | None] = field(default_factory=dict)


def apply_step(mod: IRModule, step: Step) -> Applied:
    """`mod` after `step`. Raises NotFound, BadTrace or Refused; whatever TVM raises becomes Refused."""
    transform = lookup.make(step)
    if isinstance(transform, GraphTransform):
        stages.require(type(transform), mod)
        with explained(transform):
            return Applied(transform.run(mod))
    assert step.function is not None
    if isinstance(transform, FunctionTransform):
        return _apply_to_function(transform, mod, step.function)
    assert isinstance(transform, LoopTransform)
    sch, places, moves = _schedule(transform, mod, step.function)
    after = mod.clone()
    after.update_func(after.get_global_var(step.function), sch.mod[step.function])
    return Applied(after, _moved(step.function, sch, step.function, places, moves))


def step_source(state_before: HasModule, step: Step) -> str:
    """Lines of plain TVM Python that do to the variable `mod` what `step` does to `state_before.mod`.

    They assume `tvm`, `relax` (tvm.relax) and `Schedule` (tvm.s_tir.Schedule). The module that `mod` named
    before is not changed.
    """
    transform = lookup.make(step)
    if isinstance(transform, GraphTransform):
        return transform.source_for(state_before.mod)
    assert step.function is not None
    name = step.function
    if isinstance(transform, FunctionTransform):
        return "\n".join(
            [
                f"one = tvm.IRModule({{{name!r}: mod[{name!r}]}})",
                transform.source_for(_prim_func(state_before.mod, name), name),
                "mod = mod.clone()",
                f"mod.update_func(mod.get_global_var({name!r}), one[{name!r}])",
            ]
        )
    assert isinstance(transform, LoopTransform)
    sch, _, _ = _schedule(transform, state_before.mod, name)
    return "\n".join(
        [
            f"sch = Schedule(tvm.IRModule({{{name!r}: mod[{name!r}]}}))",
            *transform.source(sch.trace),
            "mod = mod.clone()",
            f"mod.update_func(mod.get_global_var({name!r}), sch.mod[{name!r}])",
        ]
    )


def carried_by(state_before: HasModule, step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a script needs besides `step_source`: definitions (they use `np` too), and packages to install."""
    transform = lookup.make(step)
    if not isinstance(transform, GraphTransform):
        return (), ()
    return transform.carried(state_before.mod), transform.packages()


@dataclass(frozen=True, eq=False)
class _Tracked:
    """A place before the step, with the schedule's own reference, which follows the node through rewrites.
    None where a schedule does not look: in an initial value, and inside of a block."""

    path: str
    reference: Any


def _tracked(sch: Schedule, func: PrimFunc) -> list[_Tracked]:
    places = []
    for place in paths.walk(func):
        try:
            places.append(_Tracked(place.path, sch.get_sref(place.node)))
        except IndexError:
            places.append(_Tracked(place.path, None))
    return places


def _schedule(
    transform: LoopTransform, mod: IRModule, function: str
) -> tuple[Schedule, list[_Tracked], Moves]:
    func = _prim_func(mod, function)
    with explained(transform, func):
        sch = schedule_of(func, function)
    places = _tracked(sch, func)
    return sch, places, run_on(sch, transform, func, function)


def schedule_of(func: PrimFunc, function: str) -> Schedule:
    """A schedule of `func` alone."""
    return Schedule(IRModule({function: func}), error_render_level="detail")


def run_on(sch: Schedule, transform: LoopTransform, func: PrimFunc, function: str) -> Moves:
    """Applies `transform` to `sch`, which holds `func` alone. Raises Refused also for what TVM accepts and
    gets wrong; `sch` is then of no use any more."""
    with explained(transform, func):
        moves = transform.run(sch, function)
        refuse_wrong(func, sch.mod[function])
        hints.refuse_misplaced(sch.mod[function])
    return moves


def _apply_to_function(transform: FunctionTransform, mod: IRModule, function: str) -> Applied:
    """What a rule makes of the whole function. Places are followed along the trace that the rule leaves;
    where it leaves none, they are found again by their names."""
    func = _prim_func(mod, function)
    moved: dict[str, str | None]
    with explained(transform, func):
        if isinstance(transform, ScheduleRule):
            changed, moved = _along_trace(transform, func, function)
            if not transform.sound:
                refuse_wrong(func, changed)
        else:  # a pass of TVM's own lowering, after which the hazards of schedules have no meaning
            changed = transform.run(IRModule({function: func}), function)[function]
            now = {place.path for place in paths.walk(changed)}
            gone = {place.path for place in paths.walk(func)} - now
            moved = {f"{function}:{path}": None for path in sorted(gone)}
    after = mod.clone()
    after.update_func(after.get_global_var(function), changed)
    return Applied(after, moved)


def _along_trace(rule: ScheduleRule, func: PrimFunc, function: str) -> tuple[PrimFunc, dict[str, str | None]]:
    sch = Schedule(IRModule({"main": func}), error_render_level="detail")
    places = _tracked(sch, func)
    rule.trace(func).apply_to_schedule(sch, remove_postproc=False)
    return sch.mod["main"].with_attr(rule.attributes()), _moved(function, sch, "main", places, {})


def _prim_func(mod: IRModule, function: str) -> PrimFunc:
    names = [v.name_hint for v in mod.get_global_vars()]
    if function not in names:
        known = ", ".join(names[:12])
        raise NotFound(**words("function_missing", name=function, known=known), place="function")
    func = mod[function]
    if not isinstance(func, PrimFunc):
        raise Refused(**words("function_has_no_loops", function=function), place="function")
    return func


def _moved(
    function: str, sch: Schedule, name: str, places: list[_Tracked], moves: Moves
) -> dict[str, str | None]:
    """Where the places of `function` went; the schedule calls it `name`."""
    now = {place.node: place.path for place in paths.walk(sch.mod[name])}
    paths_now = set(now.values())
    moved: dict[str, str | None] = {}
    for place in places:
        if place.path not in moves and place.reference is None:
            path = place.path if place.path in paths_now else None
        else:
            node = moves.get(place.path, place.reference.stmt)
            node = sch.get(node) if isinstance(node, (SBlockRV, LoopRV)) else node
            path = now.get(node) if node is not None else None
        if path != place.path:
            moved[f"{function}:{place.path}"] = path and f"{function}:{path}"
    return moved
