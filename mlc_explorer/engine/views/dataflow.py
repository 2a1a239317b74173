"""The computational graph of a Relax function: which binding's tensor flows into which.

Tuples, their items and renamings are no boxes: what flows through them is folded into the edges. In a lowered
function the callee writes into a buffer that it was handed (destination passing): from that call on, what
flows out of the buffer comes from the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union

from tvm import relax
from tvm.ir import Call, GlobalVar, IRModule, Op, Tuple, Var
from tvm.relax.expr import ExternFunc, If, TupleGetItem
from tvm.runtime import Tensor
from tvm.tirx import PrimFunc

from ...schema.graph import Node
from .. import libraries
from ..paths import walk
from .bindings import Binding, param_ids, walk_bindings
from .buffers import written_buffers
from .families import family
from .sketch import Sketch, shape_text

# What a value is made of: the id of a box, a tuple of such, or None (a shape, a number, a function).
Flow = Union[str, tuple["Flow", ...], None]  # noqa: UP007 - a name in quotes has no |

_CALLS_ITS_FIRST = ("call_", "invoke_", "vm.call_tir", "vm.invoke_")  # operators whose callee is an argument


def relax_sketch(mod: IRModule, func: relax.Function) -> Sketch:
    """The graph of `func`: its inputs, constants, calls and one output ``out``."""
    return _Reader(mod, func).read()


class _Reader:
    def __init__(self, mod: IRModule, func: relax.Function) -> None:
        self._mod = mod
        self._func = func
        self._sketch = Sketch()
        self._flow: dict[Any, Flow] = {}
        self._constants: dict[Any, str] = {}
        self._writes: dict[str, set[int] | None] = {}
        self._functions = frozenset(gv.name_hint for gv in mod.functions)
        self._bindings = walk_bindings(func)
        self._taken = {b.id for b in self._bindings} | set(param_ids(func))

    def read(self) -> Sketch:
        for param, name in zip(self._func.params, param_ids(self._func)):
            shape, dtype = _type_text(param.ty)
            self._flow[param] = self._sketch.add(Node(name, "input", "input", shape, dtype, label=param.name))
        for binding in self._bindings:
            self._flow[binding.var] = self._value(binding)
        shape, dtype = _type_text(self._func.ret_ty)
        out = self._sketch.free_id("out", self._taken)
        result = self._resolve(getattr(self._func.body, "body", self._func.body))
        self._sketch.add(Node(out, "output", "output", shape, dtype, label="output"), _flat(result))
        return self._sketch

    def _value(self, binding: Binding) -> Flow:
        if binding.kind == "call":
            return self._call(binding)
        if binding.kind == "if":
            return self._if(binding)
        return self._resolve(binding.value)

    def _call(self, binding: Binding) -> str:
        name, function, args = _callee(binding.value, self._functions)
        written = self._destinations(binding, args)
        shape, dtype = _type_text(args[written[0]].ty if written else binding.var.ty)
        callee = self._mod[function] if function else None
        node = Node(
            binding.id,
            op=name,
            family=_family(name, callee),
            shape=shape,
            dtype=dtype,
            function=function,
            label=name.removeprefix(libraries.PREFIX),
        )
        self._sketch.add(node)  # before its constants
        flows = tuple(tuple(_flat(self._resolve(arg))) for arg in args)
        self._sketch.add(node, (source for flow in flows for source in flow))
        if isinstance(callee, relax.Function):
            self._sketch.arguments[node.id] = flows
        for index in written:
            self._flow[args[index]] = node.id
        return node.id

    def _if(self, binding: Binding) -> str:
        shape, dtype = _type_text(binding.var.ty)
        value: If = binding.value
        parts = (value.cond, *(getattr(b, "body", b) for b in (value.true_branch, value.false_branch)))
        sources = (source for part in parts for source in _flat(self._resolve(part)))
        return self._sketch.add(Node(binding.id, "if", "other", shape, dtype, label="if"), sources)

    def _destinations(self, binding: Binding, args: list[Any]) -> list[int]:
        """Positions of the arguments that the callee writes; none where it gives its result back."""
        if not isinstance(binding.var.ty, relax.TupleType) or len(binding.var.ty.fields):
            return []
        tensors = [
            i for i, arg in enumerate(args) if isinstance(arg, Var) and isinstance(arg.ty, relax.TensorType)
        ]
        if isinstance(binding.value.op, GlobalVar):
            written = self._written(binding.value.op)
            if written is not None:
                return [i for i in tensors if i in written]
        return tensors[-1:]

    def _written(self, callee: GlobalVar) -> set[int] | None:
        """Positions of the parameters that a PrimFunc writes; None for another kind of function."""
        name = callee.name_hint
        if name not in self._writes:
            func = self._mod[callee]
            written = written_buffers(func, walk(func)) if isinstance(func, PrimFunc) else None
            self._writes[name] = (
                None if written is None else {i for i, p in enumerate(func.params) if p in written}
            )
        return self._writes[name]

    def _resolve(self, value: Any) -> Flow:
        if isinstance(value, Tuple):
            return tuple(self._resolve(part) for part in value.fields)
        if isinstance(value, TupleGetItem):
            whole = self._resolve(value.tuple_value)
            return whole[value.index] if isinstance(whole, tuple) else whole
        if isinstance(value, Call):  # a call within a call's arguments: what it is made of flows through
            return tuple(self._resolve(arg) for arg in value.args)
        if isinstance(value, Var):
            return self._flow.get(value)
        if isinstance(getattr(value, "value", None), Tensor):
            return self._constant(value)
        return None

    def _constant(self, constant: Any) -> str:
        if constant not in self._constants:
            number = len(self._constants) + 1
            tensor = constant.value
            shape = shape_text(tensor.shape)
            label = shape if len(tensor.shape) else f"{tensor.numpy().item():.6g}"
            name = self._sketch.free_id(f"const{number}", self._taken)
            node = Node(name, "constant", "constant", shape, str(tensor.dtype), label=label)
            self._constants[constant] = self._sketch.add(node)
        return self._constants[constant]


def _callee(call: Call, functions: frozenset[str]) -> tuple[str, str | None, list[Any]]:
    """What `call` calls, as read by a person; which of `functions` is behind it, if any; its arguments."""
    op, args = call.op, list(call.args)
    if isinstance(op, Op):
        name = op.name.removeprefix("relax.")
        if name.startswith(_CALLS_ITS_FIRST) and args and isinstance(args[0], (GlobalVar, ExternFunc, Var)):
            op, args = args[0], args[1:]
        else:
            return name.rpartition(".")[2], None, args
    if isinstance(op, GlobalVar):
        return op.name_hint, op.name_hint if op.name_hint in functions else None, args
    if isinstance(op, ExternFunc):
        return str(op.global_symbol).removeprefix("vm.builtin."), None, args
    return getattr(op, "name", type(op).__name__), None, args


def _family(name: str, callee: Any) -> str:
    """A predefined function of a library is told apart from what the model computes itself."""
    if name.startswith(libraries.PREFIX):
        return "library"
    return family(name, _op_pattern(callee), default="other" if callee is None else "call")


def _op_pattern(func: Any) -> int | None:
    pattern = func.attrs.get("op_pattern") if func is not None and func.attrs else None
    return None if pattern is None else int(pattern)


def _flat(flow: Flow) -> Iterator[str]:
    if isinstance(flow, str):
        yield flow
    elif flow is not None:
        for part in flow:
            yield from _flat(part)


def _type_text(ty: Any) -> tuple[str, str]:
    """Shape and dtype as text; a tuple's are joined, what is no tensor has none."""
    if isinstance(ty, relax.TensorType):
        shape = ty.shape
        known = isinstance(shape, relax.ShapeExpr)
        return (shape_text(shape) if known else "(?)"), str(ty.dtype or "")
    if isinstance(ty, relax.TupleType):
        parts = [_type_text(field) for field in ty.fields]
        return ", ".join(s for s, _ in parts if s), ", ".join(dict.fromkeys(d for _, d in parts if d))
    return "", ""
