"""The tab "Sweep" in a real browser: a real sweep of six points, keys, cancel, and taking a point."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from mlc_explorer.texts import say
from tests.browser.explorer import Explorer, link, step, wait_idle

MEASURED_MS = 90_000.0  # six small kernels on a busy machine
BMM = link("bmm_relu", function="main", path="bmm/j")
SPLIT = [step("split", "main", loop="bmm/j", factors=[None, 16]), step("vectorize", "main", loop="bmm/j_1")]


class Sweeper:
    """One person at the tab."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.page = explorer, explorer.page
        self.view = self.page.locator(".sweep-view")
        self.page.get_by_role("radio", name=explorer.say("palette.tab.sweep"), exact=True).click()
        wait_idle(self.page)

    def begin(self, offer: str, **words: str) -> None:
        self.explorer.press(self.explorer.say(f"sweep.offer.{offer}.title", **words))
        self.expect_points()

    def choose_number(self, label: str) -> None:
        """Marks a number of the history."""
        self.page.get_by_test_id("stButtonGroup").get_by_text(label, exact=True).click()
        wait_idle(self.page)

    def expect_points(self, count: int | None = None) -> None:
        self.page.wait_for_selector(".sweep-view[data-painted]", timeout=30_000)
        if count is not None:
            expect(self.points).to_have_count(count, timeout=30_000)
        wait_idle(self.page)

    @property
    def points(self) -> Locator:
        return self.view.locator("[data-point]")

    def point(self, name: str) -> Locator:
        """The point whose values are `name`, such as ``i_1 = 4, j_1 = 16``."""
        return self.view.locator(f"[data-point][aria-label^='{name}']")

    def type_range(self, axis: str, text: str) -> None:
        field = self.page.get_by_role("textbox", name=axis, exact=True)
        field.fill(text)
        field.press("Enter")
        wait_idle(self.page)

    @property
    def measure(self) -> Locator:
        return self.page.locator(".st-key-sweep-measure button")

    @property
    def cancel(self) -> Locator:
        return self.page.locator(".st-key-sweep-cancel button")

    def expect_measured(self, count: int) -> None:
        expect(self.view).to_have_attribute("data-painted", str(count), timeout=MEASURED_MS)
        expect(self.measure).to_be_visible(timeout=MEASURED_MS)
        wait_idle(self.page)

    def measured(self) -> int:
        return int(self.view.get_attribute("data-painted") or 0)


Come = Callable[..., Explorer]


def test_six_points_are_measured_and_enter_takes_one(visit: Come) -> None:
    sweep = Sweeper(visit(BMM))
    sweep.begin("tile", rows="i", columns="j")
    sweep.type_range("i_1", "2, 4")
    sweep.type_range("j_1", "8..32 *2")
    sweep.expect_points(6)
    table = sweep.view.get_by_role("grid")
    expect(table.locator("th[scope=col]")).to_have_text(["8", "16", "32"])
    expect(table.locator("th[scope=row]")).to_have_text(["2", "4"])
    expect(sweep.measure).to_contain_text(re.compile("[67]"))

    sweep.measure.click()
    sweep.expect_measured(6)
    times = [cell.inner_text() for cell in sweep.points.all()]
    assert all(re.fullmatch(r"[\d.]+ (µs|ms|s)", time) for time in times), times
    expect(sweep.view.locator(".best")).to_have_count(1)
    expect(sweep.measure).to_have_text(re.compile(say("sweep.again")))

    sweep.point("i_1 = 2, j_1 = 8").focus()
    sweep.page.keyboard.press("ArrowDown")
    sweep.page.keyboard.press("ArrowRight")
    expect(sweep.point("i_1 = 4, j_1 = 16")).to_be_focused()
    expect(sweep.view.locator(".sweep-about")).to_contain_text("i_1 = 4, j_1 = 16")
    sweep.page.keyboard.press("Enter")
    sweep.explorer.expect_step(4)
    expect(sweep.explorer.row(1)).to_contain_text("4")
    expect(sweep.explorer.row(2)).to_contain_text("16")
    expect(sweep.explorer.row(4)).to_contain_text("vectorize")
    expect(sweep.point("i_1 = 4, j_1 = 16")).to_have_class(re.compile("taken"))

    sweep.point("i_1 = 2, j_1 = 32").click()  # another instead: its steps replace those
    expect(sweep.explorer.row(2)).to_contain_text("32")
    sweep.explorer.expect_step(4)
    assert {"bmm/j_0", "bmm/i_1"} <= set(sweep.explorer.loops())


def test_cancel_keeps_what_was_measured_and_the_rest_can_follow(visit: Come) -> None:
    sweep = Sweeper(visit(BMM))
    sweep.begin("unroll", loop="k")
    sweep.type_range("k_1", "3..30 +3")
    sweep.expect_points(10)
    sweep.measure.click()
    expect(sweep.view).not_to_have_attribute("data-painted", "0", timeout=MEASURED_MS)
    sweep.cancel.click()
    expect(sweep.measure).to_be_visible(timeout=10_000)
    wait_idle(sweep.page)
    kept = sweep.measured()
    assert 1 <= kept < 10
    expect(sweep.measure).to_have_text(re.compile(re.escape(say("sweep.measure", count=10 - kept))))

    sweep.page.locator(".st-key-sweep-close button").click()  # another sweep knows them
    sweep.begin("unroll", loop="k")
    sweep.type_range("k_1", "3..30 +3")
    sweep.expect_points(10)
    expect(sweep.view).to_have_attribute("data-painted", str(kept))


def test_a_number_of_the_history_is_swept_where_it_stands(visit: Come) -> None:
    sweep = Sweeper(visit(link("bmm_relu", SPLIT, function="main", path="bmm")))
    sweep.choose_number("j_1 = 16")
    sweep.explorer.press(say("sweep.open_history"))
    sweep.expect_points(5)
    expect(sweep.point("j_1 = 16")).to_have_class(re.compile("taken"))
    sweep.point("j_1 = 64").click()
    expect(sweep.explorer.row(1)).to_contain_text("64")
    sweep.explorer.expect_step(2)


def test_a_refused_point_is_hatched_with_its_reason_and_can_not_be_taken(visit: Come) -> None:
    sweep = Sweeper(visit(link("bmm_relu", function="main", path="bmm/n")))
    sweep.begin("chunks", loop="n")
    sweep.type_range("n_0", "2, 0")
    expect(sweep.page.locator(".sweep-bar.refused")).to_have_count(1, timeout=30_000)
    refused = sweep.point("n_0 = 0")
    assert "at least 1" in (refused.get_attribute("title") or "")
    refused.click()
    wait_idle(sweep.page)
    sweep.explorer.expect_step(0)
    sweep.type_range("n_0", "2..x")
    expect(sweep.page.get_by_role("alert")).to_contain_text("4..64 *2")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_three_ranges_are_maps_and_a_list(visit: Come, theme: str) -> None:
    sweep = Sweeper(visit(link("bmm_relu", [*SPLIT, tile("i"), tile("k")], function="main"), theme=theme))
    for number in ("j_1 = 16", "i_1 = 4", "k_1 = 4"):
        sweep.choose_number(number)
    sweep.explorer.press(say("sweep.open_history"))
    sweep.expect_points(64)
    expect(sweep.page.get_by_text(say("sweep.sampled", count=64, total=125))).to_be_visible()
    expect(sweep.view.get_by_role("grid")).to_have_count(5)
    expect(sweep.view.locator(".absent")).to_have_count(125 - 64)
    sweep.view.get_by_role("radio", name=say("component.sweep.list")).click()
    expect(sweep.view.locator(".sweep-bars.listed li")).to_have_count(64)
    expect(sweep.view.locator(".sweep-bars .name").first).to_have_text(re.compile("j_1 = .*i_1 = .*k_1 = "))


def tile(loop: str) -> dict[str, object]:
    return step("split", "main", loop=f"bmm/{loop}", factors=[None, 4])


def test_the_points_are_copied_as_csv(visit: Come) -> None:
    sweep = Sweeper(visit(BMM, language="en"))
    sweep.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sweep.begin("unroll", loop="k")
    sweep.type_range("k_1", "2, 4")
    sweep.expect_points(2)
    sweep.view.get_by_role("button", name=say("component.sweep.copy")).click()
    rows = read_clipboard(sweep.page).strip().split("\n")
    assert rows[0] == "k_1,state,median_ms,p10_ms,p90_ms"
    assert [row.split(",")[0] for row in rows[1:]] == ["2", "4"]


def read_clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))
