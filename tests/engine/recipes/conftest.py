"""What the tests of recipes share: a recipe does what its primitives do, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tvm import IRModule
from tvm.tirx import PrimFunc

from mlc_explorer.engine import targets
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.base import Recipe
from mlc_explorer.engine.transforms import apply_step, lookup
from tests.engine.transforms.conftest import as_module, check, module, refuse

__all__ = ["check", "module", "refuse"]

Holds = Callable[..., PrimFunc]


@pytest.fixture
def holds(check: Any) -> Holds:
    """`holds(func, "conv2d_blocked")`: with the numbers for this CPU (or `machine`) a recipe makes of `func`
    what its primitives make of it, applied step by step with all checks; so do its JSON and its exported
    Python. Gives back the scheduled function."""

    def run(func: Any, recipe: str, machine: Machine | None = None) -> PrimFunc:
        mod = as_module(func)
        cls = lookup.find(recipe)
        assert issubclass(cls, Recipe)
        found = cls.fitting(mod["main"], machine or Machine.of(targets.target("cpu")))
        assert found is not None, f"{recipe} does not fit"
        after: IRModule = mod
        for step in found.steps(mod["main"], "main"):
            after = apply_step(after, step).mod
        return check(mod, after, found.step("main")).mod["main"]

    return run
