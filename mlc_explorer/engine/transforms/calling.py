"""Functions of a graph that call each other: groups of operators, and what they pass along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import RelaxPass


@dataclass(frozen=True)
class InlinePrivateFunctions(RelaxPass):
    """Puts the body of a private graph function in the place of its call.

    TVM: ``relax.transform.InlinePrivateFunctions``; MLIR: ``inline``.

    ``gv = cls.linear(x, w)`` → ``lv = R.matmul(x, w); gv = …``
    """

    name: ClassVar[str] = "InlinePrivateFunctions"
    family: ClassVar[str] = "calling"
    tvm: ClassVar[str] = "relax.transform.InlinePrivateFunctions"
    needs: ClassVar[tuple[str, ...]] = ("graph", "calls")


@dataclass(frozen=True)
class RemoveUnusedParameters(RelaxPass):
    """Drops parameters of private functions that their bodies never read, and the arguments for them.

    TVM: ``relax.transform.RemoveUnusedParameters``.

    ``f(x, y): R.exp(x)``, ``f(a, b)`` → ``f(x): R.exp(x)``, ``f(a)``
    """

    name: ClassVar[str] = "RemoveUnusedParameters"
    family: ClassVar[str] = "calling"
    tvm: ClassVar[str] = "relax.transform.RemoveUnusedParameters"
    needs: ClassVar[tuple[str, ...]] = ("graph", "calls")


@dataclass(frozen=True)
class RemoveUnusedOutputs(RelaxPass):
    """Drops what a private function returns and no caller takes.

    TVM: ``relax.transform.RemoveUnusedOutputs``.

    ``f(x): (R.exp(x), R.sin(x))``, of which ``[0]`` is taken → ``f(x): R.exp(x)``
    """

    name: ClassVar[str] = "RemoveUnusedOutputs"
    family: ClassVar[str] = "calling"
    tvm: ClassVar[str] = "relax.transform.RemoveUnusedOutputs"
    needs: ClassVar[tuple[str, ...]] = ("graph", "calls")


@dataclass(frozen=True)
class ExpandTupleArguments(RelaxPass):
    """Hands the fields of a tuple to a private function one by one.

    TVM: ``relax.transform.ExpandTupleArguments``.

    ``f((a, b))`` → ``f(a, b)``
    """

    name: ClassVar[str] = "ExpandTupleArguments"
    family: ClassVar[str] = "calling"
    tvm: ClassVar[str] = "relax.transform.ExpandTupleArguments"
    needs: ClassVar[tuple[str, ...]] = ("graph", "calls")


@dataclass(frozen=True)
class LambdaLift(RelaxPass):
    """Makes global functions of those that stand inside another function.

    TVM: ``relax.transform.LambdaLift``; elsewhere: closure conversion.

    a function inside ``main`` → a function of the module that ``main`` calls
    """

    name: ClassVar[str] = "LambdaLift"
    family: ClassVar[str] = "calling"
    tvm: ClassVar[str] = "relax.transform.LambdaLift"
    needs: ClassVar[tuple[str, ...]] = ("graph",)
