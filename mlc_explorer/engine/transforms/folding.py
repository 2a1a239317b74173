"""Our own graph pass: one function for each linear layer, with a name that a person expects."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm import IRModule, relax
from tvm.tirx import PrimFunc

from ...errors import Refused
from .base import GraphTransform
from .wording import words


def fold_linear(mod):  # type: ignore[no-untyped-def]  # its text goes into exported scripts as it stands
    """Groups relu(x @ w + b) and x @ w + b of the graph into functions linear_relu, linear, linear_1, …"""
    from tvm.relax.dpl import is_op, wildcard

    def is_layer(match):  # x @ w + b with a matrix w and a vector b, not any sum with a product
        w, b = match.annotated_expr["w"], match.annotated_expr["b"]
        return w.ty.ndim == 2 and b.ty.ndim == 1

    def layer(bias_first, relu):
        w, b = wildcard(), wildcard()
        product = is_op("relax.matmul")(wildcard(), w)
        total = is_op("relax.add")(b, product) if bias_first else is_op("relax.add")(product, b)
        name, whole = ("linear_relu", is_op("relax.nn.relu")(total)) if relu else ("linear", total)
        return name, whole, {"w": w, "b": b}, is_layer

    patterns = [layer(bias_first, relu) for relu in (True, False) for bias_first in (False, True)]
    before = {var.name_hint for var in mod.get_global_vars()}
    grouped = relax.transform.FuseOpsByPattern(patterns, bind_constants=False, annotate_codegen=False)(mod)

    # FuseOpsByPattern names a group after its operators; give it the pattern's name, in the calls' order.
    renamed, taken = {}, set(before)
    builder = relax.BlockBuilder()  # gives the new names their types

    def choose_name(expr):  # type: ignore[no-untyped-def]
        called = expr.op if isinstance(expr, relax.Call) else None
        if not isinstance(called, relax.GlobalVar) or called.name_hint in before | renamed.keys():
            return
        kind = grouped[called].attrs["Composite"]
        free = next(n for n in [kind, *(f"{kind}_{i}" for i in range(1, 100000))] if n not in taken)
        taken.add(free)
        renamed[called.name_hint] = builder.add_func(grouped[called], free)

    for _, func in grouped.functions_items():
        if isinstance(func, relax.Function):
            relax.analysis.post_order_visit(func, choose_name)

    @relax.expr_functor.mutator
    class Rename(relax.PyExprMutator):
        def visit_global_var_(self, var):  # type: ignore[no-untyped-def]
            return renamed.get(var.name_hint, var)

    out = type(mod)({}, attrs=grouped.attrs, global_infos=grouped.global_infos)
    for var, func in grouped.functions_items():
        is_graph = isinstance(func, relax.Function)
        out[renamed.get(var.name_hint, var)] = Rename().visit_expr(func) if is_graph else func
    return out


@dataclass(frozen=True)
class FoldLinear(GraphTransform):
    """Groups each matmul + add (+ relu) of the graph into one function ``linear`` (``linear_relu``).

    Ours, made with TVM's ``relax.transform.FuseOpsByPattern``. LegalizeOps and FuseTIR then make one PrimFunc
    of each. It looks for operators, so that it goes before LegalizeOps.

    ``R.nn.relu(R.add(R.matmul(x, w), b))`` → ``linear_relu(x, w, b)``
    """

    name: ClassVar[str] = "FoldLinear"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.FuseOpsByPattern"

    def run(self, mod: IRModule) -> IRModule:
        if _calls_loops(mod) and not _has_operator(mod, "relax.matmul"):
            raise Refused(**words("linear_legalised"))
        return fold_linear(mod)

    def source(self) -> str:
        text = inspect.getsource(fold_linear).replace("  # type: ignore[no-untyped-def]", "")
        head, _, rest = text.partition("\n")
        return f"{head.partition('  #')[0]}\n{rest}\n\nmod = fold_linear(mod)"


def _graph_functions(mod: IRModule) -> list[Any]:
    return [f for _, f in mod.functions_items() if isinstance(f, relax.Function)]


def _calls_loops(mod: IRModule) -> bool:
    return any(isinstance(f, PrimFunc) for _, f in mod.functions_items())


def _has_operator(mod: IRModule, name: str) -> bool:
    found: list[bool] = []

    def look(expr: Any) -> None:
        if isinstance(expr, relax.Call) and getattr(expr.op, "name", "") == name:
            found.append(True)

    for func in _graph_functions(mod):
        relax.analysis.post_order_visit(func, look)
    return bool(found)
