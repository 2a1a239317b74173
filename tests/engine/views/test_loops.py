"""The loop tree says of every loop and block what a person needs to choose a transform."""

import pytest
import tvm
from tvm import te
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine import loaders, paths
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.loops import loops
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.loops import LoopNode, LoopTree

FUNCTIONS = [s.name for s in loaders.samples() if s.kind == "function"]


def flat(nodes: tuple[LoopNode, ...]) -> list[LoopNode]:
    return [n for node in nodes for n in (node, *flat(node.children))]


def listing(tree: LoopTree) -> str:
    """One line a node, then the totals: what the golden files hold."""
    lines = []
    for node in flat(tree.roots):
        if node.kind == "loop":
            what = f"{node.extent} {node.axis or '-'} {node.mark}"
        else:
            what = f"{', '.join(node.reads) or '-'} → {', '.join(node.writes)}"
        notes = f" {node.annotations}" if node.annotations else ""
        lines.append(
            f"{'  ' * node.depth}{node.path} ({node.kind}, line {node.line}): {what}{notes}{cost(node)}"
        )
    lines += [
        f"{b.role} {b.name}{b.shape} {b.dtype} {b.scope}: {b.bytes} bytes, "
        f"written by {', '.join(b.writers) or '-'}, read by {', '.join(b.readers) or '-'}"
        for b in tree.buffers
    ]
    return "\n".join([*lines, f"{tree.flops} flops, {tree.iterations} iterations, {tree.bytes} bytes", ""])


def cost(node: LoopNode) -> str:
    if node.kind == "block":
        return f"; ×{node.iterations}"
    touched = ", ".join(f"{name} {size}" for name, size in node.footprint.items())
    return f"; ×{node.iterations}, touches {touched}; {node.flops} flops, {node.intensity:.3f} a byte"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_sample_function(golden, name):
    golden(f"views/{name}.loops.txt", listing(loops(loaders.load(name).mod, "main")))


def test_scheduled_matmul(scheduled, golden):
    golden("views/matmul_128_scheduled.loops.txt", listing(loops(scheduled, "main")))


def test_fused_linear(stage, golden):
    tree = loops(stage("mlp", "fused"), "fused_matmul_add_relu")
    golden("views/mlp_fused_matmul_add_relu.loops.txt", listing(tree))


@pytest.mark.parametrize("model", ["mlp", "cnn", "transformer"])
def test_the_tree_holds_every_place_with_its_line(stage, model):
    mod = stage(model, "zero")
    for function in names(mod):
        if isinstance(mod[function], tvm.tirx.PrimFunc):
            nodes = flat(loops(mod, function).roots)
            assert [n.path for n in nodes] == [p.path for p in paths.walk(mod[function])]
            assert [n.line for n in nodes] == [m.line for m in text(mod, function, "tir").marks]
            assert all(n.writes for n in nodes if n.kind == "block" and not n.children)


def test_numbers_of_a_matrix_product():
    tree = loops(loaders.load("matmul_128").mod, "main")
    assert tree.flops == 2 * 128**3
    assert tree.iterations == 128**3
    assert tree.bytes == 3 * 128 * 128 * 4
    assert {b.name: b.role for b in tree.buffers} == {"A": "input", "B": "input", "C": "output"}


def test_a_fused_loop_over_both_kinds_of_axis_is_mixed():
    sch = Schedule(loaders.load("matmul_128").mod)
    _, j, k = sch.get_loops(sch.get_sblock("matmul"))
    sch.fuse(j, k)
    assert [n.axis for n in flat(loops(sch.mod, "main").roots)] == ["spatial", "mixed", ""]


def test_thread_axes_and_unrolling_are_marks():
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, k = sch.get_loops(sch.get_sblock("matmul"))
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    sch.unroll(k)
    marks = [n.mark for n in flat(loops(sch.mod, "main").roots) if n.kind == "loop"]
    assert marks == ["blockIdx.x", "threadIdx.x", "unrolled"]


def test_a_nested_block_counts_for_its_own_loops():
    sch = Schedule(loaders.load("matmul_128").mod)
    block = sch.get_sblock("matmul")
    i, j, k = sch.get_loops(block)
    i0, i1 = sch.split(i, [None, 16])
    j0, j1 = sch.split(j, [None, 16])
    sch.reorder(i0, j0, i1, j1, k)
    sch.blockize(i1)
    tree = loops(sch.mod, "main")
    assert tree.iterations == 8 * 8 + 128**2 + 128**3  # the outer block, its initialisation, the one inside
    assert tree.flops == 2 * 128**3
    axes = {n.path: n.axis for n in flat(tree.roots) if n.kind == "loop"}
    assert [axis for path, axis in axes.items() if path.endswith("/k")] == ["reduction"]


def test_a_symbolic_extent_is_none():
    n = te.var("n", "int64")
    a = te.placeholder((n,), name="A")
    mod = tvm.IRModule({"main": te.create_prim_func([a, te.compute((n,), lambda i: a[i] + 1.0, name="B")])})
    tree = loops(mod, "main")
    assert tree.roots[0].extent is None
    assert tree.buffers[0].shape == ("n",)
    assert tree.buffers[0].bytes == 0
    assert (tree.roots[0].iterations, tree.roots[0].footprint, tree.roots[0].intensity) == (None, {}, None)


def test_half_precision_counts_half_the_bytes():
    @T.prim_func(s_tir=True)
    def copy(a: T.Buffer((8, 2), "float16"), b: T.Buffer((8, 2), "float16")):
        for i, j in T.grid(8, 2):
            with T.sblock("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                b[vi, vj] = a[vi, vj]

    tree = loops(tvm.IRModule({"main": copy}), "main")
    assert [(b.name, b.bytes) for b in tree.buffers] == [("a", 32), ("b", 32)]


def test_a_function_without_blocks():
    """Lowered code: loops alone, and the buffer that is stored into is the output."""

    @T.prim_func(s_tir=True)
    def plain(a: T.Buffer((8,), "float32"), b: T.Buffer((8,), "float32")):
        for i in range(8):
            b[i] = a[i]

    tree = loops(tvm.IRModule({"main": plain}), "main")
    assert [(n.kind, n.name, n.extent) for n in flat(tree.roots)] == [("loop", "i", 8)]
    assert {b.name: b.role for b in tree.buffers} == {"a": "input", "b": "output"}


def node_of(mod: tvm.IRModule, path: str) -> LoopNode:
    return next(n for n in flat(loops(mod, "main").roots) if n.path == path)


def test_cost_of_the_loops_of_a_matrix_product():
    """C[i, j] += A[i, k] * B[k, j], 128 × 128 of 4 bytes: one execution of j keeps a row of A and of C, and
    sweeps all of B; one of k an element of C, a row of A, a column of B."""
    mod = loaders.load("matmul_128").mod
    row, whole = 128 * 4, 128 * 128 * 4
    i, j, k = (node_of(mod, f"matmul/{name}") for name in "ijk")
    assert i.footprint == {"A": whole, "B": whole, "C": whole}
    assert j.footprint == {"A": row, "B": whole, "C": row}
    assert k.footprint == {"A": row, "B": row, "C": 4}
    assert [n.iterations for n in (i, j, k)] == [128, 128**2, 128**3]
    assert [n.flops for n in (i, j, k)] == [2 * 128**3, 2 * 128**2, 2 * 128]
    assert j.intensity == 2 * 128**2 / (row + whole + row)


def test_tiling_shrinks_the_footprint():
    """A tile of 16 × 8 of C over 4 steps of k needs 16 × 4 of A and 4 × 8 of B."""
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, k = sch.get_loops(sch.get_sblock("matmul"))
    (i0, i1), (j0, j1), (k0, k1) = (sch.split(x, [None, n]) for x, n in ((i, 16), (j, 8), (k, 4)))
    sch.reorder(i0, j0, k0, i1, j1, k1)
    tile = node_of(sch.mod, "matmul/i_1")
    assert tile.footprint == {"A": 16 * 4 * 4, "B": 4 * 8 * 4, "C": 16 * 8 * 4}
    assert tile.flops == 2 * 16 * 8 * 4


def test_footprint_of_a_packed_layout():
    """B[k // 16, k % 16, j]: the address arithmetic of a layout is seen through."""
    sch = Schedule(loaders.load("matmul_128").mod)
    block = sch.get_sblock("matmul")
    packed = sch.cache_read(block, 1, "global")
    sch.transform_layout(packed, ("write", 0), lambda k, j: (j // 16, k, j % 16))
    _, j, _ = sch.get_loops(block)
    sch.split(j, [None, 16])
    assert node_of(sch.mod, "matmul/j_1").footprint["B_global"] == 128 * 16 * 4


def test_a_window_reaches_beyond_its_step():
    """A row of outputs of a 3 × 3 convolution needs three rows of its padded input."""
    footprint = node_of(loaders.load("conv2d").mod, "conv2d/w").footprint
    assert footprint == {"P": 64 * 3 * 58 * 4, "W": 64 * 3 * 3 * 4, "Y": 56 * 4}


def test_nested_blocks_are_seen_through():
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, k = sch.get_loops(sch.get_sblock("matmul"))
    (i0, i1), (j0, j1) = sch.split(i, [None, 16]), sch.split(j, [None, 16])
    sch.reorder(i0, j0, i1, j1, k)
    sch.blockize(i1)
    _, update = (n for n in flat(loops(sch.mod, "main").roots) if n.name == "i_1")  # the first initialises
    assert update.footprint == {"A": 16 * 128 * 4, "B": 128 * 16 * 4, "C": 16 * 16 * 4}


def test_who_writes_and_who_reads(scheduled):
    buffers = {b.name: (b.writers, b.readers) for b in loops(scheduled, "main").buffers}
    assert buffers == {
        "A": ((), ("matmul_update",)),
        "B": ((), ("matmul_update",)),
        "C": (("matmul_init", "matmul_update"), ("matmul_update",)),
    }


def test_a_graph_function_has_no_loops(stage):
    with pytest.raises(NotFound) as refused:
        loops(stage("mlp", "raw"), "main")
    assert refused.value.code == "view_needs_loops"
