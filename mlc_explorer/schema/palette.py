"""What the palette knows of every transform for what is selected now, and what one of them would do.

Words (`reason`, `message`, `hint`, labels, notes) come in the language that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .text import DiffView, TextView


@dataclass(frozen=True)
class Refusal:
    """Why a step does not apply: an `errors.MlcError` in a person's language. `place` is the parameter."""

    message: str
    hint: str = ""
    place: str = ""
    detail: str = ""
    code: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One transform at the selection. `state`: ``applies``, ``nothing`` (it applies and changes nothing),
    ``refused``, or ``elsewhere`` (it needs another selection or another stage of the model).

    `params` are those that were tried: what its form starts with. `refusal` says why it does not apply."""

    transform: str
    state: str
    params: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Palette:
    """Every transform of the catalogue, in its order, for one selection. `seconds` is what trying took."""

    function: str
    path: str | None
    verdicts: tuple[Verdict, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Option:
    """A value that makes sense. `note` says what a person should know of it, e.g. that a guard appears."""

    value: Any
    label: str
    note: str = ""


@dataclass(frozen=True)
class Field:
    """A parameter in a form: `kind` as in `schema.params`; `value` what it holds; `options` the values that
    make sense, the likeliest first; for ``loops`` and ``blocks`` each is one member of the list. `open`:
    other values may be typed. `help` is one sentence."""

    name: str
    kind: str
    label: str
    required: bool
    value: Any
    options: tuple[Option, ...] = ()
    open: bool = False
    help: str = ""


@dataclass(frozen=True)
class Offer:
    """One transform with given parameters: its form, and what it would do.

    `step` is the JSON of the step that Apply would add. `diff` shows the function that it changes most (the
    selected one, if that is among them; None if it does not apply). `changed`, `added` and `removed` name
    functions."""

    transform: str
    state: str
    fields: tuple[Field, ...]
    step: Mapping[str, Any]
    diff: DiffView | None = None
    refusal: Refusal | None = None
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Remedy:
    """Steps that were tried and apply. The last of them is the refused one, at the places where it then
    stands, or what does nearly the same. `title` names them, `text` says in a sentence why it helps."""

    steps: tuple[Mapping[str, Any], ...]
    title: str
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """Why not: the refusal, the function's text with the offending lines (1-based) and places marked, and
    what would make the step legal."""

    step: Mapping[str, Any]
    refusal: Refusal | None
    text: TextView | None
    lines: tuple[int, ...] = ()
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A promising next step or short sequence for a block: JSON `steps`, a `title`, the reason in a sentence
    (`text`), `family` as in the palette, and the diff that it makes of the function."""

    name: str
    steps: tuple[Mapping[str, Any], ...]
    title: str
    text: str
    family: str
    diff: DiffView | None = None


@dataclass(frozen=True)
class Candidates:
    """What to try next, the most promising first, before anything is measured."""

    function: str
    block: str | None
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Point:
    """A point of a sweep: the value of each range, the JSON `steps` that it stands for, and where it is
    refused why. Points that TVM refuses are not measured."""

    values: tuple[Any, ...]
    steps: tuple[Mapping[str, Any], ...]
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Grid:
    """A sweep before it is measured: the names of the ranges, their values, and the points to measure (all of
    the grid, or a sample of it of which `total` tells the whole size)."""

    axes: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    points: tuple[Point, ...]
    total: int
