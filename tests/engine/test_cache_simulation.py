"""The simulated cache misses where a cache would: at new lines, at strides that fall on one set, at what is
too large to stay."""

from __future__ import annotations

from dataclasses import replace

from tvm.s_tir import Schedule

from mlc_explorer.engine import loaders
from mlc_explorer.engine.cache_simulation import simulate
from mlc_explorer.engine.caches import USUAL
from mlc_explorer.engine.views.motion import motion
from mlc_explorer.schema.motion import Access, Cache, MotionBuffer, MotionLoop, MotionView

SMALL = (Cache(1, 1024, 2, 64), Cache(2, 4096, 4, 64))  # 8 sets of 2 lines, 16 sets of 4


def loop(name: str, extent: int, mark: str = "serial") -> MotionLoop:
    return MotionLoop(name, f"b/{name}", name, 0, extent, "spatial", mark)


def reading(*loops: MotionLoop, index: object, elements: int = 4096, **changes: object) -> MotionView:
    """A block that reads ``A[index]``, floats."""
    buffer = MotionBuffer("A", (elements,), (1,), "float32", 4, "global", "input", 0)
    iterations = 1
    for each in loops:
        iterations *= each.extent
    lanes = loops[-1].extent if loops[-1].mark == "vectorized" else 1
    view = MotionView("f", "b", ("b",), loops, (buffer,), (Access("A", False, (index,)),), None, iterations,
                      lanes, caches=SMALL)  # fmt: skip
    return replace(view, **changes)


def test_reading_in_order_misses_once_a_line():
    report = simulate(reading(loop("i", 4096), index="i"))
    assert (report.accesses, report.misses) == (4096, (4096 // 16, 4096 // 16))


def test_what_fits_is_found_again_and_what_does_not_is_not():
    again = lambda elements: simulate(reading(loop("r", 10), loop("i", elements), index="i"))  # noqa: E731
    assert again(256).misses == (16, 16)  # 1 KiB stays in the first
    assert again(512).misses == (320, 32)  # 2 KiB only in the second: in the first each line is gone in time
    assert again(2048).misses == (1280, 1280)


def test_a_stride_that_falls_on_one_set_leaves_the_others_empty():
    report = simulate(reading(loop("r", 10), loop("i", 3), index=["*", "i", 128]))  # 512 bytes: the same set
    assert report.misses == (30, 3)
    assert simulate(reading(loop("r", 10), loop("i", 3), index=["*", "i", 144])).misses == (3, 3)


def test_least_recently_used_goes_first():
    # lines 0, 1, 0, 2, 0 … of one set of two: 0 is used between and stays
    index = ["if", ["==", ["%", "i", 2], 0], 0, ["*", ["+", 1, "i"], 128]]
    assert simulate(reading(loop("i", 12), index=index)).misses[0] == 1 + 6


def test_lanes_on_one_line_are_one_access():
    view = reading(loop("i", 8), loop("v", 16, "vectorized"), index=["+", ["*", "i", 16], "v"])
    report = simulate(view)
    assert (report.iterations, report.accesses, report.misses[0]) == (128, 8, 8)
    spread = reading(loop("i", 8), loop("v", 16, "vectorized"), index=["+", "i", ["*", "v", 16]])
    assert simulate(spread).accesses == 128


def test_guards_and_predicates_leave_accesses_out():
    even = ["==", ["%", "i", 2], 0]
    view = reading(loop("i", 64), index="i", predicate=["<", "i", 32])
    assert simulate(view).accesses == 32
    guarded = replace(view, accesses=(Access("A", True, ("i",), even), Access("A", False, None)))
    report = simulate(guarded)
    assert (report.accesses, report.unknown) == (16, 1)


def test_it_stops_when_enough_was_seen():
    report = simulate(reading(loop("i", 4096), index="i"), accesses=100)
    assert (report.iterations, report.of, report.accesses) == (100, 4096, 100)


def test_why_tiling_helps():
    """The lesson itself: every read of B misses in the plain product, hardly any in the tiled one."""
    plain = loaders.load("matmul_128").mod
    sch = Schedule(plain)
    parts = [sch.split(x, [None, 16]) for x in sch.get_loops(sch.get_sblock("matmul"))]
    (i0, i1), (j0, j1), (k0, k1) = parts
    sch.reorder(i0, j0, k0, i1, k1, j1)
    before, after = (
        simulate(replace(motion(mod, "main"), caches=USUAL), 300_000) for mod in (plain, sch.mod)
    )
    rate = [dict((b.buffer, b.misses[0] / b.accesses) for b in r.buffers) for r in (before, after)]
    assert rate[0]["B"] > 0.9
    assert rate[1]["B"] < 0.1
    assert after.misses[0] < before.misses[0] / 10
