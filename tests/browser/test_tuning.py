"""The tab "Tune" in a real browser: a curve that grows, a run that is cancelled, steps that are taken."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer import Explorer, link, step, wait_idle

TUNED_MS = 180_000.0  # a few trials on a busy machine
# Each with a step of its own: what is timed is kept by the app that all browser tests share, and others
# expect bare models without a time.
MATMUL = link("matmul_128", [step("split", "main", loop="matmul/j", factors=[None, 16])], function="main")
BMM = link("bmm_relu", [step("split", "main", loop="bmm/j", factors=[None, 32])], function="main")
MLP = link("mlp", [step("FoldConstant")])


class Tuner:
    """One person at the tab."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.page = explorer, explorer.page
        self.view = self.page.locator(".tuning-view")
        self.open()

    def open(self, tab: str = "tuning") -> None:
        name = self.explorer.say(f"palette.tab.{tab}")
        self.page.get_by_role("radio", name=name, exact=True).click()
        wait_idle(self.page)

    def begin(self, trials: int) -> None:
        """Starts a tuning of so many trials, around the recipe first."""
        own = self.page.get_by_role("radio", name=self.explorer.say("tuning.own"), exact=True)
        own.click()
        field = self.page.get_by_role("spinbutton", name=self.explorer.say("tuning.own_trials"))
        field.fill(str(trials))
        field.press("Enter")
        expect(self.go).to_contain_text(re.compile(rf"\b{trials}\b"))
        self.go.click()
        expect(self.cancel).to_be_visible(timeout=30_000)

    def expect_trials(self, count: int) -> None:
        """So many trials at least have a mark on the curve."""
        for _ in range(int(TUNED_MS / 200)):
            if self.marks.count() >= count:
                return
            self.page.wait_for_timeout(200)
        expect(self.marks).to_have_count(count)

    def expect_ended(self) -> None:
        expect(self.view).to_have_attribute("data-state", "ended", timeout=TUNED_MS)
        expect(self.go).to_be_visible(timeout=30_000)
        wait_idle(self.page)

    @property
    def go(self) -> Locator:
        return self.page.locator(".st-key-tuning-go button")

    @property
    def cancel(self) -> Locator:
        return self.page.locator(
            ".st-key-tuning-cancel button"
        ).first  # a button with a tooltip is there twice

    @property
    def marks(self) -> Locator:
        return self.view.locator(".tuning-svg .tuning-dot")

    @property
    def curve(self) -> Locator:
        return self.view.get_by_role("img", name=re.compile("trial|尝试"))

    def way(self, name: str) -> Locator:
        """The row of the tuned steps (``tuned``) or of the recipe."""
        return self.view.locator(f".tuning-way.{name}")


Come = Callable[..., Explorer]


def test_the_curve_grows_and_the_best_steps_are_taken_and_measured(visit: Come) -> None:
    tuner = Tuner(visit(MATMUL))
    expect(tuner.page.locator(".st-key-mlc-tuning")).to_contain_text(
        "Many schedules of this function are tried"
    )
    tuner.begin(8)
    tuner.expect_trials(2)
    growing = tuner.marks.count()
    expect(tuner.page.locator(".st-key-mlc-tuning-bar")).to_contain_text(re.compile(r"\d of 8 · best"))

    tuner.open("sweep")  # it goes on while something else is looked at
    expect(tuner.view).to_have_count(0)
    tuner.open()
    tuner.expect_trials(growing)
    tuner.expect_ended()
    assert tuner.marks.count() >= 8  # the recipe's own numbers come on top
    expect(tuner.curve).to_have_attribute(
        "aria-label", re.compile(r"Best time over \d+ trials.*start: .*recipe: ")
    )
    expect(tuner.view.locator("text.across.start")).to_contain_text(re.compile("start.*s"))

    tuner.marks.last.hover(force=True)
    expect(tuner.view.locator(".tuning-at")).to_contain_text(re.compile(r"#\d+ · "))
    tuner.view.locator("summary").press("Enter")
    table = tuner.view.get_by_role("region", name="All candidates, the fastest first")
    expect(table.get_by_role("row")).to_have_count(tuner.marks.count() + 1)

    best = tuner.view.locator(".tuning-way").first
    best.get_by_role("button", name=re.compile("Take the")).click()
    expect(best).to_contain_text("in the history", timeout=30_000)
    expect(tuner.explorer.row(1)).to_be_visible()
    tuner.explorer.press("Compile & time")
    figures = tuner.explorer.expect_measured()
    assert figures["Largest error, absolute · relative"].endswith("✓")


def test_a_run_that_escape_cancels_keeps_its_best(visit: Come) -> None:
    tuner = Tuner(visit(BMM))
    tuner.begin(200)
    tuner.expect_trials(2)
    tuner.page.locator("body").press("Escape")
    tuner.expect_ended()
    expect(tuner.view).to_contain_text("It was cancelled; this is the best until then.")
    assert 2 <= tuner.marks.count() < 200
    expect(tuner.view.locator(".tuning-take").first).to_be_visible()

    later = Tuner(visit(BMM))  # another visit finds it at once
    expect(later.view).to_contain_text("It was cancelled")
    expect(later.view.locator(".tuning-way").first).to_contain_text(re.compile(r"[\d.]+ (µs|ms)"))


def test_a_whole_model_is_tuned_in_chinese_and_its_functions_lead_to_themselves(
    open_page: Callable[..., Page],
) -> None:
    tuner = Tuner(Explorer(open_page(MLP + "&lang=zh"), "zh"))
    tuner.begin(2)
    tuner.expect_ended()
    function = tuner.view.locator(".tuning-function").first
    name = function.inner_text()
    assert name.startswith("fused_matmul")  # it takes most of the time
    tuner.view.get_by_role("button", name="采用配方").click()
    expect(tuner.explorer.group("配方")).to_be_visible(timeout=30_000)
    expect(function).to_have_text(name)  # what was found stays
    function.click()
    tuner.explorer.expect_function(name)
    tuner.explorer.press("回到上次调优的 整个模型")
    expect(function).to_have_text(name)
