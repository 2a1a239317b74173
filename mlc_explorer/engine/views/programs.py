"""A function's text at any level of `schema.levels`. What compiles is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import tvm
from tvm.ir import IRModule

from ...errors import NotFound
from ...schema.levels import NAMES
from ...schema.text import TextView
from .text import text

Target = Callable[[], tvm.target.Target]
View = Callable[[IRModule, str, str, Target], TextView]


def program(mod: IRModule, function: str, level: str, target: Target) -> TextView:
    """`function` at `level`. `target` is asked only by the levels that depend on it.

    Raises NotFound for an unknown level, and what the view raises: NotFound for a function of another kind,
    Refused where it can't be compiled.
    """
    if level not in _VIEWS:
        raise NotFound(
            f"There is no level '{level}'.",
            hint=f"There are: {', '.join(NAMES)}.",
            place="level",
            code="level_missing",
            params={"level": level, "known": ", ".join(NAMES)},
        )
    return _VIEWS[level](mod, function, level, target)


def _printed(mod: IRModule, function: str, level: str, _: Target) -> TextView:
    return text(mod, function, level)


def _machine(mod: IRModule, function: str, level: str, target: Target) -> TextView:
    from .lowered import lowered

    return lowered(mod, function, level, target())


def _python(mod: IRModule, function: str, level: str, _: Target) -> TextView:
    from .python_source import python

    return python(mod, function)


def _lowered(mod: IRModule, function: str, level: str, target: Target) -> TextView:
    from .lowered_tir import lowered_tir

    return lowered_tir(mod, function, target())


def _source(mod: IRModule, function: str, level: str, _: Target) -> TextView:
    from .c_sources import c_source

    return c_source(mod, function, level)


_VIEWS: dict[str, View] = {
    "relax": _printed,
    "tir": _printed,
    "python": _python,
    "lowered": _lowered,
    "llvm": _machine,
    "asm": _machine,
    **dict.fromkeys(("c", "cuda", "opencl", "metal", "webgpu"), _source),
}
