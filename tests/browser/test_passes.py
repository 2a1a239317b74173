"""The passes page in a real browser: run, filter, read, take a pass over; and the way there and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from mlc_explorer.schema.pipeline import NAMES
from mlc_explorer.texts import say
from tests.browser.explorer import Explorer, link, step, wait_idle

READY_MS = 30_000.0


class Passes:
    """One person's passes page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view = page.locator(".pipeline-view")
        self.filter = self.view.get_by_role("searchbox")
        self.hide = self.view.get_by_role("checkbox", name=say("component.pipeline.hide"))

    def run(self, pipeline: str = "compile") -> None:
        name = say(f"passes.name.{pipeline}")
        self.page.locator(".st-key-passes-pipeline").get_by_text(name, exact=True).click()
        wait_idle(self.page)
        self.page.get_by_role("button", name=say("passes.run")).click()
        self.page.wait_for_selector(".pipeline-view[data-ready]", timeout=READY_MS)
        expect(self.page.get_by_role("button", name=say("passes.run"))).to_be_visible(timeout=READY_MS)
        wait_idle(self.page)

    def expect_count(self, count: int) -> None:
        """So many passes are listed; only those in view are elements."""
        expect(self.view.get_by_role("tree")).to_have_attribute("data-count", str(count), timeout=READY_MS)

    def row(self, name: str) -> Locator:
        rows = self.view.get_by_role("treeitem")
        return rows.filter(has_text=re.compile(rf"(^|[\d.]){name}(?![A-Za-z])")).first

    def open(self, name: str) -> None:
        row = self.row(name)
        row.click()
        index = row.get_attribute("data-index")
        answered = re.compile(rf"^{index}:.")  # without a function: chosen, before the engine's answer
        expect(self.view).to_have_attribute("data-painted", answered, timeout=READY_MS)

    def lines(self, sign: str) -> list[str]:
        return self.view.locator(f".ln.{sign} .code").all_inner_texts()

    def names(self) -> list[str]:
        return self.view.locator(".pass .name").all_inner_texts()


@pytest.fixture
def passes(open_page: Callable[..., Page]) -> Callable[..., Passes]:
    """`passes(steps, **options)`: the passes page on these steps of `mlp`."""

    def come(steps: list[dict[str, Any]] | None = None, model: str = "mlp", **options: str) -> Passes:
        return Passes(open_page(link(model, steps or []).replace("/?", "/passes?"), **options))

    return come


def test_a_run_is_filtered_and_opened(passes: Callable[..., Passes]) -> None:
    mlp = passes()
    mlp.run()
    expect(mlp.hide).to_be_checked()
    expect(mlp.view.locator(".count")).to_have_text(say("component.pipeline.hidden", count=51))
    mlp.expect_count(28)
    assert "DispatchSampling" not in mlp.names()
    mlp.hide.uncheck()
    mlp.expect_count(79)
    assert "DispatchSampling" in mlp.names()
    mlp.filter.fill("legalize")
    legal = [n for n in mlp.names() if "egalize" in n]
    assert legal == [
        "LegalizeOps", "tirx.BF16ComputeLegalize", "tirx.FP8ComputeLegalize", "tirx.FP8StorageLegalize",
        "tirx.BF16StorageLegalize",
    ]  # fmt: skip
    assert mlp.names()[:2] == ["_pipeline", "sequential"], "what is around stays, for orientation"
    mlp.open("LegalizeOps")
    assert any("R.matmul(" in line for line in mlp.lines("del"))
    assert any("R.call_tir(matmul" in line for line in mlp.lines("add"))
    mlp.view.get_by_role("combobox").select_option("relu")
    expect(mlp.view.locator(".ln.add .code").filter(has_text="T.max(")).to_have_count(1)
    mlp.filter.fill("no such pass")
    expect(mlp.view.locator(".empty")).to_be_visible()


def test_a_compilation_inside_a_pass_starts_folded(passes: Callable[..., Passes]) -> None:
    """Folding constants compiles each of them; a filter finds what is inside, too."""
    cnn = passes(model="cnn")
    cnn.run("compile_fused")
    fold = cnn.row("FoldConstant")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(fold).to_contain_text(say("component.pipeline.within", count=118))
    cnn.filter.fill("MakePackedAPI")
    assert [n for n in cnn.names() if "Packed" in n] == ["tirx.MakePackedAPI"] * 3
    cnn.filter.fill("")
    fold.locator(".twist").click()
    expect(fold).to_have_attribute("aria-expanded", "true")


def test_keys(passes: Callable[..., Passes]) -> None:
    mlp = passes()
    mlp.run("zero")
    mlp.page.keyboard.press("/")
    expect(mlp.filter).to_be_focused()
    mlp.page.keyboard.type("fuseops")
    mlp.page.keyboard.press("ArrowDown")
    expect(mlp.view.get_by_role("tree")).to_be_focused()
    focused = mlp.view.locator(".pass.current")
    expect(focused).to_have_attribute("aria-level", "1")
    for _ in range(2):
        mlp.page.keyboard.press("ArrowDown")
    expect(focused.locator(".name")).to_have_text("FuseOps")
    mlp.page.keyboard.press("Enter")
    expect(mlp.view.locator(".detail h3")).to_have_text("FuseOps")
    mlp.page.keyboard.press("/")
    mlp.page.keyboard.press("Escape")
    expect(mlp.filter).to_have_value("")
    mlp.expect_count(8)
    mlp.page.keyboard.press("ArrowDown")
    mlp.page.keyboard.press("ArrowDown")
    expect(focused.locator(".name")).to_have_text("FuseTIR")
    mlp.page.keyboard.press("ArrowLeft")
    expect(focused).to_have_attribute("aria-expanded", "false")
    mlp.expect_count(6)
    mlp.page.keyboard.press("ArrowRight")
    mlp.expect_count(8)


def test_a_pass_becomes_a_step(visit: Callable[..., Explorer]) -> None:
    """From the explore page and back to it, with the pass in the history; Back leads to the passes again."""
    explorer = visit()
    explorer.page.get_by_role("link", name=say("pages.passes")).click()
    mlp = Passes(explorer.page)
    mlp.run()
    mlp.open("LegalizeOps")
    mlp.view.get_by_role("button", name=say("component.pipeline.step"), exact=True).click()
    explorer.expect_step(1)
    expect(explorer.trace.get_by_text("LegalizeOps")).to_be_visible()
    explorer.page.go_back()
    expect(explorer.page.get_by_text(say("passes.empty_title"))).to_be_visible(timeout=READY_MS)
    explorer.page.go_back()
    mlp.expect_count(28)  # the run on the model without the step


def test_a_pass_becomes_steps_with_those_before_it(passes: Callable[..., Passes]) -> None:
    mlp = passes()
    mlp.run("compile_fused")
    mlp.open("ToNonDataflow")
    mlp.view.get_by_role("button", name=say("component.pipeline.way", count=6)).click()
    explorer = Explorer(mlp.page)
    explorer.expect_step(6)
    expect(explorer.trace.get_by_text("ToNonDataflow")).to_be_visible()


def test_a_pass_that_can_be_no_step_says_why(passes: Callable[..., Passes]) -> None:
    mlp = passes()
    mlp.run()
    mlp.open("MakePackedAPI")
    expect(mlp.view.locator(".about")).to_have_text(say("component.pipeline.no_step_stage"))
    expect(mlp.view.get_by_role("button", name=say("component.pipeline.step"), exact=True)).to_have_count(0)


def test_the_workspace_goes_along_from_page_to_page(visit: Callable[..., Explorer]) -> None:
    """Steps, language and target; by the links, and by the browser's Back and Forward."""
    explorer = visit(link("mlp", [step("LegalizeOps")], function="matmul") + "&lang=zh", language="zh")
    page = explorer.page
    target = page.locator(".st-key-target")
    target.get_by_role("combobox").click()
    before = explorer.view.get_attribute("data-painted")
    page.get_by_role("option").nth(1).click()
    expect(explorer.view).not_to_have_attribute("data-painted", before)  # Python knows the target: new tokens
    wait_idle(page)
    name = target.get_by_role("combobox").input_value()
    page.get_by_role("link", name=say("pages.passes", "zh")).click()
    expect(page.get_by_text(say("passes.empty_title", "zh"))).to_be_visible(timeout=READY_MS)
    expect(target.get_by_role("combobox")).to_have_value(name)
    assert "lang=zh" in page.url and "w=" in page.url
    page.get_by_role("link", name=say("pages.explore", "zh")).click()
    explorer.expect_step(1)
    assert "lang=zh" in page.url
    page.go_back()
    expect(page.get_by_text(say("passes.empty_title", "zh"))).to_be_visible(timeout=READY_MS)
    page.go_forward()
    explorer.expect_step(1)


def test_an_undo_on_the_passes_page_asks_for_a_run_of_its_own(passes: Callable[..., Passes]) -> None:
    mlp = passes([step("FoldLinear"), step("LegalizeOps")])
    mlp.run("zero")
    mlp.page.locator(".st-key-toolbar-undo button").click()
    expect(mlp.page.get_by_text(say("passes.empty_title"))).to_be_visible(timeout=READY_MS)
    mlp.page.locator(".st-key-toolbar-redo button").click()
    expect(mlp.view).to_be_visible(timeout=READY_MS)


def test_nothing_is_asked_of_anyone_else_and_nothing_complains(
    passes: Callable[..., Passes], watch: Any
) -> None:
    mlp = passes()
    for pipeline in NAMES:
        mlp.run(pipeline)
        mlp.open("LegalizeOps")
    assert watch.hosts == {"127.0.0.1"}
    assert [e for e in watch.errors if "404" not in e] == [], (
        "Streamlit looks for its own routes below a page"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_as_it_looks(passes: Callable[..., Passes], assert_screenshot: Any, theme: str) -> None:
    """Against golden images; times and the target's name are masked."""
    mlp = passes(theme=theme)
    mlp.run("compile_fused")
    mlp.open("FuseOps")
    mlp.page.mouse.move(0, 0)
    varying = [mlp.view.locator(f".{name}") for name in ("time", "bar", "totals", "detail header .muted")]
    assert_screenshot(mlp.page, f"passes-{theme}", mask=[*varying, mlp.page.locator(".st-key-target")])
