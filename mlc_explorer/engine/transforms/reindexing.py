"""Copies of a buffer that are indexed as the block wants it, and not as the buffer is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import IndexMap as TvmIndexMap
from tvm.tirx import IntImm
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from ...schema.motion import Expression
from ...schema.params import Block, Buffer, Choice, IndexMap, param
from .. import paths
from ..views.index_trees import DataDependent, tree
from . import buffers, index_map, sources
from .base import LoopTransform, Moves
from .caching import SCOPES
from .instances import Unknown, variables
from .one_to_one import same_elements, smallest
from .scope import Scope
from .sources import Chosen, Source
from .wording import words


def _own_indices(access: str) -> Source:
    """Proposes for an index map over a block's axes those that its access uses, in the block's order: that
    is the layout in which the block walks; then with the last two exchanged, and in panels of the last."""

    def propose(scope: Scope, chosen: Chosen) -> Sequence[str]:
        block = scope.at(chosen.get("block")) or scope.block
        wanted = chosen.get("buffer", 0)
        regions = scope.regions(block, access) if block is not None else ()
        found = [r for i, r in enumerate(regions) if wanted in (i, str(r.source.name))]
        if block is None or not found:
            return []
        axes = [axis.var for axis in block.node.iter_vars]
        names = _names(axes)
        used = [names[a] for a in axes if any(_uses(r.min, a) for r in found[0].region)]
        if not used:
            return []
        left, last = ", ".join(names.values()), used[-1]
        extent = next(axis.dom.extent for axis in block.node.iter_vars if names[axis.var] == last)
        tiles = [
            n for n in (16, 8, 4) if isinstance(extent, IntImm) and n < int(extent) and int(extent) % n == 0
        ]
        panels = [[f"{last} // {n}", *used[:-1], f"{last} % {n}"] for n in tiles]
        orders = [used, [*used[:-2], *used[:-3:-1]], *panels]
        return list(dict.fromkeys(f"{left} -> {', '.join(order)}" for order in orders))

    return propose


@dataclass(frozen=True)
class ReindexCacheRead(LoopTransform):
    """Copies what a block reads into a buffer that is indexed by the block's own axes, in the given layout.

    TVM: ``reindex_cache_read``; Halide: ``in`` with ``reorder_storage``; MLIR:
    ``transform.structured.pack`` of one operand; Exo: ``stage_mem`` and ``rearrange_dim``. The block must
    read one element at a time, and be the one that reads the copy.

    block: the block that reads.
    buffer: what it reads, by name or position.
    index_map: the block's axes → indices of the copy. It uses those axes that the access uses, and no two
        elements may share a place.
    scope: where the copy lives.

    ``C[i, j] += A[i, k] * B[k, j]`` with ``i, j, k -> j, k`` →
    ``B_global[j, k] = B[k, j]`` / ``C[i, j] += A[i, k] * B_global[j, k]``
    """

    name: ClassVar[str] = "reindex_cache_read"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reindex_cache_read"
    proposes: ClassVar[Mapping[str, Source]] = {"index_map": _own_indices("read")}

    block: str = param(Block())
    buffer: int | str = param(Buffer("read"))
    index_map: str = param(IndexMap())
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "read", self.block)
        self._refuse_own_result(sch.get(block), buffers.region(sch, block, index, "read"))
        mapping = _mapping(self, sch.get(block), sch.get(block).reads[index])
        with buffers.within_memory(sch, function, self.block, "index_map"):
            _own_loops(sch, function, sch.reindex_cache_read(block, index, self.scope, mapping))
        return {}

    def _refuse_own_result(self, block: Any, buffer: Any) -> None:
        """Refused if the block writes what it reads: TVM ends the process over it, as in a blockized sum."""
        if any(region.source.same_as(buffer) for region in block.writes):
            said = words("reads_own_result", block=self.block, buffer=str(buffer.name))
            raise Refused(**said, place="buffer", paths=(self.block,))


@dataclass(frozen=True)
class ReindexCacheWrite(LoopTransform):
    """Lets a block write into a buffer that is indexed by its own axes, in the given layout; a new block then
    carries the result to where it belongs.

    TVM: ``reindex_cache_write``; Halide: a wrapper Func with ``reorder_storage``; MLIR:
    ``transform.structured.pack`` of the result; Exo: ``stage_mem`` and ``rearrange_dim``. The block must
    write one element at a time.

    block: the block that writes.
    index_map: the block's axes → indices of the copy. It uses those axes that the access uses; each element
        has one place, and each place one element.
    buffer: what it writes, by name or position.
    scope: where the copy lives.

    ``C[i, j] += A[i, k] * B[k, j]`` with ``i, j, k -> j, i`` →
    ``C_global[j, i] += A[i, k] * B[k, j]`` / ``C[i, j] = C_global[j, i]``
    """

    name: ClassVar[str] = "reindex_cache_write"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reindex_cache_write"
    proposes: ClassVar[Mapping[str, Source]] = {"index_map": _own_indices("write")}

    block: str = param(Block())
    index_map: str = param(IndexMap())
    buffer: int | str = param(Buffer("write"), default=0)
    scope: str = param(Choice(SCOPES), default="global")

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        index = buffers.position(sch, block, self.buffer, "write", self.block)
        mapping = _mapping(self, sch.get(block), sch.get(block).writes[index])
        with buffers.within_memory(sch, function, self.block, "index_map"):
            _own_loops(sch, function, sch.reindex_cache_write(block, index, self.scope, mapping))
        return {}


@dataclass(frozen=True)
class Reindex(LoopTransform):
    """Copies a buffer so that the block reads or writes it in the order of its own axes: of a convolution's
    input it makes the matrix that a product would read (im2col).

    TVM: ``reindex``; Halide: ``in``; MLIR: ``transform.structured.convert_conv2d_to_img2col`` for that case.

    block: the block; it must touch the buffer in one place of its text.
    buffer: what it reads or writes, by name or position (those written first).

    ``B[i, j] = A[j, i] * 2`` → ``A_reindex[i, j] = A[j, i]`` / ``B[i, j] = A_reindex[i, j] * 2``
    """

    name: ClassVar[str] = "reindex"
    family: ClassVar[str] = "caching"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reindex"
    proposes: ClassVar[Mapping[str, Source]] = {"buffer": sources.any_buffers}

    block: str = param(Block())
    buffer: int | str = param(Buffer("either"))

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        chosen = buffers.either(sch, block, self.buffer, self.block)
        with buffers.within_memory(sch, function, self.block, "buffer"):
            sch.reindex(block, chosen)
        return {}


def _mapping(step: ReindexCacheRead | ReindexCacheWrite, block: Any, region: Any) -> Any:
    """The step's index map for TVM; Refused where TVM would take it and the result would be wrong."""
    mapping = index_map.for_tvm(step.index_map)
    axes = [axis.var for axis in block.iter_vars]
    named = index_map.arity(step.index_map)
    if named != len(axes):
        known = ", ".join(_names(axes).values())
        said = words("map_axes", block=step.block, axes=len(axes), named=named, known=known)
        raise Refused(**said, place="index_map", paths=(step.block,))
    try:
        names = {axis.var: str(i) for i, axis in enumerate(block.iter_vars)}
        extents = {str(i): _extent(axis.dom) for i, axis in enumerate(block.iter_vars)}
        to = [tree(e, names) for e in TvmIndexMap.from_func(mapping, len(axes)).map_indices(axes)]
        of = [tree(r.min, names) for r in region.region]
        if _used(to) != _used(of):
            return mapping  # TVM refuses it, and says which axis it is
        whole, spread = same_elements(to, of, extents)
        below = any(smallest(e, extents) < 0 for e in to)
    except (Unknown, DataDependent):
        said = words("map_unknown", block=step.block)
        raise Refused(**said, place="index_map", paths=(step.block,)) from None
    if below or not whole or (not spread and isinstance(step, ReindexCacheWrite)):
        said = words("map_clashes", block=step.block, buffer=str(region.source.name))
        raise Refused(**said, place="index_map", paths=(step.block,))
    return mapping


def _own_loops(sch: Schedule, function: str, copy: Any) -> None:
    """Gives the loops of the copy variables of their own, by splitting each into one.

    TVM lets them share the variables of the loops that they were made from; a variable would no longer tell
    which loop is meant."""
    owners = Counter(p.node.loop_var for p in paths.walk(sch.mod[function]) if p.kind == "loop")
    for loop in sch.get_loops(copy):
        if owners[sch.get(loop).loop_var] > 1:
            sch.split(loop, [None])


def _used(expressions: Sequence[Expression]) -> set[str]:
    return {name for expression in expressions for name in variables(expression)}


def _extent(domain: Any) -> int:
    if not (isinstance(domain.min, IntImm) and isinstance(domain.extent, IntImm) and int(domain.min) == 0):
        raise Unknown("a size that is a variable")
    return int(domain.extent)


def _names(axes: Sequence[Any]) -> dict[Any, str]:
    """What an index map calls the axes: their own names, which may not repeat."""
    names: dict[Any, str] = {}
    for axis in axes:
        plain = str(axis.name)
        names[axis] = plain if plain.isidentifier() and plain not in names.values() else f"x{len(names)}"
    return names


def _uses(expression: Any, var: Any) -> bool:
    return any(v.same_as(var) for v in undefined_vars(expression))
