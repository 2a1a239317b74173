"""A pipeline pass by pass: what ran, what it took, what it changed, and any pass before and after."""

import json
from types import SimpleNamespace

import pytest
import tvm
import tvm_ffi
from tvm import relax

from mlc_explorer.engine import build, service
from mlc_explorer.engine.replay import replay
from mlc_explorer.engine.views import describe, pass_capture, pass_steps
from mlc_explorer.engine.views import pipeline as views
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import JobFailed, NotFound, Refused
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.pipeline import NAMES, PIPELINES, PassDiff, PipelineView
from mlc_explorer.schema.trace import Step, Trace


def no_upload(digest):
    raise AssertionError("samples need no upload")


def ran(model, pipeline, *steps, told=None):
    trace = Trace(model, steps).to_json()
    progress = (lambda *what: told.append(what)) if told is not None else (lambda *what: None)
    return service.pipeline(trace, no_upload, progress, pipeline)


def one(model, pipeline, index, function=None):
    return service.pipeline_pass(Trace(model).to_json(), no_upload, index, pipeline, function=function)


def named(view, name):
    return next(p for p in view.passes if p.name == name)


@pytest.fixture(autouse=True)
def afresh():
    views.forget()


# -- what ran


def test_golden_passes_of_a_compilation(golden):
    """Nesting, name, and what each pass changed; not the times, which are the machine's."""
    rows = (
        f"{'  ' * p.depth}{p.name}" + (f"  changed {', '.join(p.changed)}" if p.changed else "")
        for p in ran("mlp", "compile").passes
    )
    golden("views/mlp.pipeline.txt", "\n".join(rows) + "\n")


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda p: p.name)
def test_a_small_model_has_the_usual_number_of_passes(pipeline):
    assert len(ran("mlp", pipeline.name).passes) == pipeline.usual


def test_constants_are_folded_by_a_whole_compilation_of_their_own():
    """The CNN has constants to fold, and so some two hundred passes, most of them inside FoldConstant."""
    view = ran("cnn", "compile_fused")
    assert len(view.passes) > 150
    fold = named(view, "FoldConstant")
    inside = [p for p in view.passes if p.parent == fold.index]
    assert {"tirx.BindTarget", "tirx.Filter"} <= {p.name for p in inside}
    assert fold.own_seconds < fold.seconds


def test_compiling_goes_from_the_graph_to_the_host():
    names = [p.name for p in ran("mlp", "compile").passes]
    way = [
        "LegalizeOps",
        "StaticPlanBlockMemory",
        "s_tir.LowerInitBlock",
        "tirx.MakePackedAPI",
        "tirx.LowerIntrin",
    ]
    assert [n for n in names if n in way] == way
    assert "FuseOps" not in names, "what is measured is not fused behind a person's back"


def test_a_function_alone_is_compiled_without_the_passes_of_graphs():
    assert ran("matmul_128", "compile").passes[0].name == "tirx.BindTarget"


def test_the_steps_that_were_taken_come_before():
    fused = ran("mlp", "compile", Step("zero"))
    assert "fused_matmul_add_relu" in named(fused, "s_tir.LowerInitBlock").changed


def test_a_pass_inside_another_one_knows_it():
    view = ran("mlp", "compile_fused")
    for row in view.passes:
        parents = [p for p in view.passes if p.index == row.parent]
        assert len(parents) == (row.depth > 0)
        assert all(p.depth == row.depth - 1 and p.index < row.index for p in parents)
    inner = named(view, "FuseTIRInner")
    assert view.passes[inner.parent].name == "FuseTIR"


# -- time


@pytest.mark.parametrize("pipeline", NAMES)
def test_own_times_add_up_to_the_whole(pipeline):
    view = ran("mlp", pipeline)
    own = sum(p.own_seconds for p in view.passes)
    assert own + view.outside_seconds == pytest.approx(view.seconds, rel=0.01)
    assert all(0 <= p.own_seconds <= p.seconds for p in view.passes)


def test_looking_on_is_no_part_of_a_passs_time(monkeypatch):
    """By a clock that stands still while passes run and goes on while functions are compared."""
    now = [0.0]

    def compare_slowly(a, b, equal=pass_capture._equal):
        now[0] += 10
        return equal(a, b)

    monkeypatch.setattr(pass_capture, "_equal", compare_slowly)
    monkeypatch.setattr(pass_capture, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    capture = pass_capture.Capture()
    with tvm.transform.PassContext(instruments=[capture]):
        relax.get_pipeline("zero")(replay(Trace("mlp"), no_upload).mod)
    assert capture.looking_seconds == now[0] > 100
    assert {(r.seconds, r.own_seconds) for r in capture.records} == {(0, 0)}


# -- what changed


def test_what_changed_is_told_from_what_did_not():
    view = ran("mlp", "zero")
    fuse = named(view, "FuseOps")
    assert fuse.changed_anything and "main" in fuse.changed
    assert fuse.added and all(name.startswith("fused_") for name in fuse.added)
    assert set(named(view, "DeadCodeElimination").removed) == set()
    assert not named(view, "FoldConstant").changed_anything
    compiled = ran("mlp", "compile")
    assert not named(compiled, "s_tir.LowerAutoCopy").changed_anything, "it rebuilds, and changes nothing"


def test_legalising_before_and_after_is_what_the_step_does():
    view = ran("mlp", "zero")
    row = named(view, "LegalizeOps")
    assert row.changed == ("main",) and "matmul" in row.added
    shown = one("mlp", "zero", row.index)
    assert shown.functions == ("main", *row.added)
    stepped = service.diff(Trace("mlp", (Step("LegalizeOps"),)).to_json(), no_upload, "main")
    assert shown.diff == stepped
    added = one("mlp", "zero", row.index, "matmul")
    assert (added.level, added.diff.before) == ("tir", ())
    assert {r.op for r in added.diff.rows} == {"+"}


def test_a_function_that_went_is_shown_as_removed():
    row = next(p for p in ran("mlp", "compile_fused").passes if p.removed)
    shown = one("mlp", "compile_fused", row.index, row.removed[0])
    assert shown.diff.after == () and {r.op for r in shown.diff.rows} == {"-"}


def test_a_pass_that_did_nothing_has_nothing_to_show():
    index = named(ran("mlp", "zero"), "FoldConstant").index
    shown = one("mlp", "zero", index)
    assert (shown.functions, shown.function, shown.diff) == ((), None, None)


def test_every_change_of_compiling_can_be_shown():
    """Down to the calling convention, where no block and no loop is left to mark."""
    for row in ran("mlp", "compile").passes:
        for function in (*row.changed, *row.added, *row.removed):
            assert one("mlp", "compile", row.index, function).diff.rows


def test_a_run_that_is_no_longer_remembered_is_made_again():
    index = named(ran("mlp", "zero"), "LegalizeOps").index
    known = one("mlp", "zero", index)
    views.forget()
    assert one("mlp", "zero", index) == known


def test_a_bounded_number_of_runs_is_remembered():
    for model in ("matmul_128", "softmax", "layer_norm", "conv2d", "bmm_relu"):
        ran(model, "zero")
    assert len(views._runs) == views._KEPT


# -- what it could become


def stepped(view, index, model="mlp"):
    steps = tuple(Step.from_json(s) for s in view.steps_to(index))
    return steps, replay(Trace(model, steps), no_upload).mod


def test_the_steps_up_to_a_pass_lead_to_where_it_ran():
    view = ran("mlp", "zero")
    steps, mod = stepped(view, named(view, "FuseTIR").index)
    assert [s.transform for s in steps] == ["LegalizeOps", "AnnotateTIROpPattern", "FuseOps", "FuseTIR"]
    assert tvm_ffi.structural_equal(mod, replay(Trace("mlp", (Step("zero"),)), no_upload).mod)


def test_lowering_can_be_taken_over_step_by_step():
    view = ran("mlp", "compile")
    steps, mod = stepped(view, named(view, "VMShapeLower").index)
    assert len(steps) == 10 and steps[1] == Step("RewriteDataflowReshape")
    shown = one("mlp", "compile", named(view, "VMShapeLower").index)
    assert describe.has_function(mod, "main")
    assert text(mod, "main", "relax").lines == shown.diff.after
    assert shown.way == view.steps_to(shown.index)


def test_there_is_no_way_by_steps_past_a_pass_that_is_none():
    view = ran("mlp", "compile")
    assert view.steps_to(named(view, "s_tir.LowerInitBlock").index) is None, "tirx.BindTarget goes before"
    assert view.steps_to(named(view, "sequential").index) is None
    fused = ran("mlp", "compile_fused")
    assert fused.steps_to(named(fused, "FuseTIRInner").index) is None


@pytest.mark.parametrize(
    "name, step, reason",
    [
        ("FuseOps", Step("FuseOps"), ""),
        ("KillAfterLastUse", Step("KillAfterLastUse"), ""),
        (
            "DataflowInsertInPlaceCalls",
            Step("DataflowUseInplaceCalls"),
            "",
        ),
        ("s_tir.StmtSimplify", Step("run_pass", None, {"pass_name": "s_tir.StmtSimplify"}), ""),
        ("sequential", None, "sequence"),
        ("FuseTIRInner", None, "inner"),
        ("s_tir.ThreadSync", None, "arguments"),
        ("tirx.NarrowDataType", None, "arguments"),
        ("tirx.MakePackedAPI", None, "stage"),
    ],
)
def test_what_a_pass_could_become(name, step, reason):
    assert pass_steps.step(name) == (step, reason)


@pytest.mark.parametrize(
    "name, kind",
    [("LegalizeOps", "module"), ("FoldConstant", "function"), ("tirx.FlattenBuffer", "function"),
     ("FuseTIR", "sequence"), ("f_zero_pipeline", "sequence"), ("FuseTIRInner", "")],
)  # fmt: skip
def test_which_kind_of_pass_it_is(name, kind):
    assert pass_steps.kind(name) == kind


# -- as data, and what goes wrong


def test_both_answers_are_data():
    view = ran("mlp", "zero")
    assert decode(PipelineView, json.loads(json.dumps(encode(view)))) == view
    shown = one("mlp", "zero", named(view, "FuseOps").index)
    assert decode(PassDiff, json.loads(json.dumps(encode(shown)))) == shown


def test_progress_names_passes_and_goes_up():
    told = []
    view = ran("mlp", "compile", told=told)
    assert [name for name, _ in told] == [p.name for p in view.passes]
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions) and 0 <= fractions[-1] < 1


def test_what_is_not_there_is_not_found():
    with pytest.raises(NotFound) as caught:
        ran("mlp", "fast")
    assert "compile_fused" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        one("mlp", "zero", 99)
    assert caught.value.code == "pass_missing"
    index = named(ran("mlp", "zero"), "FuseOps").index
    with pytest.raises(NotFound) as caught:
        one("mlp", "zero", index, "reshape_of_nothing")
    assert caught.value.code == "pass_left_function"


def test_loops_for_a_gpu_are_refused_with_their_place():
    bound = Step("bind", "main", {"loop": "matmul/i", "thread": "threadIdx.x"})
    with pytest.raises(Refused) as caught:
        ran("matmul_128", "compile", bound)
    assert caught.value.paths == ("matmul/i",) and caught.value.hint


@tvm.transform.module_pass(opt_level=0, name="Boom")
def boom(mod, context):
    raise ValueError("out of powder")


def test_a_pass_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(build, "PIPELINE", tvm.transform.Sequential([relax.transform.LegalizeOps(), boom]))
    with pytest.raises(JobFailed, match="powder") as caught:
        ran("mlp", "compile")
    assert (caught.value.code, caught.value.place) == ("pipeline_failed", "Boom")
    assert "Boom" in caught.value.message and caught.value.hint


def test_code_that_can_not_be_made_is_no_passs_fault(monkeypatch):
    monkeypatch.setattr(build, "PIPELINE", relax.transform.LegalizeOps())
    with pytest.raises(JobFailed) as caught:
        ran("mlp", "compile")
    assert (caught.value.code, caught.value.place) == ("pipeline_made_no_code", "")
