"""From a model to its training graph: a loss, and the gradient of it by every weight.

Training wants one number that says how wrong the model is, as a function of its weights. A model that was
loaded has its weights inside, as constants, and answers with a tensor. `append_loss` makes that function
beside the model's own, and `Gradient` the one that computes its derivatives.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import tvm
from tvm import IRModule, relax

from ...errors import Refused
from ...schema.params import Choice, Flag, Function, Integer, Text, param
from .base import GraphTransform
from .parameters import graph_function, graph_functions, graph_names
from .scope import Scope
from .sources import Source
from .wording import words

_UNKNOWN = re.compile(r"FPrimalGradient has not been registered for ([\w.]+\w)")


def append_loss(mod, name, loss, lift_weights):  # type: ignore[no-untyped-def]  # goes into exported scripts
    """A function `name`_loss beside `name`: its loss, with the weights as parameters weight_0, weight_1, …"""
    weights = {}

    @relax.expr_functor.mutator
    class LiftWeights(relax.PyExprMutator):
        def visit_generic_const_(self, constant):  # type: ignore[no-untyped-def]
            is_tensor = isinstance(constant.ty, relax.TensorType) and constant.ty.ndim > 0
            if not lift_weights or not is_tensor or not str(constant.ty.dtype).startswith("float"):
                return constant
            if constant not in weights:
                weights[constant] = relax.Var(f"weight_{len(weights)}", constant.ty)
            return weights[constant]

    func = LiftWeights().visit_expr(mod[name])
    params = [*func.params, *weights.values()]
    backbone = relax.Function(params, func.body, func.ret_ty, is_pure=True)
    backbone = backbone.with_attr("global_symbol", name)
    answer = relax.TensorType([int(n) for n in func.ret_ty.shape], func.ret_ty.dtype)
    if loss == "sum":
        builder = relax.BlockBuilder()
        answered = relax.Var("answer", answer)
        with builder.function("loss", [answered]):
            with builder.dataflow():
                total = builder.emit_output(relax.op.sum(answered))
            builder.emit_func_output(total)
        computed = builder.get()["loss"].without_attr("global_symbol")
    elif loss == "mean_squared_error":
        computed = relax.training.loss.MSELoss(reduction="mean")(answer, answer)
    else:
        labels = relax.TensorType([int(answer.shape[0])], "int64")
        computed = relax.training.loss.CrossEntropyLoss(reduction="mean")(answer, labels)
    beside = tvm.IRModule({name: relax.utils.copy_with_new_vars(backbone)})
    made = relax.training.AppendLoss(name, computed)(beside)[f"{name}_loss"]
    out = mod.clone()
    out[f"{name}_loss"] = made
    return out


def _answering(scope: Scope, chosen: Mapping[str, Any]) -> list[str]:
    """The graph functions whose answer is one number first."""
    graphs = graph_functions(scope.mod)
    return sorted(graphs, key=lambda name: getattr(graphs[name].ret_ty, "ndim", -1) != 0)


@dataclass(frozen=True)
class AppendLoss(GraphTransform):
    """Makes a second function of the model's: one number for how wrong the answer is. The model stays.

    Ours, with TVM's ``relax.training.AppendLoss`` and ``relax.training.loss``.

    func_name: the graph function.
    loss: ``sum`` of the answer; ``mean_squared_error`` against a target; ``cross_entropy`` against labels.
    lift_weights: make parameters ``weight_0``, … of the constants, so that they have gradients.

    ``main(x): x @ constant`` → also ``main_loss(x, weight_0, targets): loss(x @ weight_0, targets)``
    """

    name: ClassVar[str] = "append_loss"
    family: ClassVar[str] = "training"
    tvm: ClassVar[str] = "relax.training.AppendLoss"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")
    proposes: ClassVar[Mapping[str, Source]] = {"func_name": graph_names}

    func_name: str = param(Function())
    loss: str = param(Choice(("cross_entropy", "mean_squared_error", "sum")), default="cross_entropy")
    lift_weights: bool = param(Flag(), default=True)

    def run(self, mod: IRModule) -> IRModule:
        answer = graph_function(mod, self.func_name).ret_ty
        sizes = getattr(answer, "shape", None)
        fixed = sizes is not None and all(hasattr(n, "value") for n in sizes)
        if not fixed or (self.loss == "cross_entropy" and answer.ndim != 2):
            said = words("loss_of_another_shape", function=self.func_name, loss=self.loss, answer=str(answer))
            raise Refused(**said, place="loss")
        if f"{self.func_name}_loss" in graph_functions(mod):
            raise Refused(**words("loss_is_there", function=f"{self.func_name}_loss"), place="func_name")
        return append_loss(mod, self.func_name, self.loss, self.lift_weights)

    def source(self) -> str:
        text = inspect.getsource(append_loss).replace("  # type: ignore[no-untyped-def]", "")
        head, _, rest = text.partition("\n")
        called = f"append_loss(mod, {self.func_name!r}, {self.loss!r}, {self.lift_weights})"
        return f"{head.partition('  #')[0]}\n{rest}\n\nmod = {called}"


@dataclass(frozen=True)
class Gradient(GraphTransform):
    """Makes the function that computes a loss and its derivatives, by going backwards through the graph.

    TVM: ``relax.transform.Gradient``; elsewhere: reverse-mode automatic differentiation.

    func_name: a graph function that answers with one number, as ``append_loss`` makes it.
    require_grads: the parameters to derive by, separated by commas; else all of floating point.
    target_index: which of several answers is the loss.

    ``main_loss(x, w)`` → also ``main_loss_adjoint(x, w): (loss, (d loss / d x, d loss / d w))``
    """

    name: ClassVar[str] = "Gradient"
    family: ClassVar[str] = "training"
    tvm: ClassVar[str] = "relax.transform.Gradient"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")
    proposes: ClassVar[Mapping[str, Source]] = {"func_name": _answering}

    func_name: str = param(Function())
    require_grads: str | None = param(Text(r"[\w.]+(\s*,\s*[\w.]+)*"), default=None)
    target_index: int = param(Integer(0, 100), default=0)

    def run(self, mod: IRModule) -> IRModule:
        func = graph_function(mod, self.func_name)
        self._refuse_other_answers(func)
        names = self._names(func)
        wanted = [p for p in func.params if p.name in names]
        try:
            return relax.transform.Gradient(self.func_name, wanted, self.target_index)(mod)
        except Exception as e:  # TVM has no common root of its errors
            unknown = _UNKNOWN.search(str(e))
            if unknown is None:
                raise
            said = words("no_derivative_of", operator=unknown[1], function=self.func_name)
            raise Refused(**said, place="func_name", detail=str(e)) from e

    def source_for(self, mod: IRModule) -> str:
        names = self._names(graph_function(mod, self.func_name))
        return (
            f"wanted = [p for p in mod[{self.func_name!r}].params if p.name in {names!r}]\n"
            f"mod = relax.transform.Gradient({self.func_name!r}, wanted, {self.target_index})(mod)"
        )

    def _refuse_other_answers(self, func: relax.Function) -> None:
        answers = func.ret_ty.fields if isinstance(func.ret_ty, relax.TupleType) else [func.ret_ty]
        answer = answers[self.target_index] if self.target_index < len(answers) else None
        if getattr(answer, "ndim", -1) != 0 or not str(answer.dtype).startswith("float"):
            said = words("gradient_of_no_number", function=self.func_name, answer=str(answer or func.ret_ty))
            raise Refused(**said, place="func_name")

    def _names(self, func: relax.Function) -> list[str]:
        possible = [
            p.name
            for p in func.params
            if isinstance(p.ty, relax.TensorType) and str(p.ty.dtype).startswith("float")
        ]
        if self.require_grads is None:
            return possible
        names = [name.strip() for name in self.require_grads.split(",")]
        unknown = [name for name in names if name not in possible]
        if unknown:
            said = words("no_gradient_by", names=", ".join(unknown), known=", ".join(possible))
            raise Refused(**said, place="require_grads")
        return names
