"""What a form shows of a parameter: its name, a sentence of help, and values with what one should know of
each, in a person's language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...schema import params as kinds
from ...schema.palette import Option
from ...texts import has, say
from ..paths import Place
from ..transforms.scope import Scope, extent, is_serial
from ..views.loops import loop_mark

_MOST = 120  # options of one field; a function of a few hundred loops would fill the screen

_NUMBERS = (kinds.Factors, kinds.Integer, kinds.Integers)
_OPEN = (*_NUMBERS, kinds.Text, kinds.Scalar, kinds.IndexMap, kinds.Binding)


def label(name: str, language: str) -> str:
    """What a form calls the parameter."""
    return say(f"param.{name}", language) if has(f"param.{name}") else name


def help_text(name: str, kind: kinds.Kind, language: str) -> str:
    """One sentence on the parameter, or on its kind; empty if there is nothing to say."""
    for key in (f"param_help.{name}", f"offer.help.{kind.name}"):
        if has(key):
            return say(key, language)
    return ""


def is_open(kind: kinds.Kind) -> bool:
    """Whether other values may be typed."""
    return isinstance(kind, _OPEN)


def options(
    kind: kinds.Kind, scope: Scope, chosen: Mapping[str, Any], offered: list[Any], language: str
) -> tuple[Option, ...]:
    """The proposed values first, then whatever else of the kind is in scope.

    A kind that lists loops or blocks has its single members as options; the list is the field's value."""
    if isinstance(kind, (kinds.Loops, kinds.Blocks)):
        offered = [member for value in offered for member in value]
    values = _unique([*offered, *_others(kind, scope)])[:_MOST]
    said = _WORDS.get(type(kind), _plain)
    return tuple(said(value, scope, chosen, language) for value in values)


def _others(kind: kinds.Kind, scope: Scope) -> list[str]:
    found: list[Place] = []
    if isinstance(kind, (kinds.Loop, kinds.Loops, kinds.Place)):
        found += scope.loops
    if isinstance(kind, (kinds.Block, kinds.Blocks, kinds.Place)):
        found += scope.blocks
    return [place.path for place in found]


def _unique(values: Iterable[Any]) -> list[Any]:
    """Each once; True and 1 are two values."""
    kept: dict[str, Any] = {}
    for value in values:
        kept.setdefault(repr(value), value)
    return list(kept.values())


def _plain(value: Any, scope: Scope, chosen: Mapping[str, Any], language: str) -> Option:
    return Option(value, "–" if value is None else str(value))


def _place(value: Any, scope: Scope, chosen: Mapping[str, Any], language: str) -> Option:
    place = scope.at(value) if isinstance(value, str) else None
    if place is None:
        return Option(value, str(value))
    if place.kind == "block":
        return Option(value, say("offer.block", language, path=value), "")
    parts = [value, str(extent(place) or "?")]
    if scope.axis(place):
        parts.append(say(f"offer.axis_{scope.axis(place)}", language))
    if not is_serial(place):
        mark = loop_mark(place.node)
        parts.append(say(f"offer.mark_{mark}", language) if has(f"offer.mark_{mark}") else mark)
    return Option(value, " · ".join(parts))


def _buffer(value: Any, scope: Scope, chosen: Mapping[str, Any], language: str) -> Option:
    block = scope.at(chosen.get("block")) if isinstance(chosen.get("block"), str) else scope.block
    if block is None or block.kind != "block":
        return Option(value, str(value))
    read, written = scope.regions(block, "read"), scope.regions(block, "write")
    named = [r.source for r in (*written, *read) if str(r.source.name) == value]
    if isinstance(value, int):
        named = [r.source for r in (*read, *written)[value : value + 1]]
    if not named:
        return Option(value, str(value))
    shape = " × ".join(str(n) for n in named[0].shape)
    kind = "offer.parameter" if named[0] in scope.outputs else "offer.local"
    return Option(value, f"{named[0].name} · {shape} · {named[0].ty.dtype}", say(kind, language))


def _factors(value: Any, scope: Scope, chosen: Mapping[str, Any], language: str) -> Option:
    """The trip counts that come of it, and whether a rest needs a guard."""
    loop = scope.at(chosen.get("loop")) if isinstance(chosen.get("loop"), str) else None
    trips = extent(loop) if loop is not None else None
    known = math.prod(n for n in value if n is not None)
    if trips is None or not known:
        return Option(value, " × ".join("?" if n is None else str(n) for n in value))
    counts = [math.ceil(trips / known) if n is None else n for n in value]
    over = math.prod(counts) - trips
    note = say("offer.guard", language, over=over, trips=trips) if over > 0 else ""
    return Option(value, " × ".join(map(str, counts)), note)


_WORDS: dict[type[kinds.Kind], Callable[[Any, Scope, Mapping[str, Any], str], Option]] = {
    kinds.Loop: _place,
    kinds.Loops: _place,
    kinds.Block: _place,
    kinds.Blocks: _place,
    kinds.Place: _place,
    kinds.Buffer: _buffer,
    kinds.Factors: _factors,
}
