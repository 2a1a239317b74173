"""What the loop tree says of costs: footprints in the rows, and below it those of the loop that is chosen."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.explorer import Explorer, link

STEPS = json.loads((Path(__file__).parents[2] / "sample_models/traces/matmul_1024.json").read_text())["steps"]
Visit = Callable[..., Explorer]


def test_a_loop_says_what_it_touches_and_what_it_became(visit: Visit) -> None:
    """One execution of k_0 keeps a strip of packed B (1024 × 64 of 4 bytes), four rows of A, a tile of C."""
    explorer = visit(link("matmul_1024", STEPS, function="main"))
    page = explorer.page
    explorer.button("Kernel").or_(page.locator("[data-preset=kernel]")).first.click()
    expect(explorer.branch("matmul_update/k_0").locator(".size")).to_have_text("273 KiB")
    explorer.branch("matmul_update/k_0").click()
    cost = page.locator(".foot .cost")
    expect(cost.locator("li")).to_have_text(["B_global256 KiB", "A16 KiB", "C_local1 KiB"])
    expect(cost).to_contain_text("1.05 M")
    expect(cost).to_contain_text("64 FMA", timeout=30_000)
    expect(explorer.branch("matmul_update/k_0")).to_be_in_viewport()


def test_a_buffer_leads_to_who_writes_it(visit: Visit) -> None:
    explorer = visit(link("matmul_1024", STEPS, function="main"))
    page = explorer.page
    page.locator(".foot details summary").click()
    row = page.locator(".foot details li[data-buffer=C_local]")
    row.locator(".name").click()
    expect(row).to_have_attribute("data-lit", re.compile("^pin-1"))
    expect(page.locator(".branch[data-lit^=pin-1]")).to_have_count(3)  # it is set, updated, copied out
    row.locator("[data-to=matmul_init]").click()
    expect(explorer.branch("matmul_init")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".block-detail")).to_contain_text("C_local[v_i, v_j]")
