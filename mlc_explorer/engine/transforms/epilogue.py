"""What follows a sum, taken into the sum itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tvm_ffi
from tvm.ir import TensorLoad
from tvm.s_tir import Schedule
from tvm.sym import Analyzer
from tvm.tirx import BufferStore, FloatImm, IntImm, const

from ...errors import Refused
from ...schema.params import Block, param
from .. import paths
from .base import LoopTransform, Moves
from .scope import Scope
from .sources import Chosen, Source
from .wording import words


def _sums(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The block in question if it sums; else the sum that it reads."""
    block = scope.block
    if block is None:
        return []
    return [p.path for p in (block, *scope.producers(block)) if p.node.init is not None]


def _readers(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The selected block before the others that read the sum."""
    summing = scope.at(chosen.get("block"))
    found = [p.path for p in scope.consumers(summing)] if summing is not None else []
    return sorted(found, key=lambda path: scope.block is None or path != scope.block.path)


@dataclass(frozen=True)
class FuseReductionEpilogue(LoopTransform):
    """Lets a sum begin with what is added to it afterwards, such as a bias: the block that added it, and the
    buffer between the two, are gone.

    TVM: ``fuse_reduction_epilogue``; Halide: the pure definition of a reduction; MLIR and Exo have none. TVM
    takes a maximum or a clipping after the sum as well, and then clips in every iteration, which computes
    something else; so only what adds is taken here. The last digits of a float may differ, because the bias
    is added first.

    block: the block that sums, from zero.
    epilogue: the only block that reads the sum, and adds to it.

    ``init Y[i] = 0; Y[i] += A[i, k]`` / ``C[i] = Y[i] + bias[i]`` →
    ``init C[i] = bias[i]; C[i] += A[i, k]``
    """

    name: ClassVar[str] = "fuse_reduction_epilogue"
    family: ClassVar[str] = "reduction"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "fuse_reduction_epilogue"
    proposes: ClassVar[Mapping[str, Source]] = {"block": _sums, "epilogue": _readers}

    block: str = param(Block())
    epilogue: str = param(Block())

    def run(self, sch: Schedule, function: str) -> Moves:
        summing = paths.block_rv(sch, function, self.block)
        epilogue = paths.block_rv(sch, function, self.epilogue)
        self._refuse_other_sums(sch.get(summing))
        self._refuse_other_uses(sch, function, sch.get(summing), sch.get(epilogue))
        sch.fuse_reduction_epilogue(summing, epilogue)
        return {self.epilogue: summing}

    def _refuse_other_sums(self, summing: Any) -> None:
        if summing.init is None:
            return  # TVM says so
        starts_at_zero = isinstance(summing.init, BufferStore) and _is_zero(summing.init.value)
        if not (starts_at_zero and _adds_to(summing.body, summing.body.buffer)):
            raise Refused(**words("epilogue_no_sum", block=self.block), place="block", paths=(self.block,))

    def _refuse_other_uses(self, sch: Schedule, function: str, summing: Any, epilogue: Any) -> None:
        total = summing.writes[0].source
        if not (isinstance(epilogue.body, BufferStore) and _adds_to(epilogue.body, total)):
            said = words("epilogue_not_added", block=self.block, other=self.epilogue)
            raise Refused(**said, place="epilogue", paths=(self.block, self.epilogue))
        others = tuple(
            p.path
            for p in paths.walk(sch.mod[function])
            if p.kind == "block" and not any(p.node.same_as(one) for one in (summing, epilogue))
            if any(region.source.same_as(total) for region in (*p.node.reads, *p.node.writes))
        )
        if others or total in list(sch.mod[function].params):
            said = words("epilogue_others", block=self.block, others=", ".join(others) or "-")
            raise Refused(**said, place="epilogue", paths=(self.block, *others))


def _is_zero(value: Any) -> bool:
    return isinstance(value, (IntImm, FloatImm)) and float(value.value) == 0


def _adds_to(store: Any, buffer: Any) -> bool:
    """Whether `store` writes one element of `buffer` plus something that does not depend on it."""
    if not isinstance(store, BufferStore):
        return False
    loads: list[Any] = []
    tvm_ffi.structural_walk(store.value, (TensorLoad, loads.append))
    if sum(load.source.same_as(buffer) for load in loads) != 1:
        return False

    def zero(load: TensorLoad) -> Any:
        return const(0, load.ty.dtype) if load.source.same_as(buffer) else load

    own = next(load for load in loads if load.source.same_as(buffer))
    try:
        rest = tvm_ffi.structural_map(store.value, (TensorLoad, zero))
        again = Analyzer().simplify(own + rest)
    except Exception:  # TVM's own kind: it divides by the sum, which is no adding
        return False
    return tvm_ffi.structural_equal(again, Analyzer().simplify(store.value), map_free_vars=False)
