"""Repeating a step elsewhere, in a real browser: a dialog, its choice of places, the steps in the history."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.explorer import Explorer, link, step

STEPS = [step("LegalizeOps"), step("vectorize", "add", loop="T_add/ax1")]


def test_a_person_chooses_where_a_step_is_done_again(visit: Callable[..., Explorer]) -> None:
    explorer = visit(link("mlp", STEPS, function="add"))
    explorer.press(explorer.say("repeat.open"))
    dialog = explorer.page.get_by_role("dialog")
    places = dialog.locator("[data-tag]:visible")
    expect(places.first).to_be_visible()
    count = places.count()
    dialog.get_by_role("button", name="Remove add1").first.click()
    expect(places).to_have_count(count - 1)
    dialog.get_by_role("button", name=explorer.say("repeat.apply", count=count - 1)).click()
    explorer.expect_step(2 + count - 1)
    expect(dialog).to_have_count(0)
