"""What a recipe is: a rule that schedules a whole function well, by numbers that it derives from the target.

A recipe is a transform of the catalogue. Its parameters are the numbers, so that a trace says all of what was
done and a replay does not depend on the machine; a sweep and *Tune around* vary them like those of any other
step. `steps` unfolds it into the primitives that it stands for.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tvm.s_tir.schedule import Trace
from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.trace import Step
from .. import targets
from ..draft import Draft
from ..machine import Machine
from ..transforms.base import ScheduleRule
from ..transforms.scope import Scope
from ..transforms.wording import words


@dataclass(frozen=True)
class Recipe(ScheduleRule):
    """The root. The docstring of a recipe holds its strategy as a numbered list."""

    family: ClassVar[str] = "recipe"
    sound: ClassVar[bool] = True  # tested with many shapes, and made of primitives that TVM checks

    def __init_subclass__(cls) -> None:
        """A form proposes the numbers that the rule chooses for this machine."""
        super().__init_subclass__()
        inherited = [f.name for b in cls.__bases__ if issubclass(b, Recipe) for f in dataclasses.fields(b)]
        own = [n for n, kind in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(kind)]
        cls.proposes = {name: functools.partial(_proposed, cls, name) for name in (*inherited, *own)}

    @classmethod
    def fitting(cls, func: PrimFunc, machine: Machine) -> Self | None:
        """The recipe with the numbers that suit `func` on `machine`; None if `func` is of another kind."""
        raise NotImplementedError

    def write(self, draft: Draft) -> None:
        """Does the steps on `draft`. Raises Refused if the function is not of the recipe's kind."""
        raise NotImplementedError

    def reasons(self, func: PrimFunc, machine: Machine) -> Mapping[str, Any]:
        """What the sentences ``recipe.<name>.why.<number>`` are filled with, besides the numbers."""
        return {}

    def trace(self, func: PrimFunc) -> Trace:
        return _written(self, func, "main").trace

    def source_for(self, func: PrimFunc, function: str) -> str:
        """The primitives that the recipe stands for."""
        lines = [str(line) for line in _written(self, func, function).trace.as_python()]
        return "\n".join(["sch = Schedule(one)", *lines, "one = sch.mod"])

    def steps(self, func: PrimFunc, function: str, group: str = "") -> tuple[Step, ...]:
        """The primitives that the recipe stands for, for `func`, which the trace calls `function`. Each
        belongs to `group`."""
        return tuple(_written(self, func, function, group).steps)

    def step(self, function: str, group: str = "") -> Step:
        """This recipe as one step."""
        numbers = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: list(n) if isinstance(n, tuple) else n for name, n in numbers.items()}
        return Step(self.name, function, plain, group)

    @classmethod
    def strategy(cls) -> tuple[str, ...]:
        """The sentences of the docstring's numbered list."""
        lines = re.split(r"^\d+\. ", inspect.getdoc(cls) or "", flags=re.MULTILINE)[1:]
        return tuple(" ".join(line.partition("\n\n")[0].split()) for line in lines)

    @classmethod
    def refuse(cls) -> Refused:
        """For a function of another kind."""
        return Refused(**words("recipe_unfit", recipe=cls.name), place="function")


@functools.lru_cache(maxsize=64)  # whoever chooses a recipe tries it before it is applied
def _written(recipe: Recipe, func: PrimFunc, function: str, group: str = "") -> Draft:
    draft = Draft(func, function, group)
    recipe.write(draft)
    return draft


def _proposed(cls: type[Recipe], name: str, scope: Scope, chosen: Mapping[str, Any]) -> Sequence[Any]:
    found = _local(cls, scope.func)
    return [] if found is None else [getattr(found, name)]


@functools.lru_cache(maxsize=256)  # a form asks once a parameter
def _local(cls: type[Recipe], func: PrimFunc) -> Recipe | None:
    return cls.fitting(func, Machine.of(targets.target("cpu")))
