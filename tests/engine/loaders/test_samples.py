"""Every sample opens, compiles, and computes what NumPy and ONNX Runtime compute."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import pytest
import tvm
from tvm import relax

from mlc_explorer.engine import loaders
from mlc_explorer.engine.loaders import LoadedModel, samples, shipped_images
from mlc_explorer.errors import NotFound
from mlc_explorer.texts import LANGUAGES, say

load = functools.cache(loaders.load)
NAMES = [sample.name for sample in samples()]
SLOW_UNSCHEDULED = {"matmul_1024"}  # eight seconds as it stands: it is compiled with its loops reordered


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def cache_friendly(model: LoadedModel) -> LoadedModel:
    """The same matrix product with j innermost, so that it walks B along its rows."""
    schedule = tvm.s_tir.Schedule(model.mod)
    i, j, k = schedule.get_loops(schedule.get_sblock("matmul"))
    schedule.reorder(i, k, j)
    return LoadedModel(model.name, schedule.mod, model.entry, model.inputs, model.outputs)


def test_the_samples_are_four_networks_and_six_functions():
    assert [s.name for s in samples() if s.kind == "network"] == ["mlp", "cnn", "transformer", "resnet18"]
    assert [s.name for s in samples() if s.kind == "function"] == [
        *("matmul_128", "matmul_1024", "bmm_relu", "conv2d", "softmax", "layer_norm")
    ]
    assert [s.name for s in samples() if s.has_images] == ["mlp", "cnn"]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_computes_what_numpy_and_onnx_runtime_compute(name, run):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the independent reference")
    model = load(name)
    inputs = model.example_inputs(seed=1)
    ours = run(cache_friendly(model) if name in SLOW_UNSCHEDULED else model, inputs)

    session = onnxruntime.InferenceSession(model.onnx)
    theirs = session.run(None, {t.name: x for t, x in zip(model.inputs, inputs, strict=True)})
    numpys = model.numpy_reference(inputs)

    assert [x.shape for x in ours] == [x.shape for x in model.outputs]
    assert [x.name for x in session.get_outputs()] == [x.name for x in model.outputs]
    for a, b, c in zip(ours, theirs, numpys, strict=True):
        assert relative_error(a, b) < 1e-4
        assert relative_error(a, c) < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_example_inputs_depend_on_the_seed_only(name):
    model = load(name)
    for a, b, tensor in zip(model.example_inputs(3), model.example_inputs(3), model.inputs, strict=True):
        assert (a.shape, a.dtype.name) == (tensor.shape, tensor.dtype)
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(model.example_inputs(3)[0], model.example_inputs(4)[0])


@pytest.mark.parametrize(("name", "right"), [("mlp", 19), ("cnn", 18)])
def test_a_trained_network_names_the_shipped_images(name, right, run):
    """`right` of twenty is what sample_models/README.md states."""
    model, images = load(name), shipped_images()
    guesses = [int(model.numpy_reference([image[None]])[0].argmax()) for image in images.pixels]
    assert int((np.array(guesses) == images.labels).sum()) == right
    assert int(run(model, [images.pixels[:1]])[0].argmax()) == guesses[0]


def test_the_shipped_images_are_two_of_each_class():
    images = load("mlp").images()
    assert images.pixels.shape == (20, 1, 28, 28)
    assert images.pixels.dtype == np.float32
    assert (images.pixels.min(), images.pixels.max()) == (0, 1)
    assert images.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert images.names[9] == "Ankle boot"


def test_a_model_of_other_inputs_has_no_images():
    with pytest.raises(NotFound, match="does not take the sample images"):
        load("softmax").images()


def test_legalized_mlp_has_the_functions_of_the_course():
    module = relax.transform.LegalizeOps()(load("mlp").mod)
    names = {v.name_hint for v in module.get_global_vars()}
    assert names == {"main", "reshape", "matmul", "add", "relu", "matmul1", "add1"}


def test_resnet18_keeps_its_batch_norms_and_sane_activations():
    model = load("resnet18")
    assert model.mod.script().count("R.nn.batch_norm") == 20
    assert sum(w.size for w in _weights(model)) == 11_699_112  # with 9,600 running means and variances
    logits = model.numpy_reference(model.example_inputs(0))[0]
    assert 0.1 < logits.std() < 100


def _weights(model: LoadedModel) -> list[np.ndarray]:
    return [onnx.numpy_helper.to_array(w) for w in onnx.ModelProto.FromString(model.onnx).graph.initializer]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_has_a_title_and_a_summary(name, language):
    assert say(f"sample.{name}.title", language)
    assert say(f"sample.{name}.summary", language)


def test_an_unknown_sample_names_those_there_are():
    with pytest.raises(NotFound) as caught:
        load("vgg")
    assert (caught.value.code, caught.value.place) == ("sample_unknown", "vgg")
    assert "resnet18" in caught.value.hint
