"""Library dispatch: what a library computes better than generated loops is left to the library.

The graph then calls a predefined function by its name (`R.call_dps_packed("env.numpy.linear_relu", …)`),
which writes its result into a tensor that it is handed. `dispatch` looks for operators, before LegalizeOps;
`dispatch_function` takes a function that has its loops already, as the course does with ``linear_relu``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tvm import IRModule, relax
from tvm.ir import Op
from tvm.tirx import PrimFunc

from ...errors import NotFound, NotInstalled, Refused
from ...schema.params import Binding, Choice, Function, param
from .. import libraries
from ..libraries import patterns, recognise, replace
from .base import GraphTransform
from .scope import Scope
from .sources import Source
from .wording import words

ALL = "all"
_IMPORTS = """\
from collections import Counter

from tvm.relax.dpl import WildcardPattern, is_op, is_tuple_get_item, wildcard"""


@dataclass(frozen=True)
class Dispatch(GraphTransform):
    """Replaces operators of the graph by calls of a library.

    TVM: ``relax.dpl`` finds the pattern, ``R.call_dps_packed`` calls; MLIR: ``linalg`` to library calls.

    package: NumPy (its BLAS), ONNX Runtime or PyTorch.
    operation: what to look for, or ``all``: each of them in turn, those of several operators first.
    binding: the one call to replace, by the variable that holds the pattern's result; else all of them.

    ``lv1 = R.matmul(x, w); lv2 = R.add(lv1, b); lv3 = R.nn.relu(lv2)`` →
    ``lv3 = R.call_dps_packed("env.numpy.linear_relu", (x, w, b), …)``
    """

    name: ClassVar[str] = "dispatch"
    family: ClassVar[str] = "libraries"
    tvm: ClassVar[str] = "R.call_dps_packed"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    proposes: ClassVar[Mapping[str, Source]] = {"binding": lambda scope, chosen: _bindings(scope)}

    package: str = param(Choice(tuple(libraries.LIBRARIES)), default="numpy")
    operation: str = param(Choice((ALL, *libraries.OPERATIONS)), default=ALL)
    binding: str | None = param(Binding(), default=None)

    def run(self, mod: IRModule) -> IRModule:
        refuse_missing(self.package)
        after = mod
        for operation in self._operations:
            pattern, arguments = patterns.made(operation)
            name = libraries.global_name(self.package, operation)
            after = replace.replace_by_calls(after, name, pattern, arguments, self.binding)
        if all(after[name].same_as(func) for name, func in mod.functions_items()):
            raise self._refusal(mod)
        return after

    def source(self) -> str:
        rows = [
            f"    ({libraries.global_name(self.package, operation)!r}, "
            f"{libraries.function_name(self.package, operation)}, {patterns.PATTERNS[operation]}),\n"
            for operation in self._operations
        ]
        at = "" if self.binding is None else f", {self.binding!r}"
        return (
            f"for name, function, (pattern, arguments) in [\n{''.join(rows)}]:\n"
            "    tvm.register_global_func(name, function, override=True)\n"
            f"    mod = replace_by_calls(mod, name, pattern, arguments{at})"
        )

    def carried(self, mod: IRModule) -> tuple[str, ...]:
        computed = [text for op in self._operations for text in libraries.texts(self.package, op)]
        passes = (replace.replace_by_calls, replace.with_calls)
        return (_IMPORTS, *computed, *patterns.texts(self._operations), *map(inspect.getsource, passes))

    def packages(self) -> tuple[str, ...]:
        return libraries.LIBRARIES[self.package].packages

    @property
    def _operations(self) -> tuple[str, ...]:
        return libraries.OPERATIONS if self.operation == ALL else (self.operation,)

    def _refusal(self, mod: IRModule) -> Refused:
        if self.binding is not None:
            said = words("dispatch_not_here", binding=self.binding, operation=self.operation)
            return Refused(**said, place="binding")
        if any(isinstance(func, PrimFunc) for _, func in mod.functions_items()):
            return Refused(**words("dispatch_legalised", operation=self.operation), place="operation")
        operators = sorted({str(call.op.name) for call in _calls(mod) if isinstance(call.op, Op)})
        said = words("dispatch_nothing", operation=self.operation, calls=", ".join(operators) or "-")
        return Refused(**said, place="operation")


@dataclass(frozen=True)
class DispatchFunction(GraphTransform):
    """Replaces every call of one function of the model by a call of a library that computes the same.

    TVM: ``R.call_tir(linear_relu, …)`` becomes ``R.call_dps_packed``; in the course, ``env.linear_relu``.

    callee: the function, as LegalizeOps and FuseTIR (or FoldLinear) made it. What it computes is found by
        comparing its loops with those that TVM makes of operators, so that it may not be scheduled yet.
    package: NumPy (its BLAS), ONNX Runtime or PyTorch.

    ``R.call_tir(linear_relu, (x, w, b), …)`` → ``R.call_dps_packed("env.numpy.linear_relu", (x, w, b), …)``
    """

    name: ClassVar[str] = "dispatch_function"
    family: ClassVar[str] = "libraries"
    tvm: ClassVar[str] = "R.call_dps_packed"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    proposes: ClassVar[Mapping[str, Source]] = {"callee": lambda scope, chosen: _callees(scope)}

    callee: str = param(Function())
    package: str = param(Choice(tuple(libraries.LIBRARIES)), default="numpy")

    def run(self, mod: IRModule) -> IRModule:
        refuse_missing(self.package)
        known = self._known(mod)
        name = libraries.global_name(self.package, known.operation)
        return replace.replace_function(mod, self.callee, name, known.order, known.arguments())

    def source_for(self, mod: IRModule) -> str:
        known = self._known(mod)
        name = libraries.global_name(self.package, known.operation)
        return (
            f"tvm.register_global_func("
            f"{name!r}, {libraries.function_name(self.package, known.operation)}, override=True)\n"
            f"mod = replace_function("
            f"mod, {self.callee!r}, {name!r}, {known.order!r}, [{', '.join(known.more)}])"
        )

    def carried(self, mod: IRModule) -> tuple[str, ...]:
        computed = libraries.texts(self.package, self._known(mod).operation)
        return (*computed, *map(inspect.getsource, (replace.replace_function, replace.with_calls)))

    def packages(self) -> tuple[str, ...]:
        return libraries.LIBRARIES[self.package].packages

    def _known(self, mod: IRModule) -> recognise.Known:
        names = [var.name_hint for var in mod.get_global_vars()]
        if self.callee not in names:
            said = words("function_missing", name=self.callee, known=", ".join(names[:12]))
            raise NotFound(**said, place="callee")
        known = recognise.recognised(mod[self.callee])
        if known is None:
            raise Refused(**words("dispatch_unknown", function=self.callee), place="callee")
        gone = mod.get_global_var(self.callee)
        if not any(
            call.op.same_as(gone) or (call.args and call.args[0].same_as(gone)) for call in _calls(mod)
        ):
            raise Refused(**words("dispatch_not_called", function=self.callee), place="callee")
        return known


def refuse_missing(library: str) -> None:
    """NotInstalled, with the command that installs it, if a library can't be used here."""
    missing = libraries.LIBRARIES[library].missing()
    if missing:
        said = words("package_missing", library=library, packages=" ".join(missing))
        raise NotInstalled(**said, place="package")


def _bindings(scope: Scope) -> list[str]:
    """The variables that hold a float32 tensor that a graph function computes."""
    return [
        var.name
        for _, func in scope.mod.functions_items()
        if isinstance(func, relax.Function) and "Composite" not in func.attrs
        for block in func.body.blocks
        for var in (binding.var for binding in block.bindings if isinstance(binding.value, relax.Call))
        if isinstance(var.ty, relax.TensorType) and str(var.ty.dtype) == "float32"
    ]


def _callees(scope: Scope) -> list[str]:
    """The functions that graphs call, the selected one first."""
    called = {arg for call in _calls(scope.mod) for arg in (call.op, *call.args[:1])}
    found = [(var.name_hint, func) for var, func in scope.mod.functions_items() if var in called]
    return [name for name, func in sorted(found, key=lambda pair: not pair[1].same_as(scope.func))]


def _calls(mod: IRModule) -> Iterator[relax.Call]:
    """The calls that the graph functions bind."""
    for _, func in mod.functions_items():
        if isinstance(func, relax.Function):
            for value in relax.analysis.get_var2val(func).values():
                if isinstance(value, relax.Call):
                    yield value
