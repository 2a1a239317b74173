"""The same way on a convolutional network, and on an ONNX file that a person brings along."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Page, expect

from tests.browser import launch
from tests.browser.explorer import MEASURE_MS, Explorer, link

Visit = Callable[..., Explorer]


def gate(path: Path) -> Path:
    """Writes a small model, y = sigmoid(x · w) on an 8×16 input, and returns its file."""
    weights = np.random.default_rng(0).standard_normal((16, 32), np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"], name="project"),
        helper.make_node("Sigmoid", ["product"], ["y"], name="squash"),
    ]
    shapes = {"x": [8, 16], "y": [8, 32]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    graph = helper.make_graph(nodes, "gate", [x], [y], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_the_convolutional_network_is_fused_measured_and_still_right(visit: Visit) -> None:
    explorer = visit()
    explorer.open_sample("cnn")
    expect(explorer.node("conv2d").first).to_be_visible()
    explorer.press("Legalise and fuse")
    explorer.expect_step(6)
    expect(explorer.node("conv2d")).to_have_count(0)
    expect(explorer.program).to_contain_text(re.compile(r"def fused_\w*conv2d"))

    expect(explorer.verdict).to_have_text("✓ still right", timeout=MEASURE_MS)
    explorer.press("Compile & time")
    assert "✓" in explorer.expect_measured()["Largest error, absolute · relative"]


def test_an_uploaded_file_goes_the_same_way_and_is_there_again_tomorrow(visit: Visit, tmp_path: Path) -> None:
    file = gate(tmp_path / "gate.onnx")
    home = tmp_path / "home"
    home.mkdir()
    with launch.serve(home) as url:
        explorer = visit(url)
        explorer.open_file(file)
        expect(explorer.node("sigmoid")).to_be_visible()
        expect(explorer.model).to_have_value("gate.onnx")

        explorer.choose_transform("LegalizeOps")
        explorer.apply()
        explorer.expect_step(1)
        explorer.node("matmul").click()
        explorer.choose_loop("matmul/i1")
        explorer.choose_transform("vectorize")
        explorer.apply()
        explorer.expect_step(2)
        expect(explorer.branch("matmul/i1")).to_contain_text("vectorized")
        explorer.press("Compile & time")
        assert "✓" in explorer.expect_measured()["Largest error, absolute · relative"]
        address = explorer.page.url.removeprefix(url)

    with launch.serve(home) as url:
        again = visit(url + address)
        again.expect_step(2)
        expect(again.model).to_have_value("gate.onnx")
        expect(again.branch("matmul/i1")).to_contain_text("vectorized")
        again.expect_measured()


def test_a_link_to_a_file_that_is_not_here_says_what_to_do(open_page: Callable[..., Page]) -> None:
    page = open_page(link("sha256:" + "0" * 64))
    expect(page.get_by_text("is not here")).to_be_visible()
    expect(page.get_by_text("Upload the file again")).to_be_visible()
