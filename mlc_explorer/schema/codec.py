"""Dataclass ↔ JSON, derived from the fields, so that no schema class writes its own.

`encode` gives JSON-ready data; `decode(cls, data)` gives back an equal object, or raises
ValueError naming the field. Tuples travel as lists; unknown keys are refused, because a
silently dropped field is a lost setting.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from ..errors import MlcError

T = TypeVar("T")


def encode(value: Any) -> Any:
    """`value` as JSON-ready data (dict, list, str, int, float, bool, None)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, MlcError):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(v) for v in value]
    return value


def decode(cls: type[T], data: Any, place: str = "") -> T:
    """An object of the dataclass `cls` from what `encode` wrote."""
    return _decode(cls, data, place or cls.__name__)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _decode(kind: Any, data: Any, place: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, place)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        return _decode_union([a for a in args if a is not type(None)], data, place)
    if origin is tuple:
        if not isinstance(data, (list, tuple)):
            raise ValueError(f"{place}: a list was expected, not {type(data).__name__}")
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_decode(args[0], v, f"{place}[{i}]") for i, v in enumerate(data))
        if len(args) != len(data):
            raise ValueError(f"{place}: {len(args)} values were expected, not {len(data)}")
        return tuple(_decode(a, v, f"{place}[{i}]") for i, (a, v) in enumerate(zip(args, data)))
    if origin in (dict, Mapping) or kind in (dict, Mapping):
        if not isinstance(data, Mapping):
            raise ValueError(f"{place}: an object was expected, not {type(data).__name__}")
        inner = args[1] if args else Any
        return {k: _decode(inner, v, f"{place}.{k}") for k, v in data.items()}
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if kind in (str, int, float, bool) and type(data) is not kind:
        raise ValueError(f"{place}: {kind.__name__} was expected, not {type(data).__name__}")
    return data


def _decode_union(kinds: list[Any], data: Any, place: str) -> Any:
    for kind in kinds[:-1]:
        try:
            return _decode(kind, data, place)
        except ValueError:
            continue
    return _decode(kinds[-1], data, place)


def _decode_dataclass(cls: Any, data: Any, place: str) -> Any:
    if not isinstance(data, Mapping):
        raise ValueError(f"{place}: an object was expected, not {type(data).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in data:
        if key not in fields:
            raise ValueError(f"{place}: there is no field {key!r}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _decode(_hints(cls)[name], data[name], f"{place}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{place}: the field {name!r} is missing")
    return cls(**values)
