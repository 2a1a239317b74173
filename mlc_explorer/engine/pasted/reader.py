"""Calls on a schedule as steps: the same call is made on a schedule of TVM's, and said by paths.

The schedule knows which loop a variable stands for, `paths.walk` what we call it. Every step is applied to
our own state as well, so that what is refused is refused here, with the line.
"""

from __future__ import annotations

import ast
import functools
import inspect
import numbers
from dataclasses import dataclass
from typing import Any

from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.s_tir.schedule.schedule import LoopRV, SBlockRV
from tvm.tirx import PrimFunc

from ...errors import BadTrace, MlcError, NotFound, Refused
from ...schema.params import Buffer
from ...schema.trace import Step
from .. import paths
from ..replay import State, apply
from ..transforms import buffers, index_map
from ..transforms.base import LoopTransform
from ..transforms.catalogue import TRANSFORMS
from ..transforms.wording import words

# Methods that only look, or draw what a later call uses.
_LOOKING = {
    "get_sblock", "get_loops", "get_child_blocks", "get_producers", "get_consumers", "get_output_blocks",
    "sample_categorical", "sample_perfect_tile", "sample_partitioned_tile", "sample_compute_location",
}  # fmt: skip
_NO_EFFECT = {"enter_postproc", "show", "work_on"}
# What TVM calls a parameter that is called otherwise here.
_OURS = {
    "new_order": "order",
    "reduction_block": "block",
    "epilogue_block": "epilogue",
    "gen_new_ranges": "region",
    "buf_type": "access",
    "buf_index_array": "positions",
    "thread_axis": "thread",
    "block_or_loop": "place",
    "ann_key": "key",
    "ann_val": "value",
    "read_buffer_index": "buffer",
    "write_buffer_index": "buffer",
    "buffer_index": "buffer",
    "storage_scope": "scope",
    "ordered_loops": "loops",
    "tensor_intrin": "intrinsic",
    "target": "place",
}
# What sample_compute_location draws besides loops, and what computing at it then means.
_ROOT, _INLINE = -1, -2
_INLINED = {"compute_at": "compute_inline", "reverse_compute_at": "reverse_compute_inline"}
_TUNER_KEYS = "meta_schedule."  # annotations for MetaSchedule itself: they change nothing that runs


@dataclass(frozen=True)
class Call:
    """``names = sch.method(…)`` in line `line`; `unpacks`: the names take one result each of a list."""

    method: str
    node: ast.Call
    names: tuple[str, ...]
    line: int
    unpacks: bool


def read_schedule(state: State, function: str, calls: list[Call]) -> tuple[list[Step], State]:
    """The steps of a schedule of `function`, and the state after them.

    Raises BadTrace for a call that is not understood, Refused for one that does not apply, NotFound if there
    is no such function; `place` is the line.
    """
    reader = _Reader(state, function)
    for call in calls:
        reader.take(call)
    return reader.steps, reader.state


class _Reader:
    """One schedule on its way: TVM's and ours side by side."""

    def __init__(self, state: State, function: str) -> None:
        func = state.mod[function] if function in {v.name_hint for v in state.mod.get_global_vars()} else None
        if func is None:
            said = words("function_missing", name=function, known=", ".join(_functions(state)))
            raise NotFound(**said, place="function")
        if not isinstance(func, PrimFunc):
            raise Refused(**words("function_has_no_loops", function=function), place="function")
        self.state, self.function = state, function
        self.steps: list[Step] = []
        self._sch = Schedule(IRModule({function: func}))
        self._values: dict[str, Any] = {}

    def take(self, call: Call) -> None:
        """Does the call, and keeps the step that it is."""
        method = call.method
        if method in _NO_EFFECT:
            return
        try:
            args = self._arguments(call)
            if method in _INLINED and args.get("loop") == _ROOT:
                return  # the block stays where it is
            if method in _INLINED and args.get("loop") == _INLINE:
                method, args = _INLINED[method], {"block": args["block"]}
            if not (method in _LOOKING or self._is_tuners(method, args)):
                step = Step(*self._step(method, args, call))
                self.state = apply(self.state, step)
                self.steps.append(step)
            result = self._do(method, args)
        except MlcError as e:
            e.place = f"line {call.line}"
            raise
        except Exception as e:  # TVM has no common root: ScheduleError, InternalError, ValueError, …
            raise self._refused(call, str(e)) from e
        self._keep(call, result)

    def _arguments(self, call: Call) -> dict[str, Any]:
        """The call's arguments by TVM's names."""
        positional = [self._value(a, call) for a in call.node.args if not isinstance(a, ast.Starred)]
        for starred in (a for a in call.node.args if isinstance(a, ast.Starred)):
            positional += self._value(starred.value, call)
        named = {k.arg: self._value(k.value, call) for k in call.node.keywords if k.arg}
        bound = inspect.signature(getattr(Schedule, call.method)).bind(None, *positional, **named)
        args = {k: v for k, v in bound.arguments.items() if k != "self"}
        if call.method == "get_sblock":
            args["func_name"] = self.function  # the text may know the function by another name
        return args

    def _value(self, node: ast.expr, call: Call) -> Any:
        if isinstance(node, ast.Name) and node.id in self._values:
            return self._values[node.id]
        if isinstance(node, (ast.List, ast.Tuple)):
            listed = [self._value(e, call) for e in node.elts]
            return tuple(listed) if isinstance(node, ast.Tuple) else listed
        if isinstance(node, ast.Lambda):
            body = node.body.elts if isinstance(node.body, (ast.Tuple, ast.List)) else [node.body]
            return _Map(tuple(a.arg for a in node.args.args), tuple(body))
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError) as e:
            said = words("paste_value", line=call.line, text=ast.unparse(node)[:80])
            raise BadTrace(**said) from e

    def _is_tuners(self, method: str, args: dict[str, Any]) -> bool:
        if method == "fuse":
            return len(args["loops"]) == 1  # joins one loop with nothing
        return method in ("annotate", "unannotate") and str(args.get("ann_key")).startswith(_TUNER_KEYS)

    def _step(self, method: str, args: dict[str, Any], call: Call) -> tuple[str, str, dict[str, Any]]:
        transform = _transforms().get(method)
        if transform is None:
            raise BadTrace(**words("paste_unknown_call", line=call.line, name=method))
        defaults = {n: p.default for n, p in inspect.signature(getattr(Schedule, method)).parameters.items()}
        fields = {f.name: (f, kind) for f, kind in transform.kinds()}
        params = {}
        for name, value in self._regrouped(method, args).items():
            ours = name if name in fields else _OURS.get(name, name)
            if ours not in fields:
                if value == defaults.get(name):
                    continue
                raise BadTrace(**words("paste_parameter", line=call.line, name=name, transform=method))
            field, kind = fields[ours]
            said = self._buffer(value, args) if isinstance(kind, Buffer) else self._said(value)
            if said != field.default:
                params[ours] = said
        return transform.name, self.function, params

    def _regrouped(self, method: str, args: dict[str, Any]) -> dict[str, Any]:
        """TVM's arguments where one of ours stands for two of them, or holds them in another form."""
        args = dict(args)
        if method == "annotate_buffer_access":
            args["buffer_index"] = (args.pop("buf_type"), args["buffer_index"])
        if method == "blockize" and isinstance(args["target"], list):
            args["target"], *args["blocks"] = args["target"]
        if isinstance(args.get("pad_value"), _Map):
            args["pad_value"] = args["pad_value"].constant()
        return args

    def _said(self, value: Any) -> Any:
        """A value as in a step: loops and blocks by path, numbers that were drawn as they were drawn."""
        if isinstance(value, (list, tuple)):
            return [self._said(v) for v in value]
        if isinstance(value, (LoopRV, SBlockRV)):
            node = self._sch.get(value)
            places = {place.node: place.path for place in paths.walk(self._sch.mod[self.function])}
            return places[node]
        if isinstance(value, _Map):
            return value.text
        if value is None or isinstance(value, (str, bool, numbers.Number)):
            return value
        return int(self._sch.get(value))

    def _buffer(self, value: Any, args: dict[str, Any]) -> int | str:
        """A buffer's name for ``("write", 0)``, its position or name as they are."""
        if not isinstance(value, tuple):
            return value
        access, index = value
        return str(buffers.region(self._sch, args["block"], int(index), access).name)

    def _do(self, method: str, args: dict[str, Any]) -> Any:
        if method == "fuse" and len(args["loops"]) == 1:
            return args["loops"][0]
        if method == "sample_compute_location" and args.get("decision") in (_ROOT, _INLINE):
            return args["decision"]
        given = {k: self._given(k, v) for k, v in args.items()}
        parameters = inspect.signature(getattr(Schedule, method)).parameters
        several = [n for n, p in parameters.items() if p.kind is inspect.Parameter.VAR_POSITIONAL]
        listed = given.pop(several[0], ()) if several else ()
        return getattr(self._sch, method)(*listed, **given)

    @staticmethod
    def _given(name: str, value: Any) -> Any:
        """An argument for TVM's own method."""
        if not isinstance(value, _Map):
            return value
        if name == "pad_value":
            return value.constant()
        mapping = index_map.parse(value.text)
        if name != "gen_new_ranges":
            return mapping

        def ranges(*axes: Any) -> list[Any]:
            ends = mapping(*axes)
            return list(zip(ends[::2], ends[1::2]))

        return ranges

    def _keep(self, call: Call, result: Any) -> None:
        if not call.unpacks:
            self._values |= dict.fromkeys(call.names, result)
            return
        results = list(result)
        if len(results) != len(call.names):
            said = words("paste_count", line=call.line, names=len(call.names), results=len(results))
            raise BadTrace(**said, place=f"line {call.line}")
        self._values |= dict(zip(call.names, results))

    def _refused(self, call: Call, reason: str) -> Refused:
        short = next((line.strip() for line in reason.splitlines() if line.strip()), "-")
        said = words("paste_refused", line=call.line, text=ast.unparse(call.node)[:80], reason=short[:200])
        return Refused(**said, place=f"line {call.line}", detail=reason[:20_000])


@dataclass(frozen=True)
class _Map:
    """A lambda over indices: an index map, ranges of a region, or a value that is the same everywhere."""

    names: tuple[str, ...]
    body: tuple[ast.expr, ...]

    @property
    def text(self) -> str:
        """As the steps write it."""
        flat = [e for part in self.body for e in (part.elts if isinstance(part, ast.Tuple) else [part])]
        return f"{', '.join(self.names)} -> {', '.join(ast.unparse(e) for e in flat)}"

    def constant(self) -> Any:
        """The number of ``lambda i: (T.float32(7.0),)``. Raises ValueError for anything else."""
        value = self.body[0]
        if isinstance(value, ast.Call) and len(value.args) == 1:
            value = value.args[0]
        return ast.literal_eval(value)


def _functions(state: State) -> list[str]:
    return [v.name_hint for v in state.mod.get_global_vars()][:12]


@functools.cache
def _transforms() -> dict[str, type[LoopTransform]]:
    """The primitives of the catalogue by TVM's name."""
    return {cls.tvm: cls for cls in TRANSFORMS.values() if issubclass(cls, LoopTransform)}
