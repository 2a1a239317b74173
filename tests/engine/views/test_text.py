"""The text of a function starts at its decorator, and every loop, block and binding knows its lines."""

import itertools

import pytest
import tvm
import tvm_ffi
from tvm.s_tir import Schedule
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from mlc_explorer.engine import loaders, paths
from mlc_explorer.engine.views.graph import sketch
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.text import IMPORTS, parse, text
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.text import TextView

FUNCTIONS = [s.name for s in loaders.samples() if s.kind == "function"]
NETWORKS = [s.name for s in loaders.samples() if s.kind == "network"]
ALL_STAGES = list(itertools.product(["mlp", "cnn", "transformer"], ["legalised", "fused", "zero", "default"]))


def with_marks(view: TextView) -> str:
    """The text with line numbers, then its marks: what the golden files hold."""
    lines = [f"{i:3} {line}" for i, line in enumerate(view.lines, 1)]
    return "\n".join([*lines, "", *(f"{m.line}-{m.end} {m.kind} {m.path}" for m in view.marks), ""])


@pytest.mark.parametrize("name", ["raw", "legalised", "grouped", "default"])
def test_mlp_main_as_relax(stage, golden, name):
    golden(f"views/mlp_{name}_main.relax.txt", with_marks(text(stage("mlp", name), "main", "relax")))


def test_fused_linear_as_tir(stage, golden):
    view = text(stage("mlp", "fused"), "fused_matmul_add_relu", "tir")
    golden("views/mlp_fused_matmul_add_relu.tir.txt", with_marks(view))


def test_scheduled_matmul_as_tir(scheduled, golden):
    golden("views/matmul_128_scheduled.tir.txt", with_marks(text(scheduled, "main", "tir")))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_sample_function(golden, name):
    golden(f"views/{name}.tir.txt", with_marks(text(loaders.load(name).mod, "main", "tir")))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_text_is_source_for_sample_functions(name):
    mod = loaders.load(name).mod
    assert tvm_ffi.structural_equal(parse(text(mod, "main", "tir")), mod["main"])


@pytest.mark.parametrize(("model", "name"), [*ALL_STAGES, ("resnet18", "zero")])
def test_text_is_source_at_every_stage(stage, model, name):
    mod = stage(model, name)
    for function in names(mod):
        if isinstance(mod[function], PrimFunc):
            read = parse(text(mod, function, "tir"))
            # A public function says its name in an attribute; the decorator says it in the name alone.
            assert tvm_ffi.structural_equal(
                read.without_attr("global_symbol"), mod[function].without_attr("global_symbol")
            ), function


def test_text_of_a_schedule_is_source(scheduled):
    assert tvm_ffi.structural_equal(parse(text(scheduled, "main", "tir")), scheduled["main"])


def test_the_documented_imports_make_it_a_python_file(scheduled, tmp_path):
    file = tmp_path / "matmul.py"
    file.write_text("\n".join([*IMPORTS, "", *text(scheduled, "main", "tir").lines]))
    space: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    assert tvm_ffi.structural_equal(space["main"], scheduled["main"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_loop_and_block_has_its_line(name):
    mod = loaders.load(name).mod
    view = text(mod, "main", "tir")
    assert [m.path for m in view.marks] == [p.path for p in paths.walk(mod["main"])]
    for mark, place in zip(view.marks, paths.walk(mod["main"])):
        header = view.lines[mark.line - 1].strip()
        if place.kind == "loop":
            assert header.startswith(f"for {place.name} in ")
        else:
            assert header == f'with T.sblock("{place.name}"):'


@pytest.mark.parametrize(
    ("model", "name"), [*itertools.product(["mlp", "cnn", "transformer"], ["raw", "default"])]
)
def test_every_call_of_the_graph_has_its_line(stage, model, name):
    mod = stage(model, name)
    calls = [
        n.id for n in sketch(mod, "main").nodes.values() if n.family not in ("input", "constant", "output")
    ]
    assert [m.path for m in text(mod, "main", "relax").marks] == calls


def test_a_mark_ends_where_its_body_ends(scheduled):
    view = text(scheduled, "main", "tir")
    ends = {m.path: view.lines[m.end - 1].strip() for m in view.marks}
    update = "C[v_i, v_j] = C[v_i, v_j] + A[v_i, v_k] * B[v_k, v_j]"
    assert ends["matmul_init"] == "C[v_i, v_j] = T.float32(0.0)"
    assert ends["matmul_init/j_0"] == ends["matmul_init/i"] == ends["matmul_update"] == update


def test_an_object_that_stands_in_two_places_has_two_lines():
    """Unrolling by hand may share one loop object; its second line must not be the first again."""

    @T.prim_func(s_tir=True)
    def one(a: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.sblock("b"):
                v = T.axis.spatial(4, i)
                a[v] = a[v] + T.float32(1)

    root = one.body.block
    from tvm.s_tir import SBlock, SBlockRealize
    from tvm.tirx import SeqStmt

    twice = SBlock([], [], [], "root", SeqStmt([root.body, root.body]))
    func = PrimFunc(one.params, SBlockRealize([], True, twice)).with_attr("s_tir", True)
    marks = text(tvm.IRModule({"main": func}), "main", "tir").marks
    assert [m.path for m in marks if m.kind == "block"] == ["b", "b#2"]
    assert len({m.line for m in marks}) == len(marks)


def test_a_root_block_that_matters_stays():
    """A root with an annotation is no empty frame: it is printed, and read back."""
    sch = Schedule(loaders.load("matmul_128").mod)
    sch.annotate(sch.get_sblock("root"), "meta_schedule.parallel", 2)
    view = text(sch.mod, "main", "tir")
    assert '    with T.sblock("root"):' in view.lines
    assert tvm_ffi.structural_equal(parse(view), sch.mod["main"])


def test_an_unknown_function_names_the_closest(stage):
    with pytest.raises(NotFound, match="matmull") as refused:
        text(stage("mlp", "legalised"), "matmull", "tir")
    assert "matmul" in refused.value.hint


@pytest.mark.parametrize(("function", "level"), [("main", "tir"), ("matmul", "relax")])
def test_a_level_that_a_function_has_not(stage, function, level):
    with pytest.raises(NotFound):
        text(stage("mlp", "legalised"), function, level)
