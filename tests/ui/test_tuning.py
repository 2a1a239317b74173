"""The tab "Tune" without a browser: its fields, what it says meanwhile, what it offers afterwards."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.errors import Crashed
from mlc_explorer.schema.trace import Step, Trace, pack
from mlc_explorer.schema.tuning import Heard, Trial, Tuned, Tuning, heard
from mlc_explorer.session import default_store
from mlc_explorer.texts import say
from mlc_explorer.ui import measuring, palette, tuning, tuning_shown

APP = Path(__file__).resolve().parents[2] / "app.py"
TILE = {"transform": "split", "function": "main", "params": {"loop": "matmul/i", "factors": [None, 8]}}
FUSE = {"transform": "parallel", "function": "main", "params": {"loop": "matmul/i_0"}}
RULE = {"transform": "generic", "function": "main", "params": {}}

Open = Callable[..., AppTest]


def trial(number: int, ms: float | None, kind: str = "search", function: str = "main", **more: Any) -> Trial:
    return Trial(number, ms, kind, function, **more)


def found(*trials: Trial, **more: Any) -> Tuning:
    """An ended tuning of matmul_128, whose one function is the model: 8 ms, by recipe 2 ms, tuned 1 ms."""
    ended = Tuning(
        None, "cpu", trials, (TILE, FUSE), 8.0, 1.0, 2.0, 40.0, "2026-11-24T12:00:00+00:00",
        recipe=(RULE,), base=Trace("matmul_128").to_json(), ended="trials",
        functions=(Tuned("main", 1, 8.0, 2.0, 1.0, "search"),),
    )  # fmt: skip
    return replace(ended, **more)


TRIALS = (trial(1, 2.0, "recipe"), trial(2, None, error="It crashed.", code="job_crashed"), trial(3, 1.0))


class Played:
    """A tuning that stands where the test puts it."""

    begun: Played

    def __init__(self, **asked: Any) -> None:
        self.asked, self.ended = asked, threading.Event()
        self.so_far = found(*TRIALS[:2], best=(), recipe=(), ended="", best_ms=2.0)
        self.result: Tuning | None = None
        self.error: Exception | None = None

    @classmethod
    def start(cls, engine: Any, store: Any, trace: Trace, *plan: Any) -> Played:
        names = ("function", "target", "trials", "minutes", "around")
        Played.begun = cls(trace=trace, **dict(zip(names, plan)))
        return Played.begun

    @property
    def active(self) -> bool:
        return not self.ended.is_set()

    @property
    def heard(self) -> Heard:
        return heard(self.so_far, self.asked["trials"], 4.0)

    def cancel(self) -> None:
        self.end(found(*TRIALS[:2], best_ms=2.0, best=(RULE,), ended="cancelled", cancelled=True))

    def wait(self, seconds: float | None = None) -> bool:
        return self.ended.wait(seconds)

    def end(self, result: Tuning | None = None, error: Exception | None = None) -> None:
        self.result, self.error = result, error
        self.so_far = result or self.so_far
        self.ended.set()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """`opened("bmm_relu")`: the explore page with the tab in front; a tuning that it starts is a `Played`."""
    monkeypatch.setattr(tuning, "TuningRun", Played)
    forget()

    def run(
        model: str = "matmul_128", steps: tuple[Step, ...] = (), language: str = "en", function: str = "main"
    ) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=60)
        selection = {"function": function}
        page.query_params["w"] = pack({"trace": Trace(model, steps).to_json(), "selection": selection})
        page.query_params["lang"] = language
        page.session_state[palette.TAB] = "tuning"
        return checked(page.run())

    yield run
    forget()


def forget() -> None:
    """What other tests, which share the store, have tuned."""
    default_store()._with(lambda db: db.execute("DELETE FROM tuned"))


def checked(page: AppTest) -> AppTest:
    assert [e.message for e in page.exception] == []
    return page


def shown(page: AppTest) -> dict[str, Any] | None:
    """What the component of the tab was given, if it is there."""
    protos = [json.loads(view.proto.json) for view in page.get("bidi_component")]
    return next((data for data in protos if "points" in data), None)


def begin(page: AppTest) -> tuple[AppTest, Played]:
    return checked(page.button(key="tuning.go").click().run()), Played.begun


# -- the page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_empty_tab_says_what_tuning_is_and_what_it_costs(opened: Open, language: str) -> None:
    page = opened(language=language)
    assert say("tuning.about_function", language) in [c.value for c in page.caption]
    assert shown(page) is None
    page = opened("mlp", language=language)
    assert say("tuning.about_model", language) in [c.value for c in page.caption]


def test_the_budget_is_what_was_chosen_also_after_another_tab(opened: Open) -> None:
    page = opened()
    page = checked(page.segmented_control(key="tuning.trials").set_value("own").run())
    page = checked(page.number_input(key="tuning.own_trials").set_value(12).run())
    page = checked(page.number_input(key="tuning.minutes").set_value(None).run())
    page = checked(page.toggle(key="tuning.around").set_value(False).run())
    for tab in ("ideas", "tuning"):
        page = checked(page.segmented_control(key=palette.TAB).set_value(tab).run())
    assert page.number_input(key="tuning.own_trials").value == 12
    _, run = begin(page)
    assert run.asked == {
        "trace": Trace("matmul_128"), "function": None, "target": "cpu",
        "trials": 12, "minutes": None, "around": False,
    }  # fmt: skip


def test_while_it_runs_the_page_says_how_far_it_is(opened: Open) -> None:
    page, run = begin(opened())
    data = shown(page)
    assert data is not None and data["state"] == "running"
    assert data["points"] == [[1, "recipe", 2.0], [2, "search", None]]
    assert data["of"] == 64 + 1  # the recipe comes on top
    assert data["lines"] == {"start": 8.0, "recipe": 2.0}
    assert data["ways"] == {}
    assert "tuning.go" not in [b.key for b in page.button]
    said = tuning._said(run.heard, page.session_state["tuning.begun"], "en")
    assert said == "1 of 64 · best 2 ms, 4× of the start · 4 s · main"


def test_cancel_keeps_the_best(opened: Open) -> None:
    page, run = begin(opened())
    page = checked(page.button(key="tuning.cancel").click().run())
    data = shown(page)
    assert not run.active and data is not None
    assert (data["state"], data["ended"], data["best_ms"]) == ("ended", "cancelled", 2.0)
    assert data["ways"] == {"recipe": 1}  # it was the best until then


def test_what_was_found_can_be_taken_and_stays_when_something_else_is_looked_at(opened: Open) -> None:
    page, run = begin(opened())
    run.end(found(*TRIALS))
    page = checked(page.run())
    data = shown(page)
    assert data is not None and data["ways"] == {"tuned": 2, "recipe": 1} and data["taken"] is None
    assert [c["n"] for c in data["candidates"]] == [3, 1, 2]
    assert data["candidates"][-1]["message"] == say("tuning.why.job_crashed")
    assert data["when"].startswith("2026-11-24")
    for tab in ("sweep", "tuning"):
        page = checked(page.segmented_control(key=palette.TAB).set_value(tab).run())
    assert shown(page) == data | {"seen": shown(page)["seen"]}  # type: ignore[index]


def test_an_earlier_visits_tuning_is_offered_at_once_however_the_function_is_scheduled(opened: Open) -> None:
    default_store().save_tuned(Trace("matmul_128"), found(*TRIALS))
    data = shown(opened(steps=(Step.from_json(TILE),)))
    assert data is not None and data["best_ms"] == 1.0 and data["ways"] == {"tuned": 2, "recipe": 1}


def test_steps_that_were_taken_are_known_as_such(opened: Open) -> None:
    earlier = found(*TRIALS)
    default_store().save_tuned(Trace("matmul_128"), earlier)
    steps = tuple(replace(Step.from_json(step), group="tuned") for step in earlier.best)
    data = shown(opened(steps=steps))
    assert data is not None and data["taken"] == "tuned"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_error_says_what_happened_and_what_to_do(opened: Open, language: str) -> None:
    page, run = begin(opened(language=language))
    run.end(error=Crashed("It crashed.", hint="Try again."))
    page = checked(page.run())
    warning = page.warning[0].value.replace("\\", "")
    assert say("tuning.failed_run", language) in warning and "Try again." in warning
    assert page.button(key="tuning.go").disabled is False


def test_another_model_has_another_outcome(opened: Open) -> None:
    default_store().save_tuned(Trace("matmul_128"), found(*TRIALS))
    assert shown(opened("bmm_relu")) is None


def test_a_measurement_ends_a_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Played(trials=4)
    monkeypatch.setattr(measuring, "_runs", dict)
    runs: dict[str, Any] = {}
    monkeypatch.setattr(measuring, "_runs", lambda: runs)
    monkeypatch.setattr(measuring, "Run", lambda *_: Played(trials=1))
    measuring.adopt("tuning", run)  # type: ignore[arg-type]
    measuring.begin("history", None, [], None, "cpu")  # type: ignore[arg-type]
    assert not run.active and run.result is not None and runs["history"].active


def test_a_tuning_whose_page_has_gone_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_ABANDONED_SECONDS", 0.2)
    run = Played(trials=4)
    measuring._end_if_abandoned(run, lambda: False)
    assert run.result is not None and run.result.cancelled


# -- what the component is given


TWO = (Tuned("a", 2, 4.0, 3.0, 1.0, "search"), Tuned("b", 1, 5.0, None, 5.0, "start"))


def test_a_trial_of_a_model_counts_as_the_model_would_take_with_it() -> None:
    trials = (trial(1, 3.0, "recipe", "a"), trial(2, 1.0, "search", "a"), trial(3, None, "search", "b"),
              trial(4, 6.0, "search", "b"))  # fmt: skip
    points = tuning_shown.points(found(*trials, functions=TWO))
    assert [p.ms for p in points] == [5 + 2 * 3, 5 + 2 * 1, None, 2 * 1 + 6]


def test_trials_before_every_function_had_a_time_have_no_place_on_the_curve() -> None:
    waiting = (TWO[0], replace(TWO[1], started_ms=None, best_ms=None))
    tried = found(trial(1, 3.0, "recipe", "a"), trial(2, 2.0, "recipe", "b"), functions=waiting)
    assert [p.number for p in tuning_shown.points(tried)] == [2]
    assert tuning_shown.data(tried, 8, None, "en")["lines"]["start"] is None


def test_candidates_come_by_what_their_function_weighs_then_by_their_time() -> None:
    trials = (trial(1, 6.0, function="b"), trial(2, None, function="a"), trial(3, 2.0, function="a"),
              trial(4, 1.0, function="a"))  # fmt: skip
    assert [t.number for t in tuning_shown.ranked(found(*trials, functions=TWO))] == [4, 3, 2, 1]


def test_steps_of_a_whole_model_are_one_group_with_one_for_each_function() -> None:
    inner = {**TILE, "function": "a", "group": "tuned/a"}
    before = {**RULE, "function": "b", "group": "fast_cpu"}
    passes = Trace("mlp", (Step("LegalizeOps", None, {}, "tuned"), Step("FuseOps", None, {})))
    whole = found(functions=TWO, best=(before, inner), recipe=(RULE, RULE), base=passes.to_json())
    assert [s.group for s in tuning_shown.steps(whole, "tuned")] == ["fast_cpu", "tuned/a"]
    assert [s.group for s in tuning_shown.steps(whole, "recipe")] == ["recipe", "recipe"]
    assert [s.group for s in tuning_shown.base(whole, "recipe").steps] == ["recipe", ""]


def test_a_single_step_needs_no_group() -> None:
    assert [s.group for s in tuning_shown.steps(found(), "recipe")] == [""]
    assert [s.group for s in tuning_shown.steps(found(), "tuned")] == ["tuned", "tuned"]


def test_taking_replaces_the_steps_of_that_function_alone() -> None:
    other = Step("split", "other", {"loop": "k", "factors": [None, 4]})
    mine = Step("split", "main", {"loop": "matmul/k", "factors": [None, 4]})
    here = Trace("matmul_128", (Step("LegalizeOps", None, {}), mine, other))
    after = tuning._after(here, found(function="main"), "recipe")
    assert [(s.transform, s.function) for s in after.steps] == [
        ("LegalizeOps", None), ("split", "other"), ("generic", "main"),
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), [(1.254, "1.25"), (12.54, "12.5"), (130.4, "130")])
def test_a_ratio_reads_in_three_digits(value: float, text: str) -> None:
    assert tuning_shown.ratio(value) == text
