"""Which recipe a function gets: the first that fits."""

from __future__ import annotations

from tvm.tirx import PrimFunc

from ...errors import Refused
from ..machine import Machine
from .base import Recipe
from .conv_blocked import ConvBlocked, ConvStem
from .conv_depthwise import ConvDepthwise
from .elementwise import Elementwise
from .gemv import GemvDot, GemvStreamed
from .generic import Generic
from .matmul import MatmulTiled
from .sums import Pooling, Reduction

# In the order in which they are asked: the most particular first.
RECIPES: tuple[type[Recipe], ...] = (
    ConvBlocked,
    ConvStem,
    ConvDepthwise,
    GemvStreamed,
    GemvDot,
    MatmulTiled,
    Pooling,
    Reduction,
    Elementwise,
    Generic,  # fits whatever has loops
)


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
