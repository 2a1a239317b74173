"""Make it fast (CPU): what the steps make of a network computes the same, whatever the network."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from tvm import relax
from tvm.tirx import PrimFunc

from mlc_explorer.engine import loaders, targets
from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.network import GROUP, graph_steps, states_after
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.script import script
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.trace import Trace

from .networks import random_networks

CPU = targets.target("cpu")


def silent(*_):
    """Nobody asks how far it is."""


def after_graph_steps(mod, lanes=16):
    """The module after the passes, without recipes for its functions."""
    state = State(mod, "main")
    for step in graph_steps(Machine(4 * lanes, 32, 1 << 15, 1 << 20, 2)):
        try:
            state = apply(state, step)
        except MlcError:  # a pass that has nothing to do here
            continue
    return state.mod


def results(mod, seed=0):
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal(i.shape).astype(i.dtype) for i in signature(mod, "main").inputs]
    return build(mod, CPU)(inputs)


def assert_same(mod, other):
    for expected, got in zip(results(mod), results(other), strict=True):
        assert np.abs(got - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


@settings(max_examples=10, derandomize=True, deadline=None)
@given(random_networks())
def test_a_network_at_random_computes_the_same(mod):
    assert_same(mod, after_graph_steps(mod))


@settings(max_examples=6, derandomize=True, deadline=None)
@given(random_networks())
def test_with_recipes_it_computes_the_same_too(mod):
    *_, (_, state) = states_after(State(mod, "main"), CPU, silent)
    assert_same(mod, state.mod)


@pytest.mark.parametrize("lanes", [4, 8])
def test_narrower_vectors_give_smaller_blocks(lanes):
    mod = loaders.load("cnn").mod
    narrow = after_graph_steps(mod, lanes)
    functions = [func for _, func in narrow.functions_items() if isinstance(func, PrimFunc)]
    shapes = [tuple(map(int, param.ty.shape)) for func in functions for param in func.params]
    assert {shape[-1] for shape in shapes if len(shape) == 6} == {lanes}
    assert_same(mod, narrow)


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_a_sample_computes_what_onnx_runtime_does(name):
    onnxruntime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    model = loaders.load(name)
    *_, (_, state) = states_after(State(model.mod, model.entry), CPU, silent)
    inputs = model.example_inputs()
    session = onnxruntime.InferenceSession(model.onnx)
    (expected,) = session.run(None, dict(zip((i.name for i in model.inputs), inputs, strict=True)))
    (got,) = build(state.mod, CPU)(inputs)
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


def test_the_cnn_becomes_one_function_a_layer():
    """The flattening is a name for the same numbers: the rows of the matrix are in their order."""
    mod = after_graph_steps(loaders.load("cnn").mod)
    names = {re.sub(r"\d+", "", var.name_hint) for var in mod.get_global_vars()}
    layers = {"fused_convd_stem_add_relu", "fused_convd_blocked_add_relu", "max_poold"}
    assert names == {"main", *layers, "reshape", "fused_matmul_packed_add"}


def test_steps_belong_to_one_group_and_those_that_change_nothing_are_left_out():
    steps = [step for step, _ in states_after(State(loaders.load("mlp").mod, "main"), CPU, silent)]
    assert {step.group for step in steps} == {GROUP}
    passes = [step.transform for step in steps if step.function is None]
    assert passes == ["PackMatmul", "LegalizeOps", "AnnotateTIROpPattern", "FuseOps", "FuseTIR", "run_pass"]


def test_it_tells_how_far_it_is():
    heard = []
    list(states_after(State(loaders.load("cnn").mod, "main"), CPU, lambda *said: heard.append(said)))
    stages = [stage for stage, _, _ in heard]
    assert stages == ["graph"] * stages.count("graph") + ["functions"] * stages.count("functions")
    for stage in ("graph", "functions"):
        fractions = [fraction for name, fraction, _ in heard if name == stage]
        assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] < 1
    assert "fused_conv2d_stem_add_relu" in {detail for stage, _, detail in heard if stage == "functions"}


def test_a_model_that_has_loops_already_is_fused_and_scheduled():
    """Operators that are gone cannot be laid out anew; the rest still can be done."""
    mod = loaders.load("cnn").mod
    legal = relax.transform.LegalizeOps()(mod)
    steps, states = zip(*states_after(State(legal, "main"), CPU, silent), strict=True)
    names = {step.transform for step in steps}
    assert "FuseTIR" in names and not names & {"BlockChannels", "PackMatmul", "LegalizeOps"}
    assert_same(mod, states[-1].mod)


def test_a_single_function_gets_its_recipe():
    model = loaders.load("matmul_128")
    steps = [step for step, _ in states_after(State(model.mod, model.entry), CPU, silent)]
    assert [step.function for step in steps] == [model.entry]


def test_the_exported_script_runs_by_itself(tmp_path):
    model = loaders.load("cnn")
    steps = [step for step, _ in states_after(State(model.mod, "main"), CPU, silent)]
    text, file = script(Trace("cnn", tuple(steps)), "cpu", lambda digest: b"")
    (tmp_path / "fast.py").write_text(text, encoding="utf-8")
    (tmp_path / file).write_bytes(model.onnx)
    ran = subprocess.run([sys.executable, tmp_path / "fast.py"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "times as fast" in ran.stdout
