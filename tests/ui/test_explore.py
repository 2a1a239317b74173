"""The explore page without a browser: what each control does to the workspace, in both languages.

AppTest runs the real script on the real engine; only the two components are blind spots, which
tests/browser sees.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer.schema.trace import Trace, pack, unpack
from mlc_explorer.session import transforms
from mlc_explorer.texts import LANGUAGES, say

APP = Path(__file__).resolve().parents[2] / "app.py"
RELU = "linear_relu"
FOLD = [{"transform": name, "params": {}} for name in ("FoldLinear", "LegalizeOps", "FuseTIR")]

Open = Callable[..., AppTest]


@pytest.fixture
def explore() -> Open:
    """`explore(steps, path="matmul/k")`: the page after these steps of `mlp`, with `linear_relu` chosen."""

    def run(steps: list[dict[str, Any]] | None = None, *, path: str | None = None, **query: str) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=60)
        if steps is not None:
            selection = {"function": RELU} | ({"path": path} if path else {})
            trace = {"version": 1, "model": "mlp", "steps": steps}
            page.query_params["w"] = pack({"trace": trace, "selection": selection})
        for name, value in ({"lang": "en"} | query).items():
            page.query_params[name] = value
        return checked(page.run())

    return run


def checked(page: AppTest) -> AppTest:
    """The page, which must hold no exception and no error of ours."""
    assert [e.message for e in page.exception] == []
    assert [e.value for e in page.error] == []
    return page


def steps_of(page: AppTest) -> tuple[list[str], int]:
    """The history in the address: the transforms' names, and how many of them are applied."""
    text = page.query_params["w"]
    data = unpack(text[0] if isinstance(text, list) else text)
    return [step.transform for step in Trace.from_json(data["trace"]).steps], data["cursor"]


def press(page: AppTest, key: str) -> AppTest:
    return checked(page.button(key=key).click().run())


def test_opens_on_the_untransformed_network(explore: Open) -> None:
    page = explore()
    assert steps_of(page) == ([], 0)
    assert page.selectbox(key="toolbar.model").value == "mlp"
    assert page.button(key="toolbar.undo").disabled and page.button(key="toolbar.redo").disabled
    assert not page.warning


def test_each_shortcut_applies_its_steps(explore: Open) -> None:
    for shortcut in transforms()[1]:
        page = press(explore(), f"shortcut.{shortcut.name}")
        names = [step["transform"] for step in shortcut.steps]
        assert steps_of(page) == (names, len(names)), shortcut.name


def test_the_ready_made_schedule_replays_the_trace_that_ships(explore: Open) -> None:
    names, cursor = steps_of(press(explore(), "shortcut.shipped"))
    assert names[:3] == ["FoldLinear", "LegalizeOps", "FuseTIR"]
    assert cursor == len(names) > 10


def test_undo_redo_and_starting_over_move_the_cursor_and_lose_nothing(explore: Open) -> None:
    page = explore(FOLD)
    names = ["FoldLinear", "LegalizeOps", "FuseTIR"]
    for key, cursor in [("undo", 2), ("undo", 1), ("redo", 2), ("start_over", 0), ("redo", 1)]:
        page = press(page, f"toolbar.{key}")
        assert steps_of(page) == (names, cursor)


def test_the_language_goes_into_the_address_and_onto_the_page(explore: Open) -> None:
    page = checked(explore(FOLD).button_group(key="language").set_value("zh").run())
    assert page.query_params["lang"] in ("zh", ["zh"])
    assert page.button(key="toolbar.undo").label == "撤销"
    assert steps_of(page)[1] == 3


def test_another_sample_is_opened(explore: Open) -> None:
    page = checked(explore(FOLD).selectbox(key="toolbar.model").set_value("softmax").run())
    assert page.selectbox(key="toolbar.model").value == "softmax"
    assert steps_of(page) == ([], 0)


def test_a_pasted_trace_is_replayed(explore: Open) -> None:
    page = explore()
    trace = Trace.from_json({"version": 1, "model": "some other model", "steps": FOLD})
    page.text_area(key="toolbar.paste").set_value(trace.dumps())
    assert steps_of(press(page, "toolbar.paste.apply"))[1] == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_broken_link_says_so_and_opens_the_first_model(explore: Open, language: str) -> None:
    page = explore(w="eNp9jsEKw", lang=language)
    (message,) = [w.value for w in page.warning]
    assert say("errors.link_broken.hint", language).rstrip("。.") in message.replace("\\", "")
    assert page.selectbox(key="toolbar.model").value == "mlp"


def test_a_link_with_a_step_that_fails_stands_before_it_and_keeps_the_rest(explore: Open) -> None:
    gone = {"transform": "split", "function": "matmul9", "params": {"loop": "a/b", "factors": [None, 2]}}
    page = explore([FOLD[0], FOLD[1], gone, FOLD[2]])
    assert steps_of(page) == (["FoldLinear", "LegalizeOps", "split", "FuseTIR"], 2)
    (message,) = [w.value for w in page.warning]
    assert message.startswith(f"**{say('palette.broken', number=3)}**") and "matmul9" in message
