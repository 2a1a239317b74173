"""The palette in a person's hands: found by typing, greyed with a reason, explained, previewed, applied."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import views
from tests.browser.explorer import FOLD, Explorer, link

RELU = "linear_relu"
AT_K = link("mlp", FOLD, function=RELU, path="matmul/k")

Visit = Callable[..., Explorer]


@pytest.fixture
def at_k(visit: Visit) -> Explorer:
    """`mlp` folded and legalised, with the reduction loop of its first product selected."""
    explorer = visit(AT_K)
    explorer.expect_palette(RELU, "matmul/k")
    return explorer


def search(explorer: Explorer) -> Locator:
    return explorer.palette.get_by_role("combobox", name=say("component.palette.search"))


def shown(explorer: Explorer) -> list[str]:
    return explorer.palette.locator(".pal-row").evaluate_all("rows => rows.map(row => row.dataset.name)")


# -- finding


def test_mod_k_finds_a_transform_from_anywhere_and_enter_opens_it(at_k: Explorer) -> None:
    at_k.branch("matmul/k").focus()
    at_k.page.keyboard.press("Control+k")
    expect(search(at_k)).to_be_focused()
    at_k.page.keyboard.type("spl")
    expect(at_k.offered("split")).to_have_class(re.compile("pal-active"))
    at_k.page.keyboard.press("Enter")
    at_k.expect_offer("split", "applies")
    expect(at_k.form.get_by_label("Loop", exact=True)).to_be_focused()


def test_a_search_reads_names_titles_and_texts_in_both_languages(at_k: Explorer) -> None:
    for query, name in [
        ("tiling", "split"),
        ("向量", "vectorize"),
        ("FuseOps", "FuseOps"),
        ("T.where", None),
    ]:
        search(at_k).fill(query)
        assert (name in shown(at_k)) if name else shown(at_k) == [], query
    expect(at_k.palette.locator(".pal-empty")).to_be_visible()
    search(at_k).press("Escape")
    assert len(shown(at_k)) > 40


def test_arrow_keys_go_through_what_was_found(at_k: Explorer) -> None:
    search(at_k).fill("compute_")
    at_k.page.keyboard.press("ArrowDown")
    active = at_k.palette.locator(".pal-active")
    expect(active).to_have_count(1)
    first = active.get_attribute("data-name")
    at_k.page.keyboard.press("ArrowDown")
    expect(active).not_to_have_attribute("data-name", first or "")
    expect(search(at_k)).to_have_attribute("aria-activedescendant", re.compile("pal-"))


# -- what applies, and what does not


def test_what_applies_stands_first_and_the_rest_is_greyed_with_its_reason(at_k: Explorer) -> None:
    parallel = at_k.page.locator(".pal-row[data-name=parallel]")
    group = at_k.palette.locator(".pal-group", has=parallel)
    greyed = group.locator(".pal-row").evaluate_all("rows => rows.map(row => row.ariaDisabled === 'true')")
    assert greyed == sorted(greyed) and True in greyed
    expect(at_k.offered("parallel")).to_have_attribute("aria-disabled", "true")
    expect(at_k.offered("parallel")).to_have_attribute("title", re.compile("reduction"))
    expect(at_k.offered("parallel").locator(".pal-what")).to_contain_text(re.compile("^the iterations"))


def test_the_count_is_of_what_stands_in_the_list(at_k: Explorer) -> None:
    count = at_k.palette.locator(".pal-row[aria-disabled=false]:not(.pal-nothing)").count()
    words = say("component.palette.count", count=count, total=len(shown(at_k)), place="matmul/k")
    expect(at_k.palette.locator(".pal-count")).to_have_text(words)


def test_the_list_follows_the_selection_and_the_kind_of_function(at_k: Explorer) -> None:
    at_k.choose_loop("matmul/i1")
    at_k.expect_palette(RELU, "matmul/i1")
    expect(at_k.offered("parallel")).to_have_attribute("aria-disabled", "false")
    assert "FoldConstant" not in shown(at_k)

    at_k.palette.get_by_role("checkbox", name=say("component.palette.all_help")).check()
    assert "FoldConstant" in shown(at_k)


def test_a_graph_function_has_graph_passes(visit: Visit) -> None:
    explorer = visit(link("mlp"))
    explorer.expect_palette("main")
    assert "LegalizeOps" in shown(explorer) and "split" not in shown(explorer)


# -- the form and its preview


def test_the_preview_is_the_engines_diff_and_what_apply_then_does(at_k: Explorer) -> None:
    at_k.choose_transform("split")
    at_k.fill("Factors", "None, 8")
    preview = at_k.form.locator(".pal-preview")
    expect(preview).to_contain_text("for k_1 in range(T.int64(8)):")
    at_k.expect_offer("split", "applies")
    marked = {sign: lines(preview, sign) for sign in ("add", "del")}

    at_k.apply()
    at_k.expect_step(4)
    workspace = re.search(r"[?&]w=([^&]+)", at_k.page.url)
    assert workspace is not None
    session = Session.from_link(workspace[1])
    diff = views.ask(views.question(session, "diff", RELU, "cpu"))
    assert marked == {"add": changed(diff, "+"), "del": changed(diff, "-")}


def lines(preview: Locator, kind: str) -> list[str]:
    """The code of the lines that a diff marks as added or removed."""
    return preview.locator(f".ln.{kind} .code").all_text_contents()


def changed(diff: bytes, op: str) -> list[str]:
    """The same of the engine's own DiffView."""
    view = json.loads(diff)
    text, number = (view["after"], "new") if op == "+" else (view["before"], "old")
    return [text[row[number] - 1] for row in view["rows"] if row["op"] == op]


def test_chips_fill_in_a_value_and_a_rest_warns_of_its_guard(at_k: Explorer) -> None:
    at_k.choose_transform("split")
    at_k.form.get_by_role("button", name="98 × 8", exact=True).click()
    expect(at_k.form.get_by_label("Factors", exact=True)).to_have_value("None, 8")
    at_k.form.get_by_role("button", name="25 × 32", exact=True).click()
    expect(at_k.form.locator(".pal-guard")).to_contain_text("784")
    at_k.fill("Factors", "None, 45")  # none of those that are proposed
    expect(at_k.form.locator(".pal-guard")).to_contain_text("T.where")


def test_what_was_typed_survives_another_selection(at_k: Explorer) -> None:
    at_k.choose_transform("split")
    at_k.fill("Factors", "None, 40")
    at_k.choose_loop("matmul/i1")
    at_k.expect_field("Loop", "matmul/i1")
    at_k.expect_field("Factors", "None, 40")


def test_a_value_that_is_none_is_explained_in_the_form_and_stays(at_k: Explorer) -> None:
    at_k.choose_transform("split")
    at_k.fill("Factors", "eight")
    at_k.expect_offer("split", "refused")
    expect(at_k.expect_refusal()).to_contain_text("factors")
    at_k.expect_field("Factors", "eight")
    at_k.apply()
    at_k.expect_step(3)


def test_loops_are_put_in_order_by_buttons(at_k: Explorer) -> None:
    at_k.choose_transform("reorder")
    members = at_k.form.locator(".pal-members li")
    expect(members.nth(0)).to_contain_text("matmul/k")
    at_k.form.get_by_role("button", name=say("component.palette.lower", name="matmul/k")).click()
    expect(members.nth(1)).to_contain_text("matmul/k")
    at_k.expect_offer("reorder", "nothing")
    at_k.form.get_by_role("button", name=say("component.palette.raise", name="matmul/k")).click()
    at_k.expect_offer("reorder", "applies")
    at_k.apply()
    at_k.expect_step(4)
    assert at_k.loops()[:3] == ["matmul/i0", "matmul/k", "matmul/i1"]


def test_enter_in_the_form_applies_what_was_just_typed(at_k: Explorer) -> None:
    at_k.choose_transform("split")
    at_k.fill("Factors", "None, 4")
    at_k.form.get_by_label("Factors", exact=True).press("Enter")
    at_k.expect_step(4)
    expect(at_k.row(4)).to_contain_text("k, [None, 4]")


# -- why not


def test_why_not_says_where_and_a_remedy_is_one_press(at_k: Explorer) -> None:
    at_k.choose_transform("vectorize")
    at_k.expect_offer("vectorize", "refused")
    at_k.form.get_by_role("button", name=say("component.palette.why_not")).click()
    diagnosis = at_k.form.locator(".pal-diagnosis")
    expect(diagnosis.locator(".pal-bad").first).to_contain_text("for k in range")
    expect(at_k.branch("matmul/k")).to_have_class(re.compile(r"\bproblem\b"))

    remedy = diagnosis.locator(".pal-remedy").filter(has_text="rfactor matmul/k, then vectorize")
    remedy.get_by_role("button").click()
    at_k.expect_step(5)
    expect(at_k.row(4)).to_contain_text("rfactor")
    expect(at_k.row(5)).to_contain_text("vectorize")
    expect(at_k.page.locator(".problem")).to_have_count(0)


def test_the_places_that_stand_in_the_way_light_up_under_the_pointer(visit: Visit) -> None:
    explorer = visit(link("mlp", FOLD, function=RELU, path="matmul/i1"))
    explorer.expect_palette(RELU, "matmul/i1")
    explorer.offered("compute_inline").hover(force=True)
    expect(explorer.branch("matmul")).to_have_attribute("data-lit", "hover")


# -- sweeping


def test_values_marked_as_a_range_go_to_the_sweep(at_k: Explorer) -> None:
    at_k.choose_transform("split")
    at_k.form.get_by_role("button", name=say("component.palette.sweep_value"), exact=True).click()
    values = at_k.form.get_by_label("Factors", exact=True)
    values.fill("None, 8; None, 16; None, 5")
    at_k.form.get_by_role("button", name=say("component.palette.sweep", count=3), exact=True).click()
    tab = at_k.page.get_by_role("radio", name=say("palette.tab.sweep"), exact=True)
    expect(tab).to_be_checked()
    panel = at_k.page.locator(".st-key-mlc-palette")
    expect(panel).to_contain_text("k_1", timeout=30_000)  # the loop whose extent varies
    measured = say("sweep.measure", count=4)  # three points, and the state that they are compared with
    expect(panel.get_by_role("button", name=measured)).to_be_visible(timeout=30_000)

    at_k.page.get_by_role("radio", name=say("palette.tab.transform"), exact=True).click()
    at_k.expect_offer("split", "applies")  # the form is as it was left
    expect(at_k.form.get_by_label("Factors", exact=True)).to_have_value("None, 8; None, 16; None, 5")


# -- by keyboard and for screen readers, in both languages


def test_names_for_those_who_do_not_see(at_k: Explorer) -> None:
    list_box = at_k.palette.get_by_role("listbox", name=say("component.palette.title"))
    expect(list_box.get_by_role("group", name=re.compile("^Loop structure"))).to_be_visible()
    at_k.choose_transform("split")
    expect(list_box.get_by_role("option", selected=True)).to_have_attribute("data-name", "split")
    at_k.form.get_by_label("Factors", exact=True).press("Escape")
    expect(at_k.form).to_be_hidden()
    expect(search(at_k)).to_be_focused()


def test_the_list_of_keys_names_the_search(at_k: Explorer) -> None:
    at_k.page.keyboard.press("?")
    dialog = at_k.page.get_by_role("dialog")
    expect(dialog).to_contain_text(say("component.keys.palette"))


def test_chinese(visit: Visit) -> None:
    explorer = visit(AT_K + "&lang=zh", language="zh")
    explorer.expect_palette(RELU, "matmul/k")
    expect(explorer.offered("split").locator(".pal-what")).to_have_text(re.compile("[\u4e00-\u9fff]"))
    explorer.choose_transform("parallel")
    expect(explorer.expect_refusal()).to_contain_text("归约")


def test_mod_k_comes_back_from_another_tab(at_k: Explorer) -> None:
    at_k.page.get_by_role("radio", name=say("palette.tab.ideas"), exact=True).click()
    expect(at_k.palette).to_have_count(0)
    at_k.branch("matmul/k").focus()
    at_k.page.keyboard.press("Control+k")
    expect(search(at_k)).to_be_focused()
