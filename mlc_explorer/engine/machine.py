"""What a schedule has to fit into: vector lanes, registers, caches and cores of the target."""

from __future__ import annotations

from dataclasses import dataclass

import tvm

from . import caches, targets

# LLVM's feature → (bytes of a vector register, how many there are), the widest first.
_REGISTERS = {
    "avx512f": (64, 32),
    "avx2": (32, 16),
    "avx": (32, 16),
    "neon": (16, 32),
    "v": (16, 32),
    "sse2": (16, 16),
}
_USUAL = (16, 16)


@dataclass(frozen=True)
class Machine:
    """One core's vector registers (`vector_bytes` each), its caches in bytes, and the number of cores."""

    vector_bytes: int
    registers: int
    l1: int
    l2: int
    cores: int

    @staticmethod
    def of(target: tvm.target.Target) -> Machine:
        """What `target` has. Caches are this machine's; of another they are usual ones."""
        features = {str(name) for name in tvm.get_global_func("target.llvm_get_cpu_features")(target)}
        found = next((size for name, size in _REGISTERS.items() if name in features), _USUAL)
        here = targets.runs_here(target)
        first, second = caches.caches() if here else caches.USUAL
        cores = targets.cores() if here else int(target.attrs.get("num-cores") or 1)
        return Machine(*found, first.size, second.size, cores)

    def lanes(self, element_bytes: int) -> int:
        """Elements of that size in one vector register."""
        return max(1, self.vector_bytes // element_bytes)
