"""What next? A person opens the tab, has the ideas measured, looks at one, takes it; or calls it off."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer import MEASURE_MS, Explorer, link, wait_idle

LOOPS = {"function": "main"}


def open_ideas(page: Page) -> tuple[Explorer, Locator]:
    """The explore page with the tab of ideas in front."""
    explorer = Explorer(page)
    page.get_by_role("radio", name=explorer.say("palette.tab.ideas")).click()
    view = page.locator(".ideas-view[data-painted]")
    expect(view).to_be_visible(timeout=30_000)
    wait_idle(page)
    return explorer, view


def ideas(view: Locator) -> Locator:
    return view.get_by_role("list", name="Ideas, best first").locator("> li")


def test_ideas_are_measured_ordered_and_taken(open_page: Callable[..., Page]) -> None:
    explorer, view = open_ideas(open_page(link("matmul_128", **LOOPS)))
    assert 3 <= ideas(view).count() <= 10
    expect(view).to_contain_text("Not measured yet")

    view.get_by_role("button", name="Measure them").click()
    expect(view.get_by_role("progressbar")).to_be_visible(timeout=30_000)
    expect(view).to_have_attribute("data-state", "still", timeout=MEASURE_MS * 2)
    expect(view.get_by_role("button", name="Measure again")).to_be_visible(timeout=MEASURE_MS)
    expect(view).to_contain_text(re.compile(r"Now: .*measured \d{4}-"))

    speeds = [float(text.rstrip("×")) for text in view.locator(".idea-speed").all_inner_texts()]
    assert speeds == sorted(speeds, reverse=True) and speeds[0] > 1
    expect(ideas(view).first).to_have_class(re.compile("best"))
    expect(
        ideas(view).first.get_by_role("img", name=re.compile("Verified|✓|checked|right", re.I))
    ).to_be_visible()

    first = ideas(view).first
    first.get_by_role("button", name=re.compile(".")).first.press("Enter")
    expect(first.locator(".ln.add").first).to_be_visible()
    steps = first.locator(".idea-steps").inner_text().split(" → ")
    first.get_by_role("button", name="Take").click()
    explorer.expect_step(len(steps))
    expect(view).to_contain_text("Now: ")  # what was measured as an idea is known as the state


def test_measuring_is_called_off(open_page: Callable[..., Page]) -> None:
    _, view = open_ideas(open_page(link("matmul_1024", **LOOPS)))
    view.get_by_role("button", name="Measure them").click()
    cancel = view.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=30_000)
    cancel.click()
    expect(view.get_by_role("button", name="Measure them")).to_be_visible(timeout=30_000)
    expect(view.get_by_role("progressbar")).to_be_hidden()


def test_the_ideas_speak_chinese(open_page: Callable[..., Page]) -> None:
    page = open_page(link("bmm_relu", **LOOPS) + "&lang=zh")
    explorer = Explorer(page, "zh")
    page.get_by_role("radio", name=explorer.say("palette.tab.ideas")).click()
    view = page.locator(".ideas-view[data-painted]")
    expect(view.get_by_role("button", name="逐个测量")).to_be_visible(timeout=30_000)
    expect(view).to_contain_text("放进寄存器")


def test_a_graph_has_ideas_of_its_own(open_page: Callable[..., Page]) -> None:
    explorer, view = open_ideas(open_page(link("mlp")))
    idea = ideas(view).filter(has_text="Fold matmul + add")
    idea.get_by_role("button", name="Take").click()
    explorer.expect_step(3)
