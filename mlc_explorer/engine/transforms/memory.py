"""From tensors that calls return to memory that calls write: how a graph is lowered to the virtual machine.

The order: LegalizeOps → ToNonDataflow → RemovePurityChecking → CallTIRRewrite → StaticPlanBlockMemory →
LowerAllocTensor → KillAfterLastUse → LowerRuntimeBuiltin → VMShapeLower. DataflowUseInplaceCalls goes before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...schema.params import Flag, param
from .base import RelaxPass


@dataclass(frozen=True)
class DataflowUseInplaceCalls(RelaxPass):
    """Lets an operator write where its argument stood, if nobody reads that later.

    TVM: ``relax.transform.DataflowUseInplaceCalls``; MLIR: in-place bufferisation.

    ``z = R.nn.relu(y)`` → ``z = R.call_tir_inplace(relu_inplace, (y,), …)``
    """

    name: ClassVar[str] = "DataflowUseInplaceCalls"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.DataflowUseInplaceCalls"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")


@dataclass(frozen=True)
class CallTIRRewrite(RelaxPass):
    """Allocates a tensor for each result of a function with loops, and passes it as an argument.

    TVM: ``relax.transform.CallTIRRewrite``; MLIR: one-shot bufferisation.

    ``lv = R.call_tir(relu, (x,))`` → ``lv = R.builtin.alloc_tensor(…); relu(x, lv)``
    """

    name: ClassVar[str] = "CallTIRRewrite"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.CallTIRRewrite"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls", "no_dataflow", "impure")


@dataclass(frozen=True)
class StaticPlanBlockMemory(RelaxPass):
    """Gives tensors that are never needed at the same time the same memory.

    TVM: ``relax.transform.StaticPlanBlockMemory``.

    five ``R.builtin.alloc_tensor`` → two ``R.memory.alloc_storage``, used by turns
    """

    name: ClassVar[str] = "StaticPlanBlockMemory"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.StaticPlanBlockMemory"
    needs: ClassVar[tuple[str, ...]] = ("graph", "allocations")


@dataclass(frozen=True)
class LowerAllocTensor(RelaxPass):
    """Gives each tensor that was not planned a piece of memory of its own.

    TVM: ``relax.transform.LowerAllocTensor``.

    ``R.builtin.alloc_tensor(…)`` → ``R.memory.alloc_storage(…)``, ``R.memory.alloc_tensor(…)``
    """

    name: ClassVar[str] = "LowerAllocTensor"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.LowerAllocTensor"
    needs: ClassVar[tuple[str, ...]] = ("graph", "allocated")


@dataclass(frozen=True)
class KillAfterLastUse(RelaxPass):
    """Frees a tensor and its memory after the last use.

    TVM: ``relax.transform.KillAfterLastUse``.

    ``relu(x, lv); …`` → ``relu(x, lv); R.memory.kill_tensor(lv); …``
    """

    name: ClassVar[str] = "KillAfterLastUse"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.KillAfterLastUse"
    needs: ClassVar[tuple[str, ...]] = ("graph", "no_dataflow", "impure", "allocated")


@dataclass(frozen=True)
class LowerRuntimeBuiltin(RelaxPass):
    """Replaces what the virtual machine does itself by calls of its own functions.

    TVM: ``relax.transform.LowerRuntimeBuiltin``, formerly ``VMBuiltinLower``.

    ``R.memory.alloc_storage(…)`` → ``R.vm.alloc_storage(…)``
    """

    name: ClassVar[str] = "LowerRuntimeBuiltin"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.LowerRuntimeBuiltin"
    needs: ClassVar[tuple[str, ...]] = ("graph", "no_dataflow", "impure", "no_allocations")


@dataclass(frozen=True)
class VMShapeLower(RelaxPass):
    """Checks the arguments' types and sizes on entry, and computes sizes that are variables.

    TVM: ``relax.transform.VMShapeLower``.

    emit_err_ctx: whether the checks name the function and the argument when they fail.

    ``main(x)`` → ``main(x): vm.builtin.check_tensor_info(x, 2, float32, …); …``
    """

    name: ClassVar[str] = "VMShapeLower"
    family: ClassVar[str] = "memory"
    tvm: ClassVar[str] = "relax.transform.VMShapeLower"
    needs: ClassVar[tuple[str, ...]] = ("graph", "no_dataflow", "impure")

    emit_err_ctx: bool = param(Flag(), default=True)
