"""Ready-made sweeps: for the chosen block, and of the numbers that the history holds.

They are ordinary steps with ranges. Whether they apply, point by point, is found out by the engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlc_explorer.schema import ranges
from mlc_explorer.schema.loops import LoopNode, LoopTree
from mlc_explorer.schema.trace import Step, Trace

_SWEPT = ("factors", "value")  # parameters that hold sizes; other numbers name axes or buffers
_LARGEST = 4096
_LEAST_PANEL = 8


@dataclass(frozen=True)
class Offer:
    """A sweep of `steps`; `name` is its text (``sweep.offer.<name>``), filled from `words`."""

    name: str
    words: dict[str, str]
    steps: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Number:
    """A size in the history: its `place` in the steps, and `label`. `layouts` are the places of index maps
    with the same number: a packed operand has panels as wide as the tile, and must go on having them."""

    place: ranges.Place
    value: int
    label: str
    layouts: tuple[ranges.Place, ...] = ()

    @property
    def step(self) -> int:
        """The first step (from 0) that holds it."""
        return min(int(place[0]) for place in (self.place, *self.layouts))


def for_block(tree: LoopTree, path: str | None) -> list[Offer]:
    """What makes sense for the block at or above `path`, by default for the one with most iterations."""
    way = _way_to_block(tree, path)
    if way is None:
        return []
    *loops, block = way
    steps = _Steps(tree.function, block.path)
    plain = [n for n in loops if n.mark == "serial" and (n.extent or 0) > 1 and _holds_one_block(n)]
    spatial = [n for n in plain if n.axis == "spatial"]
    reduction = [n for n in plain if n.axis == "reduction"]
    offers = []
    if len(spatial) >= 2:
        offers.append(_tile(steps, spatial[-2], spatial[-1], reduction))
    if spatial:
        offers.append(_vector(steps, spatial[-1], reduction))
        offers.append(_chunks(steps, spatial[0]))
    if plain:
        offers.append(_unroll(steps, plain[-1]))
    return offers


@dataclass(frozen=True)
class _Steps:
    """Steps on the loops of a block, which TVM names after the loop that was split."""

    function: str
    block: str

    def split(self, loop: LoopNode, *factors: Any) -> dict[str, Any]:
        return self._step("split", loop=f"{self.block}/{loop.name}", factors=list(factors))

    def reorder(self, *loops: str) -> dict[str, Any]:
        return self._step("reorder", loops=[f"{self.block}/{name}" for name in loops])

    def mark(self, transform: str, loop: str) -> dict[str, Any]:
        return self._step(transform, loop=f"{self.block}/{loop}")

    def _step(self, transform: str, **params: Any) -> dict[str, Any]:
        return {"transform": transform, "function": self.function, "params": params}


def _tile(steps: _Steps, i: LoopNode, j: LoopNode, reduction: Sequence[LoopNode]) -> Offer:
    order = (f"{i.name}_0", f"{j.name}_0", *(k.name for k in reduction), f"{i.name}_1", f"{j.name}_1")
    made = (
        steps.split(i, None, _doubling(2, min(16, i.extent or 1))),
        steps.split(j, None, _doubling(8, min(128, j.extent or 1))),
        steps.reorder(*order),
        steps.mark("vectorize", f"{j.name}_1"),
    )
    return Offer("tile", {"rows": i.name, "columns": j.name}, made)


def _vector(steps: _Steps, j: LoopNode, reduction: Sequence[LoopNode]) -> Offer:
    inside = [steps.reorder(*(k.name for k in reduction), f"{j.name}_1")] if reduction else []
    made = (steps.split(j, None, _doubling(4, min(64, j.extent or 1))), *inside)
    return Offer("vector", {"loop": j.name}, (*made, steps.mark("vectorize", f"{j.name}_1")))


def _chunks(steps: _Steps, i: LoopNode) -> Offer:
    split = steps.split(i, _doubling(1, min(32, i.extent or 1)), None)
    return Offer("chunks", {"loop": i.name}, (split, steps.mark("parallel", f"{i.name}_0")))


def _unroll(steps: _Steps, loop: LoopNode) -> Offer:
    split = steps.split(loop, None, _doubling(2, min(32, loop.extent or 1)))
    return Offer("unroll", {"loop": loop.name}, (split, steps.mark("unroll", f"{loop.name}_1")))


def _doubling(first: int, last: int) -> dict[str, Any]:
    values = [first]
    while values[-1] * 2 <= last:
        values.append(values[-1] * 2)
    return {"sweep": values}


def _way_to_block(tree: LoopTree, path: str | None) -> list[LoopNode] | None:
    """The loops around the wanted block, outermost first, and the block at the end."""
    ways = list(_ways(tree.roots, ()))
    wanted = (path or "").partition("/")[0]
    return next(
        (way for way in ways if way[-1].path == wanted),
        max(ways, key=lambda way: way[-1].iterations or 0, default=None),
    )


def _ways(nodes: Sequence[LoopNode], above: tuple[LoopNode, ...]) -> Iterator[list[LoopNode]]:
    for node in nodes:
        if node.kind == "block" and not node.children:
            yield [*above, node]
        yield from _ways(node.children, (*above, node) if node.kind == "loop" else above)


def _holds_one_block(node: LoopNode) -> bool:
    return len(list(_ways((node,), ()))) == 1


def numbers(trace: Trace) -> list[Number]:
    """The sizes in the steps of `trace`, in their order."""
    found = []
    for number, step in enumerate(trace.steps):
        for name in _SWEPT:
            for place, value in _whole_numbers(step.params.get(name), (name,)):
                if 1 <= value <= _LARGEST:
                    label = _label(step.params, place, number)
                    found.append(Number((number, *place), value, label, _layouts(trace, step, value)))
    return found


def _layouts(trace: Trace, split: Step, value: int) -> tuple[ranges.Place, ...]:
    """The index maps of the function that divide by `value`; small numbers would meet by chance."""
    same = [(n, s) for n, s in enumerate(trace.steps) if s.function == split.function]
    maps = [(n, s.params.get("index_map")) for n, s in same if value >= _LEAST_PANEL]
    return tuple((n, "index_map") for n, m in maps if isinstance(m, str) and re.search(rf"// *{value}\b", m))


def _whole_numbers(value: Any, place: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], int]]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield place, value
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _whole_numbers(inner, (*place, i))


def _label(params: Any, place: tuple[int | str, ...], number: int) -> str:
    """A factor by the loop that it makes (``j_1``), another number by its step."""
    loop = params.get("loop")
    if place[0] == "factors" and isinstance(loop, str):
        return f"{loop.rpartition('/')[2]}_{place[1]}"
    return f"{number + 1}: {place[0]}"


def of_history(trace: Trace, chosen: Sequence[Number]) -> tuple[Trace, list[dict[str, Any]]]:
    """The state before the first of the chosen numbers, and the steps from there on with ranges in place of
    them. The other steps are done again where they still apply."""
    first = min(one.step for one in chosen)
    swept = {int(place[0]) for one in chosen for place in (one.place, *one.layouts)}
    steps: list[dict[str, Any]] = [step.to_json() for step in trace.steps]
    for one in chosen:
        named = {"name": one.label} if one.layouts else {}
        values = _around(one.value)
        steps = ranges.put(steps, one.place, {"sweep": values, **named})
        for number, name in one.layouts:
            texts = with_number(str(trace.steps[int(number)].params[str(name)]), one.value, values)
            steps = ranges.put(steps, (number, name), {"sweep": texts, **named})
    steps = steps[first:]
    return trace.upto(first), [
        step if number + first in swept else step | {"optional": True} for number, step in enumerate(steps)
    ]


def with_number(text: str, old: int, values: Sequence[int]) -> list[str]:
    """`text` with each of `values` in place of the number `old`."""
    return [re.sub(rf"\b{old}\b", str(value), text) for value in values]


def _around(value: int) -> list[int]:
    """A quarter to four times of it, and what lies between."""
    return sorted({max(1, value // 4), max(1, value // 2), value, value * 2, value * 4})


Group = list[tuple[ranges.Place, Any]]


def together(steps: Sequence[dict[str, Any]]) -> list[Group]:
    """The ranges of a sweep in the order of its axes; those that change together in one group, numbers
    first."""
    groups: dict[Any, Group] = {}
    for place, spec in ranges.places(steps):
        groups.setdefault(spec.get("name", place), []).append((place, spec))
    return [sorted(group, key=lambda one: not _is_numeric(one[1]["sweep"])) for group in groups.values()]


def ordered(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A copy of the steps with each range of numbers that stands alone in rising order, as a map shows it."""
    copy: list[dict[str, Any]] = json.loads(json.dumps(list(steps)))
    for place, spec in ranges.places(steps):
        if "name" not in spec and _is_numeric(spec["sweep"]):
            copy = ranges.put(copy, place, {"sweep": sorted(spec["sweep"])})
    return copy


def typed(values: Any) -> tuple[str, bool]:
    """A range's values as text, and whether they can be typed so: lists, and texts with commas, can't."""
    if isinstance(values, str):
        return values, True
    simple = not any(isinstance(v, list) or (isinstance(v, str) and "," in v) for v in values)
    text = (", " if simple else "; ").join("none" if v is None else str(v) for v in values)
    return text, simple


def retyped(steps: Sequence[dict[str, Any]], number: int, values: Sequence[Any]) -> list[dict[str, Any]]:
    """The steps with other values for the range of that number. A text that changes with a number gets the
    new numbers in place of the old one."""
    (first, spec), *others = together(steps)[number]
    old = spec["sweep"][0]
    changed = ranges.put(steps, first, {**spec, "sweep": list(values)})
    for place, other in others:
        text = other["sweep"][0]
        same = with_number(text, old, values) if isinstance(text, str) else list(values)
        changed = ranges.put(changed, place, {**other, "sweep": same})
    return changed


def _is_numeric(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(v, int) for v in values)
