"""The address is the truth, unless it is only late."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import Session
from mlc_explorer.ui import workspace

APP = str(Path(__file__).parents[2] / "app.py")


def folded() -> tuple[AppTest, str]:
    """The page after its first shortcut, and the address before."""
    page = AppTest.from_file(APP, default_timeout=60).run()
    before = page.query_params[workspace.QUERY][0]
    page.button(key="shortcut.fold_linear_relu").click().run()
    assert steps(page) == 3
    return page, before


def steps(page: AppTest) -> int:
    return page.session_state["workspace"].session.cursor


def test_a_rerun_that_set_out_before_the_last_click_takes_nothing_back() -> None:
    page, before = folded()
    after = page.query_params[workspace.QUERY][0]
    page.query_params[workspace.QUERY] = before
    page.run()
    assert steps(page) == 3
    assert page.query_params[workspace.QUERY][0] == after


def test_an_address_that_somebody_opened_is_followed() -> None:
    page, _ = folded()
    page.query_params[workspace.QUERY] = Session(Trace("mlp", (Step("LegalizeOps"),)), 1).link()
    page.run()
    assert steps(page) == 1
    assert [s.transform for s in page.session_state["workspace"].session.trace.steps] == ["LegalizeOps"]
