"""A candidate as the schedule that it is (its forms: `schema/tuning.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import tvm
from tvm import IRModule
from tvm.tirx import PrimFunc

from ...errors import BadTrace
from ...schema.trace import Step
from ..pasted.records import schedule_after
from ..transforms.apply import apply_step
from ..transforms.wording import words

NAME = "main"  # what a function is called while it is tuned


def function_of(code: str) -> PrimFunc:
    """The function of a task, under the name `NAME`. The code is the engine's own (`plan`)."""
    return tvm.ir.load_json(code).with_attr("global_symbol", NAME)


def module_of(code: str, steps: Sequence[Mapping[str, Any]] = ()) -> IRModule:
    """A module with the function of a task alone, after `steps`. A schedule of it may change it in place."""
    mod = IRModule({NAME: function_of(code)})
    for data in steps:
        mod = apply_step(mod, replace(Step.from_json(data), function=NAME)).mod
    return mod


def scheduled(code: str, candidate: Mapping[str, Any]) -> IRModule:
    """The function of a task after `candidate`. Refused or BadTrace if it does not apply."""
    if not {"steps", "record"} & set(candidate):
        raise BadTrace(**words("tune_no_candidate"), place="candidate")
    mod = module_of(code, candidate.get("steps", ()))
    return schedule_after(mod, NAME, candidate["record"]).mod if "record" in candidate else mod


def plain(value: Any) -> Any:
    """TVM's arrays, maps, strings and numbers as Python's own, as JSON needs them."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "items"):
        return {str(k): plain(v) for k, v in value.items()}
    return plain(value.value) if hasattr(value, "value") else [plain(v) for v in value]
