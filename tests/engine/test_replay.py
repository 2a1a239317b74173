"""Replay: a trace becomes a state, step by step, and no step runs twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.ir import assert_structural_equal
from tvm.s_tir import Schedule

from mlc_explorer.engine import loaders, replay
from mlc_explorer.engine.replay import apply, python_lines
from mlc_explorer.errors import BadTrace, NotFound, Refused
from mlc_explorer.schema.trace import Step, Trace

TRACES = sorted((Path(__file__).parents[2] / "sample_models" / "traces").glob("*.json"))


def no_uploads(digest: str) -> bytes:
    raise AssertionError("a sample needs no upload")


def states(trace: Trace) -> replay.State:
    return replay.replay(trace, no_uploads)


def split(function: str, loop: str, *factors: int | None) -> Step:
    return Step("split", function, {"loop": loop, "factors": list(factors)})


@pytest.fixture(autouse=True)
def empty_cache():
    replay.forget()
    yield
    replay.forget()


MATMUL = Trace(
    "matmul_128",
    (
        split("main", "matmul/k", None, 8),
        Step("reorder", "main", {"loops": ["matmul/k_0", "matmul/j"]}),
        Step("decompose_reduction", "main", {"block": "matmul", "loop": "matmul/k_0"}),
    ),
)


def test_a_bare_model_is_the_model_as_loaded():
    state = states(Trace("matmul_128"))
    assert (state.entry, state.reports) == ("main", ())
    assert_structural_equal(state.mod, loaders.load("matmul_128").mod)


def test_each_step_reports_what_it_did():
    reports = states(MATMUL).reports
    assert [r.changed for r in reports] == [("main",)] * 3
    assert reports[0].moved == {"main:matmul/k": "main:matmul/k_1"}
    assert reports[2].moved["main:matmul"] == "main:matmul_update"
    assert all(r.seconds > 0 for r in reports)


def test_a_graph_pass_reports_the_functions_it_added_and_removed():
    steps = (Step("FoldLinear"), Step("LegalizeOps"), Step("FuseTIR"))
    fold, legalise, fuse = states(Trace("mlp", steps)).reports
    assert fold.added == ("linear", "linear_relu") and fold.changed == ("main",)
    assert set(legalise.added) > {"matmul", "add", "relu"} and set(legalise.changed) > {"linear", "main"}
    assert set(fuse.removed) >= {"matmul", "add", "relu"} and "linear_relu" in fuse.changed


def test_a_pass_that_changes_nothing_says_so():
    report = states(Trace("mlp", (Step("DeadCodeElimination"),))).reports[-1]
    assert (report.changed, report.added, report.removed, dict(report.moved)) == ((), (), (), {})


def test_a_longer_trace_runs_its_new_steps_only(monkeypatch):
    ran = []
    real = replay.apply_step
    monkeypatch.setattr(replay, "apply_step", lambda mod, step: ran.append(step.transform) or real(mod, step))
    states(MATMUL.upto(2))
    states(MATMUL)
    states(MATMUL.upto(1))
    states(MATMUL)
    assert ran == ["split", "reorder", "decompose_reduction"]


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(replay, "MOST_STATES", 3)
    for factor in (2, 4, 8, 16, 32):
        states(Trace("matmul_128", (split("main", "matmul/k", None, factor),)))
    assert len(replay._states) == 3


def test_states_share_nothing_that_changes():
    before = states(Trace("matmul_128"))
    text = before.mod.script()
    after = apply(before, MATMUL.steps[0])
    assert before.mod.script() == text
    assert after.mod["main"].script() != before.mod["main"].script()
    assert before.reports == () and len(after.reports) == 1


def test_a_step_on_one_function_leaves_the_others_the_same_objects():
    before = states(Trace("mlp", (Step("LegalizeOps"),)))
    after = apply(before, split("matmul", "matmul/k", None, 8))
    assert after.mod["main"].same_as(before.mod["main"])
    assert after.reports[-1].changed == ("matmul",)


def test_the_step_that_fails_is_named_with_its_parameter():
    with pytest.raises(BadTrace) as caught:
        states(Trace("matmul_128", (MATMUL.steps[0], split("main", "matmul", None, 8))))
    assert caught.value.place == "step 2"
    assert caught.value.params["step"] == 2
    assert caught.value.params["param"] == "loop"


def test_a_refused_step_keeps_its_reason_and_paths():
    with pytest.raises(Refused) as caught:
        states(Trace("matmul_128", (Step("parallel", "main", {"loop": "matmul/k"}),)))
    assert caught.value.place == "step 1"
    assert caught.value.code == "reduction_axis"
    assert caught.value.paths == ("matmul/k", "matmul")


def test_after_a_failure_the_steps_before_it_are_there():
    with pytest.raises(NotFound):
        states(Trace("matmul_128", (MATMUL.steps[0], Step("nonsense"))))
    assert len(states(MATMUL.upto(1)).reports) == 1


def test_a_trace_may_not_have_more_steps_than_any_model_needs():
    steps = (Step("CanonicalizeBindings"),) * 4001
    with pytest.raises(Refused) as caught:
        states(Trace("matmul_128", steps))
    assert caught.value.code == "too_many_steps"


def test_an_unknown_model_is_not_found():
    with pytest.raises(NotFound):
        states(Trace("no_such_model"))


def test_the_json_form_of_a_trace_gives_the_same_state():
    again = Trace.from_json(json.loads(json.dumps(MATMUL.to_json())))
    assert_structural_equal(states(again).mod, states(MATMUL).mod)


@pytest.mark.parametrize("file", TRACES, ids=lambda f: f.stem)
def test_a_shipped_trace_as_plain_tvm_python_gives_the_same_module(file):
    trace = Trace.loads(file.read_text(encoding="utf-8"))
    state = states(trace)
    names = {"tvm": tvm, "relax": relax, "Schedule": Schedule, "mod": loaders.load(trace.model).mod}
    for lines in python_lines(trace, no_uploads):
        exec(lines, names)
    assert_structural_equal(names["mod"], state.mod)


@pytest.mark.parametrize("file", TRACES, ids=lambda f: f.stem)
def test_every_step_of_a_shipped_trace_changes_something(file):
    for report in states(Trace.loads(file.read_text(encoding="utf-8"))).reports:
        assert report.changed or report.added or report.removed


def shipped(name: str) -> Trace:
    return Trace.loads(next(f for f in TRACES if f.stem == name).read_text(encoding="utf-8"))


def test_the_shipped_matmul_computes_the_product():
    trace = shipped("matmul_1024")
    a, b = loaders.load(trace.model).example_inputs()
    out = tvm.runtime.empty((1024, 1024), "float32")
    tvm.compile(states(trace).mod, target="llvm")["main"](tvm.runtime.tensor(a), tvm.runtime.tensor(b), out)
    np.testing.assert_allclose(out.numpy(), a @ b, atol=1e-3)


def test_the_shipped_mlp_computes_what_the_bare_one_does():
    trace = shipped("mlp")
    inputs = [tvm.runtime.tensor(v) for v in loaders.load(trace.model).example_inputs()]

    def run(state: replay.State) -> np.ndarray:
        return relax.VirtualMachine(tvm.compile(state.mod, target="llvm"), tvm.cpu())["main"](*inputs).numpy()

    np.testing.assert_allclose(run(states(trace)), run(states(trace.upto(0))), atol=1e-4)
