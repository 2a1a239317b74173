"""Ready-made sweeps: for the chosen block, and of the numbers that the history holds.

They are ordinary steps with ranges. Whether they apply, point by point, is found out by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlc_explorer.schema import ranges
from mlc_explorer.schema.loops import LoopNode, LoopTree
from mlc_explorer.schema.trace import Trace

_SWEPT = ("factors", "value")  # parameters that hold sizes; other numbers name axes or buffers
_LARGEST = 4096


@dataclass(frozen=True)
class Offer:
    """A sweep of `steps`; `name` is its text (``sweep.offer.<name>``), filled from `words`."""

    name: str
    words: dict[str, str]
    steps: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Number:
    """A number in the history: step `step` (from 0), its `place` in that step's parameters, and `label`."""

    step: int
    place: tuple[int | str, ...]
    value: int
    label: str


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
                    found.append(Number(number, place, value, _label(step.params, place, number)))
    return found


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
    swept = {one.step for one in chosen}
    steps: list[dict[str, Any]] = [step.to_json() for step in trace.steps[first:]]
    for one in chosen:
        steps = ranges.put(steps, (one.step - first, *one.place), {"sweep": _around(one.value)})
    return trace.upto(first), [
        step if number + first in swept else step | {"optional": True} for number, step in enumerate(steps)
    ]


def _around(value: int) -> list[int]:
    """A quarter to four times of it, and what lies between."""
    return sorted({max(1, value // 4), max(1, value // 2), value, value * 2, value * 4})
