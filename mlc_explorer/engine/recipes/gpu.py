"""*Make it fast (GPU)*: one of dlight's rules for each function of the model.

1. Operators become loops, and those that follow each other become one function.
2. Each function gets the first of dlight's rules that takes it, in the order in which TVM tries them.
3. What no rule takes gets the fallback, which binds its loops to threads.

Nothing of it runs without the GPU; the code can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tvm import relax
from tvm.tirx import PrimFunc

from ...errors import MlcError
from ...schema.recipe import FAST
from ...schema.trace import Step
from ..replay import State, apply
from ..transforms import rules
from ..transforms.rules import GPU_RULES, GPUS

GROUP = FAST["gpu"]
_PASSES = (
    "SimplifyForInference",
    "LegalizeOps",
    "AnnotateTIROpPattern",
    "FuseOps",
    "FuseTIR",
    "DeadCodeElimination",
)
_USUAL = "cuda"


def steps_for_gpu(state: State, target_name: str) -> list[Step]:
    """The steps after `state` for the GPU `target_name` of `rules.GPUS`; for CUDA if it is none of them."""
    machine = target_name if target_name in GPUS else _USUAL
    steps = list[Step]()
    if any(isinstance(func, relax.Function) for _, func in state.mod.functions_items()):
        for step, after in _graph(state):
            steps.append(step)
            state = after
    for var, func in state.mod.functions_items():
        if isinstance(func, PrimFunc) and not rules.is_scheduled(func):
            steps += _scheduled(state, var.name_hint, machine)
    return steps


def _graph(state: State) -> Iterator[tuple[Step, State]]:
    """The passes that change something."""
    for name in _PASSES:
        try:
            after = apply(state, Step(name, group=GROUP))
        except MlcError:  # it has no place here, for example because the model is legalized already
            continue
        report = after.reports[-1]
        if report.changed or report.added or report.removed:
            state = after
            yield Step(name, group=GROUP), state


def _scheduled(state: State, function: str, machine: str) -> list[Step]:
    """The step of the first rule that takes the function; none if not even the fallback does."""
    for rule in GPU_RULES:
        step = Step(rule, function, {"target_gpu": machine}, GROUP)
        try:
            apply(replace(state, reports=()), step)
        except MlcError:
            continue
        return [step]
    return []
