"""The sample models can be made again: same weights, same bytes; and the training is right."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from sample_models import build, fashion_mnist, training

SHIPPED = ["mlp", "cnn", "transformer"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_rebuilt_file_is_the_shipped_one(name):
    shipped = (build.HERE / f"{name}.onnx").read_bytes()
    assert build.rebuild(name) == shipped
    assert len(shipped) < 4 << 20


@pytest.mark.parametrize("name", ["resnet18", "conv2d"])
def test_a_model_that_does_not_ship_is_made_in_memory_the_same_each_time(name):
    assert build.rebuild(name) == build.rebuild(name)


@pytest.mark.parametrize("name", build.RECIPES)
def test_the_trained_layers_compute_what_the_onnx_file_does(name):
    layers = build.RECIPES[name].layers(np.random.default_rng(5))
    x = np.random.default_rng(6).random((1, 28, 28, 1), np.float32)
    expected = training._forward(layers, x)
    file = build.RECIPES[name].model(training.weights(layers))
    image = x.reshape(1, 1, 28, 28)
    found = onnx.reference.ReferenceEvaluator(file).run(None, {"image": image})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", build.RECIPES)
def test_gradients_agree_with_finite_differences(name):
    rng = np.random.default_rng(0)
    layers = build.RECIPES[name].layers(rng)
    for layer in layers:
        layer.parameters = [p.astype(np.float64) for p in layer.parameters]
    x, y = rng.random((4, 28, 28, 1)), np.array([0, 3, 3, 9])
    training._backward(layers, x, y)
    for layer in (layer for layer in layers if layer.parameters):
        for parameter, gradient in zip(layer.parameters, layer.gradients, strict=True):
            at = tuple(rng.integers(0, extent) for extent in parameter.shape)
            expected, kept, step = gradient[at], parameter[at], 1e-6
            parameter[at] = kept + step
            above = training._backward(layers, x, y)
            parameter[at] = kept - step
            below = training._backward(layers, x, y)
            parameter[at] = kept
            training._backward(layers, x, y)
            assert (above - below) / (2 * step) == pytest.approx(expected, abs=1e-6, rel=1e-3)


def test_training_learns_whether_the_light_is_above_or_below():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 512)
    images = rng.integers(0, 100, (512, 28, 28)).astype(np.uint8)
    images[labels == 0, :14] += 120
    images[labels == 1, 14:] += 120
    data = fashion_mnist.FashionMnist(images[:384], labels[:384], images[384:], labels[384:])
    weights, accuracy = training.train(training.mlp, data, epochs=4, batch=32)
    assert accuracy > 0.95
    assert {name: w.shape for name, w in weights.items()} == {
        **{"w0": (784, 200), "b0": (200,), "w1": (200, 10), "b1": (10,)}
    }


def test_test_images_are_kept_out_of_the_training_set(tmp_path, monkeypatch):
    """A class file is the test images, then the training images; a copy of a test image is left out."""
    monkeypatch.setattr(fashion_mnist, "TEST_PER_CLASS", 10)
    for label in range(fashion_mnist.CLASSES):
        rng = np.random.default_rng(label)
        records = rng.integers(0, 256, (15, 784)).tolist()
        records[12] = records[7]
        (tmp_path / f"{label}.json").write_text(f'{{"data": {records}}}')
    data = fashion_mnist.read(tmp_path)
    assert data.test_images.shape == (100, 28, 28)
    assert data.train_images.shape == (40, 28, 28)
    assert data.train_labels.tolist() == [label for label in range(10) for _ in range(4)]
