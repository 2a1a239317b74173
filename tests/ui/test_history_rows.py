"""What the rows of the history say, and that a closed group costs one of them."""

from __future__ import annotations

import pytest

from mlc_explorer.schema.recipe import FAST
from mlc_explorer.schema.report import FunctionInfo, Measurement, StateInfo, StepReport, TargetInfo
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import fast, history_rows, history_tree, measuring
from mlc_explorer.ui.workspace import Workspace

CPU = TargetInfo("cpu", {"kind": "llvm"}, "This CPU", (), 2)
FUNCTIONS = tuple(FunctionInfo(name, "loops", calls=1) for name in ("f", "g", "pool"))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a page and an engine: nothing is measured, `gemv` is a recipe."""
    monkeypatch.setattr(measuring, "current", lambda: None)
    monkeypatch.setattr(history_rows, "_unfolding", lambda: {"gemv": "recipe"})
    monkeypatch.setattr(fast, "_targets", lambda: {"cpu": CPU})
    monkeypatch.setattr(Workspace, "target", "cpu")


def workspace(*steps: Step, cursor: int | None = None) -> Workspace:
    at = len(steps) if cursor is None else cursor
    info = StateInfo(
        "net", "main", (FunctionInfo("main", "graph"), *FUNCTIONS), (), (), (StepReport(seconds=0.5),) * at
    )
    return Workspace(Session(Trace("net", steps), at, engine=None), info)  # type: ignore[arg-type]


def grouped(*names: str, group: str = FAST["cpu"], function: str | None = None) -> list[Step]:
    return [Step(name, function, {}, group) for name in names]


def rows(work: Workspace, *opened: str, times: dict[str, float] | None = None) -> list[dict]:
    found = {key: measurement(ms) for key, ms in (times or {}).items()}
    entries = history_tree.visible(work.session.history.steps, opened)
    return history_rows.rows(work, entries, set(opened), found, "en")


def measurement(ms: float) -> Measurement:
    return Measurement("cpu", None, ms, ms, ms, 10, 2, 0.0, 0.0, "untransformed", 0.1, "2026-11-24T10:00:00")


def test_hundreds_of_steps_in_a_closed_group_are_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        history_rows.answers,
        "tokens",
        lambda session, cursors, *_: asked.extend(cursors) or ["t"] * len(cursors),
    )
    work = workspace(*grouped(*["split"] * 300))
    shown = rows(work)
    assert [row["n"] for row in shown] == [0, 300] and shown[1]["count"] == 300
    assert asked == []  # nor does anybody learn how to ask about them
    entries = history_tree.visible(work.session.history.steps, ())
    assert len(history_rows.keys(work, entries)) == 2


def test_a_group_says_its_seconds_and_its_times_before_and_after() -> None:
    work = workspace(Step("fold"), *grouped("fuse", "gemv"))
    keys = work.keys
    group = rows(work, times={keys[1]: 8.0, keys[3]: 2.0})[-1]
    assert group["title"] == say("fast.group.fast_cpu") and group["seconds"] == 1.0
    assert (group["was"]["median_ms"], group["time"]["median_ms"]) == (8.0, 2.0)
    assert group["recipes"] == 0  # a recipe without a function can't be unfolded


def test_a_group_says_which_functions_its_rules_did_not_know() -> None:
    steps = [*grouped("gemv", function="f"), *grouped("generic", function="g")]
    (*_, group) = rows(workspace(*steps))
    assert group["note"] == " ".join(
        (say("fast.note.generic", functions="g"), say("fast.note.left", functions="pool"))
    )
    assert group["recipes"] == 1


def test_what_redo_would_bring_back_is_told_apart() -> None:
    work = workspace(Step("fold"), *grouped("fuse", "tile"), cursor=1)
    assert [row["state"] for row in rows(work)] == ["done", "done", "redo"]
    assert rows(work)[-1]["seconds"] is None  # nobody has applied them


def test_within_a_group_of_one_function_its_name_is_not_said_again() -> None:
    work = workspace(*grouped("split", "fuse", group="gemv", function="f"), Step("split", "f"))
    (group,) = history_tree.groups_around(work.session.history.steps, 0)
    shown = rows(work, group.id)
    assert [row["function"] for row in shown] == [None, "f", None, None, "f"]
    assert [row["level"] for row in shown] == [1, 1, 2, 2, 1]
