"""The same rules with Arm's numbers: compiled for a Cortex-A76, run under qemu, and right."""

import functools
from pathlib import Path

import numpy as np
import pytest
from tvm import IRModule

from benchmarks import zoo
from mlc_explorer.engine import loaders
from mlc_explorer.engine.loaders import LoadedModel
from mlc_explorer.engine.loaders.onnx import load_onnx
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.choosing import steps_for
from mlc_explorer.engine.recipes.network import states_after
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.twins import onnxruntime_twin
from mlc_explorer.engine.verify import compare

from . import emulated
from .convolutions import Conv, function, numbers

pytestmark = pytest.mark.skipif(bool(emulated.missing()), reason=emulated.missing() or "nothing is missing")

LANES = 4  # floats in a register of NEON
CONVOLUTIONS = {
    "blocks": Conv(8, 16, (9, 13), lanes=LANES, after=("bias", "residual", "relu")),
    "a first layer": Conv(3, 8, (11, 17), (5, 5), (2, 2), (2, 2, 2, 2), lanes=LANES),
    "depthwise": Conv(8, 8, (7, 10), groups=8, lanes=LANES),
    "groups and dilation": Conv(8, 16, (9, 9), padding=(2, 1, 0, 2), dilation=(2, 1), groups=2, lanes=LANES),
}


def applied(state: State) -> State:
    """A single function after the recipe that fits it on Arm, and what belongs before it."""
    steps = steps_for(state.mod[state.entry], state.entry, Machine.of(emulated.target()))
    assert steps
    return functools.reduce(apply, steps, state)


def test_the_target_says_that_registers_are_narrow_and_many():
    machine = Machine.of(emulated.target())
    assert (machine.lanes(4), machine.registers) == (LANES, 32)


@pytest.mark.parametrize("conv", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_convolution(conv, tmp_path):
    func = function(conv)
    *inputs, expected = numbers(conv, func)
    state = applied(State(IRModule({"main": func}), "main"))
    result = emulated.Program(state.mod, tmp_path)("main", inputs, expected.shape)
    assert compare([result], [expected]).max_rel < 1e-4


@pytest.mark.parametrize("name", ["matmul_128", "bmm_relu", "softmax", "layer_norm"])
def test_a_function_that_ships(name, tmp_path):
    model = loaders.load(name)
    state = applied(State(model.mod, model.entry))
    inputs = model.example_inputs()
    (expected,) = model.numpy_reference(inputs)
    result = emulated.Program(state.mod, tmp_path)(model.entry, inputs, expected.shape)
    assert compare([result], [expected]).max_rel < 1e-4


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_every_kernel_of_a_network_that_was_made_fast_for_it(name, tmp_path):
    model = loaders.load(name)
    inputs = model.example_inputs()
    assert compare([run_fast(model, inputs, tmp_path)], model.numpy_reference(inputs)).max_rel < 1e-4


def test_a_network_with_groups_shuffled_channels_and_depthwise_convolutions(tmp_path):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime says what is right")
    model = load_onnx("shufflenet", zoo.light_model("shufflenet"))
    inputs = model.example_inputs()
    expected = onnxruntime_twin(model.onnx, threads=2).call(inputs)
    assert compare([run_fast(model, inputs, tmp_path)], expected).max_rel < 1e-4


def run_fast(model: LoadedModel, inputs: list[np.ndarray], folder: Path) -> np.ndarray:
    """What the model, made fast for Arm and compiled in `folder`, makes of `inputs` there."""
    bare = State(model.mod, model.entry)
    *_, (_, after) = states_after(bare, emulated.target(), lambda stage, fraction, detail: None)
    return emulated.run_network(emulated.Program(after.mod, folder), after.mod, inputs)
