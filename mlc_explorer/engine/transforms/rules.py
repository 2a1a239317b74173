"""Asking dlight, TVM's schedules that need no tuning: which of its rules fit a function, and what they do.

A rule looks at the shape of a function (which blocks, which axes of each are sums) and schedules it, or says
nothing. What it did is the trace of its schedule, so that a step can repeat it and loops can be followed.
Answers are kept: a palette asks every rule about the same function, and so does the hint of a refusal.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import tvm
from tvm.s_tir import Schedule, dlight
from tvm.s_tir.schedule import Trace
from tvm.target import Target
from tvm.tirx import PrimFunc

from . import intrinsics

SCHEDULED = "tirx.is_scheduled"  # how dlight marks a function that it must not schedule again

# What a rule needs to know of a machine. On a CPU it is the width of a vector register alone, in bits, so
# that a trace means the same everywhere; without it TVM says 512 for every x86. CUDA's tensor cores, which
# products of float16 and int8 use, are a target of their own, because importing their intrinsics takes five
# seconds. Metal is not among the GPUs for the same reason, and OpenCL's schedules fit it.
CPUS = {f"cpu_{bits}": {"kind": "llvm", "vector-width": bits} for bits in (128, 256, 512)}
TENSOR_CORES = "cuda_tensor_cores"
_CUDA = {"kind": "cuda", "max_shared_memory_per_block": 49152}
GPUS: Mapping[str, Mapping[str, Any]] = {
    "cuda": _CUDA | {"arch": "sm_60"},
    TENSOR_CORES: _CUDA | {"arch": "sm_80"},
    "opencl": {"kind": "opencl"},
    "webgpu": {"kind": "webgpu"},
}
TARGETS = {**CPUS, **GPUS}

# The transforms by name, each with the rule in dlight, in the order in which TVM itself tries them.
CPU_RULES = {"cpu_gemv": "cpu.GEMV", "cpu_reduction": "cpu.Reduction"}
GPU_RULES = {
    "gpu_matmul": "gpu.Matmul",
    "gpu_gemv": "gpu.GEMV",
    "gpu_low_batch_gemv": "gpu.LowBatchGEMV",
    "gpu_reduction": "gpu.Reduction",
    "gpu_rmsnorm": "gpu.RMSNorm",
    "gpu_general_reduction": "gpu.GeneralReduction",
    "gpu_transpose": "gpu.Transpose",
    "gpu_fallback": "gpu.Fallback",
}
RULES = CPU_RULES | GPU_RULES
DEFAULTS = {  # of each kind of device, what TVM's own pipelines apply
    "cpu": ("cpu.GEMV", "cpu.Reduction"),
    "gpu": ("gpu.Matmul", "gpu.GEMV", "gpu.Reduction", "gpu.GeneralReduction", "gpu.Fallback"),
}


@functools.lru_cache(maxsize=256)
def trace(func: PrimFunc, rule: str, target: str) -> Trace | None:
    """What the rule (``gpu.Matmul``) does to `func`, called ``main`` in the trace; None if it says nothing.

    Raises what TVM raises where the rule takes on a function that it can't schedule.
    """
    with Target(dict(TARGETS[target])) as machine:
        schedule = _made(rule, target).apply(func, machine, False)
    if isinstance(schedule, list):
        schedule = schedule[0] if schedule else None
    return None if schedule is None else schedule.trace


def fitting(func: PrimFunc, but: str = "") -> list[str]:
    """The transforms (but one) whose rules schedule `func`, each asked for its usual target."""
    found = []
    for name, rule in RULES.items():
        try:
            fits = name != but and trace(func, rule, "cuda" if name in GPU_RULES else "cpu_256") is not None
        except Exception:  # whatever a schedule raises, the rule does not fit
            fits = False
        if fits:
            found.append(name)
    return found


def shape(func: PrimFunc) -> str:
    """The blocks of `func` as a rule sees them: ``matmul (SSR), relu (SS)``; S is spatial, R a reduction."""
    try:
        blocks = dlight.normalize_prim_func(Schedule(func))
    except Exception:  # lowered already, or not schedulable
        blocks = None
    return ", ".join(f"{b.name} ({b.dom_kind()})" for b in blocks or ()) or "-"


def is_scheduled(func: PrimFunc) -> bool:
    """Whether a rule has scheduled `func` before."""
    return bool(func.attrs and int(func.attrs.get(SCHEDULED) or 0))


def apply_rules(mod: tvm.IRModule, rules: tuple[str, ...], target: str) -> tvm.IRModule:
    """`mod` after the first rule that fits each of its functions; `mod` itself is left as it is."""
    made = [_made(rule, target) for rule in rules]
    with Target(dict(TARGETS[target])):
        return dlight.ApplyDefaultSchedule(*made)(mod.clone())  # it changes what it is given


def _made(rule: str, target: str) -> dlight.ScheduleRule:
    if target == TENSOR_CORES:
        intrinsics.load("wmma_fill_16x16x16_f16")  # quicker than dlight, which imports the whole package
    room, _, name = rule.partition(".")
    return getattr(getattr(dlight, room), name)()


def source(rules: tuple[str, ...], target: str, name: str) -> str:
    """The same in Python, for the module in the variable `name`."""
    made = ", ".join(f"tvm.s_tir.dlight.{rule}()" for rule in rules)
    return (
        f"with tvm.target.Target({TARGETS[target]!r}):\n"
        f"    {name} = tvm.s_tir.dlight.ApplyDefaultSchedule({made})({name}.clone())"
    )
