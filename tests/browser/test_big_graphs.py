"""A big graph in a real browser: groups that open on the spot, search, pictures, the first picture."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from mlc_explorer.store import Store
from tests.big_models import chain
from tests.browser import launch
from tests.browser.explorer import Explorer, link

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def addresses(tmp_path_factory) -> dict[str, str]:
    """A server of its own that has a chain of 1,000 nodes."""
    home = tmp_path_factory.mktemp("big")
    chain_link = link(Store(home).put(chain(1_000), "chain.onnx"))
    with launch.serve(home) as url:
        yield {
            "chain": url + chain_link,
            "fused": url + link("mlp", [{"transform": "FoldLinear", "params": {}}]),
        }


@pytest.fixture
def big(visit: Callable[..., Explorer], addresses: dict[str, str]) -> Page:
    return visit(addresses["chain"]).page


def box(page: Page, label: str):
    """A box or closed group by what it says."""
    return page.locator(".stage .node", has=page.locator(f"text.op:text-is('{label}')"))


def frames(page: Page) -> list[str]:
    return page.locator(".stage .group-frame").evaluate_all("all => all.map((e) => e.dataset.group)")


def test_a_big_graph_begins_with_a_few_groups(big: Page) -> None:
    assert 20 <= big.locator(".stage .node").count() <= 80
    expect(box(big, "1–10")).to_be_visible()
    assert len(frames(big)) == 1


def test_a_group_opens_where_it_is_and_closes_again(big: Page) -> None:
    before = box(big, "1–10").bounding_box()
    box(big, "1–10").locator(".opener").click()
    expect(box(big, "relu ×4, add #1")).to_be_visible()
    frame = big.locator(".group-frame[data-group='lv…lv49']")
    assert frame.locator("rect").bounding_box()["y"] == pytest.approx(before["y"], abs=6)
    frame.locator(".closer").click()
    expect(box(big, "1–10")).to_be_visible()
    assert len(frames(big)) == 1


def test_it_goes_by_keys_and_by_double_click_too(big: Page) -> None:
    box(big, "1–10").dblclick()
    expect(box(big, "relu ×4, add #2")).to_be_visible()
    box(big, "relu ×4, add #2").locator(".box").click()
    expect(big.locator(".node.selected")).to_have_attribute("data-id", "lv5…lv9")
    big.focus(".stage")
    big.keyboard.press("Enter")
    expect(big.locator(".node[data-id=lv5]")).to_be_visible()
    big.locator(".node[data-id=lv5] .box").click()
    big.focus(".stage")
    big.keyboard.press("Backspace")
    expect(box(big, "relu ×4, add #2")).to_be_visible()


def test_all_open_and_all_closed(big: Page) -> None:
    big.locator("[data-zoom=close_all]").click()
    expect(big.locator(".stage .node")).to_have_count(3)
    big.locator("[data-zoom=open_all]").click()
    expect(
        big.locator(".overlay .node").first
    ).to_be_attached()  # a canvas, with elements for what is in sight
    expect(big.locator(".stage")).to_have_attribute("aria-label", re.compile("1002 nodes"))
    assert big.locator(".stage .node").count() < 200


def test_a_fused_function_opens_in_a_small_graph(visit: Callable[..., Explorer], addresses) -> None:
    page = visit(addresses["fused"]).page
    count = page.locator(".stage .node").count()
    box(page, "linear_relu").locator(".opener").click()
    expect(box(page, "relu")).to_be_visible()
    assert page.locator(".stage .node").count() > count
    expect(box(page, "reshape")).to_have_count(1)  # everything else stays


def test_search_goes_to_what_is_closed(big: Page) -> None:
    big.focus(".stage")
    big.keyboard.press("/")
    big.keyboard.type("op:add shape:64")
    output = big.locator(".graph-search output")
    expect(output).to_have_text("– / 200")
    expect(big.locator(".node.match")).to_have_count(20)  # the groups that hold them
    big.keyboard.press("Enter")
    expect(output).to_have_text("1 / 200")
    expect(big.locator(".node.found")).to_have_attribute("data-id", "lv4")
    expect(big.locator(".node.found")).to_be_in_viewport()
    big.keyboard.press("Shift+Enter")
    expect(output).to_have_text("200 / 200")
    expect(big.locator(".node.found")).to_have_attribute("data-id", "gv")
    big.locator(".graph-search input").fill("nothing of the kind")
    expect(output).to_have_text("none")
    big.keyboard.press("Escape")
    expect(big.locator(".graph-search")).to_be_hidden()
    expect(big.locator(".match, .found")).to_have_count(0)


def test_what_is_seen_is_saved_as_a_picture(big: Page, tmp_path) -> None:
    stage = big.locator(".stage").bounding_box()
    files = {}
    for kind in ("svg", "png"):
        with big.expect_download() as coming:
            big.locator("select.save-as").select_option(kind)
        files[kind] = tmp_path / coming.value.suggested_filename
        coming.value.save_as(files[kind])
    root = ET.parse(files["svg"]).getroot()
    words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    shown = box(big, "1–10").locator("text").all_text_contents()
    assert set(shown) <= set(words)
    boxes = [g for g in root.iter(f"{SVG}g") if "data-id" in g.attrib]
    assert 2 <= len(boxes) <= big.locator(".stage .node").count()
    assert all("fill" in rect.get("style", "") for g in boxes for rect in g.iter(f"{SVG}rect"))
    with Image.open(files["png"]) as image:
        assert image.size == pytest.approx((2 * stage["width"], 2 * stage["height"]), abs=2)
        assert len(image.convert("RGB").getcolors(1 << 20)) > 8


def test_a_slow_layout_can_be_cut_short(big: Page) -> None:
    asked = []

    def hold(route) -> None:
        asked.append(route.request.url)
        if "plain" in route.request.url:
            route.continue_()

    big.route(re.compile(r"/panes/.*/graph\?.*open"), hold)
    box(big, "11–20").locator(".opener").click()
    big.locator(".graph-wait").get_by_role("button", name="Cancel").click()
    expect(box(big, "relu ×4, add #11")).to_be_visible()
    expect(big.locator(".graph-wait")).to_have_count(0)
    assert len(asked) == 2


def test_the_graph_of_a_link_is_there_before_the_page(open_page, addresses, watch) -> None:
    page = open_page("about:blank", wait=False)
    page.add_init_script(
        """new MutationObserver(() => {
            const picture = document.getElementById("first-picture");
            if (picture?.dataset.painted) window.firstBoxes = picture.dataset.painted;
            if (picture) window.streamlitWasThere ??= Boolean(document.querySelector("[data-testid=stApp]"));
        }).observe(document, {childList: true, subtree: true, attributes: true});"""
    )
    page.goto(addresses["chain"])
    page.wait_for_selector(".linked-view[data-painted]")
    expect(page.locator("#first-picture")).to_have_count(0)
    assert page.evaluate("window.firstBoxes") == str(page.locator(".stage .node").count())
    assert page.evaluate("window.streamlitWasThere") is False
