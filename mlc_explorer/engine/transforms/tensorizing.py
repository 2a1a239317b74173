"""Blocks as wholes: a block made of a nest, and a block that one instruction computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule
from tvm.s_tir.schedule import Trace
from tvm.tirx import PrimFunc
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from ...schema.params import Blocks, Choice, Place, param
from .. import paths
from . import intrinsics
from .base import LoopTransform, Moves
from .scope import Scope
from .sources import Chosen, Source, inner_first
from .wording import words


def _loops(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The selected place; else the loops around the block, innermost first."""
    selected = [scope.selected.path] if scope.selected is not None and scope.selected.blocks else []
    return list(dict.fromkeys([*selected, *inner_first(scope, chosen)]))


def _fitting(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The intrinsics whose operands have the types of what the block reads and writes."""
    place = scope.at(chosen.get("place"))
    block = scope.block if place is None else next(iter(scope.blocks_in(place)), scope.block)
    if block is None:
        return []
    read = [str(r.source.ty.dtype) for r in block.node.reads]
    written = [str(r.source.ty.dtype) for r in block.node.writes]
    scopes = [str(r.source.scope()) for r in (*block.node.reads, *block.node.writes)]
    return intrinsics.fitting(read, written, scopes)


@dataclass(frozen=True)
class Blockize(LoopTransform):
    """Makes one block of all that a loop holds, so that further steps treat it as a whole: tensorize it, move
    it, cache what it reads.

    TVM: ``blockize``; Halide and MLIR have none (``linalg`` operations are such blocks); Exo:
    ``extract_subproc`` is near.

    place: the loop. Or a block, which is put into one block with those that are named besides.
    blocks: further blocks after `place`, where that is a block; they must stand beside it.

    ``for i_1: with T.sblock("B")`` at i_1 → ``with T.sblock("B_o"): for i_1: with T.sblock("B")``
    """

    name: ClassVar[str] = "blockize"
    family: ClassVar[str] = "tensorization"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "blockize"
    proposes: ClassVar[Mapping[str, Source]] = {"place": _loops}

    place: str = param(Place())
    blocks: tuple[str, ...] = param(Blocks(), default=())

    def run(self, sch: Schedule, function: str) -> Moves:
        place = paths.find(sch.mod[function], self.place)
        if place.kind == "loop":
            self._refuse_blocks(place)
            _refuse_outside(sch.mod[function], place)
            sch.blockize(paths.loop_rv(sch, function, self.place))
            return {}
        named = list(dict.fromkeys((place.path, *self.blocks)))
        if len(named) < 2:
            raise Refused(**words("blockize_alone", block=place.path), place="blocks", paths=(place.path,))
        self._refuse_inner(sch, function, named)
        self._refuse_company(paths.walk(sch.mod[function]), named)
        sch.blockize([paths.block_rv(sch, function, path) for path in named])
        return {}

    def _refuse_inner(self, sch: Schedule, function: str, blocks: list[str]) -> None:
        """TVM drops the initial values of blocks that it puts together, and crashes over blocks in blocks."""
        for path in blocks:
            block = paths.find(sch.mod[function], path)
            if block.kind == "block" and (len(block.blocks) > 1 or not block.node.iter_vars):
                raise Refused(**words("blockize_nested", block=path), place="blocks", paths=(path,))
            if block.kind == "block" and block.node.init is not None:
                raise Refused(**words("blockize_sum", block=path), place="blocks", paths=(path,))

    def _refuse_company(self, places: tuple[paths.Place, ...], blocks: list[str]) -> None:
        """TVM takes whole nests, and loses what else stands in them."""
        lines = [paths.around(places, path) for path in blocks]
        common = [p for p in lines[0] if all(any(p is q for q in line) for line in lines)]
        for path, line in zip(blocks, lines):
            nest = line[len(common)] if len(line) > len(common) else None
            if nest is not None and len(nest.blocks) > 1:
                said = words("blockize_company", block=path, loop=nest.path, others=", ".join(nest.blocks))
                raise Refused(**said, place="blocks", paths=(path, nest.path))

    def _refuse_blocks(self, place: paths.Place) -> None:
        if self.blocks:
            said = words("blockize_either", loop=place.path)
            raise Refused(**said, place="blocks", paths=(place.path, *self.blocks))


@dataclass(frozen=True)
class Tensorize(LoopTransform):
    """Lets one instruction of the target (or a short sequence) compute what a nest computes: it must say
    exactly what the instruction's description says, in the same types and sizes.

    TVM: ``tensorize``; Halide: pattern matching in its code generators; MLIR:
    ``transform.apply_patterns.vector.*``; Exo: ``replace`` with an ``@instr``.

    place: the loop from which on the nest is replaced, or a block (such as blockize made).
    intrinsic: which; see its sentence for what it needs. A function with one can be compiled only for a
        target that has the instruction.

    ``for i, k in T.grid(16, 4): C[vi] = C[vi] + int32(A[vk]) * int32(B[vi, vk])`` with ``dot_16x4_vnni`` →
    ``C[0:16] = vpdpbusd(C[0:16], A[0:4], B[0:16, 0:4])``
    """

    name: ClassVar[str] = "tensorize"
    family: ClassVar[str] = "tensorization"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "tensorize"
    proposes: ClassVar[Mapping[str, Source]] = {"place": _loops, "intrinsic": _fitting}

    place: str = param(Place())
    intrinsic: str = param(Choice(tuple(intrinsics.NAMES)))

    def run(self, sch: Schedule, function: str) -> Moves:
        intrinsics.load(self.intrinsic)
        places = paths.walk(sch.mod[function])
        place = paths.find(sch.mod[function], self.place)
        _refuse_outside(sch.mod[function], place)
        find = paths.loop_rv if place.kind == "loop" else paths.block_rv
        sch.tensorize(find(sch, function, self.place), self.intrinsic)
        replaced = paths.beneath(places, place)
        block = paths.walk(sch.mod[function])[places.index(replaced[0])]  # what comes before is as it was
        return {was.path: block.node for was in replaced}

    def source(self, trace: Trace) -> list[str]:
        return [*intrinsics.registering(self.intrinsic), *super().source(trace)]


def _refuse_outside(func: PrimFunc, place: paths.Place) -> None:
    """Refused if a block under `place` binds an axis to a loop that stands outside of the block around it, as
    after loop_partition: TVM then makes an axis of it that is always 0."""
    places = paths.walk(func)
    loops = {p.node.loop_var: p for p in places if p.kind == "loop"}
    for block in (p for p in paths.beneath(places, place) if p.kind == "block"):
        line = paths.around(places, block.path)
        scope = max((i for i, p in enumerate(line) if p.kind == "block"), default=-1)
        near = {p.path for p in line[scope + 1 :]}
        for value in block.realize.iter_values:
            for loop in (loops[var] for var in undefined_vars(value) if var in loops):
                if loop.path not in near:
                    said = words(
                        "axes_from_outside", block=block.path, loop=loop.path, around=line[scope].path
                    )
                    raise Refused(**said, place="place", paths=(block.path, loop.path))
