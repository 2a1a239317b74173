"""Big graphs against Netron: the same files, the same Chromium, in turns.

*Opening* runs from navigation to the frame that shows the graph's boxes, for a model that the server has;
both tools have been visited before, so that the browser's cache is warm for both. Netron reads the file and
lays it out in the browser at each visit. Ours is measured until the first boxes are on screen, and until
all panes are; and once for a server that has never opened the model (`cold`). Goal: half of Netron's time.

Then, in ours alone, frames a second while 1,000 boxes in sight are moved and zoomed and while 10,000 lines
are scrolled (goal: 50), and click → both panes painted on resnet18 (goal: p95 ≤ 100 ms).

    python -m benchmarks.graphs [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import onnx
from onnx import helper
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks import interaction
from mlc_explorer.schema.trace import Trace, pack
from mlc_explorer.store import Store
from tests.big_models import chain, model
from tests.browser import launch

WINDOW = {"width": 1440, "height": 900}
LIGHT = Path(importlib.util.find_spec("onnx").origin).parent / "backend" / "test" / "data" / "light"
GOALS = ("densenet121", "chain of 1,000", "chain of 10,000")
PAINTED_MS = 120_000
# Netron asks hosts outside for permission and news; here there are none but this machine.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost, EXCLUDE 127.0.0.1"

# Says on <html> when, in ms since navigation, the frame with the first boxes was done, and how many they are.
WATCH = """(() => {
  const netron = () => document.body && !/welcome|spinner/.test(document.body.className)
    ? document.querySelectorAll("#canvas .node").length : 0;
  const ours = () => {
    const first = document.getElementById("first-picture")?.dataset.painted;
    const views = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
    const boxes = (view) => view.shadowRoot?.querySelectorAll(".stage .node").length ?? 0;
    return Number(first) || views.reduce((sum, view) => sum + boxes(view), 0);
  };
  const look = () => {
    const boxes = netron() || ours();
    if (boxes < 2) return requestAnimationFrame(look);
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      const say = () => { document.documentElement.dataset.boxes = `${performance.now()} ${boxes}`; };
      channel.port1.onmessage = say;
      channel.port2.postMessage(0);
    });
  };
  look();
})()"""

# Records the time from frame to frame until `window.stopFrames()` is called, which gives them in ms.
FRAMES = """() => {
  const times = [];
  let on = true;
  const tick = (now) => { times.push(now); if (on) requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  window.stopFrames = () => { on = false; return times.slice(1).map((t, i) => t - times[i]); };
}"""


@dataclass
class Opening:
    """Milliseconds. `boxes` on screen of a model of `nodes` nodes."""

    model: str
    nodes: int
    netron: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    page: list[float] = field(default_factory=list)
    cold: float = 0.0
    boxes: int = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.netron)


@dataclass(frozen=True)
class Motion:
    """Frames while something moves: how many a second, and the time that 95 % of them stayed below, in ms."""

    what: str
    fps: float
    p95_ms: float
    longest_ms: float


def lattice(columns: int, rows: int) -> bytes:
    """An ONNX file of `columns` chains side by side, whose ends are added up."""
    nodes, ends = [], []
    for c in range(columns):
        before = "x"
        for r in range(rows):
            nodes.append(helper.make_node(("Relu", "Exp", "Tanh")[(c + r) % 3], [before], [f"t{c}_{r}"]))
            before = f"t{c}_{r}"
        ends.append(before)
    return model([*nodes, helper.make_node("Sum", ends, ["y"])], "y")


def models() -> dict[str, bytes]:
    light = {
        name: (LIGHT / f"light_{name}.onnx").read_bytes()
        for name in ("squeezenet", "resnet50", "densenet121")
    }
    return light | {"chain of 1,000": chain(1_000), "chain of 10,000": chain(10_000)}


def openings(browser: Browser, files: dict[str, bytes], rounds: int) -> Iterator[Opening]:
    with tempfile.TemporaryDirectory() as home, launch.serve(Path(home)) as url:
        store = Store(Path(home))
        for name, data in files.items():
            link = f"{url}/?w={_link(store.put(data, f'{name}.onnx'))}"
            yield opening(browser, name, data, link, rounds)


def opening(browser: Browser, name: str, data: bytes, link: str, rounds: int) -> Opening:
    row = Opening(name, len(onnx.ModelProto.FromString(data).graph.node))
    with netron_serving(data, name) as address, _visits(browser, address) as theirs, _visits(browser) as ours:
        row.cold, row.boxes, _ = visit(ours, link)
        visit(theirs, address)
        for _ in range(rounds):
            row.netron.append(visit(theirs, address)[0])
            first, _, page = visit(ours, link)
            row.ours.append(first)
            row.page.append(page)
    return row


@contextlib.contextmanager
def netron_serving(data: bytes, name: str) -> Iterator[str]:
    """Netron's own server with one model; its address."""
    import netron

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name.replace(' ', '_').replace(',', '')}.onnx"
        file.write_bytes(data)
        with contextlib.redirect_stdout(sys.stderr):
            host, port = address = netron.start(str(file), browse=False)
        try:
            yield f"http://{host}:{port}"
        finally:
            with contextlib.redirect_stdout(sys.stderr):
                netron.stop(address)


@contextlib.contextmanager
def _visits(browser: Browser, netron: str | None = None) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WINDOW, color_scheme="dark", reduced_motion="reduce")
    if netron:  # what a person clicks at their first visit
        context.add_cookies([{"name": "consent", "value": str(int(time.time() * 1000)), "url": netron}])
    context.add_init_script(WATCH)
    yield context
    context.close()


def visit(context: BrowserContext, address: str) -> tuple[float, int, float]:
    """ms until boxes are on screen, how many, and in ours ms until all panes are painted."""
    page = context.new_page()
    page.goto(address, wait_until="commit")
    # Netron forbids `eval`, on which Playwright's evaluation in a page rests: an attribute is read instead.
    page.wait_for_selector("html[data-boxes]", state="attached", timeout=PAINTED_MS)
    ms, boxes = page.locator("html").get_attribute("data-boxes").split()
    whole = 0.0
    if "?w=" in address:
        page.wait_for_selector(interaction.VIEW, timeout=PAINTED_MS)
        whole = page.evaluate("performance.now()")
    page.close()
    return float(ms), int(boxes), whole


def motions(browser: Browser) -> Iterator[Motion]:
    """Frames a second in ours: 1,000 boxes in sight, and 10,000 lines."""
    with tempfile.TemporaryDirectory() as home, launch.serve(Path(home)) as url:
        store = Store(Path(home))
        lattice_link = _link(store.put(lattice(40, 25), "lattice.onnx"))
        page = _opened(browser, f"{url}/?w={lattice_link}", "graph")
        page.locator("[data-zoom=open_all]").click()
        page.wait_for_timeout(1500)
        page.locator("[data-zoom=fit]").click()
        page.wait_for_timeout(300)
        box = page.locator(".stage").first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        sight = f"{page.locator('.stage .node').count():,} boxes in sight"
        yield _frames(page, f"move {sight}", lambda: _drag(page, x, y))
        yield _frames(page, f"zoom {sight}", lambda: _wheel(page, x, y, [-40] * 12 + [40] * 12))
        page.close()
        page = _opened(browser, f"{url}/?w={_link(store.put(chain(10_000), 'chain.onnx'))}")
        box = page.locator(".pane.text .scroller").first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        yield _frames(page, "scroll 10,000 lines", lambda: _wheel(page, x, y, [600] * 60))
        page.close()


def _opened(browser: Browser, address: str, only: str | None = None) -> Page:
    """The page, with its usual panes or with one alone."""
    page = browser.new_page(viewport=WINDOW, color_scheme="dark", reduced_motion="reduce")
    if only:
        column = {"share": 1, "panes": [{"view": only, "at": "now", "share": 1}]}
        kept = json.dumps({"columns": [column], "preset": ""})
        page.add_init_script(f"localStorage.setItem('mlc.linked.layout', {json.dumps(kept)})")
    page.goto(address)
    page.wait_for_selector(interaction.VIEW, timeout=PAINTED_MS)
    page.wait_for_selector(interaction.IDLE)
    page.wait_for_timeout(1000)
    return page


def _frames(page: Page, what: str, act) -> Motion:
    page.evaluate(FRAMES)
    act()
    times = sorted(page.evaluate("window.stopFrames()"))
    return Motion(what, 1000 * len(times) / sum(times), times[int(0.95 * len(times))], times[-1])


def _drag(page: Page, x: float, y: float) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    for dx, dy in ((120, 60), (-120, 90), (60, -120), (0, 0)):
        page.mouse.move(x + dx, y + dy, steps=60)
    page.mouse.up()


def _wheel(page: Page, x: float, y: float, turns: list[int]) -> None:
    page.mouse.move(x, y)
    for turn in turns:
        page.mouse.wheel(0, turn)
        page.wait_for_timeout(16)


def _link(model: str) -> str:
    return pack({"trace": Trace(model).to_json(), "cursor": 0, "selection": {}})


def table(rows: list[Opening]) -> str:
    """Markdown: medians in ms."""
    lines = [
        "| model | nodes | Netron ms | ours: boxes ms | ratio | all panes ms | cold ms | boxes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        netron, ours, page = (statistics.median(times) for times in (r.netron, r.ours, r.page))
        goal = " ✓" if r.model in GOALS and r.ratio <= 0.5 else " ✗" if r.model in GOALS else ""
        lines.append(
            f"| {r.model} | {r.nodes:,} | {netron:.0f} | {ours:.0f} | {r.ratio:.2f}{goal} | {page:.0f} "
            f"| {r.cold:.0f} | {r.boxes} |"
        )
    return "\n".join(lines)


def motion_table(rows: list[Motion]) -> str:
    lines = ["| what moves | frames a second | p95 ms | longest ms |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.fps:.0f} | {r.p95_ms:.0f} | {r.longest_ms:.0f} |" for r in rows]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graphs", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="visits of each tool to each model (default 5)")
    parser.add_argument("--clicks", type=int, default=60, help="clicks on nodes of resnet18 (default 60)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    executable = launch.find_chromium()
    if executable is None or importlib.util.find_spec("netron") is None:
        missing = launch.MISSING if executable is None else "netron is not installed (requirements-dev.txt)"
        print(f"graphs: not measured, {missing}", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*launch.FLAGS, OFFLINE])
        print(
            f"Chromium {browser.version}, {os.cpu_count()} cores ({platform.machine()}), "
            f"load {os.getloadavg()[0]:.1f}; medians of {options.rounds}\n"
        )
        opened = list(openings(browser, models(), options.rounds))
        print(table(opened), end="\n\n")
        moved = list(motions(browser))
        print(motion_table(moved), end="\n\n")
        clicked = [
            row for row in interaction.measure(browser, "resnet18", options.clicks) if row.target == "node"
        ]
        print(interaction.table(clicked))
        browser.close()
    if options.json:
        rows = [asdict(row) for row in (*opened, *moved, *clicked)]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
