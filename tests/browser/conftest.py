"""The real app in a real Chromium: one server and one browser for the whole session.

def test_something(open_page, assert_screenshot):
    page = open_page("/?lang=zh", theme="light")
    ...
    wait_idle(page)
    assert_screenshot("explore-light-zh", mask=[page.get_by_test_id("time")])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r requirements-dev.txt")

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.browser import launch, screens
from tests.browser.explorer import Explorer, wait_idle

WINDOW = {"width": 1440, "height": 900}


@dataclass
class Watch:
    """What a page did behind the scenes: hosts it asked, and errors on its console."""

    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self._ask(request.url))
        page.on("websocket", lambda socket: self._ask(socket.url))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _ask(self, url: str) -> None:
        if host := urlsplit(url).hostname:  # data: and blob: have none
            self.hosts.add(host)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running app; all browser tests of a session share it."""
    with launch.serve(tmp_path_factory.mktemp("browser-home")) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = launch.find_chromium()
    if executable is None:
        pytest.skip(launch.MISSING)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=launch.FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def watch() -> Watch:
    """What the pages that `open_page` opens in this test ask for and complain about."""
    return Watch()


@pytest.fixture
def open_page(browser: Browser, app_url: str, watch: Watch) -> Iterator[Callable[..., Page]]:
    """`open_page(path="/", theme="dark", locale="en-US", wait=True)`: a page in a context of its own.

    A context is a new person: no cookies, no session. `wait=False` returns before the app is idle.
    """
    contexts = []

    def open_it(path: str = "/", *, theme: str = "dark", locale: str = "en-US", wait: bool = True) -> Page:
        context = browser.new_context(
            viewport=WINDOW, device_scale_factor=1, color_scheme=theme, locale=locale, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        page.goto(urljoin(app_url, path))
        if wait:
            wait_idle(page)
        return page

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def visit(open_page: Callable[..., Page]) -> Callable[..., Explorer]:
    """`visit(path="/", language="en", **options)`: a new person on the explore page, once it is painted; the
    options are those of `open_page`."""

    def come(path: str = "/", *, language: str = "en", **options: str) -> Explorer:
        return Explorer(open_page(path, **options), language)

    return come


@pytest.fixture
def assert_screenshot(update_golden: bool) -> Callable[..., None]:
    """`assert_screenshot(page, name, mask=[...])`; see tests/browser/screens.py."""

    def check(page: Page, name: str, mask: Sequence[Locator] = ()) -> None:
        wait_idle(page)
        screens.compare(page, name, mask=mask, update=update_golden)

    return check
