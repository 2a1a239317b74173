"""The bindings of a Relax function in the order of its text, each with the id that graph and text share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvm import relax
from tvm.ir import Call, GlobalVar, Op, Tuple
from tvm.relax.expr import ExternFunc, If, TupleGetItem

# What only looks after memory or checks arguments. An allocation is no box either: the tensor that a call
# leaves in it flows out of the call.
_UPKEEP = {
    "relax.null_value",
    "relax.builtin.alloc_tensor",
    "relax.memory.alloc_storage",
    "relax.memory.alloc_tensor",
    "relax.vm.alloc_storage",
    "relax.vm.alloc_tensor",
    "relax.vm.kill_object",
    "relax.memory.kill_tensor",
    "relax.memory.kill_storage",
    "relax.assert_op",
    "relax.print",
}


@dataclass(frozen=True, eq=False)
class Binding:
    """One binding. `id` is its variable's name, made unique in the function (``lv``, ``lv#2``); `node` is
    TVM's object; `kind` is ``call`` or ``if`` (boxes of the graph), or ``alias``, ``tuple``, ``item``,
    ``function``, ``upkeep`` (not drawn)."""

    id: str
    var: Any
    value: Any
    node: Any
    kind: str

    @property
    def drawn(self) -> bool:
        """Whether the graph has a box for it."""
        return self.kind in ("call", "if")


def walk_bindings(func: relax.Function) -> tuple[Binding, ...]:
    """All bindings of `func`, those of branches included, after the parameters have taken their names.

    A branch's bindings come before the ``if`` that they end in, as its value needs them.
    """
    names = _Names()
    for param in func.params:
        names.unique(param.name)
    return tuple(_sequence(func.body, names))


def param_ids(func: relax.Function) -> list[str]:
    """The ids of the parameters, in order."""
    names = _Names()
    return [names.unique(param.name) for param in func.params]


class _Names:
    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        self._seen[name] += 1
        return name if self._seen[name] == 1 else f"{name}#{self._seen[name]}"


def _sequence(seq: Any, names: _Names) -> Iterator[Binding]:
    if isinstance(seq, relax.SeqExpr):
        for block in seq.blocks:
            for binding in block.bindings:
                yield from _binding(binding, names)


def _binding(binding: Any, names: _Names) -> Iterator[Binding]:
    value = binding.value
    if isinstance(value, If):
        yield from _sequence(value.true_branch, names)
        yield from _sequence(value.false_branch, names)
    yield Binding(names.unique(binding.var.name), binding.var, value, binding, _kind(binding.var, value))


def _kind(var: Any, value: Any) -> str:
    if isinstance(value, Call):
        return "upkeep" if _is_upkeep(var, value) else "call"
    for cls, kind in ((If, "if"), (Tuple, "tuple"), (TupleGetItem, "item"), (relax.Function, "function")):
        if isinstance(value, cls):
            return kind
    return "alias"


def _is_upkeep(var: Any, call: Call) -> bool:
    if isinstance(call.op, Op):
        return call.op.name in _UPKEEP
    gives_nothing = isinstance(var.ty, relax.TupleType) and not len(var.ty.fields)
    if isinstance(call.op, ExternFunc):
        return gives_nothing and str(call.op.global_symbol).startswith("vm.builtin.")
    return not isinstance(call.op, GlobalVar) and gives_nothing
