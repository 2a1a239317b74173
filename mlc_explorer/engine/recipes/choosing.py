"""Which recipe a function gets: the first that fits."""

from __future__ import annotations

import contextlib

from tvm import IRModule
from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.trace import Step
from ..machine import Machine
from ..transforms.elementary import VectorMath
from .base import Recipe
from .conv_blocked import ConvBlocked, ConvStem
from .conv_depthwise import ConvDepthwise
from .conv_plain import ConvPlain
from .elementwise import Elementwise
from .gemv import GemvDot, GemvStreamed
from .generic import Generic
from .matmul import MatmulTiled
from .rows import Rows
from .sums import Pooling, Reduction
from .transposing import Transposed

# In the order in which they are asked: the most particular first.
RECIPES: tuple[type[Recipe], ...] = (
    ConvBlocked,
    ConvStem,
    ConvDepthwise,
    ConvPlain,
    GemvStreamed,
    GemvDot,
    MatmulTiled,
    Rows,
    Pooling,
    Reduction,
    Transposed,
    Elementwise,
    Generic,  # fits whatever has loops
)


def steps_for(func: PrimFunc, function: str, machine: Machine, group: str = "") -> tuple[Step, ...]:
    """What makes `func`, which the trace calls `function`, fast: the recipe that fits, after a step that
    writes exponentials and their kin out for vector registers, if there are any. Nothing if none fits."""
    written, first = func, ()
    with contextlib.suppress(Refused):
        written = VectorMath().run(IRModule({function: func}), function)[function]
        first = (Step(VectorMath.name, function, {}, group),)
    recipe = recipe_for(written, machine)
    return () if recipe is None else (*first, recipe.step(function, group))


def recipe_for(func: PrimFunc, machine: Machine) -> Recipe | None:
    """The first recipe that fits `func`, with its numbers for `machine`, and whose steps TVM takes; None if
    there is none."""
    for cls in RECIPES:
        found = cls.fitting(func, machine)
        if found is not None and _applies(found, func):
            return found
    return None


def _applies(recipe: Recipe, func: PrimFunc) -> bool:
    try:
        recipe.trace(func)
    except Refused:
        return False
    return True
