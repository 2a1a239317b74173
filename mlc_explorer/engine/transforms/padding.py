"""Padding: a frame apart from what it frames, and sizes rounded up so that tiles divide them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tvm_ffi
from tvm.ir import TensorLoad
from tvm.s_tir import Schedule
from tvm.s_tir.schedule import Trace
from tvm.sym import Analyzer
from tvm.tirx import BufferStore, IntImm, IterVar, const
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from ...schema.params import Block, Integers, Loop, param
from .. import paths
from . import buffers, sources
from .base import LoopTransform, Moves
from .scope import Scope
from .sources import Chosen, Source
from .wording import words

MOST_PADDING = 1024  # what an axis is rounded up to a multiple of


def _multiples(scope: Scope, chosen: Chosen) -> Sequence[list[int]]:
    """All axes to a multiple of 16, 8 or 4; then the spatial ones alone."""
    block = scope.at(chosen.get("block")) or scope.block
    if block is None:
        return []
    sums = [int(axis.iter_type) == IterVar.CommReduce for axis in block.node.iter_vars]
    everything = [[n] * len(sums) for n in (16, 8, 4)]
    return everything + [[1 if is_sum else n for is_sum in sums] for n in (16, 8, 4)]


@dataclass(frozen=True)
class DecomposePadding(LoopTransform):
    """Parts a block that pads in two: one fills everything with the padding value, the other then copies the
    interior without asking for each element where it lies.

    TVM: ``decompose_padding``; Halide: ``boundary_condition`` with ``partition``; MLIR:
    ``transform.structured.rewrite_in_destination_passing_style`` of ``tensor.pad``.

    block: a block of the form ``P[i] = T.if_then_else(inside, X[i - 1], value)``.
    loop: a loop around it; the fill stands just before it.

    ``for i in range(10): P[i] = if_then_else(1 <= i < 9, X[i - 1], 0)`` →
    ``for i in range(10): P[i] = 0`` / ``for i in range(8): P[i + 1] = X[i]``
    """

    name: ClassVar[str] = "decompose_padding"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "decompose_padding"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.outer_first}

    block: str = param(Block())
    loop: str = param(Loop())

    def run(self, sch: Schedule, function: str) -> Moves:
        block, loop = paths.block_rv(sch, function, self.block), paths.loop_rv(sch, function, self.loop)
        sch.decompose_padding(block, loop)
        return {}

    def source(self, trace: Trace) -> list[str]:
        """TVM 0.27 can't print this primitive: it takes the loop for a text."""
        *before, last = trace.insts
        lines = [str(line) for line in Trace(before, {}).as_python()]
        made = [variable for instruction in before for variable in instruction.outputs]
        block, loop = (next(i for i, v in enumerate(made) if v.same_as(wanted)) for wanted in last.inputs)
        return [*lines, f"sch.decompose_padding(block=b{block}, loop=l{loop})"]


@dataclass(frozen=True)
class PadEinsum(LoopTransform):
    """Rounds the sizes of a product or a sum up, so that tiles divide them: operands are copied into larger
    buffers with zeros around, and the part of the result that counts is copied back.

    TVM: ``pad_einsum``; Halide: ``TailStrategy::RoundUp`` and bounds; MLIR: ``transform.structured.pad``; Exo
    has none.

    block: a block whose indices are plain axes, with a loop for each axis. A reduction axis can be padded
        only if zeros add nothing.
    padding: for each axis of the block what it is made a multiple of; 1 leaves it.

    ``for i, j, k in T.grid(127, 127, 127)`` with [32, 32, 32] → ``T.grid(128, 128, 128)``, around it copies
    """

    name: ClassVar[str] = "pad_einsum"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "pad_einsum"
    proposes: ClassVar[Mapping[str, Source]] = {"padding": _multiples}

    block: str = param(Block())
    padding: tuple[int, ...] = param(Integers(1, MOST_PADDING))

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        node = sch.get(block)
        if len(self.padding) != len(node.iter_vars):
            names = ", ".join(str(axis.var.name) for axis in node.iter_vars)
            said = words("padding_axes", block=self.block, axes=len(node.iter_vars), known=names)
            raise Refused(**said, place="padding", paths=(self.block,))
        self._refuse_where_zeros_count(node)
        with buffers.within_memory(sch, function, self.block, "padding"):
            sch.pad_einsum(block, list(self.padding))
        return {}

    def _refuse_where_zeros_count(self, block: Any) -> None:
        """TVM pads with zeros whatever the block does with them: a maximum of negative numbers would be 0."""
        for axis, multiple in zip(block.iter_vars, self.padding):
            padded = not isinstance(axis.dom.extent, IntImm) or int(axis.dom.extent) % multiple
            if (
                padded
                and int(axis.iter_type) == IterVar.CommReduce
                and not _zeros_add_nothing(block, axis.var)
            ):
                said = words("zeros_count", block=self.block, axis=str(axis.var.name))
                raise Refused(**said, place="padding", paths=(self.block,))


def _zeros_add_nothing(block: Any, axis: Any) -> bool:
    """Whether `block`, where it finds zeros in all that it reads along `axis`, stores what was there."""
    if not isinstance(block.body, BufferStore):
        return False
    kept = block.body

    def zero(load: TensorLoad) -> Any:
        along = any(v.same_as(axis) for index in load.indices for v in undefined_vars(index))
        return const(0, load.ty.dtype) if along else load

    value = Analyzer().simplify(tvm_ffi.structural_map(kept.value, (TensorLoad, zero)))
    same_place = isinstance(value, TensorLoad) and value.source.same_as(kept.buffer)
    return same_place and tvm_ffi.structural_equal(value.indices, kept.indices, map_free_vars=False)
