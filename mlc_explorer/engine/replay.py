"""Replay: a trace becomes a state. The only way in which a module comes to be transformed.

States are cached by the key of their trace, so that a longer trace runs its new steps only, and undo, redo or
a look at an earlier step cost nothing. One worker does one job at a time; the cache is not made for threads.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tvm_ffi
from tvm import IRModule

from ..errors import MlcError, Refused
from ..schema.report import StepReport
from ..schema.trace import Step, Trace
from . import loaders
from .transforms import apply_step, step_source
from .transforms.wording import words

MOST_STEPS = 4000
MOST_STATES = 512  # modules share what they have in common: a state costs little more than its step's change

ModelData = Callable[[str], bytes]


@dataclass(frozen=True, eq=False)
class State:
    """A model after some steps: its module, the name of its entry function, a report for each step.

    Modules are shared between states and caches: never change one in place.
    """

    mod: IRModule
    entry: str
    reports: tuple[StepReport, ...] = ()


def replay(trace: Trace, model_data: ModelData) -> State:
    """The state after all steps of `trace`; `model_data` gives an uploaded file's bytes by its digest.

    Raises BadModel, or the error of the first step that fails: its `place` is then ``step N``, and
    ``params["step"]`` and ``params["param"]`` hold the number and the parameter.
    """
    _refuse_too_long(trace)
    count = len(trace.steps)
    keys = trace.keys()
    done = next((n for n in range(count, -1, -1) if keys[n] in _states), None)
    if done is None:
        done = 0
        _remember(keys[0], _opened(trace.model, model_data))
    state = _recalled(keys[done])
    for n in range(done, count):
        try:
            state = apply(state, trace.steps[n])
        except MlcError as e:
            raise _at_step(e, n + 1) from e.__cause__
        _remember(keys[n + 1], state)
    return state


def apply(state: State, step: Step) -> State:
    """The state after one more step. Raises NotFound, BadTrace or Refused; `state` stays as it is."""
    start = time.perf_counter()
    applied = apply_step(state.mod, step)
    changed, added, removed = _compare(state.mod, applied.mod)
    report = StepReport(changed, added, removed, dict(applied.moved), time.perf_counter() - start)
    return State(applied.mod, state.entry, (*state.reports, report))


def python_lines(trace: Trace, model_data: ModelData) -> tuple[str, ...]:
    """For each step plain TVM Python that does the same to `mod` (see `transforms.step_source`)."""
    replay(trace, model_data)
    return tuple(step_source(replay(trace.upto(n), model_data), step) for n, step in enumerate(trace.steps))


def adopt(trace: Trace, made: Sequence[tuple[Step, State]]) -> None:
    """Keeps the states that somebody came to step by step after `trace`, as if they had been replayed."""
    longer = Trace(trace.model, (*trace.steps, *(step for step, _ in made)))
    for key, (_, state) in zip(longer.keys()[len(trace.steps) + 1 :], made):
        _remember(key, state)


def forget() -> None:
    """Empties the cache."""
    _states.clear()


_states: OrderedDict[str, State] = OrderedDict()


def _opened(model: str, model_data: ModelData) -> State:
    loaded = loaders.load_cached(model, model_data)
    return State(loaded.mod, loaded.entry)


def _recalled(key: str) -> State:
    _states.move_to_end(key)
    return _states[key]


def _remember(key: str, state: State) -> None:
    _states[key] = state
    _states.move_to_end(key)
    while len(_states) > MOST_STATES:
        _states.popitem(last=False)


def _refuse_too_long(trace: Trace) -> None:
    if len(trace.steps) > MOST_STEPS:
        raise Refused(**words("too_many_steps", count=len(trace.steps), most=MOST_STEPS), place="steps")


def _at_step(error: MlcError, number: int) -> MlcError:
    error.params |= {"step": number, "param": error.place}
    error.place = f"step {number}"
    return error


def _compare(before: IRModule, after: IRModule) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names of the changed, added and removed functions, sorted."""
    old = {var.name_hint: func for var, func in before.functions_items()}
    new = {var.name_hint: func for var, func in after.functions_items()}
    changed = (
        name
        for name in old.keys() & new.keys()
        if not old[name].same_as(new[name]) and not tvm_ffi.structural_equal(old[name], new[name])
    )
    added, removed = new.keys() - old.keys(), old.keys() - new.keys()
    return tuple(sorted(changed)), tuple(sorted(added)), tuple(sorted(removed))
