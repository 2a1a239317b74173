"""The passes page without a browser: what it says before, while and after a pipeline runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.errors import Cancelled, Refused
from mlc_explorer.schema.pipeline import NAMES
from mlc_explorer.schema.trace import Trace, pack, unpack
from mlc_explorer.texts import say
from mlc_explorer.ui import passes, views

APP = Path(__file__).resolve().parents[2] / "app.py"
THREADS = {"transform": "bind", "function": "main", "params": {"loop": "matmul/i", "thread": "threadIdx.x"}}

Open = Callable[..., AppTest]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """`opened("mlp", steps)`: the passes page on that workspace, where nothing has run yet."""
    monkeypatch.setattr(views, "_answers", OrderedDict())

    def run(model: str = "mlp", steps: list[dict[str, Any]] | None = None, language: str = "en") -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=60)
        page.query_params["w"] = pack({"trace": {"version": 1, "model": model, "steps": steps or []}})
        page.query_params["lang"] = language
        return checked(page.run().switch_page("pages/passes.py").run())

    return run


def checked(page: AppTest) -> AppTest:
    assert [e.message for e in page.exception] == []
    return page


def finished(page: AppTest) -> AppTest:
    """The page after Run, when the job has ended."""
    page = checked(page.button(key="passes.start").click().run())
    run = page.session_state["passes.run"]
    assert run.job.done(60)
    return checked(page.run())


def views_of(page: AppTest) -> list[Any]:
    return page.get("bidi_component")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_empty_page_says_what_to_do_and_what_there_is(opened: Open, language: str) -> None:
    page = opened(language=language)
    said = "\n".join(m.value for m in page.markdown)
    assert say("passes.empty_title", language) in said
    assert all(say(f"passes.name.{name}", language) in said for name in NAMES)
    assert page.button_group(key=passes.PIPELINE).value == "compile"
    assert not views_of(page)


def test_a_run_shows_its_passes(opened: Open) -> None:
    page = finished(opened())
    assert len(views_of(page)) == 1
    assert say("passes.empty_title") not in "\n".join(m.value for m in page.markdown)


def test_what_ran_is_kept_for_each_pipeline_and_state(opened: Open) -> None:
    page = finished(opened())
    page = checked(page.button_group(key=passes.PIPELINE).set_value("zero").run())
    assert not views_of(page), "zero has not run yet"
    page = checked(page.button_group(key=passes.PIPELINE).set_value("compile").run())
    assert len(views_of(page)) == 1


def test_running_again_replaces_the_times(opened: Open) -> None:
    page = finished(opened())
    asked = page.session_state["passes.run"].asked
    first = views.known(asked)
    page = finished(page)
    assert views.known(asked) != first and len(views_of(page)) == 1


def test_a_pipeline_that_stops_says_where_and_what_to_do(opened: Open) -> None:
    page = finished(opened("matmul_128", [THREADS]))
    assert len(page.warning) == 1
    assert say("passes.failed") in page.warning[0].value
    assert "lightbulb" in page.warning[0].value, "the hint"
    assert not views_of(page)


def test_the_page_works_on_the_workspace_of_the_explore_page(opened: Open) -> None:
    page = opened("mlp", [{"transform": "LegalizeOps", "params": {}}])
    text = page.query_params["w"]
    trace = Trace.from_json(unpack(text[0] if isinstance(text, list) else text)["trace"])
    assert [s.transform for s in trace.steps] == ["LegalizeOps"]
    assert page.selectbox(key="toolbar.model").value == "mlp"


def test_cancel_ends_the_run_and_the_page_is_as_before(opened: Open) -> None:
    page = checked(opened("resnet18").button_group(key=passes.PIPELINE).set_value("compile_fused").run())
    page = checked(page.button(key="passes.start").click().run())
    job = page.session_state["passes.run"].job
    page = checked(page.button(key="passes.cancel").click().run())
    with pytest.raises(Cancelled):
        job.result(10)
    assert "passes.start" in {b.key for b in page.button} and not views_of(page)


def test_a_step_that_is_refused_is_told_of_here(opened: Open) -> None:
    page = opened()
    refusal = Refused("It does not apply.", hint="Run another pass first.")
    page.session_state["workspace"] = replace(page.session_state["workspace"], refusal=refusal)
    (told,) = checked(page.run()).warning
    assert "It does not apply." in told.value and "Run another pass first." in told.value
