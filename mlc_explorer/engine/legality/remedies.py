"""What would make a refused step legal: plans, of which only those are shown that were tried and worked.

`remedy_rules` says what is worth trying for which refusal. A plan ends with the refused step itself, at the
places where it stands by then, or with what a person may want instead of it.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tvm_ffi
from tvm import IRModule
from tvm.tirx import PrimFunc

from ...errors import MlcError, Refused
from ...schema import params as kinds
from ...schema.palette import Remedy
from ...schema.trace import Step
from ...texts import say
from .. import paths
from ..paths import Place
from ..replay import State
from ..transforms import apply_step, lookup
from ..transforms.base import Transform
from ..transforms.scope import Scope

MOST_REMEDIES = 5
_SECONDS = 0.6  # for all plans together; a pass over a big model may take it all
_MOST_PLANS = 60


@dataclass(frozen=True)
class Plan:
    """Steps to try. `name` is their text (``remedy.<name>``), which `said` fills."""

    name: str
    steps: tuple[Step, ...]
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Case:
    """A refused step, and why."""

    state: State
    step: Step
    refusal: MlcError

    @functools.cached_property
    def cls(self) -> type[Transform]:
        return lookup.find(self.step.transform)

    @functools.cached_property
    def func(self) -> PrimFunc | None:
        """The function that the step is for; None for a pass, or if it has no loops."""
        names = {var.name_hint for var in self.state.mod.get_global_vars()}
        found = self.state.mod[self.step.function] if self.step.function in names else None
        return found if isinstance(found, PrimFunc) else None

    @functools.cached_property
    def scope(self) -> Scope:
        """The step's block: the one that it names, or the one beneath the loop that it names."""
        everything = Scope(self.state.mod, self.func)
        place = self.block or self.loop
        if place is None or place.kind == "block":
            return Scope(self.state.mod, self.func, place.path if place is not None else None)
        beneath = max(everything.blocks_in(place), key=everything.iterations, default=None)
        return Scope(self.state.mod, self.func, beneath.path if beneath is not None else None)

    @functools.cached_property
    def loop(self) -> Place | None:
        """The first loop that the step names, as it stands before the step."""
        return self._named("loop")

    @functools.cached_property
    def block(self) -> Place | None:
        """The first block that the step names."""
        return self._named("block")

    def param(self, name: str) -> Any:
        """The step's parameter, or its default."""
        usual = {f.name: f.default for f, _ in self.cls.kinds()}
        return self.step.params.get(name, usual.get(name))

    def again(self, **params: Any) -> Step:
        """The refused step with some parameters changed."""
        return Step(self.step.transform, self.step.function, {**self.step.params, **params})

    def do(self, transform: str, **params: Any) -> Step:
        """A step on the same function."""
        return Step(transform, self.step.function, params)

    def _named(self, kind: str) -> Place | None:
        for one, of in self.cls.kinds():
            value = self.step.params.get(one.name)
            wanted = isinstance(of, (kinds.Loop, kinds.Loops, kinds.Block, kinds.Blocks, kinds.Place))
            for path in value if isinstance(value, (list, tuple)) else [value]:
                place = self._found(path) if wanted and isinstance(path, str) else None
                if place is not None and place.kind == kind:
                    return place
        return None

    def _found(self, path: str) -> Place | None:
        try:
            return paths.find(self.func, path) if self.func is not None else None
        except Refused:
            return None


def remedies(case: Case, language: str) -> tuple[Remedy, ...]:
    """The plans that work, the most fitting first."""
    from .remedy_rules import plans  # the rules are about cases, so that they import this module

    end = time.perf_counter() + _SECONDS
    found: list[Remedy] = []
    results: list[IRModule] = []
    for plan in itertools.islice(plans(case), _MOST_PLANS):
        if len(found) == MOST_REMEDIES or time.perf_counter() > end:
            break
        result = outcome(case, plan)
        if result is not None and not any(tvm_ffi.structural_equal(result, other) for other in results):
            found.append(_worded(plan, language))
            results.append(result)
    return tuple(found)


def outcome(case: Case, plan: Plan) -> IRModule | None:
    """What the plan makes of the function, or of the model; None if one of its steps does not apply, the
    last changes nothing, or everything is as it was in the end."""
    mod = case.state.mod
    if case.func is not None and all(step.function == case.step.function for step in plan.steps):
        mod = IRModule({case.step.function: case.func})
    start = mod
    try:
        for step in plan.steps:
            before, mod = mod, apply_step(mod, step).mod
    except MlcError:
        return None
    is_idle = any(tvm_ffi.structural_equal(mod, earlier) for earlier in (before, start))
    return None if is_idle else mod


def _worded(plan: Plan, language: str) -> Remedy:
    title = say("remedy.then", language).join(summary(step) for step in plan.steps)
    said = {"transform": plan.steps[-1].transform, "first": plan.steps[0].transform, **plan.said}
    text = say(f"remedy.{plan.name}", language).format(**said)
    return Remedy(tuple(step.to_json() for step in plan.steps), title, text)


def summary(step: Step) -> str:
    """A step in a line of code's words: its name and the values that tell it from others."""
    shown = list(_shown(step))
    return " ".join([step.transform, *shown[:3]])


def _shown(step: Step) -> Iterator[str]:
    for value in step.params.values():
        if isinstance(value, (list, tuple)):
            yield "[" + ", ".join("·" if v is None else str(v) for v in value) + "]"
        elif not isinstance(value, bool):
            yield str(value)
