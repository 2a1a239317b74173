"""*Make it fast (CPU)*: the steps that take a whole model from its operators to scheduled functions.

1. What is constant is computed, and batch norm becomes part of the weights.
2. Convolutions run on blocks of as many channels as a vector register holds, and products with constant
   matrices read them in panels.
3. Operators become loops, and those that follow each other become one function.
4. Each function gets the recipe that fits it, after its exponentials became polynomials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import tvm
from tvm import relax
from tvm.tirx import PrimFunc

from ...errors import MlcError
from ...schema.recipe import FAST
from ...schema.trace import Step
from ..machine import Machine
from ..replay import State, apply
from .choosing import steps_for

GROUP = FAST["cpu"]


def graph_steps(machine: Machine) -> tuple[Step, ...]:
    """The passes in their order; one that would change nothing is left out where it would stand."""
    return (
        Step("ConvertToDataflow"),
        Step("SimplifyForInference"),
        Step("BlockChannels", None, {"channels": machine.lanes(4)}),
        Step("PackMatmul", None, {"columns": 2 * machine.lanes(4)}),
        Step("LegalizeOps"),
        Step("AnnotateTIROpPattern"),
        Step("FuseOps"),
        Step("FuseTIR"),
        Step("DeadCodeElimination"),
        # Loops of a graph count with 64 bits, of which TVM 0.27 peels none and says nothing.
        Step("run_pass", None, {"pass_name": "tirx.ForceNarrowIndexToInt32"}),
    )


def states_after(state: State, target: tvm.target.Target, progress: object) -> Iterator[tuple[Step, State]]:
    """Each step for `target`, and the model after it. `progress(stage, fraction, detail)` hears of the passes
    (``graph``) and of the functions (``functions``, with their names)."""
    machine = Machine.of(target)
    has_graph = any(isinstance(func, relax.Function) for _, func in state.mod.functions_items())
    passes = graph_steps(machine) if has_graph else ()
    for number, step in enumerate(passes):
        progress("graph", number / len(passes), step.transform)  # type: ignore[operator]
        after = _applied(state, replace(step, group=GROUP))
        if after is not None:
            state = after
            yield replace(step, group=GROUP), state
    functions = [var.name_hint for var, func in state.mod.functions_items() if isinstance(func, PrimFunc)]
    for number, name in enumerate(functions):
        progress("functions", number / len(functions), name)  # type: ignore[operator]
        for step in steps_for(state.mod[name], name, machine, GROUP):
            state = apply(state, step)
            yield step, state


def _applied(state: State, step: Step) -> State | None:
    """The state after a pass, or None where the pass has no place here or changes nothing."""
    try:
        after = apply(state, step)
    except MlcError:
        return None
    report = after.reports[-1]
    return after if report.changed or report.added or report.removed else None
