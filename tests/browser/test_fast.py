"""*Make it fast*: one press, a group of steps; each can be opened, explained, edited, taken out."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.explorer import MEASURE_MS, Explorer, link, wait_idle

Visit = Callable[..., Explorer]
TITLE = "Make it fast (CPU)"


def made(visit: Visit, model: str, *, measured: bool = False) -> tuple[Explorer, Locator, int]:
    """A model that was made fast: its page, the group's row, and how many steps it has. What is measured
    then is waited for or called off."""
    explorer = visit(link(model))
    explorer.press(TITLE)
    group = explorer.group(TITLE)
    expect(group).to_be_visible(timeout=MEASURE_MS)
    if not measured:
        explorer.page.keyboard.press("Escape")
    expect(explorer.button(explorer.say("history.measure_all"))).to_be_visible(timeout=3 * MEASURE_MS)
    wait_idle(explorer.page)
    return explorer, group, counted(group)


def counted(group: Locator) -> int:
    return int(group.locator(".tag.count").inner_text().split()[0])


def opened(explorer: Explorer, group: Locator) -> None:
    group.locator(".twist").first.click()
    expect(group.locator(".go")).to_have_attribute("aria-expanded", "true")
    expect(explorer.row(1)).to_be_visible()


def recipe(explorer: Explorer, name: str, count: int) -> int:
    """The number of the first step of that name; its row is current then, with what can be done with it."""
    row = explorer.trace.locator(
        ".step[data-n]", has=explorer.page.locator(f".title:text-is('{name}')")
    ).first
    number = int(row.get_attribute("data-n") or 0)
    explorer.go_to(number, of=count)
    return number


def act(explorer: Explorer, number: int, what: str) -> None:
    explorer.row(number).locator(f"[data-act={what}]").click()


def unfolded(explorer: Explorer, number: int, name: str, count: int) -> int:
    """Unfolds a recipe; how many steps there are then."""
    act(explorer, number, "unfold")
    inner = explorer.group(name).first
    expect(inner).to_be_visible(timeout=MEASURE_MS)
    total = count - 1 + counted(inner)
    explorer.expect_step(number - 1 + counted(inner), of=total)
    return total


def test_a_network_is_made_fast_and_says_by_how_much(visit: Visit) -> None:
    explorer, group, count = made(visit, "cnn", measured=True)
    expect(explorer.row(1)).to_have_count(0)  # a closed group's steps are not even there
    result = group.locator(".result")
    expect(result).to_have_text(
        re.compile(r"^cnn: .+ → .+ \d+(\.\d+)?× · ONNX Runtime .+"), timeout=MEASURE_MS
    )
    expect(group.get_by_role("img", name=re.compile("Checked"))).to_be_visible()
    explorer.expect_step(count)

    explorer.press("Undo")
    explorer.expect_step(0, of=count)
    explorer.press("Redo")
    explorer.expect_step(count)


def test_a_recipe_explains_its_numbers_and_unfolds_into_steps(visit: Visit) -> None:
    explorer, group, count = made(visit, "cnn")
    opened(explorer, group)
    number = recipe(explorer, "conv2d_blocked", count)
    act(explorer, number, "why")
    why = explorer.row(number).locator(".step-why[data-painted]")
    expect(why.locator("ol li").first).to_be_visible()
    expect(why.get_by_role("row").filter(has_text="pixels").first).to_contain_text(
        re.compile(r"\d+ of the \d+")
    )
    expect(why).to_contain_text("vector registers of")

    total = unfolded(explorer, number, "conv2d_blocked", count)
    steps = explorer.trace.locator(".step[data-n] .title").all_inner_texts()
    assert {"split", "reorder", "vectorize", "parallel"} <= set(steps)
    explorer.button(explorer.say("history.take_back")).click()
    explorer.expect_step(number, of=count)
    assert total > count


def test_a_step_that_others_need_takes_them_along_and_comes_back(visit: Visit) -> None:
    explorer, group, count = made(visit, "cnn")
    opened(explorer, group)
    number = recipe(explorer, "conv2d_blocked", count)
    total = unfolded(explorer, number, "conv2d_blocked", count)
    split = explorer.trace.locator(
        ".step[data-n]", has=explorer.page.locator(".title:text-is('split')")
    ).first
    at = int(split.get_attribute("data-n") or 0)

    explorer.take_out(at)
    refusal = explorer.page.locator(".st-key-mlc-history-failure")
    expect(refusal).to_contain_text(
        re.compile(r"Without split, step \d+ \(\w+\) no longer applies"), timeout=MEASURE_MS
    )
    expect(refusal).to_contain_text("There is no loop or block")
    expect(explorer.row(at)).to_contain_text("split")

    explorer.press("Take out all that need it")
    notice = explorer.page.locator(".st-key-mlc-history-notice")
    expect(notice).to_contain_text("Taken out: split", timeout=MEASURE_MS)
    assert counted(group) < total - 1
    explorer.button(explorer.say("history.take_back")).click()
    expect(group.locator(".tag.count")).to_have_text(f"{total} steps")
    expect(explorer.row(at)).to_contain_text("split")


def test_a_recipe_is_edited_in_its_place(visit: Visit) -> None:
    explorer, group, count = made(visit, "cnn")
    opened(explorer, group)
    number = recipe(explorer, "conv2d_blocked", count)
    act(explorer, number, "edit")
    form = explorer.row(number).locator(".step-edit")
    field = form.get_by_label("Pixels of a tile", exact=True)
    expect(field).to_have_value(re.compile(r"\d+"))
    expect(form.locator(".ln.add").first).to_be_visible()

    field.fill("1000")
    expect(form.get_by_role("alert")).to_be_visible()
    field.fill("2")
    expect(form.locator("[data-painted$=':applies']")).to_be_visible()
    form.get_by_role("button", name="Apply").click()
    expect(explorer.row(number)).to_contain_text("pixels=2", timeout=MEASURE_MS)
    expect(form).to_be_hidden()
    expect(explorer.row(number + 1)).to_be_visible()  # later steps stay
    explorer.go_to(number, of=count)
    act(explorer, number, "why")
    expect(explorer.row(number).locator(".step-why")).to_contain_text("would choose other numbers")


def test_the_history_is_a_tree_for_the_keyboard(visit: Visit) -> None:
    explorer, group, count = made(visit, "cnn")
    group.locator(".go").focus()
    keys = explorer.page.keyboard
    keys.press("ArrowRight")
    expect(explorer.row(1)).to_be_visible()
    keys.press("ArrowRight")
    expect(explorer.row(1).locator(".go")).to_be_focused()
    keys.press("ArrowDown")
    expect(explorer.row(2).locator(".go")).to_be_focused()
    keys.press("Enter")
    explorer.expect_step(2, of=count)
    expect(explorer.row(2).locator(".go")).to_be_focused()
    keys.press("ArrowLeft")
    expect(group.locator(".go")).to_be_focused()
    keys.press("ArrowLeft")
    expect(explorer.row(1)).to_have_count(0)
    expect(group.locator(".tag.at")).to_have_text("step 2 of them is on screen")
    keys.press("Delete")
    expect(group).to_have_count(0, timeout=MEASURE_MS)
    explorer.button(explorer.say("history.take_back")).click()
    expect(group.locator(".tag.count")).to_have_text(f"{count} steps")


def test_alt_m_begins_and_escape_calls_it_off(visit: Visit) -> None:
    explorer = visit(link("resnet18"))
    explorer.page.keyboard.press("Alt+m")
    expect(explorer.page.locator(".st-key-mlc-fast-progress")).to_be_visible()
    explorer.page.keyboard.press("Escape")
    expect(explorer.button(TITLE)).to_be_enabled()
    explorer.expect_step(0)


def test_resnet18_is_made_fast_opened_changed_and_measured(visit: Visit) -> None:
    explorer, group, count = made(visit, "resnet18")
    opened(explorer, group)
    number = recipe(explorer, "conv2d_stem", count)
    total = unfolded(explorer, number, "conv2d_stem", count)
    last = number + total - count
    explorer.take_out(last)
    expect(group.locator(".tag.count")).to_have_text(f"{total - 1} steps", timeout=MEASURE_MS)
    explorer.row(last - 1).locator(".go").click()
    explorer.expect_step(last - 1, of=total - 1)

    group.locator(".twist").click()
    group.locator(".go").click()
    explorer.expect_step(total - 1)
    explorer.press(explorer.say("toolbar.measure"))
    expect(group.locator(".whisker")).to_be_visible(timeout=3 * MEASURE_MS)
    expect(group.get_by_role("img", name=re.compile("Checked"))).to_be_visible()
    explorer.press("Undo")
    explorer.expect_step(0, of=total - 1)


def test_the_recipe_of_one_function(visit: Visit) -> None:
    explorer = visit(link("softmax", function="main"))
    explorer.press("Recipe for this function")
    row = explorer.trace.locator(".step[data-n]:has([data-act=why])")  # current, so that it offers this
    expect(row).to_be_visible(timeout=MEASURE_MS)
    row.locator("[data-act=unfold]").click()
    expect(explorer.trace.locator(".step.group")).to_be_visible(timeout=MEASURE_MS)
    assert counted(explorer.trace.locator(".step.group")) > 2


@pytest.mark.parametrize("language", ["zh"])
def test_it_speaks_chinese(visit: Visit, language: str) -> None:
    explorer = visit(link("cnn") + f"&lang={language}", language=language)
    explorer.press("一键加速（CPU）")
    group = explorer.group("一键加速（CPU）")
    expect(group).to_contain_text("步", timeout=MEASURE_MS)
    expect(group.get_by_role("button", name="展开所有配方")).to_be_visible()
    explorer.page.keyboard.press("Escape")
    opened(explorer, group)
    number = recipe(
        explorer, "conv2d_blocked", int(re.sub(r"\D", "", group.locator(".tag.count").inner_text()))
    )
    act(explorer, number, "why")
    expect(explorer.row(number).locator(".step-why")).to_contain_text("寄存器")
