"""A person walks the whole path on the two-layer network: from its graph to a measured, checked
`linear_relu`.

Each test is one stretch of the way. It starts where the one before ended, by a link, as a person would
who comes back the next day.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from mlc_explorer.texts import say
from tests.browser import launch
from tests.browser.explorer import FOLD, MEASURE_MS, Explorer, link, step

Visit = Callable[..., Explorer]

RELU = "linear_relu"
SPLIT = step("split", RELU, loop="matmul/k", factors=[None, 7])
FOLDED = link("mlp", FOLD, function=RELU, node="lv#2")


def test_opens_on_the_graph_of_the_network(visit: Visit) -> None:
    explorer = visit()
    assert explorer.nodes() == ["image", "reshape", "matmul", "add", "relu", "matmul", "add", "output"]
    expect(explorer.program).to_contain_text("R.matmul")
    explorer.expect_step(0)


def test_one_click_folds_linear_and_relu_into_a_function_with_loops(visit: Visit) -> None:
    explorer = visit()
    explorer.press("Fold linear + ReLU")
    explorer.expect_step(3)

    expect(explorer.node(RELU)).to_have_class(re.compile(r"\bselected\b"))
    assert explorer.nodes() == ["image", "reshape", RELU, "linear", "output"]
    explorer.expect_function(RELU)
    expect(explorer.program).to_contain_text("for k in range(T.int64(784)):")
    assert explorer.loops()[:4] == ["matmul/i0", "matmul/i1", "matmul/k", "matmul"]


def test_a_node_shows_its_function(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.node("linear").click()
    explorer.expect_function("linear")
    expect(explorer.program).to_contain_text("def linear(")


def test_a_chosen_loop_is_marked_in_the_text_and_is_the_forms_loop(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.choose_transform("split")
    explorer.choose_loop("matmul/i1")
    explorer.expect_field("Loop", "matmul/i1")
    explorer.choose_loop("matmul/k")
    explorer.expect_field("Loop", "matmul/k")


def test_a_refusal_says_why_what_to_do_and_lights_the_loop(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.choose_loop("matmul/k")
    explorer.choose_transform("parallel")
    explorer.apply()

    alert = explorer.expect_refusal()
    expect(alert).to_contain_text("reduction")
    expect(alert).to_contain_text("decompose_reduction")  # the hint: what would help
    expect(explorer.branch("matmul/k")).to_have_class(re.compile(r"\bproblem\b"))
    expect(explorer.page.locator(".bands .head.problem").first).to_be_visible()
    expect(explorer.page.locator(".pane.text .note")).to_contain_text("reduction")
    explorer.expect_step(3)  # nothing was applied

    explorer.choose_loop("matmul/i1")
    expect(alert).to_have_count(0)
    expect(explorer.page.locator(".pane.text .note")).to_have_count(0)


def test_split_undo_redo_delete(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.choose_loop("matmul/k")
    explorer.choose_transform("split")
    explorer.fill("Factors", "None, 16")
    explorer.apply()
    explorer.expect_step(4)
    assert explorer.loops()[2:4] == ["matmul/k_0", "matmul/k_1"]
    expect(explorer.row(4)).to_contain_text("k, [None, 16]")

    explorer.press("Undo")
    explorer.expect_step(3, of=4)
    assert "matmul/k" in explorer.loops()
    explorer.press("Redo")
    explorer.expect_step(4)
    explorer.page.keyboard.press("Control+z")
    explorer.expect_step(3, of=4)
    explorer.page.keyboard.press("Control+Shift+z")
    explorer.expect_step(4)

    explorer.take_out(4)
    explorer.expect_step(3)
    expect(explorer.button("Redo")).to_be_disabled()


def test_the_history_goes_to_any_step_and_shows_what_it_changed(visit: Visit) -> None:
    explorer = visit(link("mlp", [*FOLD, SPLIT], function=RELU))
    expect(explorer.page.locator(".ln.del").first).to_contain_text("for k in range(T.int64(784)):")
    expect(explorer.page.locator(".ln.add").first).to_contain_text("for k_0 in range(T.int64(112)):")

    explorer.go_to(0, of=4)
    assert explorer.nodes().count("matmul") == 2
    explorer.go_to(4, of=4)
    assert "matmul/k_1" in explorer.loops()


def test_compile_and_time_says_how_fast_and_how_right(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.press("Compile & time")
    figures = explorer.expect_measured()

    assert re.fullmatch(r"[\d.]+ (ns|µs|ms)", figures["Median"])
    assert int(figures["Runs"].split()[0]) >= 10
    absolute, relative = re.findall(r"\d\.\de[-+]\d\d", figures["Largest error, absolute · relative"])
    assert float(absolute) < 1e-3 and float(relative) < 1e-4
    assert "✓" in figures["Largest error, absolute · relative"]
    assert "NumPy" in " ".join(figures)


def test_every_step_is_measured_and_drawn_as_a_staircase(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.press("Measure every step")
    expect(explorer.progress).to_contain_text(re.compile(r"1/4 · (compiling|checking|timing)"))
    expect(explorer.trace.locator(".bar.pending").first).to_be_visible()
    explorer.expect_bars(4)

    for name in ("numpy", "onnxruntime"):
        label = explorer.trace.locator(f".line-label[data-line={name}]")
        expect(label).to_contain_text(re.compile(r"[\d.]+ [µm]s"))
    expect(explorer.trace.get_by_role("img", name=re.compile("Checked"))).to_have_count(4)

    explorer.page.reload()
    explorer.expect_bars(4)  # what was measured is kept


def test_cancel_works_within_a_second_and_keeps_what_was_measured(visit: Visit) -> None:
    splits = [step("split", "main", loop=f"matmul/{loop}", factors=[None, 8]) for loop in "ijk"]
    explorer = visit(link("matmul_128", splits))
    explorer.press("Measure every step")
    expect(explorer.trace.locator(".whisker")).to_have_count(1, timeout=MEASURE_MS)
    expect(explorer.progress).to_contain_text("2/4")

    pressed = time.monotonic()
    explorer.press("Cancel")
    expect(explorer.button("Measure every step")).to_be_visible()
    assert time.monotonic() - pressed < 1.0  # 0.13 to 0.22 s where nothing else runs
    expect(explorer.trace.locator(".bar.pending")).to_have_count(0)
    expect(explorer.trace.locator(".whisker")).to_have_count(1)


def test_the_picture_shows_that_the_answer_is_still_right(visit: Visit) -> None:
    explorer = visit(FOLDED)
    expect(explorer.verdict).to_have_text("✓ still right", timeout=MEASURE_MS)
    picture = explorer.page.locator(".mlc-picture")
    expect(picture.get_by_role("row")).to_have_count(10)
    shares = [float(text.removesuffix(" %")) for text in picture.locator("td:last-child").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=1)


def test_the_link_brings_all_back_in_another_browser_and_after_a_reload(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.choose_loop("matmul/i1")
    shared = explorer.shared_link()

    other = visit(shared)
    for who in (other, explorer):
        who.page.reload()
        who.expect_painted()
        who.expect_step(3)
        who.expect_function(RELU)
        who.expect_chosen("matmul/i1")
        expect(who.model).to_have_value(re.compile("^mlp"))


def test_a_restarted_server_finds_all_again(visit: Visit, tmp_path: Path) -> None:
    with launch.serve(tmp_path) as url:
        explorer = visit(url + FOLDED)
        explorer.choose_loop("matmul/k")
        explorer.press("Compile & time")
        before = explorer.expect_measured()
    same_port = {"MLC_EXPLORER_PORT": str(urlsplit(url).port)}
    with launch.serve(tmp_path, settings=same_port):
        explorer.page.reload()
        explorer.expect_painted()
        explorer.expect_chosen("matmul/k")
        explorer.expect_step(3)
        assert explorer.expect_measured()["Measured"] == before["Measured"]


def test_the_exported_script_runs_by_itself(visit: Visit, tmp_path: Path) -> None:
    explorer = visit(link("mlp", [*FOLD, SPLIT], function=RELU))
    explorer.share()
    explorer.press("Python script")
    script = explorer.download("Download the script", tmp_path)
    explorer.download("Download mlp.onnx", tmp_path)

    command = [sys.executable, script.name]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert re.search(r"error", run.stdout) and re.search(r"ms|µs", run.stdout)


def test_chinese_sticks(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.speak("中文", "zh")
    explorer.page.reload()
    explorer.expect_painted()
    expect(explorer.button("编译并计时")).to_be_visible()
    expect(explorer.page.get_by_role("region", name=say("component.view.loops", "zh"))).to_be_visible()
    explorer.press("撤销")
    explorer.expect_step(2, of=3)
    expect(explorer.button("编译并计时")).to_be_visible()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    explorer = visit(FOLDED)
    explorer.branch("matmul/i0").focus()
    explorer.page.keyboard.press("ArrowDown")
    explorer.page.keyboard.press("ArrowDown")
    explorer.expect_chosen("matmul/k")
    explorer.page.keyboard.press("Control+k")
    explorer.page.keyboard.type("split")
    explorer.page.keyboard.press("Enter")
    explorer.page.keyboard.press("Alt+a")
    explorer.expect_step(4)
    assert "matmul/k_0" in explorer.loops()
    explorer.page.keyboard.press("Control+Enter")
    explorer.expect_measured()


def test_the_whole_toolbar_is_in_sight_at_every_width(visit: Visit) -> None:
    explorer = visit(FOLDED)
    for width in (1280, 1440, 1600, 1920):
        explorer.page.set_viewport_size({"width": width, "height": 900})
        for name in ("Undo", "Share", "Compile & time"):
            expect(explorer.button(name)).to_be_in_viewport(ratio=1)
