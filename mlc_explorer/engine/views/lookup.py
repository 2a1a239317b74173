"""Functions by name, as every view needs them: found, or refused with what exists instead."""

from __future__ import annotations

import difflib
from typing import Any

from tvm import relax
from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ...errors import NotFound


def names(mod: IRModule) -> list[str]:
    """The names of all functions of `mod`, in the module's own order."""
    return [gv.name_hint for gv in mod.functions]


def function(mod: IRModule, name: str) -> Any:
    """The PrimFunc or Relax function `name`; NotFound, with the closest names, if there is none."""
    known = names(mod)
    if name in known:
        return mod[name]
    close = ", ".join(difflib.get_close_matches(name, known, 3, 0.4) or known[:8])
    raise NotFound(
        f"There is no function '{name}' at this step.",
        hint=f"There are: {close}.",
        place="function",
        code="function_missing",
        params={"name": name, "known": close},
    )


def prim_func(mod: IRModule, name: str, view: str) -> PrimFunc:
    """The PrimFunc `name`; NotFound if it is a graph function, which `view` can't show."""
    found = function(mod, name)
    if isinstance(found, PrimFunc):
        return found
    raise _wrong_kind(name, view, code="view_needs_loops", kind="a graph function", instead="graph or relax")


def relax_function(mod: IRModule, name: str, view: str) -> relax.Function:
    """The Relax function `name`; NotFound if it is a PrimFunc, which `view` can't show."""
    found = function(mod, name)
    if isinstance(found, relax.Function):
        return found
    raise _wrong_kind(name, view, code="view_needs_graph", kind="a tensor function", instead="loops or tir")


def _wrong_kind(name: str, view: str, *, code: str, kind: str, instead: str) -> NotFound:
    return NotFound(
        f"'{name}' is {kind}, so it has no view '{view}'.",
        hint=f"Ask for {instead}, or choose another function.",
        place="level",
        code=code,
        params={"function": name, "view": view},
    )
