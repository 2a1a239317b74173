"""A function as Python: run in the interpreter, it computes what the compiled function computes."""

import re
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import tirx
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine.loaders.functions import FUNCTIONS
from mlc_explorer.engine.paths import walk
from mlc_explorer.engine.replay import replay
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.python_source import python
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.trace import Step, Trace
from tests.engine.views.interpreter import agree, at_size, called, code

ITERATIONS = 2_100_000  # what the interpreter does within two seconds

# The sample functions that are beyond it (bmm_relu 34 million, conv2d 116, matmul_1024 a thousand million)
# are run at sizes for the interpreter; the others as they ship.
SMALL = {
    "matmul_1024": {"A": (24, 24), "B": (24, 24)},
    "bmm_relu": {"A": (2, 8, 8), "B": (2, 8, 8)},
    "conv2d": {"X": (1, 3, 6, 6), "W": (4, 3, 3, 3)},
}
ROOT = Path(__file__).resolve().parents[3]
FOLDED = tuple(Step(name) for name in ("FoldLinear", "LegalizeOps", "FuseTIR"))


@pytest.fixture
def product():
    """The schedule of a product of 16 × 16 matrices, its block, and its loops."""
    sch = Schedule(at_size("matmul_128", {"A": (16, 16), "B": (16, 16)}))
    block = sch.get_sblock("matmul")
    return sch, block, sch.get_loops(block)


def iterations(func):
    """How often the innermost statements of `func` run."""
    places = walk(func)
    total = 0
    for place in places:
        if place.kind == "block":
            count, at = 1, place.parent
            while at is not None:
                count *= int(places[at].node.extent) if places[at].kind == "loop" else 1
                at = places[at].parent
            total += count
    return total


def replayed(name):
    """A network after the trace that ships with it."""
    trace = (ROOT / "sample_models" / "traces" / f"{name}.json").read_text(encoding="utf-8")
    return replay(Trace.loads(trace), lambda _: b"").mod


# -- it computes the same


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sample_functions(name):
    mod = FUNCTIONS[name].module()
    assert (name in SMALL) == (iterations(mod["main"]) > ITERATIONS)
    agree(at_size(name, SMALL.get(name, FUNCTIONS[name].inputs)))


@pytest.mark.parametrize("form", ["legalised", "folded"])
@pytest.mark.parametrize("model", ["mlp", "cnn", "transformer"])
def test_every_function_of_a_network(stage, model, form):
    """None is too big: the largest is cnn's second convolution, 907,264 iterations."""
    mod = stage(model, form) if form == "legalised" else replay(Trace(model, FOLDED), lambda _: b"").mod
    functions = [name for name in names(mod) if isinstance(mod[name], tirx.PrimFunc)]
    assert functions and all(iterations(mod[name]) <= ITERATIONS for name in functions)
    for name in functions:
        agree(mod, name)


def test_the_shipped_schedule_of_mlp():
    agree(replayed("mlp"), "linear_relu")


# -- whatever a schedule did


def test_tiles_that_do_not_fit(product):
    """A split with a remainder (a guard), another order, all kinds of loops, a reduction taken apart."""
    sch, block, (i, j, k) = product
    outer, inner = sch.split(i, [None, 5])
    k_outer, k_inner = sch.split(k, [None, 4])
    sch.reorder(outer, k_outer, inner, k_inner, j)
    sch.parallel(outer)
    sch.vectorize(j)
    sch.unroll(k_inner)
    sch.decompose_reduction(block, k_outer)
    source = code(sch.mod)
    assert "for i_0 in range(4):  # parallel, here serial" in source
    assert "v_i = i_0 * 5 + i_1" in source
    assert "if i_0 * 5 + i_1 < 16:" in source
    agree(sch.mod)


def test_fused_loops(product):
    sch, _, (i, j, _) = product
    sch.fuse(i, j)
    assert "v_i = i_j_fused // 16" in code(sch.mod) and "v_j = i_j_fused % 16" in code(sch.mod)
    agree(sch.mod)


def test_a_packed_operand_and_a_local_result(product):
    sch, block, (i, *_) = product
    packed = sch.cache_read(block, 1, "global")
    sch.transform_layout(packed, ("write", 0), lambda a, b: (b // 4, a, b % 4))
    result = sch.cache_write(block, 0, "local")
    sch.reverse_compute_at(result, i)
    source = code(sch.mod)
    assert 'B_global = np.empty((4, 16, 4), dtype="float32")' in source
    assert 'C_local = np.empty((16, 16), dtype="float32")' in source
    agree(sch.mod)


def test_rfactor(product):
    sch, _, (_, _, k) = product
    outer, _ = sch.split(k, [None, 4])
    sch.rfactor(outer, 0)
    agree(sch.mod)


def test_compute_at():
    sch = Schedule(at_size("bmm_relu", SMALL["bmm_relu"]))
    sch.reverse_compute_at(sch.get_sblock("relu"), sch.get_loops(sch.get_sblock("bmm"))[2])
    agree(sch.mod)
    sch = Schedule(at_size("conv2d", SMALL["conv2d"]))
    sch.compute_at(sch.get_sblock("pad"), sch.get_loops(sch.get_sblock("conv2d"))[2])
    agree(sch.mod)


def test_blockize(product):
    sch, _, (i, j, k) = product
    i_0, i_1 = sch.split(i, [None, 4])
    j_0, j_1 = sch.split(j, [None, 8])
    sch.reorder(i_0, j_0, k, i_1, j_1)
    sch.blockize(i_1)
    assert "# block matmul_o" in code(sch.mod)
    agree(sch.mod)


def test_thread_bound_loops(product):
    """They can't be compiled for a CPU: compared with the same function before its loops were bound."""
    sch, _, (i, j, _) = product
    before = sch.mod
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    assert "for i in range(16):  # bound to blockIdx.x, here serial" in code(sch.mod)
    inputs = [np.random.default_rng(0).standard_normal((16, 16)).astype("float32") for _ in "AB"]
    np.testing.assert_array_equal(called(sch.mod, "main", inputs)[0], called(before, "main", inputs)[0])


def test_regions_with_a_name_are_views():
    """Of as many axes as the buffer, and of fewer."""

    @T.prim_func(s_tir=True)
    def func(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32"), C: T.Buffer((8,), "float32")):
        for i, j in T.grid(2, 2):
            with T.sblock("tile"):
                v_i, v_j = T.axis.remap("SS", [i, j])
                a = T.match_buffer(A[v_i * 4 : v_i * 4 + 4, v_j * 4 : v_j * 4 + 4], (4, 4), offset_factor=1)
                for x, y in T.grid(4, 4):
                    with T.sblock("double"):
                        v_x, v_y = T.axis.remap("SS", [x, y])
                        B[v_i * 4 + v_x, v_j * 4 + v_y] = a[v_x, v_y] * T.float32(2)
        for i in range(8):
            with T.sblock("row"):
                v_i = T.axis.spatial(8, i)
                b = T.match_buffer(B[v_i, 0:8], (8,), offset_factor=1)
                C[v_i] = b[0] + b[7]

    mod = tvm.IRModule({"main": func.with_attr("global_symbol", "main")})
    lines = [line.strip() for line in python(mod, "main").lines]
    assert "a = A[i * 4:i * 4 + 4, j * 4:j * 4 + 4]" in lines and "b = B[i, 0:8]" in lines
    inputs = [np.random.default_rng(0).standard_normal((8, 8)).astype("float32")]
    doubled, ends = called(mod, "main", inputs)
    np.testing.assert_array_equal(doubled, 2 * inputs[0])
    np.testing.assert_array_equal(ends, doubled[:, 0] + doubled[:, 7])


def test_vectors_are_slices_and_conditions_on_lanes_are_where():
    @T.prim_func(s_tir=True)
    def func(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
        for i in range(4):
            with T.sblock("four"):
                v = T.axis.spatial(4, i)
                B[T.Ramp(v * 4, 1, 4)] = T.Select(
                    A[T.Ramp(v * 4, 1, 4)] < T.Broadcast(T.float32(0), 4),
                    T.max(A[T.Ramp(v * 4, 1, 4)], T.Broadcast(T.float32(-1), 4)),
                    A[T.Ramp(v * 4, 1, 4)] * T.Broadcast(T.float32(2), 4),
                )

    mod = tvm.IRModule({"main": func.with_attr("global_symbol", "main")})
    assert "B[i * 4:i * 4 + 4] = np.where(A[i * 4:i * 4 + 4] < " in code(mod)
    agree(mod)


def test_a_size_that_is_a_variable_is_the_arrays():
    @T.prim_func(s_tir=True)
    def func(a: T.handle, b: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            with T.sblock("increment"):
                v = T.axis.spatial(n, i)
                B[v] = A[v] + T.float32(1)

    scope = {}
    exec(code(tvm.IRModule({"main": func.with_attr("global_symbol", "main")})), scope)
    given, result = np.arange(5, dtype="float32"), np.empty(5, "float32")
    scope["main"](given, result)
    assert result.tolist() == [1, 2, 3, 4, 5]


# -- it can be read beside TVMScript


def test_golden_matmul(golden):
    golden("views/matmul_128.python.txt", code(FUNCTIONS["matmul_128"].module()) + "\n")


def test_golden_linear_relu(golden):
    golden("views/mlp_scheduled_linear_relu.python.txt", code(replayed("mlp"), "linear_relu") + "\n")


def test_each_line_links_to_the_same_loop_block_or_store(scheduled):
    view, tir = python(scheduled, "main"), text(scheduled, "main", "tir").lines
    assert len(view.links) == len(view.lines)
    linked = [(line.strip(), tir[link - 1].strip()) for line, link in zip(view.lines, view.links) if link]
    assert len(linked) == len([line for line in view.lines if line and not line.startswith("import")])
    for line, source in linked:
        if line.startswith("for "):
            assert line.split()[1] == source.split()[1]
        elif line.startswith("# block "):
            assert source == f'with T.sblock("{line.removeprefix("# block ")}"):'
        elif line.startswith("if "):
            assert source.startswith(("with T.init():", "T.where("))
        else:
            assert re.split(r"\W", line)[0] == re.split(r"\W", source)[0]


def test_guard_and_init_link_to_where_and_init(product):
    sch, _, (i, *_) = product
    sch.split(i, [None, 5])
    view, tir = python(sch.mod, "main"), text(sch.mod, "main", "tir").lines
    links = [tir[k - 1].strip() for line, k in zip(view.lines, view.links) if line.strip().startswith("if ")]
    assert links[0].startswith("T.where(") and links[1] == "with T.init():"


def test_marks_name_the_loops_and_blocks_of_the_tree(scheduled):
    view, tir = python(scheduled, "main"), text(scheduled, "main", "tir")
    assert [(m.path, m.kind) for m in view.marks] == [(m.path, m.kind) for m in tir.marks]
    for mark in view.marks:
        head = view.lines[mark.line - 1].strip()
        assert head.startswith("for " if mark.kind == "loop" else "# block ")
        assert mark.line < mark.end <= len(view.lines)


def test_marks_keep_the_paths_of_loops_that_the_text_renames():
    """Two loops called ax0, one in the other: the text calls the inner one ax0_1, the loop tree does not."""
    sch = Schedule(at_size("matmul_128", {"A": (16, 16), "B": (16, 16)}))
    block = sch.get_sblock("matmul")
    result = sch.cache_write(block, 0, "local")
    sch.cache_write(block, 0, "local")
    (first, *_), second = sch.get_loops(result), sch.get_producers(result)[0]
    sch.compute_at(second, first)
    view, tree = python(sch.mod, "main"), walk(sch.mod["main"])
    assert any("for ax0_1 in" in line or "for ax1_1 in" in line for line in view.lines)
    assert [m.path for m in view.marks] == [place.path for place in tree]
    assert all(view.links[m.line - 1] for m in view.marks)


def test_a_graph_function_has_no_loops_to_write(stage):
    with pytest.raises(NotFound):
        python(stage("mlp", "raw"), "main")
