"""The palette without a browser: what its component is given, and what its events do to the workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.schema.trace import pack
from mlc_explorer.session import transforms
from mlc_explorer.texts import LANGUAGES, has, say
from mlc_explorer.ui import blobs, component

RELU = "linear_relu"
FOLD = [{"transform": name, "params": {}} for name in ("FoldLinear", "LegalizeOps", "FuseTIR")]

Open = Callable[..., AppTest]


def palette_alone() -> None:
    """The panel, and a button for what the component would send."""
    import streamlit as st

    from mlc_explorer.ui import palette

    palette.show(st.session_state["language"])
    st.button("send", key="send", on_click=palette._on_event)


@pytest.fixture
def palette() -> Open:
    """`palette(steps, path="matmul/k", language="en")`: the panel after these steps of `mlp`."""

    def run(
        steps: list[dict[str, Any]] = FOLD,
        *,
        function: str = RELU,
        path: str | None = None,
        language: str = "en",
    ) -> AppTest:
        page = AppTest.from_function(palette_alone, default_timeout=60)
        selection = {"function": function} | ({"path": path} if path else {})
        trace = {"version": 1, "model": "mlp", "steps": steps}
        page.query_params["w"] = pack({"trace": trace, "selection": selection})
        page.session_state["language"] = language
        return checked(page.run())

    return run


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """`send(page, type="steps", …)`: the page after that event of the component."""

    def run(page: AppTest, **event: Any) -> AppTest:
        monkeypatch.setattr(component, "event", lambda key: event)
        return checked(page.button(key="send").click().run())

    return run


def checked(page: AppTest) -> AppTest:
    assert [e.message for e in page.exception] == []
    return page


def data_of(page: AppTest) -> dict[str, Any]:
    return json.loads(page.get("bidi_component")[0].proto.json)


def steps_of(page: AppTest) -> list[str]:
    return [step.transform for step in page.session_state["workspace"].session.trace.steps]


def test_it_is_told_what_is_selected(palette: Open) -> None:
    at = data_of(palette(path="matmul/k"))["at"]
    assert (at["function"], at["kind"], at["path"]) == (RELU, "loops", "matmul/k")
    assert data_of(palette(path="matmul/gone"))["at"]["path"] is None
    at = data_of(palette([], function="main"))["at"]
    assert (at["function"], at["kind"], at["path"]) == ("main", "graph", None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_knows_every_transform_in_both_languages_and_a_name_for_each_family(
    palette: Open, language: str
) -> None:
    entry = data_of(palette(language=language))["catalogue"]
    catalogue = entry["inline"] if "inline" in entry else json.loads(blobs.get(entry["digest"]))
    assert [spec["name"] for spec in catalogue["specs"]] == [spec.name for spec in transforms()[0]]
    for spec in catalogue["specs"]:
        assert all(spec["title"][code] and spec["text"][code] for code in LANGUAGES), spec["name"]
        assert catalogue["families"][spec["family"]] == say(f"family.{spec['family']}", language)


def test_no_family_is_named_that_has_no_transform() -> None:
    from mlc_explorer import texts

    named = {key.removeprefix("family.") for key in texts.table("en") if key.startswith("family.")}
    assert named == {spec.family for spec in transforms()[0]}
    assert not has("family.none")


def test_what_the_form_sends_is_applied(palette: Open, send: Callable[..., AppTest]) -> None:
    split = {"transform": "split", "function": RELU, "params": {"loop": "matmul/k", "factors": [None, 16]}}
    page = send(palette(path="matmul/k"), type="steps", steps=[split])
    assert steps_of(page) == ["FoldLinear", "LegalizeOps", "FuseTIR", "split"]
    assert data_of(page)["at"]["path"] == "matmul/k_1"  # the selection goes along


def test_a_remedy_and_its_step_are_applied_together(palette: Open, send: Callable[..., AppTest]) -> None:
    steps = [
        {
            "transform": "decompose_reduction",
            "function": RELU,
            "params": {"block": "matmul", "loop": "matmul/k"},
        },
        {"transform": "unroll", "function": RELU, "params": {"loop": "matmul_update/k"}},
    ]
    assert steps_of(send(palette(), type="steps", steps=steps))[3:] == ["decompose_reduction", "unroll"]


@pytest.mark.parametrize(("language", "reason"), [("en", "reduction"), ("zh", "归约")])
def test_a_refusal_gives_reason_and_hint_and_changes_nothing(
    palette: Open, send: Callable[..., AppTest], language: str, reason: str
) -> None:
    parallel = {"transform": "parallel", "function": RELU, "params": {"loop": "matmul/k"}}
    page = send(palette(path="matmul/k", language=language), type="steps", steps=[parallel])
    (message,) = [w.value for w in page.warning]
    title, why, hint = message.split("\n\n")
    assert title == f"**{say('palette.refused', language, name='parallel')}**"
    assert reason in why and "lightbulb" in hint
    assert steps_of(page) == ["FoldLinear", "LegalizeOps", "FuseTIR"]
