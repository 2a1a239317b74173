"""Reductions: take the initial value out, or sum in several partial results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule

from ...schema.params import Block, Integer, Loop, param
from .. import paths
from . import sources
from .base import LoopTransform, Moves
from .sources import Source


@dataclass(frozen=True)
class DecomposeReduction(LoopTransform):
    """Takes a reduction's initial value out into a block of its own, before the given loop.

    TVM: ``decompose_reduction``; Halide: the pure definition beside the update; MLIR: ``linalg.fill`` beside
    the reduction.

    block: the reduction block.
    loop: the initial value is set just before this loop; no reduction loop may stand outside of it.

    ``for i, k: [init B[i] = 0]; B[i] += A[i, k]`` at k → ``for i: B[i] = 0; for k: B[i] += A[i, k]``
    """

    name: ClassVar[str] = "decompose_reduction"
    family: ClassVar[str] = "reduction"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "decompose_reduction"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.around_reduction}

    block: str = param(Block())
    loop: str = param(Loop())

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        sch.decompose_reduction(block, loop)
        return {}


@dataclass(frozen=True)
class RFactor(LoopTransform):
    """Makes a reduction loop spatial: each of its iterations sums into a part of its own, a second block adds
    the parts up.

    TVM: ``rfactor``; Halide: ``rfactor``; MLIR: ``transform.structured.split_reduction``.

    loop: the reduction loop that becomes spatial (usually one part of a split).
    factor_axis: where the new axis stands in the buffer of partial results.

    ``for k_0, k_1: B[i] += A[i, …]`` at k_1 →
    ``for k_1, k_0: B_rf[k_1, i] += …`` / ``for k_1: B[i] += B_rf[k_1, i]``
    """

    name: ClassVar[str] = "rfactor"
    family: ClassVar[str] = "reduction"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "rfactor"
    proposes: ClassVar[Mapping[str, Source]] = {
        "loop": sources.reduction_inner_first,
        "factor_axis": sources.axis_positions,
    }

    loop: str = param(Loop())
    factor_axis: int = param(Integer(0, 15), default=0)

    def run(self, sch: Schedule, function: str) -> Moves:
        sch.rfactor(paths.loop_rv(sch, function, self.loop), self.factor_axis)
        return {}
