"""What there is to tune: functions without schedules, what identifies them, how often they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import tvm
from tvm.tirx import PrimFunc

from ...errors import MlcError, Refused
from ...schema.trace import Step, Trace
from ...schema.tuning import Plan, Task, without_schedules
from .. import targets
from ..machine import Machine
from ..recipes.choosing import steps_for
from ..recipes.network import graph_steps
from ..replay import State, adopt, apply, replay
from ..transforms.wording import words
from ..views.describe import functions

ModelData = Callable[[str], bytes]
GROUP = "tuned"  # of the steps that a tuning found


def plan(trace: Trace, function: str | None, target: str, model_data: ModelData) -> Plan:
    """The tasks of `function` after `trace`, or of every loop function that the model calls.

    What a candidate replaces is taken out of the trace: the steps on these functions since the last graph
    pass. A model that is still a graph of operators is lowered first, which the plan's trace says. Refused if
    there are no loops to schedule.
    """
    state = replay(trace, model_data)
    machine = Machine.of(targets.target(target))
    if function is None:
        trace, state = _lowered(trace, state, machine)
    calls = _calls(state, function)
    if not calls:
        raise Refused(**words("tune_no_loops", function=function or state.entry), place="function")
    base, taken = without_schedules(trace, calls)
    bare = replay(base, model_data)
    tasks = [_task(name, bare.mod[name], count, taken[name], machine) for name, count in calls.items()]
    return Plan(base.to_json(), tuple(_merged(tasks)), targets.machine())


def digest(func: PrimFunc) -> str:
    """The same for functions that differ in nothing but their name. Names of blocks count: a record speaks of
    them."""
    return hashlib.sha256(func.without_attr("global_symbol").script().encode()).hexdigest()[:32]


def _lowered(trace: Trace, state: State, machine: Machine) -> tuple[Trace, State]:
    """The model with loop functions: as it is, or after the passes of *Make it fast* for a CPU."""
    if _calls(state, None):
        return trace, state
    made: list[tuple[Step, State]] = []
    for step in graph_steps(machine):
        with suppress(MlcError):  # a pass that has no place in this model
            grouped = replace(step, group=GROUP)
            after = apply(state, grouped)
            if _changed(after):
                made.append((grouped, after))
                state = after
    adopt(trace, made)
    return Trace(trace.model, (*trace.steps, *(step for step, _ in made))), state


def _changed(state: State) -> bool:
    report = state.reports[-1]
    return bool(report.changed or report.added or report.removed)


def _calls(state: State, function: str | None) -> dict[str, int]:
    """Loop functions → how often the model calls them (1 for one that was named)."""
    found = {f.name: f.calls for f in functions(state.mod, state.entry) if f.kind == "loops"}
    if function is not None:
        return {function: 1} if function in found else {}
    if state.entry in found:
        return {state.entry: 1}
    return {name: count for name, count in found.items() if count}


def _task(name: str, func: PrimFunc, calls: int, start: tuple[Step, ...], machine: Machine) -> Task:
    rule = tuple(step.to_json() for step in steps_for(func, name, machine))
    before = tuple(step.to_json() for step in start)
    return Task(name, digest(func), tvm.ir.save_json(func), calls, before, rule, rule[:-1])


def _merged(tasks: list[Task]) -> list[Task]:
    """One task for functions that are the same and were scheduled alike."""
    first: dict[str, Task] = {}
    for task in tasks:
        one = first.get(task.key)
        if one is None:
            first[task.key] = task
            continue
        first[task.key] = Task(
            one.function, one.key, one.code, one.calls + task.calls, one.start, one.recipe, one.first,
            (*one.twins, task.function),
        )  # fmt: skip
    return list(first.values())
