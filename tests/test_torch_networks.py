"""The networks in torch compute what ONNX Runtime computes."""

import pytest

pytest.importorskip("torch", reason="torch is a contender of the benchmark only where it is installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from benchmarks import contenders, zoo
from benchmarks.torch_networks import TorchNetwork
from mlc_explorer.engine import loaders
from mlc_explorer.engine.verify import compare


def assert_agrees(model: bytes, inputs) -> None:
    expected = contenders.onnx_runtime(model, inputs, 2)
    expected.call()
    assert compare(TorchNetwork(model, inputs, 2)(), expected.result()).max_rel < 1e-4


@pytest.mark.parametrize("name", ["shufflenet", "inception_v1"])
def test_a_light_network(name):
    data = zoo.light_model(name)
    assert_agrees(data, zoo.inputs(data))


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer", "bmm_relu", "conv2d", "softmax", "layer_norm"])
def test_a_sample(name):
    model = loaders.load(name)
    assert_agrees(model.onnx, model.example_inputs())
