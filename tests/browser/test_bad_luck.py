"""Bad input and bad luck on screen: a clear word to whom it concerns, the steps kept, everybody else
undisturbed.

The harm is real: models that trap, never end or ask for 100 GB, workers that are killed, links that were cut.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import FilePayload, Page, expect

from tests import bad_models
from tests.browser import launch
from tests.browser.explorer import FOLD, MEASURE_MS, Explorer, link, step

Visit = Callable[..., Explorer]

RELU = "linear_relu"
FOLDED = link("mlp", FOLD, function=RELU)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-luck")


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    """A server of our own: its workers are killed here, which nobody else should meet."""
    with launch.serve(home) as url:
        yield url


def onnx_file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def workers(home: Path) -> list[psutil.Process]:
    """The worker processes of the server that lives in `home`: children of its fork server."""
    server = next(p for p in psutil.Process().children() if p.environ().get("MLC_EXPLORER_HOME") == str(home))
    family = server.children(recursive=True)
    fork_server = next(p for p in family if "forkserver" in " ".join(p.cmdline()))
    return fork_server.children()


def busiest(processes: list[psutil.Process]) -> psutil.Process:
    """The process that computes the most within the next 0.3 seconds."""
    for process in processes:
        process.cpu_percent()
    time.sleep(0.3)
    return max(processes, key=lambda p: p.cpu_percent() if p.is_running() else 0.0)


def expect_next_action_works(explorer: Explorer) -> None:
    """The page goes on: a graph pass applies, and undo takes it back."""
    explorer.choose_transform("LegalizeOps")
    explorer.apply()
    explorer.expect_step(1)
    explorer.press("Undo")
    explorer.expect_step(0, of=1)


def test_a_kernel_that_crashes_is_named_and_the_page_goes_on(visit: Visit) -> None:
    explorer = visit()
    explorer.open_file(onnx_file("divides_by_zero.onnx", bad_models.divides_by_zero()))
    expect(explorer.node("divide")).to_be_visible()
    address = explorer.page.url
    explorer.press("Compile & time")
    expect(explorer.row(0)).to_contain_text("The worker process died (SIGFPE)", timeout=MEASURE_MS)

    assert explorer.page.url == address
    expect(explorer.button("Compile & time")).to_be_enabled()
    expect_next_action_works(explorer)


def test_a_kernel_that_never_ends_is_cancelled_within_a_second(visit: Visit) -> None:
    explorer = visit()
    explorer.open_file(onnx_file("never_ends.onnx", bad_models.never_ends()))
    expect(explorer.model).to_have_value("never_ends.onnx")
    explorer.press("Compile & time")
    expect(explorer.progress).to_contain_text("checking", timeout=MEASURE_MS)  # the reference is computed
    pressed = time.monotonic()
    explorer.press("Cancel")
    expect(explorer.button("Measure every step")).to_be_visible()
    assert time.monotonic() - pressed < 1.0  # 0.13 to 0.22 s where nothing else runs
    expect_next_action_works(explorer)


def test_a_kernel_that_never_ends_is_ended_at_its_limit(visit: Visit, tmp_path: Path) -> None:
    with launch.serve(tmp_path, settings={"MLC_EXPLORER_MEASURE_SECONDS": "3"}) as url:
        explorer = visit(url)
        explorer.open_file(onnx_file("never_ends.onnx", bad_models.never_ends()))
        expect(explorer.model).to_have_value("never_ends.onnx")
        explorer.press("Compile & time")
        expect(explorer.row(0)).to_contain_text("ended after 3 seconds", timeout=20_000)
        expect_next_action_works(explorer)


def test_a_kernel_that_asks_for_100_gb_gets_a_clear_no(visit: Visit) -> None:
    explorer = visit()
    explorer.open_file(onnx_file("fills_the_memory.onnx", bad_models.fills_the_memory()))
    expect(explorer.model).to_have_value("fills_the_memory.onnx")
    explorer.press("Compile & time")
    too_much = re.compile(r"more than the \d+ MiB of memory")
    expect(explorer.row(0)).to_contain_text(too_much, timeout=MEASURE_MS)
    expect_next_action_works(explorer)


def test_a_worker_killed_in_mid_compile_is_replaced(visit: Visit, home: Path) -> None:
    explorer = visit(link("resnet18"))
    explorer.press("Compile & time")
    expect(explorer.progress).to_contain_text("compiling")
    busiest(workers(home)).kill()
    expect(explorer.row(0)).to_contain_text("The worker process died (SIGKILL)", timeout=MEASURE_MS)

    explorer.open_sample("mlp")
    expect(explorer.model).to_have_value(re.compile("^mlp"))
    explorer.expect_step(0)
    explorer.press("Compile & time")
    assert "✓" in explorer.expect_measured()["Largest error, absolute · relative"]


def test_all_workers_killed_between_two_clicks_are_not_even_noticed(visit: Visit, home: Path) -> None:
    explorer = visit(FOLDED)
    for worker in workers(home):
        os.kill(worker.pid, signal.SIGKILL)
    explorer.choose_loop("matmul/k")
    explorer.choose_transform("split")
    explorer.apply()
    explorer.expect_step(4)


def test_a_cut_link_says_so_and_leaves_a_page_to_go_on_with(visit: Visit) -> None:
    explorer = visit(FOLDED[:-20])
    alert = explorer.expect_refusal()
    expect(alert).to_contain_text("The link can't be read")
    expect(alert).to_contain_text("cut when it was copied")
    expect_next_action_works(explorer)


def test_a_link_whose_third_step_fails_keeps_the_others_and_names_it(visit: Visit) -> None:
    gone = step("split", "matmul9", loop="matmul/k", factors=[None, 8])
    outdated = link("mlp", [*FOLD[:2], gone, FOLD[2]], cursor=4)
    explorer = visit(outdated)
    explorer.expect_step(2, of=4)
    expect(explorer.row(3)).to_have_class(re.compile(r"\bbad\b"))
    expect(explorer.row(3)).to_contain_text("matmul9")
    expect(explorer.page.get_by_text("Step 3")).to_be_visible()
    assert explorer.nodes() == ["image", "reshape", "linear_relu", "linear", "output"]  # after two steps

    explorer.page.reload()
    explorer.expect_painted()
    explorer.expect_step(2, of=4)  # no step was lost


def test_a_300_mb_upload_is_refused_with_the_limit(visit: Visit, tmp_path: Path) -> None:
    big = tmp_path / "big.onnx"
    with big.open("wb") as file:
        file.truncate(300 << 20)  # sparse: takes no room on the disk
    explorer = visit()
    explorer.open_file(big)
    expect(explorer.page.get_by_text(re.compile("200.*MB or smaller"))).to_be_visible()
    explorer.page.keyboard.press("Escape")
    expect_next_action_works(explorer)


PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(64)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("photo.png", PNG, "This is not an ONNX model: the file's first bytes say PNG."),
        ("empty.onnx", b"", "The file is empty."),
    ],
    ids=["picture", "empty"],
)
def test_a_file_that_is_no_model_leaves_the_one_before(
    visit: Visit, name: str, data: bytes, said: str
) -> None:
    explorer = visit()
    explorer.open_file(onnx_file(name, data))
    problem = explorer.page.get_by_role("alert").filter(has_text="could not be opened")
    expect(problem).to_contain_text(said)
    expect(explorer.model).to_have_value(re.compile("^mlp"))
    expect_next_action_works(explorer)


def test_an_operator_that_tvm_lacks_is_named_with_its_node(visit: Visit) -> None:
    shapes = {"x": [4, 4], "y": [4, 4]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    node = helper.make_node("Det9", ["x"], ["y"], name="the_odd_one", domain="com.example")
    graph = helper.make_graph([node], "odd", [x], [y])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)

    explorer = visit()
    explorer.open_file(onnx_file("odd.onnx", model.SerializeToString()))
    problem = explorer.page.get_by_role("alert").filter(has_text="could not be opened")
    expect(problem).to_contain_text("Det9")
    expect(problem).to_contain_text("the_odd_one")


def test_one_persons_crash_does_not_disturb_another(visit: Visit, open_page: Callable[..., Page]) -> None:
    careful, reckless = visit(FOLDED), visit()
    reckless.open_file(onnx_file("divides_by_zero.onnx", bad_models.divides_by_zero()))
    expect(reckless.node("divide")).to_be_visible()
    careful.choose_loop("matmul/k")
    careful.choose_transform("split")
    careful.press("Measure every step")
    reckless.press("Compile & time")
    careful.apply()  # while both are being measured
    careful.expect_step(4)
    careful.press("Undo")
    careful.expect_step(3, of=4)

    expect(reckless.row(0)).to_contain_text("SIGFPE", timeout=4 * MEASURE_MS)
    careful.expect_bars(4)
    expect(careful.page.get_by_role("alert")).to_have_count(0)


def test_a_closed_page_gives_the_machine_back(visit: Visit) -> None:
    """Who leaves in the middle of a measurement of minutes does not keep the others waiting for it."""
    left = visit(link("matmul_1024"))
    left.press("Compile & time")
    expect(left.progress).to_be_visible()
    left.page.close()

    explorer = visit(link("softmax", [step("parallel", "main", loop="row_max/i")]))
    explorer.press("Compile & time")
    expect(explorer.trace.locator(".whisker")).to_have_count(1, timeout=MEASURE_MS)
