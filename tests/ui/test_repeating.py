"""Pasted schedules, and steps that are repeated elsewhere, on the page without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.schema.trace import Step, Trace, pack, unpack
from mlc_explorer.texts import LANGUAGES, say

APP = Path(__file__).resolve().parents[2] / "app.py"
LEGAL = Step("LegalizeOps")


def explore(
    model: str, *steps: Step, function: str = "main", path: str | None = None, language: str = "en"
) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=60)
    selection = {"function": function} | ({"path": path} if path else {})
    page.query_params["w"] = pack({"trace": Trace(model, steps).to_json(), "selection": selection})
    page.query_params["lang"] = language
    return page.run()


def steps_of(page: AppTest) -> list[tuple[str, str | None]]:
    text = page.query_params["w"]
    data = unpack(text[0] if isinstance(text, list) else text)
    return [(step.transform, step.function) for step in Trace.from_json(data["trace"]).steps]


def paste(page: AppTest, text: str) -> AppTest:
    page.text_area(key="toolbar.paste").set_value(text)
    return page.button(key="toolbar.paste.apply").click().run()


def test_a_pasted_schedule_is_added_after_the_step_on_screen() -> None:
    page = explore("matmul_128", Step("vectorize", "main", {"loop": "matmul/j"}))
    text = "block = sch.get_sblock('matmul')\ni, j, k = sch.get_loops(block)\nsch.parallel(i)"
    page = paste(page, text)
    assert not page.exception and not page.warning
    assert steps_of(page) == [("vectorize", "main"), ("parallel", "main")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_does_not_apply_is_told_and_stays_in_the_box(language: str) -> None:
    page = paste(
        explore("matmul_128", language=language), "i, j, k = sch.get_loops('matmul')\nsch.vectorize(k)"
    )
    assert steps_of(page) == []
    assert "matmul/k" in " ".join(w.value for w in page.warning).replace("\\", "")
    assert "sch.vectorize(k)" in page.text_area(key="toolbar.paste").value


def test_a_step_repeats_on_the_other_functions_of_its_kind() -> None:
    step = Step("vectorize", "add", {"loop": "T_add/ax1"})
    page = explore("mlp", LEGAL, step, function="add")
    page = page.button(key="repeat.open").click().run()
    assert not page.exception
    where = next(m for m in page.multiselect if m.key.startswith("repeat.where"))
    assert "add1" in where.value
    taken = len(where.value)
    page = page.button(key="repeat.apply").click().run()
    assert not page.warning
    steps = steps_of(page)
    assert len(steps) == 2 + taken and ("vectorize", "add1") in steps


def test_a_step_of_the_whole_model_offers_no_repetition() -> None:
    page = explore("mlp", LEGAL)
    assert "repeat.open" not in [b.key for b in page.button]
    assert say("repeat.open", "zh") != say("repeat.open", "en")


def test_a_selection_that_a_step_dissolves_is_said_to_be_gone() -> None:
    page = explore("softmax", path="exp/j")
    page = paste(page, "block = sch.get_sblock('exp')\nsch.compute_inline(block)")
    assert not page.exception
    assert steps_of(page) == [("compute_inline", "main")]
    said = " ".join(i.value for i in page.info).replace("\\", "")
    assert "exp/j" in said and "no longer there" in said
