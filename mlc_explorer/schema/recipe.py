"""A recipe explained: its strategy, and the numbers that it chose for one function and one machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FAST = {"cpu": "fast_cpu", "gpu": "fast_gpu"}  # the recipes for a whole model, and the groups of their steps


@dataclass(frozen=True)
class Number:
    """One number of a recipe: `name` is the parameter's, `title` what a person calls it, `why` a sentence."""

    name: str
    title: str
    value: Any
    why: str


@dataclass(frozen=True)
class Explanation:
    """`recipe` is a transform's name, `title` what a person calls it, `strategy` one sentence for each of its
    moves, `machine` one line on what the numbers have to fit into. `chosen`: whether the rule would choose
    these numbers for that machine now."""

    recipe: str
    function: str
    title: str
    strategy: tuple[str, ...]
    numbers: tuple[Number, ...]
    machine: str
    chosen: bool
