"""What to compile for: the CPU that this runs on, with all it can do, a plain baseline, and other CPUs.

LLVM is asked for the CPU's name, because ``mcpu=native`` is refused and silently becomes ``generic``. What is
told as a feature is what the compiler will use for that target, not what the chip may have besides.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import tvm

from ..errors import NotFound
from ..schema.report import TargetInfo

# LLVM's feature → what a person calls it, the most telling first.
_FEATURES = {
    "avx512f": "AVX-512",
    "avx512vnni": "AVX-512 VNNI",
    "avx512bf16": "AVX-512 BF16",
    "avx512fp16": "AVX-512 FP16",
    "amx-tile": "AMX",
    "avx2": "AVX2",
    "fma": "FMA",
    "sse4.2": "SSE4.2",
    "sse2": "SSE2",
    "sve2": "SVE2",
    "sve": "SVE",
    "neon": "NEON",
    "dotprod": "DotProd",
    "v": "RVV",
}
_CPU_INFO = Path("/proc/cpuinfo")

# CPUs other than this one: name, label, TVM's target. Code for the first also runs on a CPU that has more.
_AVX2 = ("avx2", "x86-64 with AVX2", {"kind": "llvm", "mcpu": "x86-64-v3"})
_ELSEWHERE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("aarch64", "Arm Cortex-A76", {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a76"}),
    (
        "riscv64",
        "RISC-V SiFive P670",
        {"kind": "llvm", "mtriple": "riscv64-linux-gnu", "mcpu": "sifive-p670"},
    ),
)
_CORES_ELSEWHERE = 4


@cache
def targets() -> tuple[TargetInfo, ...]:
    """``cpu`` first, then ``generic``, then CPUs that code can be made for here and which it may have to run
    on elsewhere. Found out once a process: none changes while it runs."""
    local = _local()
    here = [_other(*_AVX2, runs=True)] if {"AVX-512", "AVX2"} <= set(local.features) else []
    there = [_other(*other, runs=False) for other in _ELSEWHERE if other[0] != platform.machine()]
    return (local, _generic(), *here, *there)


def target(name: str) -> tvm.target.Target:
    """TVM's target for `name`, one of `targets`; NotFound otherwise."""
    for info in targets():
        if info.name == name:
            return tvm.target.Target(dict(info.spec))
    known = ", ".join(info.name for info in targets())
    raise NotFound(
        f"There is no target '{name}'.",
        hint=f"There are: {known}.",
        place="target",
        code="target_missing",
        params={"target": name, "known": known},
    )


def runs_here(wanted: tvm.target.Target) -> bool:
    """Whether code for `wanted` can be called in this process: a CPU of this machine's architecture."""
    triple = str(wanted.attrs.get("mtriple") or platform.machine())
    return "cpu" in wanted.keys and triple.partition("-")[0] == platform.machine()


def machine() -> str:
    """One line on this machine, for the record of a measurement."""
    return f"{_local().label}; {platform.system()} {platform.machine()}"


def cores() -> int:
    """Threads that a kernel uses: what TVM was told, else the cores that this process may use."""
    told = os.environ.get("TVM_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _local() -> TargetInfo:
    mcpu = str(tvm.get_global_func("target.llvm_get_system_cpu")())
    spec: dict[str, Any] = {"kind": "llvm", "num-cores": cores()}
    if mcpu and mcpu != "generic":
        spec["mcpu"] = mcpu
    features = _features(spec)
    what = [f"{_cpu_name()} ({mcpu or 'generic'})", _count_cores(), *features[:1]]
    return TargetInfo("cpu", spec, ", ".join(what), features, cores())


def _generic() -> TargetInfo:
    spec = {"kind": "llvm"}
    features = _features(spec)
    what = [f"Generic {platform.machine()}", _count_cores(), *features[:1]]
    return TargetInfo("generic", spec, ", ".join(what), features, cores())


def _other(name: str, label: str, spec: dict[str, Any], *, runs: bool) -> TargetInfo:
    threads = cores() if runs else _CORES_ELSEWHERE
    spec = spec | {"num-cores": threads}
    features = _features(spec)
    what = ", ".join([label, *(f for f in features[:1] if f not in label)])
    return TargetInfo(name, spec, what, features, threads, runs)


def _count_cores() -> str:
    return f"{cores()} core{'s' if cores() != 1 else ''}"


def _features(spec: Mapping[str, Any]) -> tuple[str, ...]:
    known = tvm.get_global_func("target.llvm_get_cpu_features")(tvm.target.Target(dict(spec)))
    names = {str(name) for name in known}
    return tuple(label for feature, label in _FEATURES.items() if feature in names)


def _cpu_name() -> str:
    """The chip as its maker calls it, without the trade marks; where nobody tells, the instruction set."""
    try:
        told = re.search(r"^model name\s*:\s*(.+)$", _CPU_INFO.read_text(), re.MULTILINE)
    except OSError:  # another system, or a confined worker that may not look
        told = None
    if told is None:
        return f"{platform.machine()} CPU"
    plain = re.sub(r"\((R|TM|C)\)|\bCPU\b|\bProcessor\b|@.*$|\b\d+-Core\b", " ", told[1], flags=re.IGNORECASE)
    return " ".join(plain.split())
