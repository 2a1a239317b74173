"""The tab "Sweep" without a browser: how it begins, what it says while points are tried, and its data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.errors import Crashed, Refused
from mlc_explorer.schema.palette import Grid, Point, Refusal
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import pack
from mlc_explorer.texts import say
from mlc_explorer.ui import sweep_points

APP = Path(__file__).resolve().parents[2] / "app.py"
TILE = {"transform": "split", "function": "main", "params": {"loop": "bmm/j", "factors": [None, 16]}}
RANGE = {
    "transform": "split",
    "function": "main",
    "params": {"loop": "bmm/j", "factors": [None, {"sweep": [8, 16]}]},
}

Open = Callable[..., AppTest]


@pytest.fixture
def opened() -> Open:
    """`opened(model, steps)`: the page of that workspace at the tab, with `wanted` from a form."""

    def run(
        model: str = "bmm_relu",
        steps: list[dict[str, Any]] | None = None,
        language: str = "en",
        wanted: list[dict[str, Any]] | None = None,
    ) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=90)
        trace = {"version": 1, "model": model, "steps": steps or []}
        page.query_params["w"] = pack({"trace": trace, "selection": {"function": "main"}})
        page.query_params["lang"] = language
        page.session_state["palette.tab"] = "sweep"
        if wanted:
            page.session_state["sweep.steps"] = wanted
        return checked(page.run())

    return run


def checked(page: AppTest) -> AppTest:
    assert [e.message for e in page.exception] == []
    return page


def settled(page: AppTest) -> AppTest:
    """The page when the points of its sweep have been tried."""
    sweep = page.session_state["sweep"]
    if sweep.job is not None:
        assert sweep.job[1].done(60)
    return checked(page.run())


def shown(page: AppTest) -> dict[str, Any]:
    """What the component of the tab was given last."""
    protos = [json.loads(view.proto.json) for view in page.get("bidi_component")]
    return next(data for data in protos if "results" in data)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_empty_tab_says_how_to_begin_and_offers_sweeps(opened: Open, language: str) -> None:
    page = opened(language=language)
    assert say("sweep.empty_title", language) in "\n".join(m.value for m in page.markdown)
    labels = {button.label for button in page.button}
    assert say("sweep.offer.tile.title", language, rows="i", columns="j") in labels
    assert say("sweep.offer.unroll.title", language, loop="k") in labels


def test_a_graph_has_no_ready_made_sweep(opened: Open) -> None:
    page = opened("mlp")
    assert say("sweep.choose_function", "en") in [c.value for c in page.caption]


def test_the_steps_of_a_form_become_points(opened: Open) -> None:
    page = settled(opened(wanted=[RANGE]))
    data = shown(page)
    assert [r["state"] for r in data["results"]] == ["waiting", "waiting"]
    assert data["grid"]["inline"] == {"axes": ["j_1"], "values": [[8, 16]], "points": [[0], [1]]}
    assert page.text_input(key="sweep.range.1.0").value == "8, 16"
    assert page.button(key="sweep.measure").disabled is False

    page = settled(checked(page.text_input(key="sweep.range.1.0").set_value("4..16 *2").run()))
    assert shown(page)["grid"]["inline"]["values"] == [[4, 8, 16]]

    page = checked(page.text_input(key="sweep.range.1.0").set_value("4..").run())
    assert "4..64 *2" in page.warning[0].value.replace("\\", "")

    page = checked(page.button(key="sweep.close").click().run())
    assert page.button(key="sweep.offer.tile").label


def test_what_is_no_sweep_is_said(opened: Open) -> None:
    page = settled(opened(wanted=[TILE]))
    assert "None of these steps holds a range" in page.warning[0].value.replace("\\", "")


def measured(ms: float, error: float = 0.0) -> Measurement:
    return Measurement("cpu", None, ms, ms, ms, 5, 2, error, error, "untransformed", 0.1, "2026-01-01")


class Run:
    """A run as `measuring` has it: what failed, and what it measures now."""

    def __init__(self, now: str, **errors: Exception) -> None:
        self.active, self.now, self.errors = True, now, errors


def test_each_point_shows_what_is_known_of_it() -> None:
    refused = Point((6,), ({}, {}), Refusal("It does not fit."))
    points = (Point((1,), ({}, {})), Point((2,), ({},)), Point((3,), ({}, {})), Point((4,), ({}, {})),
              Point((5,), ({}, {})), refused, Point((7,), ({}, {})))  # fmt: skip
    grid = Grid(("k",), ((1, 2, 3, 4, 5, 6, 7),), points, 7)
    data = sweep_points.data(
        grid,
        list("abcdefg"),
        {"a": measured(2.0), "b": measured(3.0), "c": measured(1.0, error=0.5)},
        Run("g", d=Crashed("It crashed."), e=Refused("Not here.")),  # type: ignore[arg-type]
        now=measured(4.0),
        taken="b",
        steps=2,
        language="en",
    )
    states = [r["state"] for r in data["results"]]
    assert states == ["right", "right", "wrong", "failed", "refused", "refused", "running"]
    assert [r.get("left_out") for r in data["results"]][:2] == [None, 1]
    assert [r.get("message") for r in data["results"]][3:6] == [
        "It crashed.",
        "Not here.",
        "It does not fit.",
    ]
    assert (data["best"], data["taken"], data["now_ms"]) == (0, 1, 4.0)
