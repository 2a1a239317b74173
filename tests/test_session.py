"""The headless face, as a person would use it: every line of it runs on a real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlc_explorer import Refused, Session, Step, Trace
from mlc_explorer.errors import BadModel, BadTrace, MlcError, NotFound
from mlc_explorer.schema.loops import LoopNode
from mlc_explorer.session import model_reference, samples, shipped_trace, targets, transforms
from mlc_explorer.store import Store
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings

pytest.importorskip("tvm", reason="a session asks an engine that compiles with TVM")

MLP_ONNX = Path(__file__).resolve().parents[1] / "sample_models" / "mlp.onnx"
SPLIT = {"function": "matmul", "loop": "matmul/k", "factors": [None, 8]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("session"))


@pytest.fixture(scope="module")
def engine(store: Store) -> Iterator[Engine]:
    engine = Engine.local(fetch=store.get, settings=Settings(workers=1).resolved())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def bare(engine: Engine) -> Session:
    return Session.open("mlp", engine=engine)


@pytest.fixture(scope="module")
def legal(bare: Session) -> Session:
    return bare.apply("LegalizeOps")


@pytest.fixture(scope="module")
def split(legal: Session) -> Session:
    return legal.select(function="matmul", path="matmul/k").apply("split", **SPLIT)


def paths(roots: tuple[LoopNode, ...]) -> list[str]:
    """The paths of a loop tree, outermost first."""
    return [path for node in roots for path in (node.path, *paths(node.children))]


# -- opening


def test_a_sample_opens_at_its_entry_function(bare: Session) -> None:
    assert bare.state().inputs[0].shape == (1, 1, 28, 28)
    assert bare.selection.function == "main"
    assert bare.trace == Trace("mlp")


def test_a_file_is_stored_by_its_digest(engine: Engine, store: Store) -> None:
    session = Session.open(MLP_ONNX, engine=engine, store=store)
    assert session.trace.model.startswith("sha256:")
    assert store.get(session.trace.model) == MLP_ONNX.read_bytes()
    assert [t.shape for t in session.state().outputs] == [(1, 10)]


def test_a_stored_file_opens_by_its_digest(engine: Engine, store: Store) -> None:
    reference = model_reference(MLP_ONNX, engine, store)
    assert Session.open(reference, engine=engine, store=store).trace.model == reference


def test_an_unknown_name_is_said_with_those_that_exist(engine: Engine) -> None:
    with pytest.raises(NotFound) as e:
        Session.open("resnet19", engine=engine)
    assert e.value.place == "resnet19"
    assert "resnet18" in e.value.hint


def test_a_file_that_is_no_model(engine: Engine, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "picture.onnx"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with pytest.raises(BadModel, match="PNG"):
        Session.open(file, engine=engine, store=store)


# -- changing


def test_a_step_gives_a_new_session_and_leaves_the_old_one(bare: Session, legal: Session) -> None:
    assert [f.name for f in bare.state().functions] == ["main"]
    assert "matmul" in [f.name for f in legal.state().functions]


def test_the_trace_is_plain_data(split: Session) -> None:
    steps = [
        {"transform": "LegalizeOps", "params": {}},
        {
            "transform": "split",
            "function": "matmul",
            "params": {"loop": "matmul/k", "factors": [None, 8]},
        },
    ]
    assert split.trace.to_json() == {"version": 1, "model": "mlp", "steps": steps}
    assert Trace.from_json(json.loads(json.dumps(split.trace.to_json()))) == split.trace


def test_undo_and_redo_move_a_cursor(legal: Session, split: Session) -> None:
    assert split.undo().trace == legal.trace
    assert split.undo().redo().trace == split.trace
    assert split.redo().cursor == 2, "there is nothing to redo"
    assert split.start_over().undo().cursor == 0, "there is nothing to undo"
    assert split.start_over().redo().redo() == split


def test_goto_looks_at_an_earlier_step(split: Session) -> None:
    assert paths(split.goto(1).loop_nest("matmul").roots) == [
        "matmul/i0", "matmul/i1", "matmul/k", "matmul",
    ]  # fmt: skip


def test_a_step_after_undo_replaces_what_redo_would_bring_back(split: Session) -> None:
    other = split.undo().apply("fuse", function="matmul", loops=["matmul/i0", "matmul/i1"])
    assert [s.transform for s in other.history.steps] == ["LegalizeOps", "fuse"]


def test_delete_last_forgets_the_step(split: Session) -> None:
    deleted = split.delete_last()
    assert [s.transform for s in deleted.history.steps] == ["LegalizeOps"]
    assert deleted.redo().trace == deleted.trace
    assert deleted.delete_last().delete_last().history.steps == ()


def test_a_refusal_says_why_and_where_and_changes_nothing(legal: Session) -> None:
    before = legal.link()
    with pytest.raises(Refused) as e:
        legal.apply("parallel", function="matmul", loop="matmul/k")
    assert "reduction" in e.value.message
    assert e.value.hint and "matmul/k" in e.value.paths
    assert legal.link() == before
    assert legal.loop_nest("matmul").roots


def test_why_not_asks_without_applying(legal: Session) -> None:
    refusal = legal.why_not("parallel", function="matmul", loop="matmul/k")
    assert isinstance(refusal, Refused) and refusal.code == "reduction_axis"
    assert legal.why_not("parallel", function="matmul", loop="matmul/i1") is None


def test_several_steps_apply_all_or_none(legal: Session) -> None:
    good = Step("split", "matmul", {"loop": "matmul/k", "factors": [None, 8]})
    bad = Step("parallel", "matmul", {"loop": "matmul/k_0"})
    with pytest.raises(Refused) as e:
        legal.apply_steps((good, bad))
    assert e.value.place == "step 3", "the first step is LegalizeOps"
    assert legal.apply_steps((good,)).cursor == 2


def test_a_broken_trace_names_its_step(engine: Engine) -> None:
    trace = Trace("mlp", (Step("LegalizeOps"), Step("split", "nope", {"loop": "a/b", "factors": [None, 2]})))
    with pytest.raises(MlcError) as e:
        Session.from_trace(trace, engine=engine)
    assert e.value.place == "step 2" and "nope" in e.value.message


# -- the selection


def test_the_selection_moves_with_a_split(split: Session) -> None:
    assert split.selection.path == "matmul/k_1"
    assert split.selection.path in paths(split.loop_nest("matmul").roots)


def test_the_selection_moves_with_a_fuse(legal: Session) -> None:
    chosen = legal.select(function="matmul", path="matmul/i1")
    fused = chosen.apply("fuse", function="matmul", loops=["matmul/i0", "matmul/i1"])
    assert fused.selection.path == "matmul/i0_i1_fused"


def test_the_selection_moves_through_several_steps(legal: Session) -> None:
    steps = (
        Step("split", "matmul", {"loop": "matmul/k", "factors": [None, 8]}),
        Step("split", "matmul", {"loop": "matmul/k_1", "factors": [None, 2]}),
    )
    after = legal.select(function="matmul", path="matmul/k").apply_steps(steps)
    assert after.selection.path in paths(after.loop_nest("matmul").roots)


def test_a_block_that_was_inlined_is_no_longer_selected(engine: Engine) -> None:
    folded = Session.open("mlp", engine=engine).apply_steps(
        (Step("FoldLinear"), Step("LegalizeOps"), Step("FuseTIR"))
    )
    chosen = folded.select(function="linear_relu", path="T_add")
    after = chosen.apply("compute_inline", function="linear_relu", block="T_add")
    assert (after.selection.function, after.selection.path) == ("linear_relu", None)


def test_a_function_that_is_gone_gives_way_to_the_entry(engine: Engine) -> None:
    grouped = Session.open("mlp", engine=engine).apply_steps((Step("FoldLinear"), Step("LegalizeOps")))
    after = grouped.select(function="matmul", path="matmul/k").apply("FuseTIR")
    assert (after.selection.function, after.selection.path) == ("main", None)


# -- links


def test_a_link_brings_all_of_it_back(split: Session, engine: Engine) -> None:
    there = split.undo().select(node="lv1")
    back = Session.from_link(there.link(), engine=engine)
    assert back == there
    assert back.redo().trace == split.trace


@pytest.mark.parametrize("damage", [lambda s: s[:-6], lambda s: "x" + s, lambda s: ""])
def test_a_damaged_link_is_said_to_be_one(split: Session, engine: Engine, damage) -> None:
    with pytest.raises(BadTrace) as e:
        Session.from_link(damage(split.link()), engine=engine)
    assert e.value.code == "link_broken" and e.value.hint


# -- looking


def test_graph(bare: Session) -> None:
    graph = bare.graph()
    assert [n.op for n in graph.nodes if n.family not in ("constant", "input", "output")] == [
        "reshape", "matmul", "add", "relu", "matmul", "add",
    ]  # fmt: skip
    assert {e.source for e in graph.edges} <= {n.id for n in graph.nodes}


def test_loop_nest(split: Session) -> None:
    tree = split.loop_nest("matmul")
    assert paths(tree.roots) == ["matmul/i0", "matmul/i1", "matmul/k_0", "matmul/k_1", "matmul"]
    assert tree.flops == 2 * 784 * 200


def test_text_and_diff(split: Session) -> None:
    text = split.text("matmul")
    assert text.level == "tir"
    assert any("k_0" in line for line in text.lines)
    assert {row.op for row in split.diff("matmul").rows} >= {"-", "+"}


def test_compiled_text(split: Session) -> None:
    assert any(line.startswith("define") for line in split.text("matmul", "llvm").lines)


def test_script_is_python_that_replays_the_steps(split: Session) -> None:
    source = split.script()
    compile(source, "script.py", "exec")
    assert "sch.split(" in source and "mlc_explorer" not in source


# -- running


def test_measure_times_and_checks(split: Session) -> None:
    news = []
    m = split.measure(target="cpu", seconds=0.2, progress=news.append)
    assert 0 < m.p10_ms <= m.median_ms <= m.p90_ms
    assert m.spread == m.p90_ms - m.p10_ms
    assert m.max_abs_error < 1e-3 and m.max_rel_error < 1e-4
    assert (m.reference, m.target, m.function) == ("untransformed", "cpu", None)
    assert {n["stage"] for n in news} & {"build", "check", "time"}


def test_measure_one_function(split: Session) -> None:
    assert split.measure("matmul", seconds=0.1).function == "matmul"


def test_run_answers_the_same_after_the_steps(bare: Session, split: Session) -> None:
    before, after = (s.run(image=3).outputs["logits"][0] for s in (bare, split))
    assert len(before) == 10
    assert after == pytest.approx(before, abs=1e-3)


# -- what there is


def test_the_catalogues(engine: Engine) -> None:
    assert {"mlp", "cnn", "transformer", "resnet18", "matmul_1024"} <= {s.name for s in samples(engine)}
    assert {"cpu", "generic"} <= {t.name for t in targets(engine)}
    specs, shortcuts = transforms(engine)
    known = {s.name for s in specs}
    assert {"split", "LegalizeOps"} <= known
    assert all(step["transform"] in known for shortcut in shortcuts for step in shortcut.steps)


@pytest.mark.parametrize("name", ["mlp", "matmul_1024"])
def test_shipped_schedules_apply(engine: Engine, name: str) -> None:
    trace = shipped_trace(name)
    assert trace is not None and trace.model == name
    assert len(Session.from_trace(trace, engine=engine).state().steps) == len(trace.steps)


@pytest.mark.parametrize("name", ["softmax", "../mlp", "sha256:00"])
def test_no_schedule_ships_with_the_others(name: str) -> None:
    assert shipped_trace(name) is None
