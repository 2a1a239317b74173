"""A recipe in words: its strategy, and why each of its numbers is what it is."""

from __future__ import annotations

import dataclasses

from tvm.tirx import PrimFunc

from ...schema.recipe import Explanation, Number
from ...texts import say
from ..machine import Machine
from .base import Recipe


def explanation(
    recipe: Recipe, func: PrimFunc, function: str, machine: Machine, language: str
) -> Explanation:
    """Why `recipe` suits `func`, called `function`, on `machine`, in English or Chinese."""
    numbers = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    known = {**numbers, **recipe.reasons(func, machine)}
    return Explanation(
        recipe.name,
        function,
        say(f"transform.{recipe.name}.title", language),
        tuple(say(f"recipe.{recipe.name}.strategy", language).strip().splitlines()),
        tuple(
            Number(
                name,
                say(f"param.{name}", language),
                value,
                say(f"recipe.{recipe.name}.why.{name}", language).format(**known),
            )
            for name, value in numbers.items()
        ),
        say(
            "recipe.machine",
            language,
            bits=machine.vector_bytes * 8,
            registers=machine.registers,
            l1=machine.l1 >> 10,
            l2=machine.l2 >> 10,
            cores=machine.cores,
        ),
        type(recipe).fitting(func, machine) == recipe,
    )
