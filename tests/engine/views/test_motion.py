"""A block in motion touches what TensorIR says that it touches, in the order in which it does."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

import pytest
import tvm
from tvm import te
from tvm.s_tir import Schedule
from tvm.script import tirx as T
from tvm.sym import Analyzer

from mlc_explorer.engine import loaders, paths
from mlc_explorer.engine.views.motion import motion
from mlc_explorer.errors import NotFound, Refused
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.motion import MotionView
from tests.engine.views.blocks import (
    blockized,
    computed_at,
    fused,
    guarded,
    iterations,
    matmul,
    packed,
    touched,
)


def everything(view: MotionView) -> list[tuple[str, bool, tuple[int, ...]]]:
    return [touch for values in iterations(view) for touch in touched(view, values)]


def listing(view: MotionView) -> str:
    """What the golden files hold: all but the caches, which are the machine's."""
    lines = [f"{view.block} of {', '.join(view.blocks)}: {view.iterations} iterations, {view.lanes} lanes"]
    lines += [f"{loop.var} = {loop.path}: {loop.start} + {loop.extent} {loop.axis} {loop.mark}"
              for loop in view.loops]  # fmt: skip
    lines += [f"where {json.dumps(view.predicate)}"]
    for a in view.accesses:
        what = ("init " if a.initial else "") + ("write" if a.is_write else "read")
        where = "?" if a.indices is None else ", ".join(json.dumps(i) for i in a.indices)
        lines.append(f"{what} {a.buffer}[{where}] if {json.dumps(a.guard)}")
    lines += [f"{b.role} {b.name} {b.shape} {b.strides} {b.dtype} {b.itemsize} {b.scope} at {b.start}"
              for b in view.buffers]  # fmt: skip
    return "\n".join([*lines, *(f"{n.block} shares {', '.join(n.loops)}" for n in view.neighbours), ""])


# -- golden


@pytest.mark.parametrize("name", ["matmul_128", "conv2d", "softmax"])
def test_sample_functions(golden, name):
    mod = loaders.load(name).mod
    views = [motion(mod, "main", block) for block in motion(mod, "main").blocks]
    golden(f"views/{name}.motion.txt", "\n".join(map(listing, views)))


def test_a_tiled_and_vectorized_matmul_runs_its_lanes_at_once(scheduled, golden):
    view = motion(scheduled, "main", "matmul_update")
    assert view.lanes == 16
    assert [n.block for n in view.neighbours] == ["matmul_init"]
    golden("views/matmul_128_scheduled.motion.txt", listing(view))


def test_a_packed_layout_is_what_is_touched(golden):
    sch = Schedule(loaders.load("matmul_128").mod)
    sch.transform_layout(sch.get_sblock("matmul"), ("read", 1), lambda k, j: (j // 16, k, j % 16))
    golden("views/matmul_128_packed.motion.txt", listing(motion(sch.mod, "main", "matmul")))


def test_fused_loops_are_taken_apart_again(golden):
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, _ = sch.get_loops(sch.get_sblock("matmul"))
    sch.fuse(i, j)
    view = motion(sch.mod, "main")
    assert view.accesses[1].indices == (["//", "i_j_fused", 128], ["%", "i_j_fused", 128])
    golden("views/matmul_128_fused.motion.txt", listing(view))


def test_what_follows_from_the_ranges_of_the_loops_is_said_shortly():
    """``(j_0 * 16 + j_1) // 16`` is ``j_0``."""
    sch = Schedule(loaders.load("matmul_128").mod)
    block = sch.get_sblock("matmul")
    sch.transform_layout(block, ("read", 1), lambda k, j: (j // 16, k, j % 16))
    sch.split(sch.get_loops(block)[1], [None, 16])
    assert motion(sch.mod, "main", "matmul").accesses[3].indices == ("j_0", "k", "j_1")


# -- against TensorIR itself


def test_each_element_of_a_product_is_touched_as_often_as_it_should():
    view = motion(matmul(4, 5, 3).mod, "main")
    counts = Counter(everything(view))
    for i, j in itertools.product(range(4), range(5)):
        assert counts["C", False, (i, j)] == 3
        assert counts["C", True, (i, j)] == 3 + 1  # and its initialisation
    assert all(counts["A", False, (i, k)] == 5 for i in range(4) for k in range(3))
    assert all(counts["B", False, (k, j)] == 4 for k in range(3) for j in range(5))


def test_an_iteration_reads_from_left_to_right_and_writes_last():
    view = motion(matmul(4, 5, 3).mod, "main")
    first = touched(view, {"i": 1, "j": 2, "k": 0})
    assert first == [
        ("C", True, (1, 2)), ("C", False, (1, 2)), ("A", False, (1, 0)), ("B", False, (0, 2)),
        ("C", True, (1, 2)),
    ]  # fmt: skip
    assert touched(view, {"i": 1, "j": 2, "k": 1}) == [
        ("C", False, (1, 2)), ("A", False, (1, 1)), ("B", False, (1, 2)), ("C", True, (1, 2)),
    ]  # fmt: skip


# Where not all iterations run: 6 × 8 × 6 of them are guarded, and an outer block is initialised once.
RUNS = {("guarded", "C"): 5 * 6 * 4, ("blockized", "C_init"): 4 * 6}


@pytest.mark.parametrize("make", [guarded, fused, blockized, computed_at, packed])
def test_every_iteration_touches_the_regions_that_its_block_declares(make):
    """TVM's own reads and writes, with the block's axes put to numbers by TVM's own substitution."""
    mod = make()
    func = mod["main"]
    for block in motion(mod, "main").blocks:
        view = motion(mod, "main", block)
        assert view.iterations < 400
        ran = 0
        for values in iterations(view):
            reads, writes = declared(func, view, values)
            now = touched(view, values)
            read = {(b, i) for b, is_write, i in now if not is_write}
            assert read - writes == reads - writes  # a block with an initialisation does not declare its own
            assert {(b, i) for b, is_write, i in now if is_write} == writes
            ran += 1
        assert ran == RUNS.get((make.__name__, block), view.iterations)


def declared(func: Any, view: MotionView, values: dict[str, int]) -> tuple[set[Any], set[Any]]:
    places = paths.walk(func)
    chain = [paths.find(func, view.block)]
    while chain[-1].parent is not None:
        chain.append(places[chain[-1].parent])
    around = [p for p in reversed(chain) if p.kind == "loop"]
    tvm_knows = Analyzer()
    for place, value in zip(around, values.values()):
        tvm_knows.bind(place.node.loop_var, tvm.tirx.const(value, place.node.loop_var.ty.dtype))
    for place in reversed(chain):
        if place.kind == "block":
            for axis, value in zip(place.node.iter_vars, place.realize.iter_values):
                tvm_knows.bind(axis.var, tvm_knows.simplify(value))

    def elements(regions: Any) -> set[tuple[str, tuple[int, ...]]]:
        found = set()
        for region in regions:
            ends = [(number(r.min), number(r.extent)) for r in region.region]
            found |= {(region.source.name, i)
                      for i in itertools.product(*(range(a, a + n) for a, n in ends))}  # fmt: skip
        return found

    def number(value: Any) -> int:
        return int(tvm_knows.simplify(value).value)

    return elements(chain[0].node.reads), elements(chain[0].node.writes)


# -- what is special


def test_the_padding_of_a_convolution_reads_only_inside():
    view = motion(loaders.load("conv2d").mod, "main", "pad")
    assert [t[:2] for t in touched(view, {"n": 0, "c": 0, "h": 0, "w": 5})] == [("P", True)]
    assert touched(view, {"n": 0, "c": 0, "h": 1, "w": 1})[0] == ("X", False, (0, 0, 0, 0))


def test_a_loop_means_the_largest_block_beneath_it():
    mod = loaders.load("softmax").mod
    assert motion(mod, "main", "row_sum/i").block == "row_sum"
    assert motion(blockized(), "main", "C_o").block == "C"


@T.prim_func(s_tir=True)
def gather(
    a: T.Buffer((8,), "int64"), b: T.Buffer((32,), "float32"), c: T.Buffer((8,), "float32", strides=[2])
):
    for i in range(8):
        with T.sblock("gather"):
            vi = T.axis.spatial(8, i)
            x: T.let[T.int64] = a[vi]
            if vi < 5:
                c[vi] = b[x] + b[vi << 1]


def test_a_place_that_depends_on_data_is_not_guessed():
    view = motion(tvm.IRModule({"main": gather}), "main")
    assert [(a.buffer, a.is_write, a.indices) for a in view.accesses] == [
        ("a", False, ("i",)), ("b", False, None), ("b", False, (["*", "i", 2],)), ("c", True, ("i",)),
    ]  # fmt: skip
    assert [a.guard for a in view.accesses] == [None, *[["<", "i", 5]] * 3]
    assert {b.name: (b.strides, b.start) for b in view.buffers} == {
        "a": ((1,), 0), "b": ((1,), 64), "c": ((2,), 192),
    }  # fmt: skip


@T.prim_func(s_tir=True)
def matched(b: T.Buffer((32,), "float32"), c: T.Buffer((32,), "float32")):
    for i in range(16):
        with T.sblock("copy"):
            vi = T.axis.spatial(16, i)
            T.reads(b[vi * 2 : vi * 2 + 2])
            T.writes(c[vi * 2 : vi * 2 + 2])
            m = T.match_buffer(b[vi * 2 : vi * 2 + 2], (2,), offset_factor=1)
            for j in range(2):
                c[vi * 2 + j] = m[j]


def test_a_matched_buffer_is_a_window_and_a_loop_in_the_body_runs():
    view = motion(tvm.IRModule({"main": matched}), "main")
    assert [loop.path for loop in view.loops] == ["copy/i", "_/j"]
    assert [i for _, is_write, i in everything(view) if not is_write] == [(n,) for n in range(32)]


def test_the_view_travels_as_json():
    view = motion(guarded(), "main")
    assert decode(MotionView, json.loads(json.dumps(encode(view)))) == view


# -- refusals


def test_a_symbolic_size_is_refused_by_name():
    n = te.var("n", "int64")
    a = te.placeholder((n,), name="A")
    mod = tvm.IRModule({"main": te.create_prim_func([a, te.compute((n,), lambda i: a[i] + 1.0, name="B")])})
    with pytest.raises(Refused) as refused:
        motion(mod, "main")
    assert (refused.value.code, refused.value.place) == ("motion_symbolic", "B/i")


def test_a_function_without_blocks_is_refused():
    @T.prim_func(s_tir=True)
    def plain(a: T.Buffer((8,), "float32"), b: T.Buffer((8,), "float32")):
        for i in range(8):
            b[i] = a[i]

    with pytest.raises(Refused) as refused:
        motion(tvm.IRModule({"main": plain}), "main")
    assert refused.value.code == "motion_without_blocks"


def test_a_body_with_loops_between_statements_is_refused():
    @T.prim_func(s_tir=True)
    def twice(b: T.Buffer((8, 2), "float32")):
        for i in range(8):
            with T.sblock("twice"):
                vi = T.axis.spatial(8, i)
                T.reads()
                T.writes(b[vi, 0:2])
                b[vi, 0] = T.float32(0)
                for j in range(2):
                    b[vi, j] = T.float32(1)

    with pytest.raises(Refused) as refused:
        motion(tvm.IRModule({"main": twice}), "main")
    assert refused.value.code == "motion_irregular"


def test_a_graph_function_has_no_iterations(stage):
    with pytest.raises(NotFound) as refused:
        motion(stage("mlp", "raw"), "main")
    assert refused.value.code == "view_needs_loops"


@pytest.mark.parametrize("model", ["mlp", "cnn", "transformer"])
def test_every_function_of_the_networks_can_be_watched(stage, model):
    mod = stage(model, "zero")
    for gv, func in mod.functions.items():
        if isinstance(func, tvm.tirx.PrimFunc):
            for block in motion(mod, gv.name_hint).blocks:
                view = motion(mod, gv.name_hint, block)
                last = {loop.var: loop.start + loop.extent - 1 for loop in view.loops}
                for name, _, indices in touched(view, last):
                    shape = next(b.shape for b in view.buffers if b.name == name)
                    assert all(0 <= i < n for i, n in zip(indices, shape, strict=True)), (name, indices)
