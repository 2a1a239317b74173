"""The screenshot comparison itself: what it lets pass, what it does not, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import screens

BOX = "<div id=box style='width: 400px; height: 300px; background: {colour}'></div><p id=time>{time}</p>"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(screens, "GOLDEN", tmp_path / "golden")
    monkeypatch.setattr(screens, "FAILURES", tmp_path / "failures")
    return tmp_path


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 800, "height": 600})
    page.set_content(BOX.format(colour="#446688", time="1.20 ms"))
    screens.compare(page, "box", update=True)
    yield page
    page.close()


def test_the_same_page_passes_and_leaves_nothing_behind(page: Page, folders: Path) -> None:
    screens.compare(page, "box")
    assert list((folders / "failures").iterdir()) == []


def test_a_shade_that_nobody_sees_passes(page: Page) -> None:
    page.set_content(BOX.format(colour="#4c7090", time="1.20 ms"))
    screens.compare(page, "box")


def test_another_colour_fails_and_shows_where(page: Page, folders: Path) -> None:
    page.set_content(BOX.format(colour="#ff6688", time="1.20 ms"))
    with pytest.raises(AssertionError, match=r"box: 25\.00% of the pixels differ by more than 16"):
        screens.compare(page, "box")
    assert {file.name for file in (folders / "failures").iterdir()} == {"box.actual.png", "box.diff.png"}


def test_what_is_masked_does_not_count(page: Page) -> None:
    page.set_content(BOX.format(colour="#446688", time="<b style='font-size: 40px'>9.87 ms</b>"))
    with pytest.raises(AssertionError):
        screens.compare(page, "box")

    time = page.locator("#time")
    screens.compare(page, "box", mask=[time], update=True)
    page.set_content(BOX.format(colour="#446688", time="<b style='font-size: 40px'>1.23 ms</b>"))
    screens.compare(page, "box", mask=[time])


def test_a_missing_golden_image_says_how_to_make_it(page: Page) -> None:
    with pytest.raises(AssertionError, match="make snapshots"):
        screens.compare(page, "other")
