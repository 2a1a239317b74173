"""The tab "What next?" without a browser: what its component is given, and what a click does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.schema import advice
from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.palette import Candidates
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import Step, Trace, pack
from mlc_explorer.session import default_store
from mlc_explorer.ui import palette

APP = Path(__file__).resolve().parents[2] / "app.py"

Open = Callable[..., AppTest]


@pytest.fixture
def opened() -> Open:
    """`opened("softmax", path="exp/j")`: the explore page with the tab in front."""

    def run(
        model: str, steps: tuple[Step, ...] = (), path: str | None = None, language: str = "en"
    ) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=60)
        selection = {"function": "main"} | ({"path": path} if path else {})
        page.query_params["w"] = pack({"trace": Trace(model, steps).to_json(), "selection": selection})
        page.query_params["lang"] = language
        page.session_state[palette.TAB] = "ideas"
        page.run()
        assert [e.message for e in page.exception] == []
        return page

    return run


def data_of(page: AppTest) -> dict[str, Any]:
    """What the component of ideas is given."""
    found = [json.loads(view.proto.json) for view in page.get("bidi_component")]
    return next(data for data in found if "candidates" in data)


def candidates(data: dict[str, Any]) -> Candidates:
    inline = data["candidates"]["inline"]
    return decode(Candidates, json.loads(inline) if isinstance(inline, str) else inline)


def took(ms: float, error: float = 0.0) -> Measurement:
    return Measurement(
        "cpu", None, ms, ms, ms, 10, 2, error, error, "untransformed", 0.1, "2026-01-01T00:00:00"
    )


def test_ideas_for_what_is_selected_wait_to_be_measured(opened: Open) -> None:
    data = data_of(opened("softmax", path="row_sum/k"))
    found = candidates(data)
    assert found.block == "row_sum"
    assert [row["id"] for row in data["rows"]] == list(range(len(found.candidates)))
    assert not any(row["time"] or row["pending"] for row in data["rows"])
    assert data["progress"] is None and data["now"]["time"] is None
    assert set(data["families"]) == {c.family for c in found.candidates}


def test_what_was_measured_on_an_earlier_visit_is_known(opened: Open) -> None:
    start = Trace("layer_norm")
    found = candidates(data_of(opened("layer_norm"))).candidates
    store = default_store()
    store.save_measurement(start, took(4.0))
    store.save_measurement(advice.after(start, found[2]), took(1.0))
    store.save_measurement(advice.after(start, found[1]), took(0.5, error=1.0))
    rows = data_of(opened("layer_norm"))["rows"]
    assert rows[0]["id"] == 2 and rows[0]["speedup"] == 4.0 and rows[0]["time"]["ok"]
    assert rows[-1]["id"] == 1 and rows[-1]["speedup"] is None and not rows[-1]["time"]["ok"]


def test_a_graph_has_ideas_in_both_languages(opened: Open) -> None:
    english, chinese = (candidates(data_of(opened("mlp", language=code))) for code in ("en", "zh"))
    assert [c.name for c in english.candidates] == [c.name for c in chinese.candidates]
    assert "Fold matmul" in english.candidates[0].title and "折叠" in chinese.candidates[0].title
