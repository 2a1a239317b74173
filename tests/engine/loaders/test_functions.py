"""The single functions read well: letters for buffers, what they do for blocks, the usual names for loops."""

from __future__ import annotations

import pytest
import tvm
import tvm_ffi

from mlc_explorer.engine.loaders import load
from mlc_explorer.engine.loaders.functions import FUNCTIONS

LOOPS = {
    "matmul_128": {"matmul": "i j k"},
    "matmul_1024": {"matmul": "i j k"},
    "bmm_relu": {"bmm": "n i j k", "relu": "n i j"},
    "conv2d": {"pad": "n c h w", "conv2d": "n co h w ci kh kw"},
    "softmax": {"row_max": "i k", "exp": "i j", "row_sum": "i k", "divide": "i j"},
    "layer_norm": {"row_sum": "i k", "centre": "i j", "square_sum": "i k", "normalise": "i j"},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_blocks_and_loops_have_readable_names(name):
    schedule = tvm.s_tir.Schedule(load(name).mod)
    found = {}
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        loops = [schedule.get(loop).loop_var.name for loop in schedule.get_loops(block)]
        found[schedule.get(block).name_hint] = " ".join(loops)
    assert found == LOOPS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_equal_to_its_printed_form(name):
    mod = load(name).mod
    assert tvm_ffi.structural_equal(tvm.script.from_source(mod.script()), mod)


def test_matmul_reads_as_in_the_course():
    text = load("matmul_128").mod["main"].script()
    assert 'def main(A: T.Buffer((128, 128), "float32"), B:' in text
    assert "for i, j, k in T.grid(128, 128, 128):" in text
    assert 'with T.sblock("matmul"):' in text
    assert "C[v_i, v_j] = C[v_i, v_j] + A[v_i, v_k] * B[v_k, v_j]" in text


def test_inputs_and_outputs_are_the_parameters_in_order():
    model = load("layer_norm")
    assert [(t.name, t.shape) for t in model.inputs] == [
        ("X", (128, 768)),
        ("gamma", (768,)),
        ("beta", (768,)),
    ]
    assert [(t.name, t.shape, t.dtype) for t in model.outputs] == [("Y", (128, 768), "float32")]
