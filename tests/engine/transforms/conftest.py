"""What the tests of transforms share: a check that holds a step to Before, After, its JSON, its Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tvm
from tvm import IRModule, relax
from tvm.ir import assert_structural_equal
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine.pasted import steps_of
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.transforms import Applied, apply_step, carried_by, step_source
from mlc_explorer.engine.transforms.catalogue import TRANSFORMS
from mlc_explorer.errors import MlcError, Refused
from mlc_explorer.schema.trace import Step

Check = Callable[[Any, Any, Step], Applied]
Refuse = Callable[[Any, Step], MlcError]


def as_module(func: Any) -> IRModule:
    """`func` as the only function, ``main``; a module comes back as it is."""
    return func if isinstance(func, IRModule) else IRModule({"main": func.with_attr("global_symbol", "main")})


def run_source(source: str, mod: IRModule) -> IRModule:
    """What `mod` is after the lines of `source`."""
    names = {"np": np, "tvm": tvm, "relax": relax, "Schedule": Schedule, "T": T, "mod": mod}
    exec(source, names)
    return names["mod"]


def assert_pasted(mod: IRModule, source: str, step: Step, after: IRModule) -> None:
    """The exported lines of a schedule, pasted back, are steps that do the same."""
    if TRANSFORMS[step.transform].level != "loop":
        return
    state = State(mod, str(step.function))
    for found in steps_of(state, str(step.function), source):
        state = apply(state, found)
    assert_structural_equal(state.mod, after)


@pytest.fixture
def module() -> Callable[[Any], IRModule]:
    return as_module


@pytest.fixture
def check() -> Check:
    """`step` makes After of Before; so do its JSON form and its exported Python; Before stays as it was."""

    def run(before: Any, after: Any, step: Step) -> Applied:
        mod = as_module(before)
        copy = as_module(before).clone()
        applied = apply_step(mod, step)
        assert_structural_equal(applied.mod, as_module(after))
        again = apply_step(mod, Step.from_json(json.loads(json.dumps(step.to_json()))))
        assert_structural_equal(again.mod, applied.mod)
        state = SimpleNamespace(mod=mod)
        source = "\n".join((*carried_by(state, step)[0], step_source(state, step)))
        assert_structural_equal(run_source(source, mod), applied.mod)
        assert_pasted(mod, source, step, applied.mod)
        assert_structural_equal(mod, copy)
        return applied

    return run


@pytest.fixture
def refuse() -> Refuse:
    """`step` is refused with a hint, and the module stays as it was. Gives back the refusal."""

    def run(before: Any, step: Step) -> MlcError:
        mod = as_module(before)
        copy = mod.clone()
        with pytest.raises(Refused) as caught:
            apply_step(mod, step)
        assert caught.value.hint
        assert_structural_equal(mod, copy)
        return caught.value

    return run
