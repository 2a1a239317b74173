"""*Tune around*: a recipe with other numbers. Its rule is right about most of a schedule, so that its
neighbourhood is small and good.

Neighbours of a number are its half and its double, the next divisors of the loops' extents on either side,
and, of a choice or a flag, the other values. What differs in one number from the best so far comes first,
then what differs in two.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tvm.tirx import PrimFunc

from ...errors import MlcError
from ...schema.params import Choice, Flag, Integer, Integers, Kind
from ...schema.trace import Step
from .. import paths
from ..recipes.base import Recipe
from ..transforms import lookup
from .candidate import NAME, module_of

_TRIED = 200  # neighbours that are tried for legality


def around(
    code: str,
    recipe: Sequence[Mapping[str, Any]],
    known: Sequence[Mapping[str, Any]],
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """At most `count` candidates: the steps `recipe`, of which the last has other numbers that apply to the
    function. `known` are those before, [{"steps", "ms"}], of which the fastest is what neighbours are of."""
    *first, rule = recipe
    func = module_of(code, first)[NAME]
    mine = [k for k in known if _is_variant(k, recipe)]
    ran = [k for k in mine if k.get("ms") is not None]
    centre = min(ran, key=lambda k: k["ms"])["steps"][-1] if ran else rule
    seen = {_numbers(k["steps"][-1]) for k in mine} | {_numbers(rule)}
    found: list[dict[str, Any]] = []
    for step in itertools.islice(_neighbours(centre, func, random.Random(seed)), _TRIED):
        if len(found) == count:
            break
        if _numbers(step) not in seen and _applies(step, func):
            seen.add(_numbers(step))
            found.append({"steps": [*first, step]})
    return found


def _is_variant(candidate: Mapping[str, Any], recipe: Sequence[Mapping[str, Any]]) -> bool:
    names = [step["transform"] for step in candidate.get("steps", ())]
    return "record" not in candidate and names == [step["transform"] for step in recipe]


def _numbers(step: Mapping[str, Any]) -> str:
    return json.dumps(step["params"], sort_keys=True)


def _applies(step: Mapping[str, Any], func: PrimFunc) -> bool:
    try:
        made = lookup.make(Step(step["transform"], NAME, step["params"]))
        return isinstance(made, Recipe) and made.trace(func) is not None
    except MlcError:
        return False


def _neighbours(centre: Mapping[str, Any], func: PrimFunc, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Steps that differ from `centre` in one number, in a random order, then in two."""
    others = _others(centre, _divisors(func))
    single = [((name, value),) for name, values in others.items() for value in values]
    double = [a + b for a, b in itertools.combinations(single, 2) if a[0][0] != b[0][0]]
    for changes in (single, double):
        rng.shuffle(changes)
        for change in changes:
            yield {**centre, "params": {**centre["params"], **dict(change)}}


def _others(centre: Mapping[str, Any], divisors: Sequence[int]) -> dict[str, list[Any]]:
    """For each number of the recipe the values next to its own."""
    return {
        field.name: _next_to(centre["params"][field.name], kind, divisors)
        for field, kind in lookup.find(str(centre["transform"])).kinds()
    }


def _next_to(value: Any, kind: Kind, divisors: Sequence[int]) -> list[Any]:
    if isinstance(kind, Flag):
        return [not value]
    if isinstance(kind, Choice):
        return [option for option in kind.options if option != value]
    if isinstance(kind, Integer):
        return [n for n in _near(value, divisors) if kind.least <= n <= kind.most]
    if isinstance(kind, Integers):
        return [
            [*value[:i], n, *value[i + 1 :]]
            for i, one in enumerate(value)
            for n in _near(one, divisors)
            if kind.least <= n <= kind.most
        ]
    return []


def _near(value: int, divisors: Sequence[int]) -> list[int]:
    below = [d for d in divisors if d < value][-2:]
    above = [d for d in divisors if d > value][:2]
    return sorted({*below, *above, value // 2, value * 2} - {value, 0})


def _divisors(func: PrimFunc) -> list[int]:
    """Of the extents of all loops."""
    extents = {
        int(place.node.extent) for place in paths.walk(func)
        if place.kind == "loop" and hasattr(place.node.extent, "value")
    }  # fmt: skip
    return sorted({d for extent in extents for d in range(1, extent + 1) if extent % d == 0 and d <= 4096})
