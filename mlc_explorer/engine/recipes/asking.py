"""The recipes' face: the steps that make a function or a model fast, what one of them stands for, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tvm.tirx import PrimFunc

from ...errors import NotFound, Refused
from ...schema.recipe import FAST, Explanation
from ...schema.trace import Step, Trace
from .. import targets
from ..machine import Machine
from ..pasted import steps_of
from ..replay import ModelData, State, adopt, replay
from ..transforms import lookup
from ..transforms.base import ScheduleRule
from ..transforms.wording import words
from .base import Recipe
from .choosing import steps_for
from .explaining import explanation

Progress = Callable[[str, float, str], None]


def steps(
    trace: Trace, state: State, name: str, function: str | None, target: str, progress: Progress
) -> tuple[Step, ...]:
    """The steps after `state`, the end of `trace`, of the recipe `name`: ``fast_cpu``, ``fast_gpu`` for the
    whole model, a recipe's own name for `function`, or ``""``: the one that fits `function` best.

    NotFound for an unknown name, Refused where no recipe fits.
    """
    if name == FAST["cpu"]:
        from .network import states_after

        made = list(states_after(state, targets.target(target), progress))
        adopt(trace, [(step, after) for step, after in made])
        return tuple(step for step, _ in made)
    if name == FAST["gpu"]:
        from .gpu import steps_for_gpu

        return tuple(steps_for_gpu(state, target))
    func = _loops_of(state, function or state.entry)
    machine = Machine.of(targets.target(target))
    if not name:
        found = steps_for(func, function or state.entry, machine)
    else:
        recipe = _named(name).fitting(func, machine)
        found = () if recipe is None else (recipe.step(function or state.entry),)
    if not found:
        raise Refused(**words("no_recipe", function=function or state.entry), place="function")
    return found


def unfolded(trace: Trace, first: int, count: int, model_data: ModelData) -> tuple[Step, ...]:
    """What `count` steps of `trace` from `first` (from 0) stand for. Recipes and rules for a whole function
    become primitives, each in the group of its step and, in it, in one of its own; other steps stay as they
    are. A single step that stands for nothing else is refused."""
    found = list[Step]()
    for index in range(first, first + count):
        step = trace.steps[index]
        rule = lookup.make(step)
        if isinstance(rule, ScheduleRule) and step.function is not None:
            found += _primitives(rule, step, replay(trace.upto(index), model_data))
        elif count == 1:
            raise Refused(**words("nothing_to_unfold", step=index + 1), place=f"step {index + 1}")
        else:
            found.append(step)
    return tuple(found)


def _primitives(rule: ScheduleRule, step: Step, before: State) -> tuple[Step, ...]:
    function = str(step.function)
    func = _loops_of(before, function)
    group = f"{step.group}/{step.transform}" if step.group else step.transform
    if isinstance(rule, Recipe):
        return rule.steps(func, function, group)
    found = steps_of(before, function, "\n".join(map(str, rule.trace(func).as_python())))
    return tuple(replace(primitive, group=group) for primitive in found)


def explained(before: State, step: Step, target: str, language: str) -> Explanation:
    """Why the recipe `step` looks as it does after `before`. Refused for a step that is no recipe."""
    recipe = lookup.make(step)
    if not isinstance(recipe, Recipe) or step.function is None:
        raise Refused(**words("no_recipe", function=step.function or step.transform), place="step")
    func = _loops_of(before, step.function)
    return explanation(recipe, func, step.function, Machine.of(targets.target(target)), language)


def _named(name: str) -> type[Recipe]:
    cls = lookup.find(name)
    if not issubclass(cls, Recipe):
        raise NotFound(**words("transform_missing", name=name, close="fast_cpu, fast_gpu"), place="recipe")
    return cls


def _loops_of(state: State, function: str) -> PrimFunc:
    func = state.mod[function]
    if not isinstance(func, PrimFunc):
        raise Refused(**words("function_has_no_loops", function=function), place="function")
    return func
