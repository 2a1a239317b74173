"""The explore page in a person's words: what they see, press and type, and where it shows.

    explorer = Explorer(open_page())
    explorer.press("Fold linear + ReLU")
    explorer.expect_step(3)
    explorer.choose_loop("matmul/k")

Every method waits until the page has answered, so that a test never sleeps. Names of buttons and fields
are the English ones; pass `language="zh"` to speak Chinese.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, TimeoutError, expect

from mlc_explorer.schema.trace import Trace, pack
from mlc_explorer.texts import say

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
MEASURE_MS = 60_000.0  # the most that a measurement of a small model may take on a busy machine

FOLD = [{"transform": name, "params": {}} for name in ("FoldLinear", "LegalizeOps", "FuseTIR")]


def wait_idle(page: Page, timeout_ms: float = 30_000) -> None:
    """Wait until the script has run to its end and all fonts are there."""
    page.wait_for_selector(IDLE, timeout=timeout_ms)
    page.evaluate("document.fonts.ready")


def link(
    model: str, steps: Sequence[Mapping[str, Any]] = (), *, cursor: int | None = None, **selection: str
) -> str:
    """The address (from its `/` on) of a workspace: what the app itself writes there."""
    trace = Trace.from_json({"version": 1, "model": model, "steps": list(steps)})
    at = len(trace.steps) if cursor is None else cursor
    return "/?w=" + pack({"trace": trace.to_json(), "cursor": at, "selection": selection})


def step(transform: str, function: str | None = None, **params: Any) -> dict[str, Any]:
    """A step as in a trace's JSON."""
    named = {} if function is None else {"function": function}
    return {"transform": transform, **named, "params": params}


class Explorer:
    """One person's page."""

    def __init__(self, page: Page, language: str = "en") -> None:
        self.page, self.language = page, language
        self.view = page.locator(".linked-view")
        self.trace = page.locator(".trace-view")
        self.expect_painted()

    def say(self, key: str, **values: Any) -> str:
        return say(key, self.language, **values)

    # -- waiting ---------------------------------------------------------------------------------------

    def expect_painted(self) -> None:
        """The panes stand, the picture drawn ahead of them is gone, and the script has run to its end."""
        self.page.wait_for_selector(".linked-view[data-painted]", timeout=30_000)
        self.page.wait_for_selector(".trace-view[data-painted]", timeout=30_000)
        self.page.wait_for_selector("#first-picture", state="detached", timeout=30_000)
        wait_idle(self.page)

    def expect_step(self, cursor: int, of: int | None = None) -> None:
        """The model after step `cursor` is on screen, of `of` steps in the history (default: the last)."""
        rows = (cursor if of is None else of) + 1
        expect(self.trace).to_have_attribute("data-painted", f"{rows}:{cursor}", timeout=30_000)
        expect(self.view).to_have_attribute("data-step", f"{cursor}/{rows - 1}", timeout=30_000)
        wait_idle(self.page)

    # -- the bar ---------------------------------------------------------------------------------------

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def press(self, name: str) -> None:
        self.button(name).click()

    def open_file(self, file: Path | FilePayload) -> None:
        """Uploads a model through the file input below `Open`."""
        self.page.get_by_test_id("stPopover").filter(has_text=self.say("toolbar.open")).click()
        self.page.locator("input[type=file]").set_input_files(file)

    def open_sample(self, name: str) -> None:
        self._pick(self.say("toolbar.model"), name)

    @property
    def model(self) -> Locator:
        return self.field(self.say("toolbar.model"))

    def speak(self, name: str, language: str) -> None:
        """Switches the language; `name` is what the switch says."""
        self.page.get_by_role("radio", name=name).click()
        self.language = language
        expect(self.button(self.say("toolbar.measure"))).to_be_visible()
        wait_idle(self.page)

    def share(self) -> None:
        self.press(self.say("toolbar.share"))

    def shared_link(self) -> str:
        """The address that `Share` shows."""
        self.share()
        shown = self.page.get_by_role("dialog").get_by_text("?w=").inner_text()
        self.page.keyboard.press("Escape")
        return shown

    def download(self, name: str, folder: Path) -> Path:
        """Presses a download button; where the file now lies."""
        with self.page.expect_download() as coming:
            self.press(name)
        target = folder / coming.value.suggested_filename
        coming.value.save_as(target)
        return target

    # -- the graph -------------------------------------------------------------------------------------

    def node(self, title: str) -> Locator:
        """The box that shows `title`."""
        return self.page.locator(".node", has=self.page.locator(f"text.op:text-is('{title}')"))

    def nodes(self) -> list[str]:
        """What the boxes show, inputs and outputs included, constants not."""
        return self.page.locator(".node text.op").all_text_contents()

    # -- the program and its loops ---------------------------------------------------------------------

    @property
    def program(self) -> Locator:
        return self.page.locator(".pane.text .scroller")

    def expect_function(self, name: str) -> None:
        box = self.page.get_by_role("combobox", name=self.say("component.text.function"))
        expect(box).to_have_value(name)

    def branch(self, path: str) -> Locator:
        """A loop or block in the tree."""
        return self.page.locator(f".branch[data-path='{path}']")

    def loops(self) -> list[str]:
        """The paths in the tree, from top to bottom."""
        return self.page.locator(".branch").evaluate_all("rows => rows.map(row => row.dataset.path)")

    def choose_loop(self, path: str) -> None:
        with self.answered():
            self.branch(path).click()
        self.expect_chosen(path)

    @contextlib.contextmanager
    def answered(self) -> Iterator[None]:
        """Waits for Python's answer to what is done in the linked view, which shows it long before."""
        before = self.view.get_attribute("data-answered") or ""
        yield
        expect(self.view).not_to_have_attribute("data-answered", before)

    def expect_chosen(self, path: str) -> None:
        """`path` is marked in the tree and in the text, and Python knows it."""
        expect(self.branch(path)).to_have_attribute("aria-selected", "true")
        expect(self.page.locator(".bands .head.selected")).to_have_count(1)
        expect(self.view).to_have_attribute("data-painted", re.compile(re.escape(f":{path}") + "$"))
        wait_idle(self.page)

    # -- panes that are linked --------------------------------------------------------------------------

    def arrange(self, preset: str) -> None:
        """Takes one of the arrangements; `preset` is what its button says."""
        self.view.get_by_role("radio", name=preset, exact=True).click()

    def pane(self, view: str, number: int = 0) -> Locator:
        """The pane that shows `view`, counted from the left."""
        return self.page.locator(f".pane[data-view={view}]").nth(number)

    def line(self, pane: Locator, number: int) -> Locator:
        """A line of the text in `pane`."""
        return pane.locator(".ln", has=self.page.locator(f".no:text-is('{number}')"))

    def lines(self, pane: Locator) -> list[str]:
        """The text in `pane`: the lines with numbers, without those of the text that it is compared with."""
        return pane.locator(".ln:has(.no:not(:empty)) .code").all_text_contents()

    def lit(self, pane: Locator, colour: str) -> set[int]:
        """The lines that are lit in a colour: hover, selected, pin-1, …"""
        bands = pane.locator(f".bands [data-colour={colour}]")
        ranges = bands.evaluate_all("all => all.map(e => [+e.dataset.from, +e.dataset.to])")
        return {line for first, last in ranges for line in range(first, last + 1)}

    def expect_lit(self, pane: Locator, colour: str, lines: set[int]) -> None:
        """Waits until exactly these lines are lit."""
        deadline = time.monotonic() + 10
        while self.lit(pane, colour) != lines and time.monotonic() < deadline:
            self.page.wait_for_timeout(30)
        assert self.lit(pane, colour) == lines

    def film(self, key: str, cursor: int, of: int) -> None:
        """Presses a key of the film; the panes then show step `cursor`."""
        self.page.keyboard.press(key)
        expect(self.view).to_have_attribute("data-step", f"{cursor}/{of}")

    # -- transforms ------------------------------------------------------------------------------------

    def field(self, label: str) -> Locator:
        return self.page.get_by_role("combobox", name=label, exact=True)

    @property
    def palette(self) -> Locator:
        return self.page.locator(".palette-view:not(.step-edit)")

    @property
    def form(self) -> Locator:
        """The form of the transform that was chosen, with its preview."""
        return self.palette.locator(".pal-form")

    def offered(self, name: str) -> Locator:
        """A transform's row in the palette."""
        return self.palette.locator(f".pal-row[data-name='{name}']")

    def expect_palette(self, function: str, path: str = "") -> None:
        """The palette says what applies to this selection."""
        painted = re.compile(re.escape(f":{function}:{path}") + "$")
        expect(self.palette).to_have_attribute("data-painted", painted, timeout=30_000)

    def expect_field(self, label: str, value: str) -> None:
        """What a field of the form holds: its text, or what is chosen."""
        field = self.form.get_by_label(label, exact=True)
        is_choice = field.evaluate("e => e.tagName === 'SELECT'")
        expect(field).to_have_value(json.dumps(value) if is_choice else value)

    def choose_transform(self, name: str) -> None:
        """Opens a transform's form, and waits for what the engine offers."""
        if self.offered(name).get_attribute("aria-selected") != "true":
            self.offered(name).click(force=True)  # what does not apply is aria-disabled, and opens too
        self.expect_offer(name)

    def expect_offer(self, name: str, state: str = r"\w+") -> None:
        """The form stands with its preview; `state`: applies, nothing, refused or elsewhere."""
        expect(self.form).to_have_attribute("data-painted", re.compile(f"^{name}:{state}$"), timeout=30_000)
        expect(self.form).not_to_have_class(re.compile("pal-pending"), timeout=30_000)

    def fill(self, label: str, text: str) -> None:
        self.form.get_by_label(label, exact=True).fill(text)

    def apply(self) -> None:
        """Applies the step of the form; a refused one explains itself."""
        self.page.keyboard.press("Alt+a")

    def expect_refusal(self) -> Locator:
        """The message beside the form."""
        alert = self.page.locator(".st-key-mlc-palette").get_by_role("alert")
        expect(alert).to_be_visible()
        wait_idle(self.page)
        return alert

    # -- history and times -----------------------------------------------------------------------------

    def row(self, number: int) -> Locator:
        """A row of the history; 0 is the untransformed model."""
        return self.trace.locator(f"[data-n='{number}']")

    def go_to(self, number: int, of: int) -> None:
        """Clicks a step in the history that has `of` steps."""
        self.row(number).locator(".go").click()
        self.expect_step(number, of=of)

    def take_out(self, number: int) -> None:
        """Presses the cross of a step."""
        self.row(number).hover()
        self.row(number).locator(".delete").click()

    def group(self, name: str) -> Locator:
        """The row of a group of steps, by what it is called."""
        return self.trace.locator(".step.group", has=self.page.locator(f".title:text-is('{name}')"))

    @property
    def progress(self) -> Locator:
        """The words beside the progress bar."""
        return self.page.get_by_test_id("stProgress")

    def expect_measured(self) -> dict[str, str]:
        """Waits for the measurement of what is on screen; its figures by their names."""
        table = self.page.get_by_test_id("mlc-result")
        expect(table).to_be_visible(timeout=MEASURE_MS)
        rows = table.get_by_role("row").all()
        return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}

    def expect_bars(self, count: int) -> None:
        """So many rows have a measured bar, and nothing is being measured any more."""
        expect(self.trace.locator(".whisker")).to_have_count(count, timeout=count * MEASURE_MS)
        expect(self.button(self.say("history.measure_all"))).to_be_visible(timeout=MEASURE_MS)
        wait_idle(self.page)

    @property
    def verdict(self) -> Locator:
        """Whether the picture's ten probabilities are still right."""
        return self.page.locator(".mlc-picture b")

    def _pick(self, label: str, option: str) -> None:
        """Opens a list and takes an entry; again, as a person would, if a redraw closed the list."""
        entry = self.page.get_by_role("option", name=option).first
        for _ in range(3):
            wait_idle(self.page)
            self.field(label).click()
            with contextlib.suppress(TimeoutError):
                return entry.click(timeout=3_000)
        entry.click()
