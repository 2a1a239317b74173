"""The points of a sweep: steps in which values are ranges become a grid of steps, each tried on a copy.

A range is ``{"sweep": [values]}`` (or a text as `schema.ranges` reads it) in place of a parameter's value or
of a value in its list. Ranges of one ``"name"`` take their values together, the first of each, then the
second …: a tile that two steps must agree on, be it once a number and once a layout, is one axis. A step with
``"optional": true`` is left out of the points where it does not apply, so that a step of the history can be
swept although a later one fits some of its values only.

The grid may be hostile (a link can hold it), so that nothing here walks it whole: a point is made from its
number in each range.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadTrace, MlcError
from ..schema import ranges
from ..schema.palette import Grid, Point, Refusal
from ..schema.trace import Step
from .legality.trial import in_words
from .replay import State, apply
from .transforms.wording import words

MOST_RANGES = 8
MOST_POINTS = 1024
MOST_STEPS = 200
TRYING_SECONDS = 12.0  # within the time of an interactive job; points beyond it are tried when measured
_SEED = 0


@dataclass(frozen=True)
class _Range:
    """`places`: where in the steps its values stand, as (number of the step, parameter, index …), each with
    the values that it takes there. `values` are those that a person reads."""

    name: str
    values: tuple[Any, ...]
    places: tuple[tuple[ranges.Place, tuple[Any, ...]], ...]


def grid(state: State, steps: Sequence[Any], most: int = 64, language: str = "en") -> Grid:
    """The points of the sweep `steps` after `state`, in the order of the grid (the last range runs fastest).

    Of more than `most` points (at most `MOST_POINTS`) a sample is taken, always the same, in which the values
    of each range occur about equally often. A refused point carries why, in `language`. Raises BadTrace for
    what is no sweep.
    """
    plain, optional = _steps(steps)
    found = _ranges(plain)
    sizes = [len(r.values) for r in found]
    total = math.prod(sizes)
    most = max(1, min(int(most), MOST_POINTS))
    chosen: Iterator[tuple[int, ...]] | list[tuple[int, ...]]
    chosen = itertools.product(*map(range, sizes)) if total <= most else sorted(_sample(sizes, most))
    trying = _Trying(state, optional, language)
    points = []
    for numbers in chosen:
        values = tuple(r.values[n] for r, n in zip(found, numbers))
        points.append(trying.point(values, _filled(plain, found, numbers)))
    return Grid(tuple(r.name for r in found), tuple(r.values for r in found), tuple(points), total)


class _Trying:
    """Replays points one after the other; what two neighbours have in common is done once."""

    def __init__(self, state: State, optional: frozenset[int], language: str) -> None:
        self._state, self._optional, self._language = state, optional, language
        self._done: list[
            tuple[str, State, bool]
        ] = []  # of the last point: step, state after it, whether kept
        self._until = time.monotonic() + TRYING_SECONDS

    def point(self, values: tuple[Any, ...], steps: list[dict[str, Any]]) -> Point:
        """The steps that apply at this point or, where one that must apply does not, all of them and why."""
        if time.monotonic() > self._until:
            return Point(values, tuple(steps))
        keys = [json.dumps(step, sort_keys=True) for step in steps]
        common = 0
        while common < min(len(self._done), len(keys)) and self._done[common][0] == keys[common]:
            common += 1
        del self._done[common:]
        for number in range(common, len(steps)):
            refusal = self._one_more(number, keys[number], steps[number])
            if refusal is not None:
                return Point(values, tuple(steps), refusal)
        return Point(values, tuple(step for step, (_, _, kept) in zip(steps, self._done) if kept))

    def _one_more(self, number: int, key: str, step: dict[str, Any]) -> Refusal | None:
        before = self._done[-1][1] if self._done else self._state
        try:
            self._done.append((key, apply(before, Step.from_json(step)), True))
        except MlcError as error:
            if number not in self._optional:
                return in_words(error, self._language)
            self._done.append((key, before, False))
        return None


def _steps(steps: Any) -> tuple[list[dict[str, Any]], frozenset[int]]:
    """The steps as plain JSON without ``optional``, and the numbers of those that have it."""
    if not isinstance(steps, (list, tuple)) or not 1 <= len(steps) <= MOST_STEPS:
        raise BadTrace(**words("sweep_no_steps", most=MOST_STEPS), place="steps")
    plain, optional = [], set()
    for number, step in enumerate(steps):
        if isinstance(step, Mapping):
            if step.get("optional") is True:
                optional.add(number)
            step = {k: v for k, v in step.items() if k != "optional"}
        plain.append(Step.from_json(step, f"step {number + 1}").to_json())
    return plain, frozenset(optional)


def _ranges(steps: list[dict[str, Any]]) -> list[_Range]:
    """The ranges in the order in which they stand."""
    found: dict[str, _Range] = {}
    for place, spec in ranges.places(steps):
        named = spec.get("name")
        name = str(named)[:60] if named else _name(steps[int(place[0])], place)
        if not named and name in found:
            name = f"{name} ({int(place[0]) + 1})"
        values = _values(spec["sweep"])
        values = values if named else tuple({json.dumps(v): v for v in values}.values())
        before = found.get(name) or _Range(name, values, ())
        if len(before.values) != len(values):
            raise BadTrace(**words("sweep_names_differ", name=name), place="sweep")
        shown = before.values if all(map(_is_number, before.values)) else values
        found[name] = _Range(name, shown, (*before.places, (place, values)))
    if not found:
        raise BadTrace(**words("sweep_no_range"), place="sweep")
    if len(found) > MOST_RANGES:
        raise BadTrace(**words("sweep_too_many_ranges", count=len(found), most=MOST_RANGES), place="sweep")
    return list(found.values())


def _values(given: Any) -> tuple[Any, ...]:
    if isinstance(given, str):
        return ranges.values(given)
    if not isinstance(given, (list, tuple)) or not 1 <= len(given) <= ranges.MOST_VALUES:
        raise BadTrace(**words("sweep_values", most=ranges.MOST_VALUES), place="sweep")
    return tuple(given)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _name(step: Mapping[str, Any], place: ranges.Place) -> str:
    """What a person calls the range: a split's factor by the loop that it makes, as TVM names it (``k_1``),
    another value by its parameter (``annotate value``)."""
    loop = step["params"].get("loop")
    if step["transform"] == "split" and place[1] == "factors" and len(place) > 2 and isinstance(loop, str):
        return f"{loop.rpartition('/')[2]}_{place[2]}"
    index = "".join(f"[{i}]" for i in place[2:])
    return f"{step['transform']} {place[1]}{index}"


def _filled(
    steps: list[dict[str, Any]], found: list[_Range], numbers: tuple[int, ...]
) -> list[dict[str, Any]]:
    """A copy of the steps with values in place of the ranges: of each range the one of that number."""
    for one, chosen in zip(found, numbers):
        for place, values in one.places:
            steps = ranges.put(steps, place, values[chosen])
    return steps


def _sample(sizes: list[int], count: int) -> list[tuple[int, ...]]:
    """`count` different points of a larger grid. Each round deals every range's values out evenly (a Latin
    square, as far as the numbers allow), so that a sample shows each of them about equally often."""
    rng = random.Random(_SEED)
    chosen: dict[tuple[int, ...], None] = {}
    while len(chosen) < count:
        for point in zip(*[_dealt(size, count, rng) for size in sizes]):
            if len(chosen) < count:
                chosen[point] = None
    return list(chosen)


def _dealt(size: int, count: int, rng: random.Random) -> list[int]:
    """`count` numbers below `size`, shuffled; no number occurs twice more than another."""
    numbers = [n for _ in range(count // size) for n in range(size)]
    numbers += rng.sample(range(size), count - len(numbers))
    rng.shuffle(numbers)
    return numbers
