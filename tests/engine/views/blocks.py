"""Small scheduled functions, and what their blocks touch by the view's own expressions, in Python.

Shared by the tests of the view and by those of the screen, which evaluates the same in JavaScript.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import tvm
from tvm import te, topi
from tvm.s_tir import Schedule

from mlc_explorer.engine import paths
from mlc_explorer.schema.motion import MotionView, evaluate


def matmul(n: int, m: int, k: int) -> Schedule:
    a, b = te.placeholder((n, k), name="A"), te.placeholder((k, m), name="B")
    r = te.reduce_axis((0, k), name="k")
    c = te.compute((n, m), lambda i, j: te.sum(a[i, r] * b[r, j], axis=r), name="C")
    return Schedule(tvm.IRModule({"main": te.create_prim_func([a, b, c])}))


def tiled(sch: Schedule, i: int, j: int, k: int) -> Schedule:
    loops = [sch.split(loop, [None, f]) for loop, f in zip(sch.get_loops(sch.get_sblock("C")), (i, j, k))]
    sch.reorder(*(outer for outer, _ in loops), *(inner for _, inner in loops))
    return sch


def iterations(view: MotionView) -> Iterator[dict[str, int]]:
    """The loop variables of each iteration that runs, in order."""
    ranges = [range(loop.start, loop.start + loop.extent) for loop in view.loops]
    for values in itertools.product(*ranges):
        here = dict(zip((loop.var for loop in view.loops), values))
        if view.predicate is None or evaluate(view.predicate, here):
            yield here


def touched(view: MotionView, values: dict[str, int]) -> list[tuple[str, bool, tuple[int, ...]]]:
    """What one iteration touches, in order: buffer, whether it writes, indices."""
    return [
        (a.buffer, a.is_write, tuple(evaluate(i, values) for i in a.indices))
        for a in view.accesses
        if a.indices is not None and (a.guard is None or evaluate(a.guard, values))
    ]


def guarded() -> tvm.IRModule:
    return tiled(matmul(5, 6, 4), 2, 4, 3).mod


def fused() -> tvm.IRModule:
    sch = matmul(4, 6, 3)
    sch.fuse(*sch.get_loops(sch.get_sblock("C"))[:2])
    return sch.mod


def blockized() -> tvm.IRModule:
    sch = tiled(matmul(4, 6, 4), 2, 3, 2)
    sch.blockize(sch.get_loops(sch.get_sblock("C"))[3])
    return sch.mod


def computed_at() -> tvm.IRModule:
    a = te.placeholder((6, 8), name="A")
    b = te.compute((6, 8), lambda i, j: a[i, j] * 2.0, name="B")
    sch = Schedule(tvm.IRModule({"main": te.create_prim_func([a, topi.sum(b, axis=1)])}))
    consumer = next(p.name for p in paths.walk(sch.mod["main"]) if p.kind == "block" and p.name != "B")
    sch.compute_at(sch.get_sblock("B"), sch.get_loops(sch.get_sblock(consumer))[0])
    return sch.mod


def packed() -> tvm.IRModule:
    sch = matmul(4, 8, 3)
    sch.transform_layout(sch.get_sblock("C"), ("read", 1), lambda k, j: (j // 4, k, j % 4))
    return sch.mod
