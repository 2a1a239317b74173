"""The values that a form proposes for a transform's parameters, and the combinations of them to try.

What a transform declares (`Transform.proposes`) comes first, then what a parameter's kind suggests. Values
are JSON; a later parameter's values depend on those chosen before it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...schema import params as kinds
from ..transforms import sources
from ..transforms.base import Transform
from ..transforms.scope import Scope

Params = dict[str, Any]
_MOST_FARTHER = 5  # how many second choices are made at once before giving up


def has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING


def accepts(kind: kinds.Kind, value: Any) -> bool:
    """Whether `value` is one that the kind takes."""
    try:
        kind.check(value)
    except ValueError:
        return False
    return True


def values(
    cls: type[Transform], field: dataclasses.Field[Any], kind: kinds.Kind, scope: Scope, chosen: Params
) -> list[Any]:
    """What makes sense for a parameter, the likeliest first; empty if nothing in scope does."""
    source = cls.proposes.get(field.name)
    found = list(source(scope, chosen)) if source is not None else _by_kind(field, kind, scope, chosen)
    if has_default(field):
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        found = [default, *(v for v in found if v != default or type(v) is not type(default))]
    return found


def attempts(cls: type[Transform], scope: Scope, given: Mapping[str, Any]) -> Iterator[Params]:
    """Parameters to try one after another: the likeliest values, then those with one second choice, …

    What is `given` stays as it is. A parameter that follows the selection is never moved away from it, and an
    optional one stays at its default. Nothing comes if a required parameter has no value in scope.
    """
    for distance in range(_MOST_FARTHER + 1):
        found = list(_at_distance(cls, scope, dict(given), list(cls.kinds()), {}, distance))
        if not found and distance:
            return
        yield from found


def _at_distance(
    cls: type[Transform],
    scope: Scope,
    given: Params,
    left: list[tuple[dataclasses.Field[Any], kinds.Kind]],
    chosen: Params,
    distance: int,
) -> Iterator[Params]:
    """The combinations in which the positions of the values in their lists add up to `distance`."""
    if not left:
        if distance == 0:
            yield chosen
        return
    (field, kind), *rest = left
    if field.name in given:
        yield from _at_distance(cls, scope, given, rest, {**chosen, field.name: given[field.name]}, distance)
        return
    if has_default(field):
        yield from _at_distance(cls, scope, given, rest, chosen, distance)
        return
    found = values(cls, field, kind, scope, chosen)
    if found and follows(found[0], scope):
        found = [value for value in found if follows(value, scope)]
    for n, value in enumerate(found[: distance + 1]):
        yield from _at_distance(cls, scope, given, rest, {**chosen, field.name: value}, distance - n)


def follows(value: Any, scope: Scope) -> bool:
    """Whether a value names what is selected."""
    path = scope.selected.path if scope.selected is not None else None
    return path is not None and (value == path or (isinstance(value, list) and path in value))


def _by_kind(field: dataclasses.Field[Any], kind: kinds.Kind, scope: Scope, chosen: Params) -> list[Any]:
    made = next((_KINDS[cls] for cls in type(kind).__mro__ if cls in _KINDS), None)
    return made(field, kind, scope, chosen) if made is not None else []


def _loops(field: Any, kind: Any, scope: Scope, chosen: Params) -> list[Any]:
    return sources.swapped_pairs(scope, chosen) if kind.swapped else sources.nested_pairs(scope, chosen)


def _place(field: Any, kind: Any, scope: Scope, chosen: Params) -> list[Any]:
    return list(
        dict.fromkeys(
            [*_selected(scope), *sources.inner_first(scope, chosen), *sources.blocks(scope, chosen)]
        )
    )


def _selected(scope: Scope) -> list[str]:
    return [scope.selected.path] if scope.selected is not None and scope.selected.blocks else []


def _blocks(field: Any, kind: Any, scope: Scope, chosen: Params) -> list[Any]:
    found = sources.blocks(scope, chosen)
    return [found] if len(found) >= kind.at_least else []


def _choice(field: Any, kind: Any, scope: Scope, chosen: Params) -> list[Any]:
    return list(kind.options)


def _integer(field: Any, kind: Any, scope: Scope, chosen: Params) -> list[Any]:
    return [kind.least]


_KINDS: dict[type[kinds.Kind], Callable[[Any, Any, Scope, Params], list[Any]]] = {
    kinds.Loop: lambda field, kind, scope, chosen: sources.inner_first(scope, chosen),
    kinds.Loops: _loops,
    kinds.Block: lambda field, kind, scope, chosen: sources.blocks(scope, chosen),
    kinds.Blocks: _blocks,
    kinds.Place: _place,
    kinds.Buffer: lambda field, kind, scope, chosen: sources.buffers(scope, chosen, kind.access),
    kinds.Function: lambda field, kind, scope, chosen: sources.functions(scope, chosen),
    kinds.Binding: lambda field, kind, scope, chosen: sources.bindings(scope, chosen),
    kinds.Factors: lambda field, kind, scope, chosen: sources.factors(scope, chosen),
    kinds.Choice: _choice,
    kinds.Integer: _integer,
    kinds.Flag: lambda field, kind, scope, chosen: [False, True],
    kinds.IndexMap: lambda field, kind, scope, chosen: sources.layouts(scope, chosen),
}
