"""Steps in the middle of a history: unfolded, taken out, edited; groups that are undone whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("tvm", reason="the history is replayed by TVM")

from mlc_explorer import MlcError, Refused, Session, Step, Trace
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings

SPLIT = Step("split", "main", {"loop": "matmul/k", "factors": [None, 8]})
UNROLL = Step("unroll", "main", {"loop": "matmul/k_1"})
PARALLEL = Step("parallel", "main", {"loop": "matmul/i"})


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.local(fetch=lambda digest: b"", settings=Settings(workers=1).resolved())
    yield engine
    engine.close()


@pytest.fixture
def matmul(engine: Engine) -> Session:
    return Session.from_trace(Trace("matmul_128", (SPLIT, UNROLL, PARALLEL)), engine=engine)


@pytest.fixture
def softmax(engine: Engine) -> Session:
    return Session.open("softmax", engine=engine).apply("cpu_reduction", "main")


def names(session: Session) -> list[str]:
    return [step.transform for step in session.history.steps]


def loops(session: Session) -> list[str]:
    """The text without the mark that a rule leaves on its function."""
    return [line for line in session.text().lines if "T.func_attr" not in line]


def test_a_rule_unfolds_into_primitives_that_do_the_same(softmax: Session) -> None:
    unfolded = softmax.unfold(0)
    assert {"split", "vectorize", "parallel", "compute_at"} <= set(names(unfolded))
    assert {step.group for step in unfolded.history.steps} == {"cpu_reduction"}
    assert unfolded.cursor == len(unfolded.history.steps)
    assert loops(unfolded) == loops(softmax)


def test_what_is_one_step_can_not_be_unfolded(matmul: Session) -> None:
    with pytest.raises(Refused) as refused:
        matmul.unfold(1)
    assert refused.value.code == "nothing_to_unfold" and refused.value.place == "step 2"
    assert matmul.unfold(0, 3).history == matmul.history, "of several, those that can be"


def test_a_step_is_taken_out_of_the_middle(matmul: Session) -> None:
    without = matmul.without(1)
    assert names(without) == ["split", "parallel"] and without.cursor == 2
    assert not any("unroll" in line for line in without.text().lines)


def test_a_step_that_others_need_stays_and_the_first_of_them_is_named(matmul: Session) -> None:
    with pytest.raises(MlcError) as error:
        matmul.without(0)
    assert error.value.place == "step 1", "the unroll, which is the first step now, finds no loop k_1"
    assert names(matmul) == ["split", "unroll", "parallel"]
    assert names(matmul.without(0, 2)) == ["parallel"]


def test_a_step_is_edited_in_place(matmul: Session) -> None:
    edited = matmul.replaced(0, replace(SPLIT, params={"loop": "matmul/k", "factors": [None, 16]}))
    assert any("T.unroll(16)" in line for line in edited.text().lines)
    with pytest.raises(MlcError):
        matmul.replaced(0, replace(SPLIT, params={"loop": "matmul/j", "factors": [None, 8]}))


def test_the_cursor_stays_at_what_is_on_screen(matmul: Session) -> None:
    assert matmul.goto(1).without(2).cursor == 1
    assert matmul.goto(2).without(0, 2).cursor == 0
    with pytest.raises(IndexError):
        matmul.without(3)


def test_a_group_is_undone_and_redone_whole(softmax: Session) -> None:
    session = softmax.apply(
        "annotate", "main", place="divide/ax0", key="pragma_unroll_explicit", value=1
    ).unfold(0)
    count = len(session.history.steps)
    last = session.undo()
    assert last.cursor == count - 1
    assert last.undo().cursor == 0
    assert last.undo().redo().cursor == count - 1
    within = session.goto(3)
    assert (within.undo().cursor, within.redo().cursor) == (2, 4), "in the middle of a group, step by step"


def test_a_group_changes_no_key() -> None:
    steps = (SPLIT, UNROLL)
    grouped = tuple(replace(step, group="fast_cpu/matmul") for step in steps)
    assert Trace("matmul_128", steps).keys() == Trace("matmul_128", grouped).keys()
    assert Trace.loads(Trace("matmul_128", grouped).dumps()).steps == grouped
