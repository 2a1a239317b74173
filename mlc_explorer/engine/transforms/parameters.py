"""The parameters of a graph: which there are, what of them is known, what can be computed before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tvm
from tvm import IRModule, relax

from ...errors import NotFound, Refused
from ...schema.params import Flag, Function, Integer, Text, param
from .base import GraphTransform, RelaxPass
from .scope import Scope
from .sources import Source
from .wording import words

_NAME = Text(r"[\w.]{1,200}")


def graph_function(mod: IRModule, name: str) -> relax.Function:
    """The graph function of that name; NotFound or Refused, with its names, if there is none."""
    graphs = graph_functions(mod)
    if name not in graphs:
        if name in {var.name_hint for var in mod.get_global_vars()}:
            said = words("function_has_no_graph", function=name, known=", ".join(graphs))
            raise Refused(**said, place="func_name")
        said = words("function_missing", name=name, known=", ".join(graphs))
        raise NotFound(**said, place="func_name")
    return graphs[name]


def graph_functions(mod: IRModule) -> dict[str, relax.Function]:
    """By name, ``main`` first."""
    found = {v.name_hint: f for v, f in mod.functions_items() if isinstance(f, relax.Function)}
    return {name: found[name] for name in sorted(found, key=lambda name: (name != "main", name))}


def graph_names(scope: Scope, chosen: Mapping[str, Any]) -> list[str]:
    """A source for forms: the graph functions, ``main`` first."""
    return list(graph_functions(scope.mod))


def _tensors(scope: Scope, chosen: Mapping[str, Any]) -> list[str]:
    func = graph_functions(scope.mod).get(str(chosen.get("func_name")))
    return [p.name for p in func.params if isinstance(p.ty, relax.TensorType)] if func is not None else []


def _sizes(scope: Scope, chosen: Mapping[str, Any]) -> list[str]:
    func = graph_functions(scope.mod).get(str(chosen.get("func_name")))
    return [var.name for var in relax.analysis.defined_symbolic_vars(func)] if func is not None else []


@dataclass(frozen=True)
class BindParams(GraphTransform):
    """Makes a constant of a parameter, filled with numbers from a seed, so that passes may compute with it.

    TVM: ``relax.transform.BindParams``.

    func_name: the graph function.
    parameter: which of its parameters.
    seed: of NumPy's ``default_rng``; the numbers are normally distributed.

    ``main(x, w): R.matmul(x, w)`` → ``main(x): R.matmul(x, constant)``
    """

    name: ClassVar[str] = "BindParams"
    family: ClassVar[str] = "parameters"
    tvm: ClassVar[str] = "relax.transform.BindParams"
    needs: ClassVar[tuple[str, ...]] = ("graph",)
    proposes: ClassVar[Mapping[str, Source]] = {"func_name": graph_names, "parameter": _tensors}

    func_name: str = param(Function())
    parameter: str = param(_NAME)
    seed: int = param(Integer(0), default=0)

    def run(self, mod: IRModule) -> IRModule:
        shape, dtype = self._of(mod)
        values = np.random.default_rng(self.seed).standard_normal(shape).astype(dtype)
        bound = {self.parameter: tvm.runtime.tensor(values)}
        return relax.transform.BindParams(self.func_name, bound)(mod)

    def source_for(self, mod: IRModule) -> str:
        shape, dtype = self._of(mod)
        return (
            "import numpy as np\n\n"
            f"values = np.random.default_rng({self.seed}).standard_normal({shape!r}).astype({dtype!r})\n"
            f"bound = {{{self.parameter!r}: tvm.runtime.tensor(values)}}\n"
            f"mod = relax.transform.BindParams({self.func_name!r}, bound)(mod)"
        )

    def _of(self, mod: IRModule) -> tuple[tuple[int, ...], str]:
        func = graph_function(mod, self.func_name)
        found = [p for p in func.params if p.name == self.parameter and isinstance(p.ty, relax.TensorType)]
        sizes = [getattr(n, "value", None) for n in found[0].ty.shape or ()] if found else [None]
        if None in sizes:
            fitting = ", ".join(p.name for p in func.params if isinstance(p.ty, relax.TensorType))
            said = {"parameter": self.parameter, "function": self.func_name, "known": fitting or "-"}
            raise Refused(**words("parameter_missing", **said), place="parameter")
        return tuple(int(n) for n in sizes if n is not None), str(found[0].ty.dtype)


@dataclass(frozen=True)
class BindSymbolicVars(GraphTransform):
    """Gives a size that the graph leaves open, such as the batch, a number.

    TVM: ``relax.transform.BindSymbolicVars``.

    func_name: the graph function.
    symbol: the name of the size in its types.
    size: the number.

    ``main(x: R.Tensor((n, 784)))`` → ``main(x: R.Tensor((32, 784)))``
    """

    name: ClassVar[str] = "BindSymbolicVars"
    family: ClassVar[str] = "parameters"
    tvm: ClassVar[str] = "relax.transform.BindSymbolicVars"
    needs: ClassVar[tuple[str, ...]] = ("graph",)
    proposes: ClassVar[Mapping[str, Source]] = {"func_name": graph_names, "symbol": _sizes}

    func_name: str = param(Function())
    symbol: str = param(_NAME)
    size: int = param(Integer(1), default=1)

    def run(self, mod: IRModule) -> IRModule:
        func = graph_function(mod, self.func_name)
        known = [var.name for var in relax.analysis.defined_symbolic_vars(func)]
        if self.symbol not in known:
            said = {"symbol": self.symbol, "function": self.func_name, "known": ", ".join(known) or "-"}
            raise Refused(**words("symbol_missing", **said), place="symbol")
        return relax.transform.BindSymbolicVars(self._bound(), self.func_name)(mod)

    def source(self) -> str:
        return (
            "from tvm.tirx import IntImm\n\n"
            f"bound = {{{self.symbol!r}: IntImm('int64', {self.size})}}\n"
            f"mod = relax.transform.BindSymbolicVars(bound, {self.func_name!r})(mod)"
        )

    def _bound(self) -> dict[str, tvm.tirx.IntImm]:
        return {self.symbol: tvm.tirx.IntImm("int64", self.size)}


@dataclass(frozen=True)
class LiftTransformParams(RelaxPass):
    """Moves what depends on weights only into a function of its own, which runs once and not at each call.

    TVM: ``relax.transform.LiftTransformParams``.

    shared_transform: one such function for the whole module, rather than one for each graph function.

    ``main(x, w): R.matmul(x, R.permute_dims(w))`` → ``main_transform_params((w,)): R.permute_dims(w)``,
    ``main(x, w1): R.matmul(x, w1)``
    """

    name: ClassVar[str] = "LiftTransformParams"
    family: ClassVar[str] = "parameters"
    tvm: ClassVar[str] = "relax.transform.LiftTransformParams"
    needs: ClassVar[tuple[str, ...]] = ("graph", "dataflow")

    shared_transform: bool = param(Flag(), default=False)


@dataclass(frozen=True)
class BundleModelParams(RelaxPass):
    """Makes one tuple of a function's weights: of all parameters after the inputs that ``num_input`` counts.

    TVM: ``relax.transform.BundleModelParams``.

    param_tuple_name: the tuple's name; else ``model_params``.

    ``main(x, w, b)`` with ``num_input = 1`` → ``main(x, model_params)``, which takes ``model_params[0]`` …
    """

    name: ClassVar[str] = "BundleModelParams"
    family: ClassVar[str] = "parameters"
    tvm: ClassVar[str] = "relax.transform.BundleModelParams"
    needs: ClassVar[tuple[str, ...]] = ("graph", "weights")

    param_tuple_name: str | None = param(Text(r"[A-Za-z_]\w{0,100}"), default=None)
