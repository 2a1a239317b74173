"""The history as a tree: steps that belong together stand in groups, and a closed group costs one row.

A group is a word on each of its steps (`Step.group`). Consecutive steps of the same first part are an outer
group; within it consecutive ones of the same second part and the same function are an inner group. Nothing
here looks at a step of a closed group twice, so that hundreds of steps cost nothing until they are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mlc_explorer.schema.recipe import FAST
from mlc_explorer.schema.trace import Step

_WHOLE_MODEL = frozenset(FAST.values())
_ACROSS = _WHOLE_MODEL | {"tuned", "recipe"}  # outer groups that go on from one function to the next


@dataclass(frozen=True)
class Group:
    """The steps from `first` to before `end` (both from 0) as one row at depth `level` (1: outermost).

    `id` names it over reruns, also where steps before it or in it are taken out or unfolded. `function` is
    None for the recipe of a whole model."""

    id: str
    name: str
    function: str | None
    level: int
    first: int
    end: int

    @property
    def whole_model(self) -> bool:
        return self.level == 1 and self.name in _WHOLE_MODEL


@dataclass(frozen=True)
class Single:
    """Step `index` (from 0) as a row of its own, in `parent` or in no group."""

    index: int
    level: int
    parent: Group | None = None


Entry = Group | Single


def visible(steps: Sequence[Step], opened: Collection[str]) -> list[Entry]:
    """The rows in their order: groups, and the steps of those that are `opened` (by id)."""
    return list(_rows(steps, 0, len(steps), None, opened))


def groups_around(steps: Sequence[Step], index: int) -> list[Group]:
    """The groups that step `index` stands in, the outermost first."""
    found, first, end = list[Group](), 0, len(steps)
    while True:
        around = found[-1] if found else None
        inner = next((g for g in _groups(steps, first, end, around) if g.first <= index < g.end), None)
        if inner is None:
            return found
        found.append(inner)
        first, end = inner.first, inner.end


def _rows(
    steps: Sequence[Step], first: int, end: int, parent: Group | None, opened: Collection[str]
) -> Iterator[Entry]:
    level, at = parent.level + 1 if parent else 1, first
    for group in _groups(steps, first, end, parent):
        yield from (Single(n, level, parent) for n in range(at, group.first))
        yield group
        if group.id in opened:
            yield from _rows(steps, group.first, group.end, group, opened)
        at = group.end
    yield from (Single(n, level, parent) for n in range(at, end))


def _groups(steps: Sequence[Step], first: int, end: int, parent: Group | None) -> Iterator[Group]:
    """The groups right within `parent`. Two of the same name are told apart by their number."""
    seen, level, within = Counter[str](), parent.level + 1 if parent else 1, parent.id if parent else ""
    while first < end:
        part = _part(steps[first], level)
        after = first + 1
        while after < end and _part(steps[after], level) == part:
            after += 1
        if part is not None:
            name, function = part
            named = {step.function for step in steps[first:after]}
            function = function or (named.pop() if len(named) == 1 else None)
            label = f"{name}:{function}" if function else name
            yield Group(f"{within}/{label}#{seen[label]}", name, function, level, first, after)
            seen[label] += 1
        first = after


def _part(step: Step, level: int) -> tuple[str, str | None] | None:
    """Name and function of the group of depth `level` that the step is in; None if it is in none."""
    names = step.group.split("/") if step.group else []
    if len(names) < level:
        return None
    name = names[level - 1]
    return name, None if level == 1 and name in _ACROSS else step.function
