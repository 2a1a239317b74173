"""Screenshots of the explore page against golden images: light and dark, wide, medium and narrow, in two
languages.

The tolerance is that of `screens` (0.2 % of the pixels may differ by more than 16 of 255). What depends on
the machine is masked: the target's name, the probabilities, and the time of each step (there is none here, as
nothing is measured). `make snapshots` writes the images anew: look at them before you commit them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from mlc_explorer.session import shipped_trace
from tests.browser import launch
from tests.browser.explorer import FOLD, MEASURE_MS, Explorer, link

Visit = Callable[..., Explorer]

RELU = "linear_relu"
FOLDED = link("mlp", FOLD, function=RELU, node="lv#2", path="matmul/k")
SCHEDULE = shipped_trace("mlp")
assert SCHEDULE is not None
SCHEDULED = link("mlp", SCHEDULE.to_json()["steps"], cursor=10, function=RELU, path="matmul/k_0")
GROUPED = link(
    "mlp",
    [step | {"group": "fast_cpu"} for step in FOLD]
    + [
        {"transform": name, "function": RELU, "params": params, "group": "fast_cpu/matmul_tiled"}
        for name, params in (
            ("split", {"loop": "matmul/k", "factors": [None, 16]}),
            ("unroll", {"loop": "matmul/k_1"}),
        )
    ],
    cursor=4,
    function=RELU,
)
WIDE, MEDIUM, NARROW, TALL = (1600, 1000), (1280, 800), (800, 1000), (1600, 1700)


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own: what other tests measured would show in the history."""
    with launch.serve(tmp_path_factory.mktemp("snapshots")) as url:
        yield url


def sized(explorer: Explorer, size: tuple[int, int]) -> Explorer:
    """The page in a window of `size`, with the picture's answer there and the pointer out of the way."""
    explorer.page.set_viewport_size({"width": size[0], "height": size[1]})
    explorer.page.mouse.move(0, 0)
    expect(explorer.verdict).to_be_visible(timeout=MEASURE_MS)
    explorer.expect_painted()
    explorer.page.wait_for_selector(".palette-view[data-painted]:not(.pal-waiting)")
    return explorer


def varying(explorer: Explorer) -> list[Locator]:
    """What another machine shows otherwise, and how many transforms there are."""
    parts = (".st-key-target", ".mlc-picture td:last-child", ".pal-count")
    return [explorer.page.locator(part) for part in parts]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=lambda size: str(size[0]))
def test_the_fresh_network(visit: Visit, assert_screenshot, theme: str, size: tuple[int, int]) -> None:
    explorer = sized(visit(theme=theme), size)
    assert_screenshot(explorer.page, f"explore-fresh-{theme}-{size[0]}", mask=varying(explorer))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=lambda size: str(size[0]))
def test_a_loop_chosen_after_the_fold(
    visit: Visit, assert_screenshot, theme: str, size: tuple[int, int]
) -> None:
    explorer = sized(visit(FOLDED, theme=theme), size)
    assert_screenshot(explorer.page, f"explore-loop-{theme}-{size[0]}", mask=varying(explorer))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_refusal(visit: Visit, assert_screenshot, theme: str) -> None:
    explorer = visit(FOLDED, theme=theme)
    explorer.choose_transform("parallel")
    explorer.apply()
    explorer.expect_refusal()
    expect(explorer.form.locator(".pal-diagnosis .pal-remedy").first).to_be_visible()
    sized(explorer, TALL)
    explorer.page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    scrolled = explorer.page.locator(
        ".palette-view"
    )  # how far its list is scrolled depends on what came first
    assert_screenshot(explorer.page, f"explore-refused-{theme}-1600", mask=[*varying(explorer), scrolled])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_form_with_its_preview(visit: Visit, assert_screenshot, theme: str) -> None:
    explorer = sized(visit(FOLDED, theme=theme), TALL)
    explorer.choose_transform("split")
    explorer.page.mouse.move(0, 0)
    assert_screenshot(explorer.page, f"explore-form-{theme}-1600", mask=varying(explorer))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [TALL, NARROW], ids=lambda size: str(size[0]))
def test_an_open_group(visit: Visit, assert_screenshot, theme: str, size: tuple[int, int]) -> None:
    explorer = sized(visit(GROUPED, theme=theme), size)
    for name in ("Make it fast (CPU)", "matmul_tiled"):
        explorer.group(name).locator(".twist").click()
        expect(explorer.group(name).locator(".go")).to_have_attribute("aria-expanded", "true")
    explorer.row(4).locator(".more").click()
    expect(explorer.row(4).get_by_role("button", name="Take out", exact=True)).to_be_visible()
    explorer.page.mouse.move(0, 0)
    explorer.page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    masked = [*varying(explorer), explorer.trace.locator(".tag.seconds")]
    assert_screenshot(explorer.page, f"explore-group-{theme}-{size[0]}", mask=masked)


def settled(visit: Visit, theme: str, layout: str | None = None) -> Explorer:
    """Step 10 of the shipped schedule, for somebody who knows the page; `layout` as the browser keeps it."""
    explorer = visit(SCHEDULED, theme=theme)
    explorer.page.evaluate(
        """layout => {
          localStorage.setItem("mlc.linked.hint.seen", "true");
          if (layout) localStorage.setItem("mlc.linked.layout", layout);
        }""",
        layout,
    )
    explorer.page.reload()
    explorer.expect_painted()
    return sized(explorer, WIDE)


def compiled(explorer: Explorer) -> list[Locator]:
    """What the processor decides: its instructions, its caches. Waits until it is there."""
    expect(explorer.page.locator(".pane.waiting")).to_have_count(0, timeout=MEASURE_MS)
    machine = (
        ".pane[data-view=asm] .body",
        ".motion-summary",
        ".motion-accesses",
        ".motion-counters",
        ".motion-note",
    )
    return [explorer.page.locator(part) for part in machine]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("preset", ["kernel", "compare", "motion"])
def test_an_arrangement(visit: Visit, assert_screenshot, theme: str, preset: str) -> None:
    explorer = settled(visit, theme)
    explorer.page.locator(f"[data-preset={preset}]").click()
    masked = varying(explorer) + compiled(explorer)
    if preset == "compare":  # the other program is asked for when its pane opens
        expect(explorer.page.locator(".code", has_text="def linear_relu")).to_have_count(
            2, timeout=MEASURE_MS
        )
    if preset == "motion":  # what is in the cache is drawn at the end of the simulation
        done = explorer.page.locator(".motion-summary[data-done=true]")
        expect(done).to_have_count(2, timeout=MEASURE_MS)
    explorer.page.mouse.move(0, 0)
    assert_screenshot(explorer.page, f"explore-{preset}-{theme}-1600", mask=masked)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_other_levels(visit: Visit, assert_screenshot, theme: str) -> None:
    views = ("dataflow", "python", "c")
    columns = [{"share": 1 / 3, "panes": [{"view": view, "at": "now", "share": 1}]} for view in views]
    explorer = settled(visit, theme, json.dumps({"preset": "", "columns": columns}))
    masked = varying(explorer) + compiled(explorer)
    assert_screenshot(explorer.page, f"explore-levels-{theme}-1600", mask=masked)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_presentation(visit: Visit, assert_screenshot, theme: str) -> None:
    explorer = settled(visit, theme)
    explorer.page.set_viewport_size({"width": 1920, "height": 1080})
    explorer.page.keyboard.press("f")
    expect(explorer.page.locator(".caption")).to_be_in_viewport()
    assert_screenshot(explorer.page, f"presentation-{theme}-1920")


def chinese_font() -> Path | None:
    """The file of the font that the system draws Chinese with, where it is the one of the golden image."""
    if shutil.which("fc-match") is None:
        return None
    command = ["fc-match", "-f", "%{file}", "sans-serif:lang=zh-cn"]
    file = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return file if "CJK" in file.name else None


@pytest.mark.skipif(
    chinese_font() is None,
    reason="Chinese is drawn with the system's font, and the golden image with Noto Sans CJK",
)
def test_in_chinese(visit: Visit, assert_screenshot) -> None:
    explorer = sized(visit(FOLDED + "&lang=zh", theme="light", language="zh"), WIDE)
    assert_screenshot(explorer.page, "explore-loop-zh-light-1600", mask=varying(explorer))
