"""How long a click takes until its answer is painted, in a real browser.

For each model the app is started afresh, the page opened by its link (operators legalised, so that
every node has a loop nest), and nodes of the graph, then loops of the tree, are clicked in turn. A
time runs from the browser's pointer event to the moment the linked view says that the answer of this
click was painted in all panes (`data-painted`, which it sets after the frame is on screen); "palette" is
the time until the palette says what applies to what was clicked, every transform tried; "all" is the time
until Python's own answer has been painted too (`data-answered`).
All of it runs on this machine, which also drives the clicks and renders in software. So the load
average is printed as well: times are worth something where it stays below the number of cores.
Goal: p95 ≤ 100 ms on `mlp` until the panes are painted.

    python -m benchmarks.interaction [--models mlp resnet18] [--clicks 60] [--json FILE]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, ElementHandle, Page, sync_playwright

from mlc_explorer.schema.trace import Step, Trace, pack
from tests.browser import launch

MODELS = ("mlp", "resnet18")
WINDOW = {"width": 1440, "height": 900}
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
VIEW, PALETTE = ".linked-view[data-painted]", ".palette-view[data-painted]"
TARGETS = {"node": ".stage .node", "loop": ".tree [data-path]"}
FIRST_PAINT_MS = 120_000  # opening a big model takes its time
ANSWER_MS = 30_000

# Keeps a promise in `view.answer`: ms until the panes show the next click, until the palette does, and until
# Python's answer does. A text longer than the pane is no matter: the view paints what is in sight, and tells.
WATCH = """(view, [palette, limit]) => {
  view.answer = new Promise((resolve, reject) => {
    let pressed = null, painted = null, told = null, answered = null;
    const press = (event) => { pressed = event.timeStamp; };
    view.addEventListener("pointerdown", press, { once: true, capture: true });
    const watcher = new MutationObserver((changes) => {
      if (pressed === null) return;
      const now = performance.now() - pressed;
      if (changes.some((change) => change.target === view)) painted ??= now;
      if (painted !== null && !palette.classList.contains("pal-waiting")) told ??= now;
      if (view.dataset.answered !== before) answered ??= now;
      if (told === null || answered === null) return;
      watcher.disconnect();
      resolve([painted, told, answered]);
    });
    const before = view.dataset.answered;
    watcher.observe(view, { attributes: true, attributeFilter: ["data-painted", "data-answered"] });
    watcher.observe(palette, { attributes: true, attributeFilter: ["data-painted"] });
    setTimeout(() => { watcher.disconnect(); reject(new Error("no answer was painted")); }, limit);
  });
}"""

# The targets in sight, top to bottom: [name, x, y] with the middle in CSS pixels of the window.
IN_SIGHT = """(view, selector) => [...view.querySelectorAll(selector)].map((element) => {
  const box = element.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const hit = view.getRootNode().elementFromPoint(x, y);
  return element.contains(hit) ? [element.dataset.id ?? element.dataset.path, x, y] : null;
}).filter(Boolean)"""


@dataclass(frozen=True)
class Row:
    """Click → painted in ms, click → palette painted (`palette_p50`, `palette_p95`), and click → Python's
    answer painted (`all_p50`, `all_p95`). `visit`: the first click on each target, or a later one (its view
    is cached)."""

    model: str
    target: str
    visit: str
    clicks: int
    p50: float
    p95: float
    slowest: float
    palette_p50: float
    palette_p95: float
    all_p50: float
    all_p95: float


def measure(browser: Browser, model: str, clicks: int) -> Iterator[Row]:
    """The rows of one model, from an app and a page of its own."""
    with tempfile.TemporaryDirectory() as home, launch.serve(Path(home)) as url:
        page = browser.new_page(viewport=WINDOW, color_scheme="dark", reduced_motion="reduce")
        page.goto(f"{url}/?w={_link(model)}")
        view = page.wait_for_selector(VIEW, timeout=FIRST_PAINT_MS)
        page.wait_for_selector(IDLE)
        page.wait_for_selector(PALETTE, timeout=FIRST_PAINT_MS)
        for target in TARGETS:
            if target == "loop":
                _show_loops(page, view)
            times = list(_click_around(page, view, target, clicks))
            for visit, part in (("first", True), ("again", False)):
                if chosen := [both for first, both in times if first is part]:
                    yield _row(model, target, visit, chosen)
        page.close()


def _link(model: str) -> str:
    trace = Trace(model, (Step("LegalizeOps"),))
    return pack({"trace": trace.to_json(), "cursor": len(trace.steps), "selection": {}})


def _click_around(
    page: Page, view: ElementHandle, target: str, clicks: int
) -> Iterator[tuple[bool, list[float]]]:
    """Click the targets in sight in turn; yields whether it was the first click on that one, and both
    times.
    """
    names = list(_in_sight(view, target))
    turns = itertools.cycle(names) if len(names) > 1 else ()
    seen: set[str] = set()
    for name in itertools.islice(turns, clicks):
        if place := _reach(page, view, target, name):
            yield name not in seen, _click(page, view, *place)
            seen.add(name)


def _reach(page: Page, view: ElementHandle, target: str, name: str) -> tuple[float, float] | None:
    """Move the pointer onto a target; None if it is out of sight, or hides from the pointer."""
    if place := _in_sight(view, target).get(name):  # anew: the view moves to show what was chosen
        page.mouse.move(*place)
        return place if _in_sight(view, target).get(name) == place else None
    return None


def _in_sight(view: ElementHandle, target: str) -> dict[str, tuple[float, float]]:
    return {name: (x, y) for name, x, y in view.evaluate(IN_SIGHT, TARGETS[target])}


def _click(page: Page, view: ElementHandle, x: float, y: float) -> list[float]:
    view.evaluate(WATCH, [page.query_selector(PALETTE), ANSWER_MS])
    page.mouse.click(x, y)
    return view.evaluate("view => view.answer")


def _show_loops(page: Page, view: ElementHandle) -> None:
    """Choose nodes until one has a loop nest to choose from."""
    for name in list(_in_sight(view, "node")):
        if place := _reach(page, view, "node", name):
            _click(page, view, *place)
        if len(_in_sight(view, "loop")) > 1:
            return


def _row(model: str, target: str, visit: str, times: Sequence[Sequence[float]]) -> Row:
    (p50, p95), palette, answered = np.percentile(times, [50, 95], axis=0).T.round(1).tolist()
    slowest = round(max(painted for painted, _, _ in times), 1)
    return Row(model, target, visit, len(times), p50, p95, slowest, *palette, *answered)


def table(rows: Sequence[Row]) -> str:
    times = ("p50 ms", "p95 ms", "max ms", "palette", "p95", "all p50", "all p95")
    lines = [f"{'model':<12}{'click on':<10}{'visit':<8}{'clicks':>7}" + "".join(f"{t:>9}" for t in times)]
    for r in rows:
        lines.append(
            f"{r.model:<12}{r.target:<10}{r.visit:<8}{r.clicks:>7}{r.p50:>9.1f}{r.p95:>9.1f}{r.slowest:>9.1f}"
            f"{r.palette_p50:>9.1f}{r.palette_p95:>9.1f}{r.all_p50:>9.1f}{r.all_p95:>9.1f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interaction", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--clicks", type=int, default=60, help="clicks on nodes, and again on loops")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()

    executable = launch.find_chromium()
    if executable is None:
        print(f"interaction: not measured, {launch.MISSING}", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=launch.FLAGS)
        rows = [row for model in options.models for row in measure(browser, model, options.clicks)]
        version = browser.version
        browser.close()
    load = os.getloadavg()[0]
    print(
        f"Click → painted: Chromium {version}, {os.cpu_count()} cores ({platform.machine()}), load {load:.1f}"
    )
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
