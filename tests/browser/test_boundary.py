"""Errors become something to read, wherever in a page they come from, and leave a way on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from mlc_explorer.texts import say
from tests.browser import launch


@pytest.fixture(scope="module")
def failing_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with launch.serve(tmp_path_factory.mktemp("failing"), script="tests/browser/failing_app.py") as url:
        yield url


@pytest.fixture
def page(open_page, failing_url: str) -> Page:
    return open_page(failing_url + "?kept=1")


@pytest.mark.parametrize("where", ["in the page", "in a callback", "in a fragment"])
def test_our_own_mistake_gets_an_apology_and_a_folded_traceback(page: Page, where: str) -> None:
    page.get_by_role("button", name=where).click()

    expect(page.get_by_text(say("boundary.sorry"))).to_be_visible()
    expect(page.get_by_text("a slip of ours")).not_to_be_visible()
    page.get_by_text(say("boundary.detail")).click()
    expect(page.get_by_text("ValueError: a slip of ours")).to_be_visible()


def test_an_expected_error_says_what_and_what_next(page: Page) -> None:
    page.get_by_role("button", name="on purpose").click()

    expect(page.get_by_text("loop *k* can't run in parallel")).to_be_visible()  # names are no Markdown
    expect(page.get_by_text("Choose a spatial loop.")).to_be_visible()
    expect(page.get_by_text("# TVM says so")).not_to_be_visible()


def test_trying_again_keeps_the_link_and_starting_over_drops_it(page: Page) -> None:
    page.get_by_role("button", name="in a callback").click()
    page.get_by_role("link", name=say("boundary.try_again")).click()
    expect(page.get_by_text("all is well")).to_be_visible()
    assert page.url.endswith("/?kept=1")

    page.get_by_role("button", name="in a callback").click()
    page.get_by_role("link", name=say("boundary.start_over")).click()
    expect(page.get_by_text("all is well")).to_be_visible()
    assert "kept" not in page.url
