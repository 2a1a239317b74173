"""The page as a visitor gets it: closed to the outside, in both languages and both themes."""

from __future__ import annotations

import re

import pytest

from mlc_explorer.texts import LANGUAGES

BACKGROUND = {"light": "rgb(246, 247, 250)", "dark": "rgb(14, 16, 22)"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_opens_without_errors_and_asks_nobody_else(open_page, watch, theme, language):
    page = open_page(f"/?lang={language}", theme=theme)

    assert page.title() == "MLC Explorer"
    colour = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert colour == BACKGROUND[theme]
    assert page.locator(".st-key-mlc-error").count() == 0
    assert watch.errors == []
    assert watch.hosts == {"127.0.0.1"}


def test_text_is_drawn_with_the_fonts_we_ship(open_page):
    page = open_page()
    loaded = page.evaluate("[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)")
    assert "Inter" in {name.strip('"') for name in loaded}


@pytest.mark.parametrize(
    ("path", "locale", "chinese"),
    [
        ("/", "en-US", False),
        ("/", "zh-CN", True),
        ("/?lang=zh", "en-US", True),
        ("/?lang=en", "zh-CN", False),
    ],
)
def test_the_link_chooses_the_language_and_the_browser_where_it_does_not(open_page, path, locale, chinese):
    text = open_page(path, locale=locale).locator("body").inner_text()
    text = text.replace(LANGUAGES["zh"], "")  # the switch says its own name in every language
    assert bool(re.search("[\u4e00-\u9fff]", text)) == chinese
