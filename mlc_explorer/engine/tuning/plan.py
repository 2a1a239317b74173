"""What there is to tune: functions without schedules, what identifies them, how often they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import tvm
from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.trace import Step, Trace
from ...schema.tuning import Plan, Task, without_schedules
from .. import targets
from ..machine import Machine
from ..recipes.choosing import recipe_for
from ..replay import State, replay
from ..transforms.catalogue import shortcuts
from ..transforms.wording import words
from ..views.describe import functions

ModelData = Callable[[str], bytes]
GROUP = "tuned"  # of the steps that a tuning found
_FUSE = "fuse"  # the shortcut that makes loop functions of a graph of operators


def plan(trace: Trace, function: str | None, target: str, model_data: ModelData) -> Plan:
    """The tasks of `function` after `trace`, or of every loop function that the model calls.

    What a candidate replaces is taken out of the trace: the steps on these functions since the last graph
    pass. A model that is still a graph of operators is fused first, which the plan's trace says. Refused if
    there are no loops to schedule.
    """
    state = replay(trace, model_data)
    if function is None:
        trace, state = _lowered(trace, state, model_data)
    calls = _calls(state, function)
    if not calls:
        raise Refused(**words("tune_no_loops", function=function or state.entry), place="function")
    base, taken = without_schedules(trace, calls)
    bare = replay(base, model_data)
    machine = Machine.of(targets.target(target))
    tasks = [_task(name, bare.mod[name], count, taken[name], machine) for name, count in calls.items()]
    return Plan(base.to_json(), tuple(_merged(tasks)), targets.machine())


def digest(func: PrimFunc) -> str:
    """The same for functions that differ in nothing but their name. Names of blocks count: a record speaks of
    them."""
    return hashlib.sha256(func.without_attr("global_symbol").script().encode()).hexdigest()[:32]


def _lowered(trace: Trace, state: State, model_data: ModelData) -> tuple[Trace, State]:
    """The model with loop functions: as it is, or after the passes that fuse it."""
    if _calls(state, None):
        return trace, state
    passes = next(s.steps for s in shortcuts() if s.name == _FUSE)
    steps = (Step.from_json({**step, "group": GROUP}) for step in passes)
    trace = Trace(trace.model, (*trace.steps, *steps))
    return trace, replay(trace, model_data)


def _calls(state: State, function: str | None) -> dict[str, int]:
    """Loop functions → how often the model calls them (1 for one that was named)."""
    found = {f.name: f.calls for f in functions(state.mod, state.entry) if f.kind == "loops"}
    if function is not None:
        return {function: 1} if function in found else {}
    if state.entry in found:
        return {state.entry: 1}
    return {name: count for name, count in found.items() if count}


def _task(name: str, func: PrimFunc, calls: int, start: tuple[Step, ...], machine: Machine) -> Task:
    recipe = recipe_for(func, machine)
    rule: tuple[Mapping[str, object], ...] = (recipe.step(name).to_json(),) if recipe is not None else ()
    before = tuple(step.to_json() for step in start)
    return Task(name, digest(func), tvm.ir.save_json(func), calls, before, rule)


def _merged(tasks: list[Task]) -> list[Task]:
    """One task for functions that are the same and were scheduled alike."""
    first: dict[str, Task] = {}
    for task in tasks:
        one = first.get(task.key)
        if one is None:
            first[task.key] = task
            continue
        first[task.key] = Task(
            one.function, one.key, one.code, one.calls + task.calls, one.start, one.recipe,
            (*one.twins, task.function),
        )  # fmt: skip
    return list(first.values())
