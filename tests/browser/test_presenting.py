"""The page in front of people: the presentation, the keys, what is read aloud, whether it can be read.

The walk (test_walk.py) is what one does; this is how it stands there: room, type, contrast, focus, words.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mlc_explorer.session import shipped_trace
from mlc_explorer.texts import say
from tests.browser.explorer import FOLD, Explorer, link, wait_idle

Visit = Callable[..., Explorer]

READABLE_PX = 18  # the type that the last row of a lecture hall reads, on 1920 × 1080
LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA
RELU = link("mlp", FOLD, function="linear_relu", node="lv#2", path="matmul/k")


def scheduled(**selection: str) -> str:
    """`mlp` with its shipped schedule of 17 steps, at step 10."""
    trace = shipped_trace("mlp")
    assert trace is not None
    return link("mlp", trace.to_json()["steps"], cursor=10, **selection)


def sized(explorer: Explorer, width: int, height: int) -> Page:
    explorer.page.set_viewport_size({"width": width, "height": height})
    explorer.expect_painted()
    return explorer.page


def present(explorer: Explorer) -> Page:
    page = sized(explorer, 1920, 1080)
    page.keyboard.press("f")
    expect(explorer.view).to_have_class(re.compile("presenting"))
    return page


# -- the presentation ------------------------------------------------------------------------------


def test_the_presentation_fills_the_screen_in_type_that_a_hall_can_read(visit: Visit) -> None:
    explorer = visit(scheduled(function="linear_relu"))
    page = present(explorer)
    assert explorer.view.bounding_box() == {"x": 0, "y": 0, "width": 1920, "height": 1080}
    type_px = page.locator(".code").first.evaluate(
        "e => parseFloat(getComputedStyle(e).fontSize) * e.currentCSSZoom"
    )
    assert type_px >= READABLE_PX
    caption = page.locator(".caption")
    expect(caption).to_contain_text("Step 10 of 17 vectorize linear_relu i1_1")
    expect(caption.locator(".about")).to_have_text(re.compile(r"^\w.{20,}\.$"))  # the catalogue's sentence
    expect(page.get_by_role("combobox", name=say("component.pane.add"))).to_be_hidden()


def test_what_is_touched_in_the_presentation_is_what_answers(visit: Visit) -> None:
    explorer = visit(RELU)
    page = present(explorer)
    explorer.node("linear").click()
    explorer.expect_function("linear")
    page.locator(".stage").hover(position={"x": 400, "y": 300})
    under = explorer.node("linear").bounding_box()
    assert under is not None
    page.mouse.move(under["x"] + under["width"] / 2, under["y"] + under["height"] / 2)
    page.mouse.wheel(0, -200)  # zooming keeps the point under the pointer where it is
    near = explorer.node("linear").bounding_box()
    assert near is not None and near["width"] > under["width"]
    assert abs(near["x"] + near["width"] / 2 - under["x"] - under["width"] / 2) < 2
    splitter = page.locator(".splitter").first
    box = splitter.bounding_box()
    assert box is not None
    page.mouse.move(box["x"], box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 200, steps=3)
    page.mouse.up()
    moved = splitter.bounding_box()
    assert moved is not None and abs(moved["x"] - box["x"] - 150) < 3


def test_the_presentation_keeps_film_and_keys_and_escape_leaves_it(visit: Visit) -> None:
    explorer = visit(scheduled(function="linear_relu"))
    page = present(explorer)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".caption")).to_contain_text("Step 9 of 17")
    page.keyboard.press("2")
    expect(page.locator(".pane")).to_have_count(3)
    before = page.locator(".ln").first.bounding_box()
    page.keyboard.press("+")
    after = page.locator(".ln").first.bounding_box()
    assert before is not None and after is not None and after["height"] > before["height"]
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")  # closes the list first
    expect(page.locator("dialog.keys")).not_to_be_visible()
    expect(explorer.view).to_have_class(re.compile("presenting"))
    page.keyboard.press("Escape")
    expect(explorer.view).not_to_have_class(re.compile("presenting"))


# -- room ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_the_bar_holds_six_pins_and_a_history(visit: Visit, language: str, width: int) -> None:
    explorer = visit(scheduled(function="linear_relu") + f"&lang={language}", language=language)
    page = sized(explorer, width, 800)
    for row in page.locator(".branch").all()[:6]:
        row.click(modifiers=["Shift"])
    expect(page.locator(".pin")).to_have_count(6)
    bar = page.locator(".topbar")
    assert bar.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    boxes: list[Any] = [e.bounding_box() for e in bar.locator("> :visible").all()]
    boxes = sorted((b for b in boxes if b and b["width"]), key=lambda b: b["x"])
    for left, right in itertools.pairwise(boxes):
        assert left["x"] + left["width"] <= right["x"] + 1
    for part in ("output b", "[data-act=forward]"):
        shown = page.locator(".film").locator(part)
        assert shown.evaluate("e => e.scrollWidth <= e.clientWidth + 1 || e.tagName === 'B'")
        expect(shown).to_be_visible()


def test_the_panes_follow_the_window_until_a_person_sets_their_height(visit: Visit) -> None:
    explorer = visit(RELU)
    heights = []
    for height in (800, 1000, 1400):
        sized(explorer, 1440, height)
        box = explorer.view.bounding_box()
        assert box is not None and box["y"] + box["height"] < height - 100  # the panels below stay in sight
        heights.append(box["height"])
    assert heights == sorted(set(heights))
    edge = explorer.page.get_by_role("separator", name=say("component.layout.edge"))
    edge.focus()
    explorer.page.keyboard.press("ArrowUp")
    shorter = explorer.view.bounding_box()
    assert shorter is not None and shorter["height"] == pytest.approx(heights[-1] - 20, abs=1)
    edge.dblclick()
    again = explorer.view.bounding_box()
    assert again is not None and again["height"] == pytest.approx(heights[-1], abs=1)


# -- keys and words --------------------------------------------------------------------------------


def test_a_key_goes_from_pane_to_pane_and_back(visit: Visit) -> None:
    page = visit(RELU).page
    focused = "e => e.getRootNode().activeElement?.closest('.pane')?.dataset.view"
    for key, view in (("n", "graph"), ("n", "program"), ("n", "loops"), ("n", "graph"), ("N", "loops")):
        page.keyboard.press(key)
        assert page.locator(".frame").evaluate(focused) == view


def test_keys_do_what_their_list_says(visit: Visit) -> None:
    explorer = visit(scheduled(function="linear_relu", path="matmul/k_0"))
    page = explorer.page
    body = page.locator("body")
    body.press("?")
    listed = page.get_by_role("dialog").locator("dd").all_text_contents()
    assert len(listed) > 20 and say("component.keys.help") in listed
    body.press("?")
    expect(page.locator("dialog.keys")).not_to_be_visible()
    step = page.locator(".film output b")
    for key, shown in (
        ("Home", "0/17"),
        ("End", "17/17"),
        (",", "16/17"),
        (".", "17/17"),
        ("ArrowLeft", "16/17"),
    ):
        body.press(key)
        expect(step).to_have_text(shown)
    toggle = page.get_by_role("button", name=say("component.text.diff"))
    pressed = toggle.get_attribute("aria-pressed")
    body.press("d")
    expect(toggle).not_to_have_attribute("aria-pressed", str(pressed))
    page.locator(".branch").first.click()
    body.press("p")
    expect(page.locator(".pin")).to_have_count(1)
    body.press("P")
    expect(page.locator(".pin")).to_have_count(0)
    for key, preset in (("2", "kernel"), ("3", "compare"), ("4", "motion"), ("1", "course")):
        body.press(key)
        expect(page.locator(f"[data-preset={preset}]")).to_have_attribute("aria-checked", "true")
    chosen = page.get_by_role("radio", name=say("component.preset.course"), exact=True)
    chosen.press("ArrowRight")
    expect(page.locator("[data-preset=kernel]")).to_be_focused()
    expect(page.locator("[data-preset=kernel]")).to_have_attribute("aria-checked", "true")


def test_every_control_has_a_name(visit: Visit) -> None:
    page = visit(scheduled(function="linear_relu")).page
    nameless = page.locator(".linked-view").evaluate(
        """root => [...root.querySelectorAll("button, select, input, [role=separator], [tabindex='0']")]
          .filter((e) => e.checkVisibility())
          .filter((e) => !(e.getAttribute("aria-label") || e.title || e.textContent.trim()))
          .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


def test_a_step_of_the_film_is_said(visit: Visit) -> None:
    page = visit(scheduled(function="linear_relu")).page
    said = page.get_by_role("status").filter(has_text="Step 10 of 17")
    expect(said).to_contain_text("vectorize")
    page.locator("body").press("ArrowLeft")
    expect(page.get_by_role("status").filter(has_text="Step 9 of 17")).to_contain_text("unroll")


def test_an_empty_pane_leads_on(visit: Visit) -> None:
    explorer = visit()
    explorer.press(say("component.empty.legalize"))
    explorer.expect_step(1)
    expect(explorer.page.locator(".branch").first).to_be_visible()


def test_the_first_line_is_gone_for_good_once_dismissed(visit: Visit) -> None:
    page = visit().page
    line = page.locator(".welcome")
    expect(line).to_contain_text("Shift-click")
    line.get_by_role("button").click()
    expect(line).to_be_hidden()
    page.reload()
    page.wait_for_selector(".linked-view[data-painted]")
    wait_idle(page)
    expect(line).to_be_hidden()


# -- contrast --------------------------------------------------------------------------------------

# Every text's colour against what lies behind it, both with their transparency: [[ratio, text, class], ...].
CONTRAST = """root => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const up = (e) => e.parentElement ?? e.getRootNode().host ?? null;
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const e = text.parentElement;
    if (!text.data.trim() || e.closest("option, :disabled, .caption")) continue;
    if (!e.checkVisibility({ opacityProperty: true })) continue;
    const chain = [];
    for (let a = e; a; a = up(a)) chain.push(a);
    const behind = (b, a) => over(read(getComputedStyle(a).backgroundColor), b);
    const back = chain.reduceRight(behind, [255, 255, 255, 1]);
    const style = getComputedStyle(e);
    const ink = read(e instanceof SVGElement ? style.fill : style.color);
    ink[3] *= chain.reduce((o, a) => o * Number(getComputedStyle(a).opacity), 1);
    const [a, b] = [light(over(ink, back)), light(back)].sort((x, y) => y - x);
    const name = [e.tagName, e.getAttribute("class"), e.parentElement?.getAttribute("class")].join(" ");
    found.push([(a + 0.05) / (b + 0.05), text.data.trim().slice(0, 30), name]);
  }
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("preset", ["course", "kernel", "compare", "motion"])
def test_every_text_stands_out(visit: Visit, theme: str, preset: str) -> None:
    explorer = visit(scheduled(function="linear_relu", path="matmul/k_0"), theme=theme)
    page = explorer.page
    for row in page.locator(".branch").all()[:6]:
        row.click(modifiers=["Shift"])
    page.locator(f"[data-preset={preset}]").click()
    expect(page.locator(".pane.waiting")).to_have_count(0, timeout=30_000)
    page.mouse.move(5, 5)
    texts = explorer.view.evaluate(CONTRAST)
    assert len(texts) > 100
    weak = {name: f"{ratio:.2f} {text!r}" for ratio, text, name in texts if ratio < LEAST_CONTRAST}
    assert weak == {}
