"""Which words an error gets."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer import texts
from mlc_explorer.errors import NotFound, Refused
from mlc_explorer.ui import boundary

TEXTS = {
    "en": {"errors.lost.message": "There is no {name}.", "errors.lost.hint": "Look for {name} elsewhere."},
    "zh": {"errors.lost.message": "没有 {name}。", "errors.lost.hint": "请在别处找 {name}。"},
}


@pytest.fixture(autouse=True)
def few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "table", TEXTS.__getitem__)


def test_a_code_is_said_in_the_persons_language():
    error = NotFound("no such thing", code="lost", params={"name": "matmul"})
    assert boundary.message_and_hint(error, "zh") == ("没有 matmul。", "请在别处找 matmul。")


def test_without_a_code_the_error_speaks_for_itself():
    assert boundary.message_and_hint(Refused("no", hint="try k"), "zh") == ("no", "try k")


def test_missing_params_never_hide_the_error():
    assert boundary.message_and_hint(NotFound("no such thing", code="lost"), "en") == ("no such thing", "")


def test_an_error_that_says_nothing_still_has_a_name():
    assert boundary.message_and_hint(Refused(""), "en") == ("Refused", "")


def test_the_guard_lets_our_own_mistakes_through_to_streamlit():
    def page() -> None:
        from mlc_explorer.ui import boundary

        with boundary.guard():
            raise ValueError("a slip of ours")

    assert AppTest.from_function(page).run().exception[0].message == "a slip of ours"
