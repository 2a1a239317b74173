"""The benchmark's networks: real graphs whose weights and outputs would show a mistake."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks import zoo
from mlc_explorer.engine.loaders.onnx import load_onnx

SMALL = ("squeezenet", "shufflenet", "inception_v1")


def weights(data: bytes) -> dict[str, np.ndarray]:
    initializers = onnx.load_from_string(data).graph.initializer
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in initializers}
    return {name: array for name, array in arrays.items() if array.dtype == np.float32}


@pytest.mark.parametrize("name", SMALL)
def test_no_parameter_is_one_repeated_number(name):
    found = weights(zoo.light_model(name))
    assert len(found) >= 52
    assert all(np.unique(array).size > array.size // 2 for array in found.values())


@pytest.mark.parametrize("name", SMALL)
def test_onnx_runtime_finds_many_different_probabilities(name):
    ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    data = zoo.light_model(name)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    result = session.run(None, dict(zip([i.name for i in session.get_inputs()], zoo.inputs(data))))[0]
    assert np.isfinite(result).all()
    assert result.size == 1000 and np.unique(result).size > 800
    assert result.max() < 0.5 and result.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", SMALL)
def test_the_explorer_opens_them_with_the_picture_as_the_only_input(name):
    model = load_onnx(name, zoo.light_model(name))
    assert [tensor.shape for tensor in model.inputs] == [(1, 3, 224, 224)]
    example = model.example_inputs()
    assert all((a == b).all() for a, b in zip(example, zoo.inputs(zoo.light_model(name)), strict=True))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_weights():
    once = zoo.light_model("shufflenet")
    zoo.light_model.cache_clear()
    assert zoo.light_model("shufflenet") == once
    assert zoo.light_model("shufflenet", seed=1) != once


def test_an_unknown_network_is_a_key_error():
    with pytest.raises(KeyError):
        zoo.light_model("lenet")


def test_each_parameter_gets_numbers_of_its_own_kind():
    found = weights(zoo.light_model("shufflenet"))
    graph = onnx.load_from_string(zoo.light_model("shufflenet")).graph
    norm = next(node for node in graph.node if node.op_type == "BatchNormalization")
    scale, _, mean, variance = (found[name] for name in norm.input[1:])
    assert variance.min() > 0.5 and scale.min() > 0.5
    assert abs(mean).max() < 1
