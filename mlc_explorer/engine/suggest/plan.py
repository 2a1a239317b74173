"""What a rule answers with, and the table that says which rule stands for which idea."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..draft import Draft
from .sight import Sight


@dataclass(frozen=True, eq=False)
class Plan:
    """The steps that a rule chose, as a draft, and the numbers that its sentence names."""

    draft: Draft
    values: Mapping[str, Any] = field(default_factory=dict)


# A rule looks and gives a plan, or None where it has nothing to say. It may raise Refused on the way.
Rule = Callable[[Sight], Plan | None]


@dataclass(frozen=True)
class Idea:
    """`name` finds its words, ``idea.<name>`` in the texts; `family` is the palette's of its main step."""

    name: str
    family: str
    rule: Rule
