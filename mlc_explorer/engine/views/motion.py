"""One block in motion: the loops around it, and where each iteration reads and writes.

Block axes are replaced by what they are bound to, so that only loop variables remain, and the conditions on
the way to the block become its predicate. Buffers have the shape that TensorIR declares: TVM may shrink a
local one later, to the part that is alive at a time, which this view does not foresee.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import tvm_ffi
from tvm.ir import IRModule

from ...errors import Refused
from ...schema.motion import Access, MotionBuffer, MotionLoop, MotionView, Neighbour
from .. import caches, paths
from .accesses import Irregular, Reader
from .buffers import allocations, dtype_of, shape_of, written_buffers
from .index_trees import DataDependent
from .lookup import prim_func
from .loops import loop_axes, loop_mark
from .motion_scope import Scope, chain, symbolic

_ALIGNMENT = 64  # bytes, as TVM's allocator aligns


def motion(mod: IRModule, function: str, path: str | None = None) -> MotionView:
    """The block `path` of the PrimFunc `function`; of a loop, or of a block that holds others, the block
    beneath with most iterations; of None the one of the whole function.

    Raises NotFound for an unknown or a graph function, Refused for an unknown path, for a function without
    blocks, for symbolic sizes, and for a block whose body is more than statements in a row.
    """
    func = prim_func(mod, function, "motion")
    places = paths.walk(func)
    chosen = _choose(func, places, path)
    try:
        scope = Scope.of(func, places, chosen)
        reader = Reader(scope.bindings, scope.matched, scope.analyzer.simplify)
        if chosen.node.init is not None:
            reader.initialisation(chosen.node.init, scope.first)
        reader.statement(scope.body)
    except (Irregular, DataDependent) as reason:
        raise _irregular(chosen.path, str(reason)) from reason
    names = _buffer_names(func, places)
    touched = [b for b in names if any(b.same_as(found[0]) for found in reader.found)]
    axes = dict(zip((p.path for p in places), loop_axes(places)))
    view_loops = tuple(_loop(place, var, axes[place.path]) for place, var in scope.loops)
    vectorized = bool(view_loops) and view_loops[-1].mark == "vectorized"
    return MotionView(
        function=function,
        block=chosen.path,
        blocks=tuple(p.path for p in _leaves(places)),
        loops=view_loops,
        buffers=_placed(touched, names, written_buffers(func, places), func),
        accesses=tuple(Access(names[b], *rest) for b, *rest in reader.found),
        predicate=None if scope.predicate == 1 else scope.predicate,
        iterations=math.prod(loop.extent for loop in view_loops),
        lanes=view_loops[-1].extent if vectorized else 1,
        neighbours=tuple(_neighbours(places, chosen)),
        caches=caches.caches(),
    )


# -- which block


def _leaves(places: tuple[paths.Place, ...]) -> list[paths.Place]:
    return [p for p in places if p.kind == "block" and len(p.blocks) == 1]


def _choose(func: Any, places: tuple[paths.Place, ...], path: str | None) -> paths.Place:
    leaves = _leaves(places)
    if not leaves:
        raise Refused(
            "This function has no blocks, so there is no iteration to watch.",
            hint="It is lowered already. Look at a step before that.",
            code="motion_without_blocks",
        )
    if path is not None:
        place = paths.find(func, path)
        index = next(i for i, p in enumerate(places) if p.path == place.path)
        while not places[index].blocks:  # a loop inside a block's body
            index = places[index].parent
        leaves = [p for p in leaves if p.path in places[index].blocks]
    return max(leaves, key=lambda p: _iterations(places, p))


def _iterations(places: tuple[paths.Place, ...], place: paths.Place) -> int:
    """How often a block runs; a symbolic extent counts as one."""
    around = (p.node for p in chain(places, place) if p.kind == "loop")
    return math.prod(int(getattr(loop.extent, "value", 1)) for loop in around)


def _neighbours(places: tuple[paths.Place, ...], chosen: paths.Place) -> Iterator[Neighbour]:
    around = [p.path for p in chain(places, chosen) if p.kind == "loop"]
    for other in _leaves(places):
        shared = [p.path for p in chain(places, other) if p.kind == "loop" and p.path in around]
        if shared and other.path != chosen.path:
            yield Neighbour(other.path, tuple(shared))


# -- as schema


def _loop(place: paths.Place, var: str, axis: str) -> MotionLoop:
    start, extent = int(place.node.min.value), int(place.node.extent.value)
    return MotionLoop(var, place.path, place.name, start, extent, axis, loop_mark(place.node))


def _buffer_names(func: Any, places: tuple[paths.Place, ...]) -> dict[Any, str]:
    """All buffers, parameters first, by a name that is theirs alone."""
    found = [p for p in func.params if hasattr(p.ty, "strides")] + allocations(func, places)
    names: dict[Any, str] = {}
    for buffer in found:
        same = sum(name.partition("#")[0] == buffer.name for name in names.values())
        names[buffer] = f"{buffer.name}#{same + 1}" if same else buffer.name
    return names


def _placed(
    touched: list[Any], names: dict[Any, str], written: set[Any], func: Any
) -> tuple[MotionBuffer, ...]:
    placed: list[MotionBuffer] = []
    start = 0
    for buffer in touched:
        shape = shape_of(buffer)
        if any(isinstance(n, str) for n in shape) or any(not hasattr(s, "value") for s in buffer.ty.strides):
            raise symbolic(names[buffer], ", ".join(map(str, shape)))
        sizes = tuple(int(n) for n in shape)
        strides = tuple(int(s.value) for s in buffer.ty.strides) or _row_major(sizes)
        scalar = tvm_ffi.dtype(dtype_of(buffer))
        itemsize = max(1, scalar.bits * scalar.lanes // 8)
        is_param = any(buffer.same_as(p) for p in func.params)
        role = ("output" if buffer in written else "input") if is_param else "local"
        scope = buffer.ty.storage_scope or "global"
        info = MotionBuffer(names[buffer], sizes, strides, dtype_of(buffer), itemsize, scope, role, start)
        placed.append(info)
        last = sum((n - 1) * s for n, s in zip(sizes, strides))
        start += -(-(last + 1) * itemsize // _ALIGNMENT) * _ALIGNMENT
    return tuple(placed)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def _irregular(block: str, reason: str) -> Refused:
    return Refused(
        f"The iterations of '{block}' can't be told apart: its body holds {reason}.",
        hint="Choose another block, or look at the text of this one.",
        place=block,
        code="motion_irregular",
        params={"name": block, "reason": reason},
        paths=(block,),
    )
