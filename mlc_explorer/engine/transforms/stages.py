"""At which stage a model is: what a graph pass needs, and what to apply first where that is missing.

A model goes from operators to tensor functions with loops, to groups and fused functions, to allocated memory
and calls of the runtime. TVM's passes do nothing, silently, where their stage is not reached or is over. Here
each pass says what it `needs`, and a need that is not met is a refusal whose hint names the way there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from tvm import IRModule, relax
from tvm.ir import Op
from tvm.tirx import PrimFunc

from ...errors import Refused
from .base import GraphTransform
from .wording import words

Facts = frozenset[str]

# Operators of Relax that carry a call rather than compute something.
_CARRIERS = {
    "relax.call_tir": "loop calls",
    "relax.call_tir_inplace": "loop calls",
    "relax.builtin.alloc_tensor": "allocations",
    "relax.memory.alloc_tensor": "planned",
    "relax.memory.alloc_storage": "planned",
}

_MACHINERY = tuple(
    f"relax.{what}" for what in ("call_", "vm.", "memory.", "builtin.", "invoke_", "null_value", "to_vdevice")
)

# A need → whether a module with such facts meets it. Each has a text, ``errors.needs_<need>``.
NEEDS: Mapping[str, Callable[[Facts], bool]] = {
    "graph": lambda facts: "graph" in facts,
    "operators": lambda facts: "operators" in facts,
    "loops": lambda facts: "loops" in facts,
    "loop_calls": lambda facts: "loop calls" in facts,
    "annotated": lambda facts: "annotated" in facts or "groups" in facts,
    "composites": lambda facts: "composites" in facts,
    "calls": lambda facts: "calls" in facts,
    "no_calls": lambda facts: "calls" not in facts,
    "dataflow": lambda facts: "dataflow" in facts,
    "no_dataflow": lambda facts: "dataflow" not in facts,
    "impure": lambda facts: "checked" not in facts,
    "allocations": lambda facts: "allocations" in facts,
    "no_allocations": lambda facts: "allocations" not in facts,
    "weights": lambda facts: "weights" in facts,
    "allocated": lambda facts: bool(facts & {"allocations", "planned"}),
}


def require(cls: type[GraphTransform], mod: IRModule) -> None:
    """Refused, with the first need of `cls` that `mod` does not meet."""
    if not cls.needs:
        return
    known = facts(mod)
    for need in cls.needs:
        if not NEEDS[need](known):
            raise Refused(**words(f"needs_{need}", transform=cls.name))


def facts(mod: IRModule) -> Facts:
    """What can be said of the stage of `mod`."""
    return frozenset().union(*(_of_function(func) for _, func in mod.functions_items()))


@functools.lru_cache(maxsize=1024)  # most functions are the same objects from step to step
def _of_function(func: Any) -> Facts:
    if isinstance(func, PrimFunc):
        return frozenset({"loops", "annotated"} if "op_pattern" in func.attrs else {"loops"})
    if not isinstance(func, relax.Function):
        return frozenset()
    attrs = func.attrs or {}
    found = {"graph"}
    if "Composite" in attrs or "Primitive" in attrs:
        found.add("groups")
    if "." in str(attrs.get("Composite", "")):
        found.add("composites")
    if int(attrs.get("num_input", len(func.params))) < len(func.params):
        found.add("weights")
    if not attrs.get("relax.force_pure", False):
        found.add("checked")
    relax.analysis.post_order_visit(func, lambda expr: found.update(_of_expression(expr)))
    return frozenset(found)


def _of_expression(expr: Any) -> tuple[str, ...]:
    if isinstance(expr, relax.SeqExpr):
        has_dataflow = any(isinstance(block, relax.DataflowBlock) for block in expr.blocks)
        return ("dataflow",) if has_dataflow else ()
    if not isinstance(expr, relax.Call):
        return ()
    if isinstance(expr.op, relax.GlobalVar):
        return ("calls",)
    if not isinstance(expr.op, Op):
        return ()
    name = str(expr.op.name)
    if name in _CARRIERS:
        return (_CARRIERS[name],)
    return () if name.startswith(_MACHINERY) or not name.startswith("relax.") else ("operators",)
