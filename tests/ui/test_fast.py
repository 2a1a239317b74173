"""*Make it fast* on the page without a browser: what the buttons do, and when they can't."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tvm", reason="recipes are written for TVM")

from streamlit.testing.v1 import AppTest

from mlc_explorer.schema.trace import Step, Trace, pack, unpack
from mlc_explorer.texts import LANGUAGES, say
from mlc_explorer.ui import measuring

APP = Path(__file__).resolve().parents[2] / "app.py"
PATIENCE_SECONDS = 60


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps the traces have that the page wants measured; nothing is."""
    lengths: list[int] = []

    def begin(name: str, engine: Any, traces: list[Trace], *args: Any) -> None:
        lengths.extend(len(trace.steps) for trace in traces)

    monkeypatch.setattr(measuring, "begin", begin)
    return lengths


def explore(model: str, *steps: Step, language: str = "en", **selection: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    page.query_params["w"] = pack({"trace": Trace(model, steps).to_json(), "selection": selection})
    page.query_params["lang"] = language
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert [e.message for e in page.exception] == [] and [e.value for e in page.error] == []
    return page


def steps_of(page: AppTest) -> tuple[Step, ...]:
    text = page.query_params["w"]
    return Trace.from_json(unpack(text[0] if isinstance(text, list) else text)["trace"]).steps


def press(page: AppTest, key: str, until: Callable[[AppTest], bool]) -> AppTest:
    """Presses a button, and runs the page, as its timer would, until it shows the answer."""
    page = checked(page.button(key=key).click().run())
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until(page) and time.monotonic() < deadline:
        time.sleep(0.1)
        page = checked(page.run())
    assert until(page)
    return page


def test_a_network_gets_a_group_of_steps_and_is_measured_after_and_before(measured: list[int]) -> None:
    page = press(explore("cnn"), "fast.make", lambda page: len(steps_of(page)) > 0)
    steps = steps_of(page)
    assert {step.group for step in steps} == {"fast_cpu"}
    assert any(step.transform.startswith("conv2d_") and step.params for step in steps)
    assert measured == [len(steps), 0]
    assert page.button(key="fast.make").disabled
    assert page.button(key="fast.make").help == say("fast.done_already", number=1)
    page = checked(page.button(key="toolbar.undo").click().run())
    assert not page.button(key="fast.make").disabled


def test_the_chosen_function_gets_its_recipe(measured: list[int]) -> None:
    page = explore("matmul_128", function="main")
    assert page.button(key="fast.make").disabled
    assert page.button(key="fast.make").help == say("fast.no_graph")
    page = press(page, "fast.function", lambda page: len(steps_of(page)) > 0)
    step = steps_of(page)[-1]
    assert step.function == "main" and step.group == "" and step.params
    assert measured == []


def test_a_graph_has_no_button_for_a_function(measured: list[int]) -> None:
    assert "fast.function" not in {button.key for button in explore("mlp").button}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_function_that_no_recipe_fits_says_so(measured: list[int], language: str) -> None:
    lowered = Step("lower", "main")
    page = explore("matmul_128", lowered, function="main", language=language)
    page = press(page, "fast.function", lambda page: len(page.warning) > 0)
    (warning,) = page.warning
    assert say("fast.function_failed", language, function="main") in warning.value
    assert steps_of(page) == (lowered,)
    page = checked(page.button(key="fast.leave").click().run())
    assert not page.warning


def test_the_buttons_speak_chinese(measured: list[int]) -> None:
    page = explore("cnn", Step("LegalizeOps"), function="conv2d", language="zh")
    assert page.button(key="fast.make").label == "一键加速（CPU）"
    assert page.button(key="fast.function").label == "为此函数套用配方"
