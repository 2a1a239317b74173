"""The loops in motion in a real browser: the pane alone on views of the engine, and once in the app.

What is highlighted is read from the accesses that the pane lists (`A[3, 7]`), never from pixels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r requirements-dev.txt")
pytest.importorskip("tvm", reason="the views are made by the engine")

from playwright.sync_api import Browser, Page, Route, expect
from tvm.s_tir import Schedule

from mlc_explorer import texts
from mlc_explorer.engine import loaders
from mlc_explorer.engine.cache_simulation import simulate
from mlc_explorer.engine.caches import USUAL
from mlc_explorer.engine.views.motion import motion
from mlc_explorer.schema.codec import encode
from mlc_explorer.schema.motion import Cache, MotionView
from mlc_explorer.schema.trace import Step, Trace, pack
from tests.engine.views.blocks import blockized, fused, guarded, iterations, packed, touched

COMPONENT = Path(__file__).resolve().parents[2] / "mlc_explorer" / "ui" / "component"
ADDRESS = "http://motion.test/"
LABELS = {k.removeprefix("component."): v for k, v in texts.table("en").items() if k.startswith("component.")}
SMALL = (Cache(1, 2048, 2, 64), Cache(2, 8192, 4, 64))  # so that much is thrown out again

HARNESS = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/style.css">
<div class="linked-view" data-theme="dark" style="height: 640px"><div class="frame"></div></div>
<script type="module">
import { motion } from "/js/motion.js";
const { views, labels } = await (await fetch("/data.json")).json();
window.events = [];
window.panes = views.map((view) => {
  const body = document.createElement("div");
  body.className = "body";
  const pane = document.createElement("section");
  pane.className = "pane";
  pane.append(body);
  document.querySelector(".frame").append(pane);
  const on = {
    choose: (thing, keep) => events.push({ choose: thing, keep }),
    hover: (thing) => events.push({ hover: thing }),
    ask: async (name, args) => {
      events.push({ ask: name, args });
      if (view.message) throw view;
      return view;
    },
  };
  const inside = motion.make(body, on, document.createElement("span"));
  const [selection, index] = [{ path: null }, { nodes: new Map() }];
  motion.draw(inside, {}, { labels, theme: "dark", function: "main", selection, index });
  return inside;
});
window.motion = motion;
</script>"""


def matmul(factors: tuple[int, int, int] | None = None, lanes: int | None = None) -> MotionView:
    """The product of two 128 × 128 matrices, tiled, and its innermost loop vectorized."""
    sch = Schedule(loaders.load("matmul_128").mod)
    if factors:
        loops = sch.get_loops(sch.get_sblock("matmul"))
        parts = [sch.split(loop, [None, f]) for loop, f in zip(loops, factors)]
        (i0, i1), (j0, j1), (k0, k1) = parts
        sch.reorder(i0, j0, k0, i1, k1, j1)
        if lanes:
            sch.vectorize(sch.split(j1, [None, lanes])[1])
    return replace(motion(sch.mod, "main"), caches=USUAL)


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`show(view, …)`: a page with a pane for each view (or refusal), once each has painted."""
    contexts = []

    def open_it(*views: MotionView | dict[str, Any]) -> Page:
        answers = {
            "": (HARNESS, "text/html"),
            "style.css": ("\n".join(f.read_text() for f in sorted(COMPONENT.glob("css/*.css"))), "text/css"),
            "data.json": (json.dumps({"views": encode(views), "labels": LABELS}), "application/json"),
        }

        def serve(route: Route) -> None:
            name = route.request.url.removeprefix(ADDRESS)
            file = COMPONENT / name
            body, kind = answers.get(name) or (file.read_text(encoding="utf-8"), "text/javascript")
            route.fulfill(body=body, content_type=f"{kind}; charset=utf-8")

        context = browser.new_context(viewport={"width": 1440, "height": 700})
        contexts.append(context)
        page = context.new_page()
        page.route(f"{ADDRESS}**", serve)
        page.goto(ADDRESS)
        expect(page.locator(".motion[data-iteration], .motion-none:not([hidden])")).to_have_count(len(views))
        return page

    yield open_it
    for context in contexts:
        context.close()


def now(page: Page, pane: int = 0) -> list[str]:
    """The accesses of the iteration that is shown, in order; those that it does not make are left out."""
    return (
        page.locator(".motion").nth(pane).locator(".motion-accesses li:not(.skipped) code").all_inner_texts()
    )


def iteration(page: Page, pane: int = 0) -> int:
    return int(page.locator(".motion").nth(pane).get_attribute("data-iteration"))


def slide(page: Page, loop: int, value: int) -> None:
    """Move a loop's slider as a pointer would."""
    page.locator(f".motion-loop input[data-loop='{loop}']").evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', { bubbles: true })); }", str(value)
    )


# -- the simulation

COUNT = """async ([view, limit]) => {
  const { compileMotion } = await import("/js/motion_program.js");
  const { iterationsOf, makeRun, runUntil } = await import("/js/motion_run.js");
  const run = makeRun(compileMotion(view));
  runUntil(run, { made: limit });
  return { iterations: iterationsOf(run), accesses: run.made, misses: run.misses,
           buffers: run.buffers.map(({ made, misses }, i) => (
             { buffer: view.buffers[i].name, accesses: made, misses })) };
}"""
ORDER = """async (view) => {
  const { compileMotion } = await import("/js/motion_program.js");
  const { advance, isDone, makeRun, touchedNow } = await import("/js/motion_run.js");
  const run = makeRun(compileMotion(view));
  const found = [];
  while (!isDone(run)) {
    advance(run);
    for (const { indices } of touchedNow(run)) found.push(indices);
  }
  return found;
}"""


def test_javascript_and_python_count_alike(show) -> None:
    """Plain, tiled, guarded, in lanes, fused, padded, of several dimensions, with small caches and large."""
    sch = Schedule(loaders.load("matmul_128").mod)
    sch.fuse(*sch.get_loops(sch.get_sblock("matmul"))[1:])
    views = [
        matmul(), matmul((16, 16, 16)), matmul((30, 7, 5)), matmul((8, 32, 8), lanes=16),
        motion(sch.mod, "main"),
        *(motion(loaders.load("conv2d").mod, "main", block) for block in ("pad", "conv2d")),
        motion(loaders.load("softmax").mod, "main", "row_max"),
    ]  # fmt: skip
    page = show(matmul())
    for view in views:
        for caches in (USUAL, SMALL):
            tried = replace(view, caches=caches)
            counted = encode(simulate(tried, 60_000))
            there = page.evaluate(COUNT, [encode(tried), 60_000])
            assert there == {name: counted[name] for name in there}, (view.block, view.loops)


def test_javascript_touches_the_same_elements_in_the_same_order(show) -> None:
    page = show(matmul())
    for make in (guarded, fused, blockized, packed):
        mod = make()
        for block in motion(mod, "main").blocks:
            view = motion(mod, "main", block)
            here = [[*place] for values in iterations(view) for _, _, place in touched(view, values)]
            assert page.evaluate(ORDER, encode(view)) == here, (make.__name__, block)


def test_one_sees_why_tiling_helps(show) -> None:
    """Two panes side by side: the same run of the first million accesses, before and after."""
    page = show(matmul(), matmul((16, 16, 16)))
    summaries = page.locator(".motion-summary")
    for n in (0, 1):
        expect(summaries.nth(n)).to_have_attribute("data-done", "true", timeout=20_000)
        expect(summaries.nth(n)).to_contain_text("First 1 M accesses")
    (plain, _), (tiled, _) = (json.loads(summaries.nth(n).get_attribute("data-misses")) for n in (0, 1))
    assert plain == simulate(matmul(), 1_000_000).misses[0]
    assert tiled < plain / 10
    expect(page.locator(".motion-note").first).to_have_text(
        re.compile("Simulated: one core, LRU, no prefetch")
    )


# -- the player


def test_a_slider_moves_the_element(show) -> None:
    page = show(matmul())
    assert now(page) == ["C[0, 0]", "C[0, 0]", "A[0, 0]", "B[0, 0]", "C[0, 0]"]
    slide(page, 2, 7)
    assert now(page) == ["C[0, 0]", "A[0, 7]", "B[7, 0]", "C[0, 0]"]
    slide(page, 1, 5)
    assert now(page) == ["C[0, 5]", "A[0, 7]", "B[7, 5]", "C[0, 5]"]
    assert iteration(page) == 5 * 128 + 7 + 1
    expect(page.locator(".motion-loop output").nth(1)).to_have_text("5")


def test_play_moves_the_counter_and_stops(show) -> None:
    page = show(matmul())
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.querySelector('.motion').dataset.iteration) > 4")
    page.get_by_role("button", name="Pause").click()
    stands = iteration(page)
    page.wait_for_timeout(200)
    assert iteration(page) == stands


def test_keys_step_within_the_pane(show) -> None:
    page = show(matmul((16, 16, 16)))
    page.locator(".motion").focus()
    for key, expected in [
        ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 128**3), ("ArrowRight", 128**3),
        ("Home", 1), ("ArrowLeft", 1),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert iteration(page) == expected
    page.keyboard.press("Space")
    page.wait_for_function("Number(document.querySelector('.motion').dataset.iteration) > 2")
    page.keyboard.press("Space")
    assert page.locator(".motion").get_attribute("data-playing") == "false"


def test_a_step_back_finds_the_caches_as_they_were(show) -> None:
    page = show(matmul())
    slide(page, 1, 20)
    counters = page.locator(".motion-counters")
    before = counters.inner_text()
    for act in ("One iteration back", "One iteration on"):
        page.get_by_role("button", name=act).click()
    assert counters.inner_text() == before


def test_far_away_a_run_begins_cold_and_says_so(show) -> None:
    page = show(matmul())
    slide(page, 0, 64)
    expect(page.locator(".motion-counters em")).to_have_text("from iteration 1,048,577, with cold caches")
    assert now(page)[-1] == "C[64, 0]"
    expect(page.locator(".motion-accesses li.memory")).to_have_count(3)
    slide(page, 0, 0)
    expect(page.locator(".motion-counters em")).to_have_count(
        0
    )  # from the very start there is nothing to say


def test_a_loops_name_leads_to_its_next_iteration(show) -> None:
    page = show(matmul())
    page.locator(".motion-loop .name", has_text="j").click()
    page.wait_for_function("document.querySelector('.motion').dataset.iteration == 129")
    assert now(page)[-1] == "C[0, 1]"


def test_running_ahead_goes_in_slices_and_can_be_cancelled(show) -> None:
    page = show(matmul())
    frames = page.evaluate(
        """async () => {
          const button = document.querySelector("[data-act=ahead]");
          button.click();
          let frames = 0;
          while (button.textContent === "Cancel") { await new Promise(requestAnimationFrame); frames++; }
          return frames;
        }"""
    )
    assert frames > 3  # the page was drawn in between
    expect(page.locator(".motion-counters")).to_contain_text("2 M accesses")
    before = iteration(page)
    stands = page.evaluate(
        """async () => {
          const button = document.querySelector("[data-act=ahead]");
          button.click();
          await new Promise(requestAnimationFrame);
          await new Promise(requestAnimationFrame);
          button.click();
          return Number(document.querySelector(".motion").dataset.iteration);
        }"""
    )
    page.wait_for_timeout(100)
    assert before < iteration(page) == stands < 2 * before


def test_lanes_move_together(show) -> None:
    page = show(matmul((16, 16, 16), lanes=16))
    assert now(page)[-1] == "C[0, 0…15]"
    expect(page.locator(".motion-loop").last).to_contain_text("16 at once")
    page.get_by_role("button", name="One iteration on").click()
    assert iteration(page) == 32
    assert now(page) == ["C[0, 0…15]", "A[0, 1]", "B[1, 0…15]", "C[0, 0…15]"]


# -- with the other panes


def test_what_is_under_the_pointer_is_said_and_what_is_lit_is_outlined(show) -> None:
    page = show(matmul())
    page.locator(".motion-loop", has_text="k").hover()
    assert {"hover": {"kind": "loop", "id": "matmul/k"}} in page.evaluate("events")
    page.locator("figure[data-buffer=B] .name").click()
    assert page.evaluate("events.at(-1)") == {"choose": {"kind": "buffer", "id": "B"}, "keep": False}
    page.evaluate(
        """() => motion.light(panes[0], [
          { thing: {}, colour: "pin-2", paths: new Set(["matmul/j"]), buffer: null },
          { thing: {}, colour: "hover", paths: new Set(), buffer: "A" }])"""
    )
    expect(page.locator("[data-lit=pin-2]")).to_have_attribute("data-path", "matmul/j")
    expect(page.locator("figure[data-lit=hover]")).to_have_attribute("data-buffer", "A")


def test_a_block_is_chosen_from_the_list(show) -> None:
    page = show(motion(loaders.load("softmax").mod, "main"))
    page.locator(".motion-block").select_option("divide")
    said = page.evaluate("events.slice(-2)")
    assert said == [
        {"choose": {"kind": "block", "id": "divide"}, "keep": False},
        {"ask": "motion", "args": {"block": "divide"}},
    ]


def test_a_place_that_depends_on_data_is_said_to_be_left_out(show) -> None:
    view = matmul()
    accesses = tuple(replace(a, indices=None) if a.buffer == "B" else a for a in view.accesses)
    page = show(replace(view, accesses=accesses))
    expect(page.locator(".motion-accesses li.unknown")).to_have_text("B[?]depends on data")
    expect(page.locator(".motion-note")).to_contain_text("left out, because data decide where: 1")


def test_a_refusal_is_said(show) -> None:
    page = show({"message": "The size of ‘n’ is not a number.", "hint": "Bind it first."})
    expect(page.locator(".motion-none")).to_have_text("The size of ‘n’ is not a number. Bind it first.")


def test_a_name_that_tries_to_be_html_is_text(show) -> None:
    hostile = "<img src=x onerror=window.hacked=1>"
    view = matmul()
    renamed = replace(view.buffers[0], name=hostile)
    accesses = tuple(replace(a, buffer=hostile if a.buffer == "A" else a.buffer) for a in view.accesses)
    page = show(replace(view, buffers=(renamed, *view.buffers[1:]), accesses=accesses))
    assert now(page)[2] == f"{hostile}[0, 0]"
    assert page.evaluate("window.hacked") is None


# -- in the app


def test_before_and_after_in_the_app(visit) -> None:
    """The Motion arrangement: the step before and the step now, each with its own misses."""
    steps = [Step("split", "main", {"loop": f"matmul/{x}", "factors": [None, 16]}) for x in "ijk"]
    order = [f"matmul/{x}" for x in ("i_0", "j_0", "k_0", "i_1", "k_1", "j_1")]
    trace = Trace("matmul_128", (*steps, Step("reorder", "main", {"loops": order})))
    page = visit(
        f"/?w={pack({'trace': trace.to_json(), 'cursor': 4, 'selection': {'function': 'main'}})}"
    ).page
    page.keyboard.press("4")
    summaries = page.locator(".motion-summary[data-done=true]")
    expect(summaries).to_have_count(2, timeout=30_000)
    before, after = (json.loads(summaries.nth(n).get_attribute("data-misses"))[0] for n in (0, 1))
    assert after < before / 10
    page.locator(".motion-loop[data-path='matmul/k_0']").last.hover()
    expect(page.locator(".branch[data-path='matmul/k_0']")).to_have_attribute("data-lit", "hover")
