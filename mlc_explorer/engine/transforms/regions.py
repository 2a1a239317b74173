"""What a block says it reads and writes: TVM believes it, and here it can be told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import IndexMap as TvmIndexMap

from ...errors import Refused
from ...schema.params import Block, Buffer, Choice, IndexMap, Integers, param
from .. import paths
from ..views.index_trees import DataDependent, tree
from . import buffers, index_map, sources
from .base import LoopTransform, Moves
from .instances import Unknown
from .one_to_one import smallest
from .scope import Scope
from .sources import Chosen, Source
from .wording import words


def _whole(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The whole buffer, which is always safe to say."""
    block, wanted = scope.at(chosen.get("block")) or scope.block, chosen.get("buffer")
    if block is None:
        return []
    written, read = scope.regions(block, "write"), scope.regions(block, "read")
    found = [r for i, r in enumerate((*written, *read)) if wanted in (i, str(r.source.name))]
    if not found:
        return []
    left = ", ".join(f"x{i}" for i in range(len(block.node.iter_vars)))
    return [f"{left} -> {', '.join(f'0, {n}' for n in found[0].source.ty.shape)}"]


@dataclass(frozen=True)
class AnnotateBufferAccess(LoopTransform):
    """Tells TVM which part of a buffer each instance of a block touches, where it can't find that out or
    finds too little: later steps and the buffer's allocation follow what is said.

    TVM: ``annotate_buffer_access``; Halide: ``bound`` is near; MLIR and Exo have none. What is said must hold
    all that TVM finds, and lie within the buffer where that does.

    block: a block with as many axes as the buffer has dimensions (TVM takes one range for each axis).
    buffer: what it reads or writes, by name or position (those written first).
    region: the block's axes → for each dimension its first index and the one after its last.

    ``T.reads(A[vi, vj])`` with ``i, j -> i, i + 1, 0, 8`` → ``T.reads(A[vi, 0:8])``
    """

    name: ClassVar[str] = "annotate_buffer_access"
    family: ClassVar[str] = "annotation"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "annotate_buffer_access"
    proposes: ClassVar[Mapping[str, Source]] = {"buffer": sources.any_buffers, "region": _whole}

    block: str = param(Block())
    buffer: int | str = param(Buffer("either"))
    region: str = param(IndexMap())

    def run(self, sch: Schedule, function: str) -> Moves:
        mapping = index_map.for_tvm(self.region)
        block = paths.block_rv(sch, function, self.block)
        access, index = buffers.either(sch, block, self.buffer, self.block)
        node = sch.get(block)
        told = (node.reads if access == "read" else node.writes)[index]
        self._refuse_other_sizes(node, told)
        self._refuse_wrong_bounds(node, told, mapping)

        def ranges(*axes: Any) -> list[Any]:
            ends = mapping(*axes)
            return list(zip(ends[::2], ends[1::2]))

        sch.annotate_buffer_access(block, index, access, ranges)
        return {}

    def _refuse_other_sizes(self, block: Any, told: Any) -> None:
        axes, rank = len(block.iter_vars), len(told.region)
        if axes != rank:
            said = words("region_axes", block=self.block, axes=axes, buffer=str(told.source.name), rank=rank)
            raise Refused(**said, place="buffer", paths=(self.block,))
        named = index_map.arity(self.region)
        given = len(index_map.parse(self.region)(*[axis.var for axis in block.iter_vars][:named]))
        if named != axes or given != 2 * rank:
            said = words(
                "region_bounds", block=self.block, axes=axes, named=named, bounds=2 * rank, given=given
            )
            raise Refused(**said, place="region", paths=(self.block,))

    def _refuse_wrong_bounds(self, block: Any, told: Any, mapping: Any) -> None:
        """Refused unless what is said holds, for all axes, what was known, and lies within the buffer where
        that does."""
        axes = [axis.var for axis in block.iter_vars]
        try:
            names = {axis: str(i) for i, axis in enumerate(axes)}
            extents = {str(i): int(axis.dom.extent) for i, axis in enumerate(block.iter_vars)}
            ends = [tree(e, names) for e in TvmIndexMap.from_func(mapping, len(axes)).map_indices(axes)]
            for one, first, end, size in zip(told.region, ends[::2], ends[1::2], told.source.ty.shape):
                known = tree(one.min, names)
                known_end = ["+", known, tree(one.extent, names)]
                never_below_zero = {
                    "region_too_small": (["-", known, first], ["-", end, known_end]),
                    "region_outside": (
                        ["-", first, ["min", 0, known]],
                        ["-", ["max", int(size), known_end], end],
                    ),
                }
                for code, differences in never_below_zero.items():
                    if any(smallest(difference, extents) < 0 for difference in differences):
                        said = words(code, block=self.block, buffer=str(told.source.name))
                        raise Refused(**said, place="region", paths=(self.block,))
        except (Unknown, DataDependent):
            return  # sizes or places that are known only when it runs: that is what saying it is for


@dataclass(frozen=True)
class UnsafeHideBufferAccess(LoopTransform):
    """Strikes buffers from what a block says it reads, so that a pattern which knows nothing of them matches.

    TVM: ``unsafe_hide_buffer_access``; Halide, MLIR and Exo have none. Unsafe: TVM no longer sees that the
    block depends on them, and lets later steps move it to where they are not written yet.

    block: the block.
    access: strike from what it reads or from what it writes.
    positions: the positions there, from 0.

    ``T.reads(A[vi], index[vi])`` with read, [1] → ``T.reads(A[vi])``
    """

    name: ClassVar[str] = "unsafe_hide_buffer_access"
    family: ClassVar[str] = "annotation"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "unsafe_hide_buffer_access"

    block: str = param(Block())
    access: str = param(Choice(("read", "write")), default="read")
    positions: tuple[int, ...] = param(Integers(0, 63), default=(0,))

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        for index in self.positions:
            buffers.position(sch, block, index, self.access, self.block)
        sch.unsafe_hide_buffer_access(block, self.access, list(dict.fromkeys(self.positions)))
        return {}
