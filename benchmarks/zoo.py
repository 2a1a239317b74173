"""The nine light ONNX networks of the onnx wheel, with weights that can show a mistake.

The wheel's files hold the real graphs, but every weight is 0.02: a network of one repeated number computes
the same after many a wrong transform. Here each parameter gets random numbers of the size that training gives
it, from a seed, and becomes an initializer. The large ones (vgg19: 574 MB) exist in memory only.

    python -m benchmarks.zoo [NAME ...]     how large each is, and how ONNX Runtime's outputs are distributed
"""

from __future__ import annotations

import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

NAMES = (
    "alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)
_FILES = {"alexnet": "bvlc_alexnet"}
_FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
_PASSED_THROUGH = ("Unsqueeze", "Reshape")  # what may stand between a parameter and the node that uses it


@cache
def light_model(name: str, seed: int = 0) -> bytes:
    """The ONNX file of the network `name` (one of `NAMES`), its weights made from `seed`.

    Raises KeyError for another name. The same name and seed always give the same bytes."""
    if name not in NAMES:
        raise KeyError(name)
    model = onnx.load(_FOLDER / f"light_{_FILES.get(name, name)}.onnx")
    graph = model.graph
    uses = _uses(graph)
    made = [(tensor.name, tuple(tensor.dims)) for tensor in graph.initializer if _is_parameter(tensor)]
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    filled = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    made += [(node.output[0], tuple(int(n) for n in shapes[node.input[0]])) for node in filled]

    kept = [tensor for tensor in graph.initializer if not _is_parameter(tensor)]
    parameters = [
        numpy_helper.from_array(_values(name, shape, *uses[name][0], seed), name)
        for name, shape in made
        if name in uses
    ]
    used = {i for node in graph.node if node.op_type != "ConstantOfShape" for i in node.input}
    _replace(graph.initializer, [tensor for tensor in (*kept, *parameters) if tensor.name in used])
    _replace(graph.node, [node for node in graph.node if node.op_type != "ConstantOfShape"])
    fixed = {tensor.name for tensor in kept} | {name for name, _ in made}
    _replace(graph.input, [i for i in graph.input if i.name not in fixed])
    model.ir_version = 4  # since then an initializer need not be an input as well
    _spread(model)
    return model.SerializeToString()


def inputs(data: bytes, seed: int = 0) -> list[np.ndarray]:
    """Normal inputs (batch 1, NCHW) for the ONNX file `data`, as the explorer's `example_inputs` are."""
    rng = np.random.default_rng(seed)
    model = onnx.load_from_string(data)
    given = {tensor.name for tensor in model.graph.initializer}
    shapes = [
        [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input if i.name not in given
    ]
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def _is_parameter(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == onnx.TensorProto.FLOAT


def _replace(field, values) -> None:
    kept = list(values)
    del field[:]
    field.extend(kept)


def _uses(graph: onnx.GraphProto) -> Mapping[str, list[tuple[str, int]]]:
    """Operator and argument number of every use of a value, looking through changes of its shape."""
    direct = defaultdict(list)
    for node in graph.node:
        for index, name in enumerate(node.input):
            direct[name].append((node, index))

    def seen(name: str) -> list[tuple[str, int]]:
        found = []
        for node, index in direct[name]:
            through = node.op_type in _PASSED_THROUGH and index == 0
            found += seen(node.output[0]) if through else [(node.op_type, index)]
        return found

    return {name: seen(name) for name in list(direct)}


def _values(name: str, shape: tuple[int, ...], operator: str, index: int, seed: int) -> np.ndarray:
    """Numbers for the parameter `name`, which is argument `index` of `operator`.

    Convolutions and matrix products are scaled by He's rule, so that activations keep their size through
    ReLUs; normalisation's factors lie around one, so that a hundred of them neither vanish nor overflow."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if operator in ("Conv", "Gemm") and index == 1:
        fan_in = int(np.prod(shape[1:]))
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / fan_in))
    around_one = (operator, index) in (("BatchNormalization", 1), ("BatchNormalization", 4), ("Mul", 1))
    if around_one:
        return rng.uniform(0.7, 1.3, shape).astype(np.float32)
    return rng.normal(0, 0.1, shape).astype(np.float32)  # biases, means, offsets


def _spread(model: onnx.ModelProto) -> None:
    """Scales the last layer's weights so that what enters the softmax has a deviation of about one.

    Sums of residuals and concatenations make activations grow with depth. A softmax of large numbers is 1 for
    one class and 0 for all others, whatever went wrong before it."""
    import onnxruntime

    graph = model.graph
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm")][-1]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    _replace(probe.graph.output, [onnx.helper.make_empty_tensor_value_info(weighted.output[0])])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    data = probe.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    logits = session.run(None, dict(zip([i.name for i in session.get_inputs()], inputs(data))))[0]
    source = {node.output[0]: node for node in graph.node}
    name = weighted.input[1]
    while name in source:
        name = source[name].input[0]
    tensor = next(t for t in graph.initializer if t.name == name)
    deviation = float(f"{logits.std():.2g}")  # rounded: threads add in another order, the bytes stay the same
    scaled = numpy_helper.to_array(tensor) / deviation
    tensor.CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), name))


def main(names: list[str]) -> int:
    """Prints for each network its size and the spread of its outputs."""
    import onnxruntime

    for name in names or NAMES:
        start = time.perf_counter()
        data = light_model(name)
        made = time.perf_counter() - start
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        result = session.run(None, dict(zip([i.name for i in session.get_inputs()], inputs(data))))[0]
        print(
            f"{name:13} {len(data) / 1e6:6.1f} MB, made in {made:4.1f} s; {result.size} outputs from "
            f"{result.min():.2e} to {result.max():.2e}, deviation {result.std():.2e}",
            flush=True,
        )
        light_model.cache_clear()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
