"""Tidying a graph: bindings, blocks, functions that nobody needs, and the checks that lowering gives up.

None of them changes what is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...schema.params import Choice, Flag, Integer, param
from .base import RelaxPass


@dataclass(frozen=True)
class DeadCodeElimination(RelaxPass):
    """Drops bindings and functions that nothing uses.

    TVM: ``relax.transform.DeadCodeElimination``; MLIR: ``symbol-dce`` and canonicalisation.

    ``lv = R.add(x, y)`` that is never used → nothing
    """

    name: ClassVar[str] = "DeadCodeElimination"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.DeadCodeElimination"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class CanonicalizeBindings(RelaxPass):
    """Removes bindings that only give a value a second name.

    TVM: ``relax.transform.CanonicalizeBindings``; MLIR: ``canonicalize``.

    ``lv = x; gv = R.add(lv, lv)`` → ``gv = R.add(x, x)``
    """

    name: ClassVar[str] = "CanonicalizeBindings"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.CanonicalizeBindings"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class EliminateCommonSubexpr(RelaxPass):
    """Computes once what the graph computes twice from the same values.

    TVM: ``relax.transform.EliminateCommonSubexpr``; MLIR: ``cse``.

    call_only: leave everything but calls of operators and functions as it is.

    ``a = R.exp(x); b = R.exp(x); c = R.add(a, b)`` → ``a = R.exp(x); b = a; c = R.add(a, a)``
    """

    name: ClassVar[str] = "EliminateCommonSubexpr"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.EliminateCommonSubexpr"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    call_only: bool = param(Flag(), default=False)


@dataclass(frozen=True)
class FoldConstant(RelaxPass):
    """Computes now what depends on constants only.

    TVM: ``relax.transform.FoldConstant``; MLIR: canonicalisation with folders.

    ``lv = R.call_tir(transpose, (constant,))`` → a constant
    """

    name: ClassVar[str] = "FoldConstant"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.FoldConstant"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class ConvertToDataflow(RelaxPass):
    """Puts bindings without side effects into dataflow blocks, which most passes need.

    TVM: ``relax.transform.ConvertToDataflow``.

    min_size: how many bindings in a row are worth a block.

    ``lv = …; gv = …`` → ``with R.dataflow(): lv = …; gv = …; R.output(gv)``
    """

    name: ClassVar[str] = "ConvertToDataflow"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.ConvertToDataflow"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    min_size: int = param(Integer(1, 1000), default=2)


@dataclass(frozen=True)
class ToNonDataflow(RelaxPass):
    """Dissolves dataflow blocks, as lowering to memory needs it.

    TVM: ``relax.transform.ToNonDataflow``.

    ``with R.dataflow(): lv = …; gv = …; R.output(gv)`` → ``lv = …; gv = …``
    """

    name: ClassVar[str] = "ToNonDataflow"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.ToNonDataflow"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class TopologicalSort(RelaxPass):
    """Puts the bindings of a dataflow block in another order in which each still follows what it uses.

    TVM: ``relax.transform.TopologicalSort``.

    order: along the graph to its ends first, or level by level.
    direction: from the inputs, or from the outputs.

    ``a = R.exp(x); b = R.sin(x); c = R.cos(a)`` → ``a = R.exp(x); c = R.cos(a); b = R.sin(x)``
    """

    name: ClassVar[str] = "TopologicalSort"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.TopologicalSort"
    needs: ClassVar[tuple[str, ...]] = ("graph", "dataflow")

    order: str = param(Choice(("depth-first", "breadth-first")), default="depth-first")
    direction: str = param(Choice(("from-inputs", "from-outputs")), default="from-inputs")


@dataclass(frozen=True)
class RemoveRedundantReshape(RelaxPass):
    """Keeps the last of several reshapes, and none that gives the shape that was there.

    TVM: ``relax.transform.RemoveRedundantReshape``.

    ``lv = R.reshape(x, (2, 8)); gv = R.reshape(lv, (4, 4))`` → ``gv = R.reshape(x, (4, 4))``
    """

    name: ClassVar[str] = "RemoveRedundantReshape"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.RemoveRedundantReshape"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")


@dataclass(frozen=True)
class Normalize(RelaxPass):
    """Gives every value of a nested expression a variable of its own.

    TVM: ``relax.transform.Normalize``; elsewhere: A-normal form.

    ``gv = R.add(R.exp(x), x)`` → ``lv = R.exp(x); gv = R.add(lv, x)``
    """

    name: ClassVar[str] = "Normalize"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.Normalize"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class NormalizeGlobalVar(RelaxPass):
    """Renames private functions whose names collide with those of public ones.

    TVM: ``relax.transform.NormalizeGlobalVar``.

    a public ``f`` and a private ``f`` → ``f`` and ``f_1``
    """

    name: ClassVar[str] = "NormalizeGlobalVar"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.NormalizeGlobalVar"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class ComputePrimValue(RelaxPass):
    """Makes functions of the arithmetic on sizes that the graph does between its calls.

    TVM: ``relax.transform.ComputePrimValue``.

    ``R.prim_value(n * m)`` → a call of a PrimFunc ``compute_symbolic_expr``
    """

    name: ClassVar[str] = "ComputePrimValue"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.ComputePrimValue"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class AttachGlobalSymbol(RelaxPass):
    """Gives every PrimFunc the name by which the compiled code is found from outside.

    TVM: ``relax.transform.AttachGlobalSymbol``.

    a private PrimFunc ``relu`` → the same with ``global_symbol = "relu"``
    """

    name: ClassVar[str] = "AttachGlobalSymbol"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.AttachGlobalSymbol"
    needs: ClassVar[tuple[str, ...]] = ("graph",)


@dataclass(frozen=True)
class RemovePurityChecking(RelaxPass):
    """Tells TVM that a function may now write memory, which every step of lowering does.

    TVM: ``relax.transform.RemovePurityChecking``.

    ``R.function`` → the same with ``relax.force_pure``; calls lose their wrappers for purity
    """

    name: ClassVar[str] = "RemovePurityChecking"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.RemovePurityChecking"
    needs: ClassVar[tuple[str, ...]] = ("graph",)
