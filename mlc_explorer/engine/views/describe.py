"""A module in a few words: which functions it has, what they take, how often the entry reaches them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import tvm_ffi
from tvm import IRModule, relax
from tvm.ir import GlobalVar
from tvm.tirx import PrimFunc

from ...schema.report import FunctionInfo, StateInfo


def function_names(mod: IRModule) -> list[str]:
    """All functions by name."""
    return sorted(gv.name_hint for gv in mod.get_global_vars())


def has_function(mod: IRModule, name: str) -> bool:
    return any(gv.name_hint == name for gv in mod.get_global_vars())


def own_level(mod: IRModule, name: str) -> str:
    """The level a function stands at: ``tir`` for a PrimFunc, ``relax`` for a graph function."""
    return "tir" if isinstance(mod[name], PrimFunc) else "relax"


def state_info(model: Any, state: Any) -> StateInfo:
    """Everything a person must know to choose where to look (`model`: LoadedModel, `state`: replay.State)."""
    return StateInfo(
        model=model.name,
        entry=state.entry,
        functions=functions(state.mod, state.entry),
        inputs=tuple(model.inputs),
        outputs=tuple(model.outputs),
        steps=tuple(state.reports),
    )


def functions(mod: IRModule, entry: str) -> tuple[FunctionInfo, ...]:
    """The entry first, then the functions in the order in which it reaches them, then the unreachable."""
    called = {gv.name_hint: _called(mod[gv]) for gv in mod.get_global_vars()}
    order, calls = _reach(called, entry)
    rest = [n for n in sorted(called) if n not in calls and n != entry]
    return tuple(
        FunctionInfo(
            n, "loops" if isinstance(mod[n], PrimFunc) else "graph", summary(mod[n]), calls.get(n, 0)
        )
        for n in order + rest
    )


def summary(func: Any) -> str:
    """Parameter shapes, e.g. ``(1, 784) (784, 200) (200,) (1, 200)``; scalars are left out."""
    if isinstance(func, PrimFunc):
        shapes = [_shape(p.shape) for p in func.params if hasattr(p, "shape")]
    else:
        shapes = [_shape(t.shape) for t in (_type(p) for p in func.params) if getattr(t, "shape", None)]
        result = getattr(func, "ret_ty", None) or getattr(func, "ret_struct_info", None)
        if getattr(result, "shape", None):
            shapes.append("→ " + _shape(result.shape))
    return " ".join(shapes)


def _type(var: Any) -> Any:
    return getattr(var, "ty", None) or getattr(var, "struct_info", None)


def _shape(shape: Any) -> str:
    return "(" + ", ".join(str(getattr(d, "value", d)) for d in shape) + ")"


def _called(func: Any) -> Counter[str]:
    """Global functions that `func` mentions, with how often, in order of first mention."""
    found: Counter[str] = Counter()
    if isinstance(func, relax.Function):
        tvm_ffi.structural_walk(
            func, lambda n: found.update([n.name_hint]) if isinstance(n, GlobalVar) else None
        )
    return found


def _reach(called: dict[str, Counter[str]], entry: str) -> tuple[list[str], dict[str, int]]:
    """Functions in depth-first order from `entry`, and how many calls one call of `entry` makes to each."""
    order: list[str] = []
    calls: Counter[str] = Counter()

    def visit(name: str, times: int, above: frozenset[str]) -> None:
        if name not in order:
            order.append(name)
        for callee, count in called.get(name, {}).items():
            if callee in called and callee not in above:
                calls[callee] += times * count
                visit(callee, times * count, above | {callee})

    visit(entry, 1, frozenset({entry}))
    return order, dict(calls)
