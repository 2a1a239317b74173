"""What TVM's name of a pass stands for: which kind of pass it is, and which step of a trace does the same."""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import Any

from tvm.ir.transform import ModulePass, Pass, Sequential

from ...schema.trace import Step
from ..transforms.catalogue import TRANSFORMS
from ..transforms.passes import NAMES, ROOMS, RunPass


def kind(name: str) -> str:
    """``module``, ``function``, ``sequence``, or empty for a pass that TVM does not offer by itself."""
    if _is_made_in_place(name):
        return "sequence"
    made = _offered().get(name)
    if made is None:
        return ""
    if isinstance(made[1], Sequential):
        return "sequence"
    return "module" if isinstance(made[1], ModulePass) else "function"


def step(name: str) -> tuple[Step | None, str]:
    """The step that runs the pass `name`, or None and the reason: ``sequence`` (put together where it is
    used), ``inner`` (part of another pass), ``arguments``, ``stage`` (not by itself, see `passes`)."""
    if _is_made_in_place(name):
        return None, "sequence"
    public = _offered().get(name, ("",))[0]
    if public.removeprefix("relax.") in TRANSFORMS:
        return Step(public.removeprefix("relax.")), ""
    if public in NAMES:
        return Step(RunPass.name, None, {"pass_name": public}), ""
    if public:
        return None, "stage"
    return None, "arguments" if _takes_arguments(name) else "inner"


def _is_made_in_place(name: str) -> bool:
    """Whether it is TVM's name for passes that are put together where they are used."""
    return name == "sequential" or name.endswith("_pipeline")


@functools.cache
def _offered() -> dict[str, tuple[str, Pass]]:
    """The passes that can be made without arguments, by TVM's name of them: the public name, the pass."""
    found: dict[str, tuple[str, Pass]] = {}
    for room in ROOMS:
        module = importlib.import_module(f"tvm.{room}.transform")
        for public in sorted(vars(module)):
            made = _made(getattr(module, public)) if public[0].isupper() else None
            short = made.info.name.rpartition(".")[2] if made else ""
            if short == public or (short and not _is_made_in_place(short) and not hasattr(module, short)):
                found.setdefault(made.info.name, (f"{room}.{public}", made))
    return found


def _made(make: Any) -> Pass | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # old names of some passes
            made = make()
    except Exception:  # needs arguments, or a target around it
        return None
    return made if isinstance(made, Pass) else None


def _takes_arguments(name: str) -> bool:
    room, _, short = name.rpartition(".")
    return hasattr(importlib.import_module(f"tvm.{room or 'relax'}.transform"), short)
