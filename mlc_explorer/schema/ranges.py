"""Ranges: where they stand in the steps of a sweep, and how a person types them (``4, 8``, ``4..64 *2``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import BadTrace

MOST_VALUES = 256  # of one range: no heat map is wider, and a range of a billion must not fill the memory

Place = tuple[int | str, ...]  # of a value in steps: the step's number, the parameter, positions in lists

_NUMBER = r"[-+]?\d{1,15}"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?:([*+])\s*(\d{{1,15}}))?")
_WORDS = {"none": None, "null": None, "true": True, "false": False}


def values(text: str) -> tuple[Any, ...]:
    """The values of a range, in the order typed, each once.

    Commas separate; ``a..b`` counts from a to b, both included, by ones; ``a..b +s`` by steps of s;
    ``a..b *f`` multiplies by f. Whole numbers and decimals are numbers, ``true``, ``false`` and ``none``
    what they say, anything else is a text. Raises BadTrace for a range that can't be read or that has more
    than `MOST_VALUES` values.

    >>> values("4..64 *2")
    (4, 8, 16, 32, 64)
    """
    found: dict[str, Any] = {}
    for part in (p.strip() for p in text.split(",")):
        if not part:
            continue
        for value in _counted(part) if ".." in part else [_single(part)]:
            found.setdefault(repr(value), value)
            if len(found) > MOST_VALUES:
                raise _too_many(text)
    if not found:
        raise _unreadable(text)
    return tuple(found.values())


def _counted(part: str) -> list[int]:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise _unreadable(part)
    first, last, sign, by = int(match[1]), int(match[2]), match[3] or "+", int(match[4] or 1)
    if by < 1 or (sign == "*" and (by < 2 or first < 1)) or last < first:
        raise _unreadable(part)
    counted = []
    while first <= last:
        counted.append(first)
        if len(counted) > MOST_VALUES:
            raise _too_many(part)
        first = first * by if sign == "*" else first + by
    return counted


def _single(part: str) -> Any:
    if part.lower() in _WORDS:
        return _WORDS[part.lower()]
    if re.fullmatch(_NUMBER, part):
        return int(part)
    if re.fullmatch(r"[-+]?\d{1,15}\.\d{0,15}", part):
        return float(part)
    return part


def _unreadable(text: str) -> BadTrace:
    return BadTrace(
        f"The range '{text[:60]}' can't be read.",
        hint="Write 4, 8, 16, or 1..8, or 4..64 *2, or 0..64 +16.",
        place="sweep",
        code="range_bad",
        params={"text": text[:60]},
    )


def _too_many(text: str) -> BadTrace:
    return BadTrace(
        f"The range '{text[:60]}' has more than {MOST_VALUES} values.",
        hint="Take larger steps, such as 4..64 *2.",
        place="sweep",
        code="range_too_long",
        params={"text": text[:60], "most": MOST_VALUES},
    )


def places(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The ranges (``{"sweep": …}``) in the parameters of JSON steps, in order, each with its place."""

    def walk(value: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        if isinstance(value, Mapping) and "sweep" in value:
            yield place, value
        elif isinstance(value, (list, tuple)):
            for i, inner in enumerate(value):
                yield from walk(inner, (*place, i))

    for number, step in enumerate(steps):
        for name, value in step.get("params", {}).items():
            yield from walk(value, (number, name))


def put(steps: Sequence[Mapping[str, Any]], place: Place, value: Any) -> list[dict[str, Any]]:
    """A copy of JSON steps with `value` at a place."""
    copy: list[dict[str, Any]] = json.loads(json.dumps(steps))
    number, name, *inner = place
    holder: Any = copy[int(number)]["params"]
    at: int | str = name
    for index in inner:
        holder, at = holder[at], index
    holder[at] = value
    return copy
