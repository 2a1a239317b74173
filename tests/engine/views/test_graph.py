"""Graphs: a box for every call, edges where tensors flow, at every stage of every sample."""

import itertools

import pytest
import tvm
from tvm.s_tir import Schedule
from tvm.script import ir as I
from tvm.script import relax as R

from mlc_explorer.engine import loaders
from mlc_explorer.engine.views.families import family
from mlc_explorer.engine.views.graph import graph, sketch
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.sketch import Sketch
from mlc_explorer.errors import NotFound

FUNCTIONS = [s.name for s in loaders.samples() if s.kind == "function"]
STAGES = ["raw", "legalised", "annotated", "grouped", "fused", "zero", "default"]


def listing(drawn: Sketch) -> str:
    """One line a box with all that it says and what flows into it: what the golden files hold."""
    sources = {name: [s for s, t in drawn.edges if t == name] for name in drawn.nodes}
    return "".join(
        f"{n.id}: {n.family} {n.op} {n.shape} {n.dtype} [{n.label}]"
        f"{f' → {n.function}' if n.function else ''} ← {', '.join(sources[n.id]) or '-'}\n"
        for n in drawn.nodes.values()
    )


@pytest.mark.parametrize("name", STAGES)
def test_mlp(stage, golden, name):
    golden(f"views/mlp_{name}.graph.txt", listing(sketch(stage("mlp", name), "main")))


def test_cnn(stage, golden):
    golden("views/cnn_zero.graph.txt", listing(sketch(stage("cnn", "zero"), "main")))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_sample_function(golden, name):
    golden(f"views/{name}.graph.txt", listing(sketch(loaders.load(name).mod, "main")))


@pytest.mark.parametrize(
    ("model", "name"),
    [*itertools.product(["cnn", "transformer"], STAGES), ("resnet18", "raw"), ("resnet18", "default")],
)
def test_every_function_at_every_stage(stage, model, name):
    mod = stage(model, name)
    for function in names(mod):
        drawn = sketch(mod, function)
        assert {end for edge in drawn.edges for end in edge} <= drawn.nodes.keys()
        assert [n.id for n in drawn.nodes.values() if n.family == "output"] == ["out"]
        assert all(n.function is None or n.function in names(mod) for n in drawn.nodes.values())
        fed = {target for _, target in drawn.edges}
        assert all(n.id in fed for n in drawn.nodes.values() if n.family not in ("input", "constant")), (
            function
        )


def test_lowering_keeps_the_flow(stage):
    """In destination-passing form a call's result is the buffer that it was handed: the graph is as
    before."""
    before, after = (sketch(stage("mlp", name), "main") for name in ("zero", "default"))

    def calls(drawn: Sketch) -> list[tuple[str, list[str]]]:
        return [
            (n.op, sorted(drawn.nodes[s].label for s, t in drawn.edges if t == n.id))
            for n in drawn.nodes.values()
        ]

    assert calls(after) == calls(before)


def test_a_schedule_shows_in_the_graph_of_a_tensor_function():
    sch = Schedule(loaders.load("matmul_128").mod)
    block = sch.get_sblock("matmul")
    sch.cache_read(block, 1, "global")
    sch.cache_write(block, 0, "local")
    sch.decompose_reduction(block, sch.get_loops(block)[-1])
    drawn = sketch(sch.mod, "main")
    assert {(n.id, n.family) for n in drawn.nodes.values() if n.function} == {
        ("B_global", "shape"),
        ("matmul_init", "elementwise"),
        ("matmul_update", "matmul"),
        ("C_local", "shape"),
    }
    assert list(drawn.edges) == [
        ("B", "B_global"),
        ("matmul_init", "matmul_update"),
        ("A", "matmul_update"),
        ("B_global", "matmul_update"),
        ("matmul_update", "C_local"),
        ("C_local", "out"),
    ]


@I.ir_module
class Branching:
    @R.function
    def main(x: R.Tensor((4,), "float32"), out: R.Tensor((), "bool")) -> R.Tensor((2,), "float32"):
        halves = R.split(x, 2)
        left = halves[0]
        pair = (left, halves[1])
        if out:  # noqa: SIM108 - TVMScript has no conditional expression
            y = R.add(pair[0], pair[1])
        else:
            y = R.subtract(left, left)
        return y


def test_branches_tuples_and_a_parameter_called_out():
    """Tuples and their items are edges; both branches flow into the ``if``; the output finds another id."""
    drawn = sketch(Branching, "main")
    kinds = {n.id: n.op for n in drawn.nodes.values()}
    assert sorted(kinds.values()) == ["add", "if", "input", "input", "output", "split", "subtract"]
    name_of = {op: name for name, op in kinds.items() if op != "input"}
    assert name_of["output"] == "out#2"
    assert set(drawn.edges) == {
        ("x", name_of["split"]),
        (name_of["split"], name_of["add"]),
        (name_of["split"], name_of["subtract"]),
        ("out", name_of["if"]),
        (name_of["add"], name_of["if"]),
        (name_of["subtract"], name_of["if"]),
        (name_of["if"], "out#2"),
    }


def test_one_constant_used_twice_is_one_box():
    x = tvm.relax.Var("x", R.Tensor((2,), "float32"))
    weight = tvm.relax.const([1.0, 2.0], "float32")
    builder = tvm.relax.BlockBuilder()
    with builder.function("main", [x]):
        first = builder.emit(tvm.relax.op.add(x, weight))
        builder.emit_func_output(builder.emit(tvm.relax.op.multiply(first, weight)))
    drawn = sketch(builder.get(), "main")
    assert [(n.id, n.label) for n in drawn.nodes.values() if n.family == "constant"] == [("const1", "(2,)")]
    assert len([edge for edge in drawn.edges if edge[0] == "const1"]) == 2


def test_boxes_have_a_place_and_edges_a_curve(stage):
    view = graph(stage("mlp", "legalised"), "main")
    assert view.function == "main"
    for node in view.nodes:
        assert node.w / 2 <= node.x <= view.width - node.w / 2
        assert node.h / 2 <= node.y <= view.height - node.h / 2
    assert all(len(edge.points) % 3 == 1 for edge in view.edges)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nn.conv2d", "conv"),
        ("fused_conv2d1_add1_relu", "conv"),
        ("linear_relu", "matmul"),
        ("fused_matmul1_add1", "matmul"),
        ("nn.max_pool2d", "pool"),
        ("nn.softmax", "reduce"),
        ("nn.relu", "elementwise"),
        ("permute_dims", "shape"),
        ("fancy", "other"),
    ],
)
def test_families(name, expected):
    assert family(name) == expected


def test_a_pattern_decides_where_the_name_does_not():
    assert family("fancy", pattern=3) == "reduce"
    assert family("fancy", pattern=8, default="call") == "call"


def test_an_unknown_function(stage):
    with pytest.raises(NotFound):
        graph(stage("mlp", "raw"), "nothing")
