"""Steps drawn from what forms propose: every loop primitive of the catalogue, at any place of a function.

Left out is what a CPU can't run (thread bindings, a GPU's memory) and what is called unsafe, because it may
change the result and says so.
"""

from __future__ import annotations

import random
from typing import Any

from tvm import IRModule

from mlc_explorer.engine.legality import proposals
from mlc_explorer.engine.transforms import catalogue
from mlc_explorer.engine.transforms.base import Transform
from mlc_explorer.engine.transforms.scope import Scope
from mlc_explorer.schema.trace import Step

LEFT_OUT = {"bind", "unsafe_set_dtype", "unsafe_hide_buffer_access"}
PRIMITIVES = tuple(
    name for name, cls in catalogue.TRANSFORMS.items() if cls.level == "loop" and name not in LEFT_OUT
)
_CPU_SCOPES = ("global", "local")
_RARE_FACTORS = ([None, 3], [None, 5], [2, None, 2], [None, 7])  # divide or not, whatever a form says
_OPTIONAL = 0.25  # of the optional parameters are given


def drawn(rng: random.Random, mod: IRModule, name: str | None = None) -> Step | None:
    """A step at a random place of ``main``, or None if the transform finds nothing there to propose."""
    cls = catalogue.TRANSFORMS[name or rng.choice(PRIMITIVES)]
    places = Scope(mod, mod["main"]).places
    path = rng.choice([None, *(place.path for place in places if place.blocks)])
    scope = Scope(mod, mod["main"], path)
    params: dict[str, Any] = {}
    for field, kind in cls.kinds():
        is_optional = proposals.has_default(field)
        if is_optional and rng.random() > _OPTIONAL:
            continue
        values = _values(cls, field, kind, scope, params)
        if not values and not is_optional:
            return None
        if values:
            params[field.name] = _likely(rng, values)
        if kind.name == "factors" and rng.random() < 0.2:
            params[field.name] = rng.choice(_RARE_FACTORS)
    return Step(cls.name, "main", params)


def _values(cls: type[Transform], field: Any, kind: Any, scope: Scope, params: dict[str, Any]) -> list[Any]:
    values = [v for v in proposals.values(cls, field, kind, scope, params) if v is not None]
    if kind.name == "loop" and scope.loops:
        values += [loop.path for loop in scope.loops]  # also those that a form offers further down
    if "global" in values:
        values = [v for v in values if v in _CPU_SCOPES]
    return values


def _likely(rng: random.Random, values: list[Any]) -> Any:
    """One of the first more often than one of the last."""
    return values[min(int(rng.expovariate(0.7)), len(values) - 1)]
