"""The linked view and the trace alone, in a real browser: what a person does, and what Python hears of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from mlc_explorer.ui.component import labels
from tests.browser import launch

SAY = labels("en")
Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def component_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with launch.serve(tmp_path_factory.mktemp("component"), script="tests/browser/component_app.py") as url:
        yield url


@pytest.fixture
def show(open_page: Opener, component_url: str) -> Opener:
    """`show("refused")`: the page with that case, painted."""

    def open_case(case: str = "loops", **options: str) -> Page:
        page = open_page(f"{component_url}?case={case}", **options)
        page.wait_for_selector(".linked-view[data-painted]")
        page.wait_for_selector(".trace-view[data-painted]")
        return page

    return open_case


def events(page: Page, count: int) -> list[dict[str, object]]:
    """The first `count` events that Python has received, once so many have arrived; without their numbers."""
    heard = page.get_by_test_id("stText")
    page.wait_for_function(
        "n => document.querySelector('[data-testid=stText]').innerText.split('{').length - 1 >= n", arg=count
    )
    found = [json.loads(line) for line in heard.inner_text().splitlines()]
    return [{k: v for k, v in e.items() if k != "n"} for e in found]


def line(page: Page, number: int):
    """The row of the text pane that shows line `number` of the new text."""
    return page.locator(".ln:not(.del)", has=page.locator(f".no:text-is('{number}')"))


def test_a_click_on_a_node_selects_it_and_tells_python(show: Opener) -> None:
    page = show()
    page.click(".node[data-id=x]")
    expect(page.locator(".node.selected")).to_have_attribute("data-id", "x")
    assert events(page, 1) == [{"type": "node", "id": "x", "function": None}]


def test_arrow_keys_follow_edges_past_constants(show: Opener) -> None:
    page = show()
    page.focus(".stage")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".node.selected")).to_have_attribute("data-id", "x")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".node.selected")).to_have_attribute("data-id", "w")
    expect(page.locator(".said")).to_contain_text("const")  # for those who hear the page


def test_a_header_selects_its_loop_and_a_body_line_the_innermost_block(show: Opener) -> None:
    page = show()
    line(page, 3).locator(".code").click()
    expect(page.locator(".branch.selected")).to_have_attribute("data-path", "matmul/k_0")
    line(page, 6).locator(".code").click()
    expect(page.locator(".branch.selected")).to_have_attribute("data-path", "matmul")
    expect(page.locator(".crumb")).to_have_text("matmul")
    paths = [e["path"] for e in events(page, 2)]
    assert paths == ["matmul/k_0", "matmul"]


def test_the_painted_mark_names_state_function_and_selection(show: Opener) -> None:
    page = show()
    assert page.get_attribute(".linked-view", "data-painted") == "loops-1:matmul:lv"
    page.click(".branch[data-path='matmul/k_1']")
    page.wait_for_selector(".linked-view[data-painted$=':matmul/k_1']")


def test_hovering_a_loop_lights_it_in_all_panes(show: Opener) -> None:
    page = show()
    page.hover(".branch[data-path='matmul/k_1']")
    expect(page.locator(".bands .head.hover")).to_have_count(1)
    line(page, 2).hover()
    expect(page.locator(".branch[data-lit=hover]")).to_have_attribute("data-path", "matmul/i")
    assert "event" in page.get_by_test_id("stText").inner_text()  # "no event": hovering stays in the browser


def test_pins_have_colours_of_their_own_and_a_chip_each(show: Opener) -> None:
    page = show()
    page.click(".branch[data-path='matmul/k_1']", modifiers=["Shift"])
    page.click(".branch[data-path='matmul/i']", modifiers=["Shift"])
    expect(page.locator(".pins .pin")).to_have_text(["matmul/k_1", "matmul/i"])
    expect(page.locator(".bands .head.pin-1")).to_have_count(1)
    expect(page.locator(".branch[data-lit^=pin-2]")).to_have_attribute("data-path", "matmul/i")
    page.click(".branch[data-path='matmul/i']", modifiers=["Shift"])
    expect(page.locator(".pins .pin")).to_have_text(["matmul/k_1"])
    page.locator(".pin button").click()
    expect(page.locator(".bands [class*=pin]")).to_have_count(0)


def test_the_tree_is_an_aria_tree_with_its_keys(show: Opener) -> None:
    page = show()
    tree = page.get_by_role("tree", name=SAY["tree.title"])
    expect(tree.get_by_role("treeitem")).to_have_count(4)
    tree.get_by_role("treeitem", level=1).focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".branch.selected")).to_have_attribute("data-path", "matmul/k_0")
    page.keyboard.press("ArrowLeft")
    expect(tree.get_by_role("treeitem")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    expect(tree.get_by_role("treeitem")).to_have_count(4)
    page.keyboard.press("End")
    expect(page.locator(".block-detail")).to_contain_text("A[i, k]")


def test_folding_hides_a_body_and_says_how_many_lines(show: Opener) -> None:
    page = show()
    page.click(".diff-toggle")
    line(page, 3).locator(".fold").click()
    expect(page.locator(".ln")).to_have_count(3)
    expect(page.locator(".hides")).to_have_text("3 lines")
    page.locator(".hides").click()
    expect(page.locator(".ln")).to_have_count(6)


def test_space_folds_what_is_selected_and_escape_goes_out(show: Opener) -> None:
    page = show()
    line(page, 4).locator(".code").click()
    page.keyboard.press("Space")
    expect(page.locator(".hides")).to_have_text("2 lines")
    page.keyboard.press("Escape")
    expect(page.locator(".branch.selected")).to_have_attribute("data-path", "matmul/k_0")


def test_the_diff_shows_removed_lines_and_marks_changed_words(show: Opener) -> None:
    page = show()
    expect(page.locator(".ln.del")).to_have_count(3)
    expect(page.locator(".ln.add")).to_have_count(4)
    expect(page.locator(".ln.moved")).to_have_count(1)
    assert page.locator(".ln.del").first.locator("mark").all_inner_texts() == ["range"]
    assert page.locator(".ln.add").first.locator("mark").all_inner_texts() == ["T.parallel"]
    page.click(".diff-toggle")
    expect(page.locator(".ln.del")).to_have_count(0)
    page.reload()
    page.wait_for_selector(".linked-view[data-painted]")
    expect(page.locator(".ln.del")).to_have_count(0)  # a person's choice lasts


def test_assembly_is_linked_to_the_lines_it_came_from(show: Opener) -> None:
    page = show()
    page.locator(".pane.tree-pane select.view").select_option("asm")
    asm = page.locator(".pane[data-view=asm]")
    expect(asm.locator(".ln")).to_have_count(4)
    asm.locator(".ln").nth(2).hover()
    expect(page.locator(".pane[data-view=program] .bands .run.hover")).to_have_count(1)
    asm.locator(".ln").nth(3).hover()
    expect(asm.get_by_role("status")).to_contain_text("no line of the program")
    asm.locator(".ln").nth(2).click()
    assert events(page, 1) == [{"type": "path", "path": "matmul"}]


def test_a_text_that_is_refused_says_why_and_leaves_the_others(show: Opener) -> None:
    page = show()
    page.locator(".pane.tree-pane select.view").select_option("cuda")
    pane = page.locator(".pane[data-view=cuda]")
    expect(pane.get_by_text("no such view")).to_be_visible()
    expect(pane.get_by_role("button", name=SAY["failed.again"])).to_be_visible()
    expect(page.locator(".pane[data-view=program] .ln.add")).to_have_count(4)


def test_panes_are_added_moved_and_closed_and_stay_so(show: Opener) -> None:
    page = show()
    shown = "panes => panes.map(p => p.dataset.view)"
    page.locator("select.add").select_option("asm")
    expect(page.locator(".column")).to_have_count(4)
    page.locator(".pane[data-view=asm] select.more").select_option("left")
    assert page.locator(".pane").evaluate_all(shown) == ["graph", "program", "loops", "asm"]
    expect(page.locator(".divider")).to_have_count(1)
    page.locator(".pane[data-view=graph] select.more").select_option("close")
    page.reload()
    page.wait_for_selector(".linked-view[data-painted]")
    assert page.locator(".pane").evaluate_all(shown) == ["program", "loops", "asm"]
    page.get_by_role("radio", name=SAY["preset.course"]).click()
    assert page.locator(".pane").evaluate_all(shown) == ["graph", "program", "loops"]


def test_a_header_that_is_dragged_takes_its_pane_along(show: Opener) -> None:
    page = show()
    tree = page.locator(".pane[data-view=loops]")
    start, goal = tree.locator("header").bounding_box(), page.locator(".pane[data-view=graph]").bounding_box()
    page.mouse.move(start["x"] + start["width"] * 0.6, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(goal["x"] + goal["width"] / 2, goal["y"] + goal["height"] - 20, steps=4)
    expect(page.locator(".drop-hint")).to_be_visible()
    page.mouse.up()
    expect(page.locator(".column")).to_have_count(2)
    assert page.locator(".column").first.locator(".pane").evaluate_all("p => p.map(e => e.dataset.view)") == [
        "graph", "loops"
    ]  # fmt: skip


def test_arrow_keys_step_through_the_history(show: Opener) -> None:
    page = show()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".linked-view[data-painted^='loops-0:']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".linked-view[data-painted^='loops-1:']")
    expect(page.locator(".film output")).to_contain_text("1/1")


def test_the_function_menu_tells_python(show: Opener) -> None:
    page = show()
    page.get_by_role("combobox", name=SAY["text.function"]).select_option("main")
    assert events(page, 1) == [{"type": "function", "name": "main", "node": None}]


def test_a_problem_lights_up_its_loop_until_it_is_dismissed(show: Opener) -> None:
    page = show("refused")
    expect(page.get_by_role("alert")).to_contain_text("k_0 carries a reduction")
    expect(page.locator(".branch.problem")).to_have_attribute("data-path", "matmul/k_0")
    page.get_by_role("button", name=SAY["problem.dismiss"]).click()
    expect(page.locator(".problem")).to_have_count(0)


@pytest.mark.parametrize("case", ["hostile", "refused"])
def test_names_from_a_model_are_never_html(show: Opener, case: str) -> None:
    page = show(case)
    page.click(".node[data-id=lv]")
    expect(page.locator(".linked-view img, .trace-view img")).to_have_count(0)
    assert page.evaluate("window.hacked") is None


def test_a_late_answer_to_an_earlier_click_does_not_win(show: Opener) -> None:
    page = show()
    page.evaluate(
        """() => {
            window.selected = [];
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
            const note = () => window.selected.push(root.querySelector('.node.selected')?.dataset.id);
            new MutationObserver(note).observe(root.querySelector('.world'), {attributes: true, subtree: true,
                attributeFilter: ['class']});
        }"""
    )
    page.click(".node[data-id=slow]")
    page.click(".node[data-id=x]")
    events(page, 2)
    page.wait_for_selector(".linked-view[data-painted$=':x']")
    seen = page.evaluate("window.selected.filter(Boolean)")
    assert seen[seen.index("x") :] == ["x"] * len(seen[seen.index("x") :])


def test_nothing_is_fetched_twice(open_page: Opener, component_url: str) -> None:
    page = open_page("about:blank", wait=False)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "/blob/" in r.url or "/panes/" in r.url else None)
    page.goto(component_url)
    page.wait_for_selector(".linked-view[data-painted]")
    page.click(".branch[data-path='matmul/i']")
    page.wait_for_selector(".linked-view[data-painted$=':matmul/i']")
    page.click(".node[data-id=x]")
    page.wait_for_selector(".linked-view[data-painted$=':x']")
    assert len(asked) == len(set(asked)) > 6


def test_a_state_that_the_server_has_forgotten_is_told_again(open_page: Opener, component_url: str) -> None:
    page = open_page("about:blank", wait=False)
    refused: list[str] = []

    def lose_the_first(route: Route) -> None:
        if not refused:
            refused.append(route.request.url)
            route.fulfill(status=404)
        else:
            route.continue_()

    page.route("**/panes/*/*", lose_the_first)
    page.goto(component_url)
    page.wait_for_selector(".linked-view[data-painted]")
    assert refused
    expect(page.locator(".branch")).to_have_count(4)


def test_a_server_that_never_answers_is_said_so(open_page: Opener, component_url: str) -> None:
    page = open_page("about:blank", wait=False)
    page.route("**/panes/*/state*", lambda route: route.fulfill(status=404))
    page.goto(component_url)
    expect(page.get_by_text(SAY["failed.title"]).first).to_be_visible(timeout=15_000)


def test_of_a_thousand_nodes_only_those_in_sight_are_elements(show: Opener) -> None:
    page = show("big")
    shown = page.locator(".node").count()
    assert 0 < shown < 200
    page.evaluate(
        """() => {
            window.touched = 0;
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
            const overlay = root.querySelector('.overlay');
            const count = (list) => { window.touched += list.filter((m) => m.target !== overlay).length; };
            new MutationObserver(count).observe(overlay, {attributes: true, childList: true, subtree: true});
        }"""
    )
    first = page.locator(".node").first.get_attribute("data-id")
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] - 2000, steps=10)
    page.mouse.up()
    expect(page.locator(f".node[data-id='{first}']")).to_have_count(0)
    assert page.evaluate("window.touched") == 0  # boxes come and go; none is changed
    page.locator("button[data-zoom=fit]").click()
    expect(page.locator(".stage")).to_have_class("stage far")


def test_every_line_of_a_long_text_is_there_for_the_browsers_find(show: Opener) -> None:
    page = show("big")
    expect(page.locator(".ln")).to_have_count(5000, timeout=15_000)


def test_a_narrow_screen_shows_one_pane_at_a_time(show: Opener) -> None:
    page = show()
    page.set_viewport_size({"width": 700, "height": 900})
    page.get_by_role("tab", name=SAY["view.loops"]).click()
    expect(page.locator(".tree")).to_be_visible()
    expect(page.locator(".stage")).to_be_hidden()
    page.get_by_role("tab", name=SAY["view.graph"]).click()
    expect(page.locator(".node[data-id=lv]")).to_be_in_viewport()


def test_splitters_move_and_are_remembered(show: Opener) -> None:
    page = show()
    width = page.locator(".pane.graph").bounding_box()["width"]
    bar = page.locator(".splitter").first
    box = bar.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 93, box["y"] + 100, steps=3)
    page.mouse.up()
    assert page.locator(".pane.graph").bounding_box()["width"] == pytest.approx(width + 90, abs=4)
    page.reload()
    page.wait_for_selector(".linked-view[data-painted]")
    assert page.locator(".pane.graph").bounding_box()["width"] == pytest.approx(width + 90, abs=4)


def test_nothing_chosen_says_what_to_do(show: Opener) -> None:
    page = show("empty")
    expect(page.get_by_text(SAY["empty.title"], exact=True)).to_be_visible()
    expect(page.get_by_text(SAY["trace.hint"])).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_the_theme_and_logs_no_error(show: Opener, watch: object, theme: str) -> None:
    page = show(theme=theme)
    expect(page.locator(".linked-view")).to_have_attribute("data-theme", theme)
    missing_fonts = "Failed to load resource"  # they stand beside app.py, not beside this test's server
    assert [e for e in watch.errors if missing_fonts not in e] == []


def test_a_row_of_the_trace_shows_time_gain_and_check(show: Opener) -> None:
    page = show()
    times = page.locator(".step .time b").all_inner_texts()
    assert times == ["1.95 s", "18.4 ms", "21.3 µs"]
    expect(page.locator(".step[data-n='1'] .speed")).to_have_text("106×")
    expect(page.locator(".step .check.wrong")).to_have_count(1)
    expect(page.locator(".line-label[data-line=numpy]")).to_have_text("NumPy 1.5 ms")
    expect(page.locator(".step[data-n='3'] .message")).to_have_text("a reduction can't be bound")


def test_a_click_on_a_row_goes_there_and_its_cross_takes_it_out(show: Opener) -> None:
    page = show()
    page.click(".step[data-n='1'] .go")
    expect(page.locator(".step.current")).to_have_attribute("data-n", "1")
    expect(page.locator(".step.dimmed")).to_have_count(2)
    page.locator(".step[data-n='2'] .delete").click()
    assert events(page, 2) == [{"type": "goto", "cursor": 1}, {"type": "remove", "first": 1, "count": 1}]


def test_bars_are_logarithmic_for_a_wide_spread_and_linear_on_request(show: Opener) -> None:
    page = show()

    def width(n: int) -> float:
        return page.locator(f".step[data-n='{n}'] .bar").bounding_box()["width"]

    assert width(1) > width(0) / 3
    page.get_by_role("radio", name=SAY["trace.linear"]).click()
    assert width(1) < width(0) / 20
