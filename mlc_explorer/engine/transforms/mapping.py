"""Mapping loops to hardware: threads, vector lanes, straight-line code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import ForKind, IntImm

from ...errors import Refused
from ...schema.params import Choice, Loop, param
from .. import paths
from . import sources
from .base import LoopTransform, Moves
from .sources import Source
from .wording import words

MOST_UNROLLED = 4096  # copies of a body: beyond it, lowering takes minutes and fills the memory
MOST_LANES = 1024

THREAD_AXES = (
    "blockIdx.x",
    "blockIdx.y",
    "blockIdx.z",
    "threadIdx.x",
    "threadIdx.y",
    "threadIdx.z",
    "vthread.x",
    "vthread.y",
    "vthread.z",
)


@dataclass(frozen=True)
class Parallel(LoopTransform):
    """Spreads a loop's iterations over the CPU's threads.

    TVM: ``parallel``; Halide: ``parallel``; MLIR: ``scf.parallel`` /
    ``transform.structured.tile_using_forall``.

    loop: a spatial loop, best an outer one. Within a parallel loop there can be no other.

    ``for i in range(8)`` → ``for i in T.parallel(8)``
    """

    name: ClassVar[str] = "parallel"
    family: ClassVar[str] = "mapping"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "parallel"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.spatial_outer_first}

    loop: str = param(Loop())

    def run(self, sch: Schedule, function: str) -> Moves:
        _refuse_nested(sch, function, self.loop, ForKind.PARALLEL, "nested_parallel")
        sch.parallel(paths.loop_rv(sch, function, self.loop))
        return {}


@dataclass(frozen=True)
class Vectorize(LoopTransform):
    """Runs all iterations of a loop at once, in the lanes of vector registers.

    TVM: ``vectorize``; Halide: ``vectorize``; MLIR: ``transform.structured.vectorize``.

    loop: a spatial loop of constant extent, the innermost one; its extent is the number of lanes.

    ``for j in range(16)`` → ``for j in T.vectorized(16)``
    """

    name: ClassVar[str] = "vectorize"
    family: ClassVar[str] = "mapping"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "vectorize"
    proposes: ClassVar[Mapping[str, Source]] = {"loop": sources.spatial_inner_first}

    loop: str = param(Loop())

    def run(self, sch: Schedule, function: str) -> Moves:
        _refuse_nested(sch, function, self.loop, ForKind.VECTORIZED, "nested_vectorized")
        _refuse_above(sch, function, self.loop, ForKind.VECTORIZED, MOST_LANES, "too_many_lanes")
        _refuse_single(sch, function, self.loop)
        sch.vectorize(paths.loop_rv(sch, function, self.loop))
        return {}


@dataclass(frozen=True)
class Unroll(LoopTransform):
    """Writes a loop's body out once for each iteration.

    TVM: ``unroll``; Halide: ``unroll``; MLIR: ``transform.loop.unroll``.

    loop: a short loop of constant extent.

    ``for i in range(4)`` → ``for i in T.unroll(4)``
    """

    name: ClassVar[str] = "unroll"
    family: ClassVar[str] = "mapping"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "unroll"

    loop: str = param(Loop())

    def run(self, sch: Schedule, function: str) -> Moves:
        _refuse_above(sch, function, self.loop, ForKind.UNROLLED, MOST_UNROLLED, "unroll_too_long")
        sch.unroll(paths.loop_rv(sch, function, self.loop))
        return {}


@dataclass(frozen=True)
class Bind(LoopTransform):
    """Binds a loop to an index of a GPU's grid, block or virtual threads.

    TVM: ``bind``; Halide: ``gpu_blocks`` / ``gpu_threads``; MLIR: ``transform.gpu.map_forall_to_blocks``.

    loop: a spatial loop (a reduction loop may be bound to threadIdx only).
    thread: the index, e.g. ``blockIdx.x``. A function with bound loops can be compiled for a GPU only.

    ``for i in range(8)`` → ``for i in T.thread_binding(8, thread="blockIdx.x")``
    """

    name: ClassVar[str] = "bind"
    family: ClassVar[str] = "mapping"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "bind"
    proposes: ClassVar[Mapping[str, Source]] = {
        "loop": sources.spatial_outer_first,
        "thread": sources.threads,
    }

    loop: str = param(Loop())
    thread: str = param(Choice(THREAD_AXES))

    def run(self, sch: Schedule, function: str) -> Moves:
        sch.bind(paths.loop_rv(sch, function, self.loop), self.thread)
        return {}


def _line(sch: Schedule, function: str, place: paths.Place) -> Iterator[paths.Place]:
    """The other loops outside and inside of `place`."""
    places = paths.walk(sch.mod[function])
    here = next(i for i, p in enumerate(places) if p.path == place.path)
    above = set(_ancestors(places, here))
    for i, other in enumerate(places):
        if other.kind == "loop" and i != here and (i in above or here in _ancestors(places, i)):
            yield other


def _ancestors(places: tuple[paths.Place, ...], index: int) -> list[int]:
    found = []
    parent = places[index].parent
    while parent is not None:
        found.append(parent)
        parent = places[parent].parent
    return found


def _refuse_nested(sch: Schedule, function: str, loop: str, kind: int, code: str) -> None:
    """Refused if a loop of `kind` stands outside or inside of `loop`: lowering can't do that."""
    place = paths.find(sch.mod[function], loop)
    for other in _line(sch, function, place):
        if place.kind == "loop" and other.node.kind == kind:
            raise Refused(
                **words(code, loop=place.path, other=other.path), place="loop", paths=(place.path, other.path)
            )


def _refuse_single(sch: Schedule, function: str, loop: str) -> None:
    """Refused if `loop` runs once: lowering fails on one lane where an annotation keeps the loop."""
    place = paths.find(sch.mod[function], loop)
    if place.kind == "loop" and getattr(place.node.extent, "value", 0) == 1:
        raise Refused(**words("one_lane", loop=place.path), place="loop", paths=(place.path,))


def _refuse_above(sch: Schedule, function: str, loop: str, kind: int, most: int, code: str) -> None:
    """Refused if `loop` and those of that `kind` in line with it have over `most` iterations together."""
    place = paths.find(sch.mod[function], loop)
    if place.kind != "loop":
        return  # loop_rv says what is wrong
    line = [place] + [p for p in _line(sch, function, place) if p.node.kind == kind]
    total = 1
    for one in line:
        total *= int(one.node.extent) if isinstance(one.node.extent, IntImm) else 1
    if total > most:
        raise Refused(
            **words(code, loop=place.path, total=total, most=most),
            place="loop",
            paths=tuple(p.path for p in line),
        )
