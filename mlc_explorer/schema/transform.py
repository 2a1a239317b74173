"""What the screen and the command line know of a transform, derived from its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ParamSpec:
    """A parameter: `kind` as in `schema.params`, `options` that kind's settings."""

    name: str
    kind: str
    required: bool
    default: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TransformSpec:
    """`level`: graph, loop or function. `family` groups the palette. `target` is what must be selected
    for it: ``loop``, ``block``, or empty for a graph pass. `text` holds ``en`` and ``zh``: one sentence each;
    `title` likewise, the name a person reads; `tvm` is TVM's own name of the primitive or pass, `elsewhere`
    its names in Halide, MLIR or Exo, and `example` a before → after, both with code in double backticks."""

    name: str
    level: str
    family: str
    target: str
    tvm: str
    params: tuple[ParamSpec, ...]
    title: Mapping[str, str] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)
    elsewhere: str = ""
    example: str = ""


@dataclass(frozen=True)
class Shortcut:
    """A visible click that applies several steps: `steps` are JSON steps as in a trace."""

    name: str
    steps: tuple[Mapping[str, Any], ...]
    title: Mapping[str, str] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)
