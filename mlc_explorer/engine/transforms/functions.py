"""dlight's rules as steps: schedules for a whole function that TVM knows without tuning.

Each is a recipe that somebody wrote once for a kind of computation. It needs a function without a schedule of
its own; a rule that does not fit is refused with what it looks for, and with the rules that do fit. After a
rule for GPUs a function can be looked at in every view, CUDA included, and is not measured on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tvm
from tvm import IRModule
from tvm.s_tir.schedule import Trace
from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.params import Choice, param
from . import rules
from .base import GraphTransform, ScheduleRule
from .hazards import refuse_wrong
from .wording import words


@dataclass(frozen=True)
class DlightRule(ScheduleRule):
    """One of dlight's rules. `rule` is its class in `tvm.s_tir.dlight`."""

    family: ClassVar[str] = "rules"
    rule: ClassVar[str]

    @property
    def machine(self) -> str:
        """The name of the target in `rules.TARGETS`."""
        raise NotImplementedError

    def trace(self, func: PrimFunc) -> Trace:
        if rules.is_scheduled(func):
            raise Refused(**words("rule_again", rule=self.rule))
        made = rules.trace(func, self.rule, self.machine)
        if made is not None:
            return made
        others, seen = rules.fitting(func, but=self.name), rules.shape(func)
        if others:
            said = words(f"rule_{self.name}", blocks=seen, fitting=", ".join(others))
        else:
            said = words("rule_none", blocks=seen, rule=self.rule)
        raise Refused(**said)

    def attributes(self) -> dict[str, object]:
        return {rules.SCHEDULED: True}

    def source(self, function: str) -> str:
        return rules.source((self.rule,), self.machine, "one")


@dataclass(frozen=True)
class CpuRule(DlightRule):
    """A rule whose vectors are as wide as the target's."""

    target_cpu: str = param(Choice(tuple(rules.CPUS)), default="cpu_256")

    @property
    def machine(self) -> str:
        return self.target_cpu


@dataclass(frozen=True)
class GpuRule(DlightRule):
    """A rule that binds loops to a GPU's threads, as many as the target has. Nothing of it runs here; that it
    computes the same is tested for each rule, with loops in the place of threads."""

    sound: ClassVar[bool] = True

    target_gpu: str = param(Choice(tuple(rules.GPUS)), default="cuda")

    @property
    def machine(self) -> str:
        return self.target_gpu


@dataclass(frozen=True)
class CpuGemv(CpuRule):
    """Schedules a product of a matrix and a vector for a CPU: tiles, vectors, threads.

    TVM: ``dlight.cpu.GEMV``; Halide: what its autoscheduler would write for a ``RDom`` of one dimension.

    target_cpu: how wide its vectors are, in bits.

    ``for i, k: y[i] += W[i, k] * x[k]`` → ``for i_0 (parallel), i_1 (vectorized), k_0, …``
    """

    name: ClassVar[str] = "cpu_gemv"
    tvm: ClassVar[str] = "dlight.cpu.GEMV"
    rule: ClassVar[str] = "cpu.GEMV"


@dataclass(frozen=True)
class CpuReduction(CpuRule):
    """Schedules sums along rows for a CPU (softmax, a norm, a layer): all under one parallel loop.

    TVM: ``dlight.cpu.Reduction``; Halide: ``compute_at`` of every stage under a ``parallel`` loop.

    target_cpu: how wide its vectors are, in bits.

    ``for i, k: max …; for i, k: exp …; for i, k: sum …; for i, k: norm …`` →
    ``for i (parallel): for k: max …; for k: exp … (vectorized); …``
    """

    name: ClassVar[str] = "cpu_reduction"
    tvm: ClassVar[str] = "dlight.cpu.Reduction"
    rule: ClassVar[str] = "cpu.Reduction"


@dataclass(frozen=True)
class GpuMatmul(GpuRule):
    """Schedules a product of matrices, or a convolution seen as one, for a GPU: tiles in shared memory.

    TVM: ``dlight.gpu.Matmul``; MLIR: what ``transform.iree`` strategies write for a ``linalg.matmul``.

    target_gpu: whose threads and shared memory there are.

    ``for i, j, k: C[i, j] += A[i, k] * B[k, j]`` → ``for blockIdx.x, blockIdx.y, …, threadIdx.x, k_0, …``
    """

    name: ClassVar[str] = "gpu_matmul"
    tvm: ClassVar[str] = "dlight.gpu.Matmul"
    rule: ClassVar[str] = "gpu.Matmul"


@dataclass(frozen=True)
class GpuGemv(GpuRule):
    """Schedules a product of a matrix and a vector for a GPU: a row for each group of threads.

    TVM: ``dlight.gpu.GEMV``.

    target_gpu: whose threads and shared memory there are.

    ``for i, k: y[i] += W[i, k] * x[k]`` → ``for blockIdx.x, threadIdx.y, …`` and a sum across threads
    """

    name: ClassVar[str] = "gpu_gemv"
    tvm: ClassVar[str] = "dlight.gpu.GEMV"
    rule: ClassVar[str] = "gpu.GEMV"


@dataclass(frozen=True)
class GpuLowBatchGemv(GpuRule):
    """Schedules a product with a matrix of few rows, as in decoding a text, for a GPU.

    TVM: ``dlight.gpu.LowBatchGEMV``, with its default of 4 rows at a time.

    target_gpu: whose threads and shared memory there are.

    ``for b, i, k: y[b, i] += W[i, k] * x[b, k]`` → ``for blockIdx.x, threadIdx.y, …`` with the rows innermost
    """

    name: ClassVar[str] = "gpu_low_batch_gemv"
    tvm: ClassVar[str] = "dlight.gpu.LowBatchGEMV"
    rule: ClassVar[str] = "gpu.LowBatchGEMV"


@dataclass(frozen=True)
class GpuReduction(GpuRule):
    """Schedules one sum along an axis for a GPU, with a sum across the threads of a block.

    TVM: ``dlight.gpu.Reduction``.

    target_gpu: whose threads and shared memory there are.

    ``for i, k: y[i] += x[i, k]`` → ``for blockIdx.x, threadIdx.x, …`` and a sum across threads
    """

    name: ClassVar[str] = "gpu_reduction"
    tvm: ClassVar[str] = "dlight.gpu.Reduction"
    rule: ClassVar[str] = "gpu.Reduction"


@dataclass(frozen=True)
class GpuRmsnorm(GpuRule):
    """Schedules a norm by the root of the mean square for a GPU.

    TVM: ``dlight.gpu.RMSNorm``.

    target_gpu: whose threads and shared memory there are.

    ``for i, k: s[i] += x[i, k] ** 2; for i, k: y = x / sqrt(s)`` → ``for blockIdx.x: threadIdx.x …``
    """

    name: ClassVar[str] = "gpu_rmsnorm"
    tvm: ClassVar[str] = "dlight.gpu.RMSNorm"
    rule: ClassVar[str] = "gpu.RMSNorm"


@dataclass(frozen=True)
class GpuGeneralReduction(GpuRule):
    """Schedules several sums along the same axes for a GPU, such as softmax or a norm.

    TVM: ``dlight.gpu.GeneralReduction``.

    target_gpu: whose threads and shared memory there are.

    ``for i, k: max …; for i, k: sum …; for i, k: norm …`` → ``for blockIdx.x: for k_0, threadIdx.x: …``
    """

    name: ClassVar[str] = "gpu_general_reduction"
    tvm: ClassVar[str] = "dlight.gpu.GeneralReduction"
    rule: ClassVar[str] = "gpu.GeneralReduction"


@dataclass(frozen=True)
class GpuTranspose(GpuRule):
    """Schedules a transpose for a GPU: tiles go through shared memory, so that reads and writes are in rows.

    TVM: ``dlight.gpu.Transpose``.

    target_gpu: whose threads and shared memory there are.

    ``for i, j: y[j, i] = x[i, j]`` → ``for blockIdx.y, blockIdx.x: threadIdx …: tile …; threadIdx …: y …``
    """

    name: ClassVar[str] = "gpu_transpose"
    tvm: ClassVar[str] = "dlight.gpu.Transpose"
    rule: ClassVar[str] = "gpu.Transpose"


@dataclass(frozen=True)
class GpuFallback(GpuRule):
    """Schedules anything for a GPU in the plainest way: what can be inlined is, an element for each thread.

    TVM: ``dlight.gpu.Fallback``.

    target_gpu: whose threads there are.

    ``for i, j: y[i, j] = f(x[i, j])`` → ``for i_j_fused_0 (blockIdx.x), i_j_fused_1 (threadIdx.x): …``
    """

    name: ClassVar[str] = "gpu_fallback"
    tvm: ClassVar[str] = "dlight.gpu.Fallback"
    rule: ClassVar[str] = "gpu.Fallback"


@dataclass(frozen=True)
class ApplyDefaultSchedule(GraphTransform):
    """Lets dlight schedule every function of the model by the first of its rules that fits.

    TVM: ``dlight.ApplyDefaultSchedule``. For a GPU Matmul, GEMV, Reduction, GeneralReduction, Fallback; for a
    CPU GEMV, Reduction. What a rule has scheduled already, or none fits, stays as it is.

    target_name: a CPU by the width of its vectors in bits, or a GPU.

    functions without a schedule → functions with one, marked ``tirx.is_scheduled``
    """

    name: ClassVar[str] = "ApplyDefaultSchedule"
    family: ClassVar[str] = "rules"
    tvm: ClassVar[str] = "dlight.ApplyDefaultSchedule"
    needs: ClassVar[tuple[str, ...]] = ("loops",)

    target_name: str = param(Choice(tuple(rules.TARGETS)), default="cpu_256")

    def run(self, mod: IRModule) -> IRModule:
        loops = {v.name_hint: f for v, f in mod.functions_items() if isinstance(f, PrimFunc)}
        after = rules.apply_rules(mod, self._rules, self.target_name)
        for name, before in loops.items():
            if not before.same_as(after[name]):
                refuse_wrong(before, after[name])
        return after

    def source(self) -> str:
        return rules.source(self._rules, self.target_name, "mod")

    @property
    def _rules(self) -> tuple[str, ...]:
        return rules.DEFAULTS["cpu" if self.target_name in rules.CPUS else "gpu"]


@dataclass(frozen=True)
class DefaultGPUSchedule(GraphTransform):
    """Binds what no schedule has bound yet to a GPU's threads, in every function, so that it can run there.

    TVM: ``s_tir.transform.DefaultGPUSchedule``. It changes nothing else: no tiles, no shared memory.

    target_gpu: whose threads there are.

    ``for i, j: …`` → ``for i_j_fused_0 (blockIdx.x), i_j_fused_1 (threadIdx.x): …``
    """

    name: ClassVar[str] = "DefaultGPUSchedule"
    family: ClassVar[str] = "rules"
    tvm: ClassVar[str] = "s_tir.transform.DefaultGPUSchedule"
    needs: ClassVar[tuple[str, ...]] = ("loops",)

    target_gpu: str = param(Choice(tuple(rules.GPUS)), default="cuda")

    def run(self, mod: IRModule) -> IRModule:
        with tvm.target.Target(dict(rules.GPUS[self.target_gpu])):
            return tvm.s_tir.transform.DefaultGPUSchedule()(mod)

    def source(self) -> str:
        return (
            f"with tvm.target.Target({rules.GPUS[self.target_gpu]!r}):\n"
            "    mod = tvm.s_tir.transform.DefaultGPUSchedule()(mod)"
        )
