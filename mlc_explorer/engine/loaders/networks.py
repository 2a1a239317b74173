"""The architectures of the sample networks, as ONNX: weights in, a model out.

ONNX, because ONNX Runtime and ONNX's own NumPy evaluator can then be asked for the right answer without us.
Static shapes, batch 1, opset 17, deterministic: the same weights give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
_IR_VERSION = 8  # the one that came with opset 17, so that old readers open the files


class _Graph:
    """Collects nodes and weights; `node` returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def model(
        self, name: str, inputs: Mapping[str, Sequence[int]], outputs: Mapping[str, Sequence[int]]
    ) -> onnx.ModelProto:
        inputs_, outputs_ = tensor_infos(inputs), tensor_infos(outputs)
        return make_model(helper.make_graph(self.nodes, name, inputs_, outputs_, self.weights))


def make_model(graph: onnx.GraphProto) -> onnx.ModelProto:
    """`graph` as a checked model of this project's opset."""
    settings = {"ir_version": _IR_VERSION, "producer_name": "mlc-explorer"}
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], **settings)
    onnx.checker.check_model(model, full_check=True)
    return model


def tensor_infos(tensors: Mapping[str, Sequence[int]]) -> list[onnx.ValueInfoProto]:
    """Declarations of float32 tensors, from name to shape."""
    return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in tensors.items()]


def mlp(weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """flatten → linear 784→200 → ReLU → linear 200→10; `weights`: w0 (784, 200), b0, w1 (200, 10), b1."""
    g = _Graph()
    for name in ("w0", "b0", "w1", "b1"):
        g.weight(name, weights[name])
    x = g.node("Flatten", ["image"], "flatten", axis=1)
    x = g.node("MatMul", [x, "w0"], "matmul0")
    x = g.node("Add", [x, "b0"], "add0")
    x = g.node("Relu", [x], "relu")
    x = g.node("MatMul", [x, "w1"], "matmul1")
    g.node("Add", [x, "b1"], "logits")
    return g.model("mlp", {"image": (1, 1, 28, 28)}, {"logits": (1, 10)})


def cnn(weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Twice (3×3 convolution → ReLU → 2×2 max pool), then linear 1568→10.

    `weights`: w0 (16, 1, 3, 3), b0, w1 (32, 16, 3, 3), b1, w2 (1568, 10), b2."""
    g = _Graph()
    for name in ("w0", "b0", "w1", "b1", "w2", "b2"):
        g.weight(name, weights[name])
    x = "image"
    for i in range(2):
        x = g.node("Conv", [x, f"w{i}", f"b{i}"], f"conv{i}", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        x = g.node("Relu", [x], f"relu{i}")
        x = g.node("MaxPool", [x], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Flatten", [x], "flatten", axis=1)
    x = g.node("MatMul", [x, "w2"], "matmul")
    g.node("Add", [x, "b2"], "logits")
    return g.model("cnn", {"image": (1, 1, 28, 28)}, {"logits": (1, 10)})


def transformer(
    seed: int = 0, sequence: int = 32, width: int = 64, heads: int = 4, hidden: int = 256
) -> onnx.ModelProto:
    """One pre-norm encoder block (Vaswani et al. 2017, in the order of Xiong et al. 2020), seeded weights.

    Input ``tokens`` (1, sequence, width): embeddings. Output ``encoded``, of the same shape."""
    rng, g = np.random.default_rng(seed), _Graph()
    x = "tokens"
    attended = _attention(g, _norm(g, x, "norm0", width, rng), sequence, width, heads, rng)
    x = g.node("Add", [x, attended], "residual0")
    y = _linear(g, _norm(g, x, "norm1", width, rng), "mlp_in", width, hidden, rng)
    y = _linear(g, _gelu(g, y), "mlp_out", hidden, width, rng)
    g.node("Add", [x, y], "encoded")
    shape = (1, sequence, width)
    return g.model("transformer", {"tokens": shape}, {"encoded": shape})


def _attention(g: _Graph, x: str, sequence: int, width: int, heads: int, rng: np.random.Generator) -> str:
    """softmax(q kᵀ / √d) v for each head, with d = width / heads; then the output projection."""
    depth = width // heads
    split = g.weight("split_heads", np.array([1, sequence, heads, depth], np.int64))
    parts = {}
    for part, order in {"q": [0, 2, 1, 3], "k": [0, 2, 3, 1], "v": [0, 2, 1, 3]}.items():
        projected = _linear(g, x, part, width, width, rng)
        parts[part] = g.node(
            "Transpose", [g.node("Reshape", [projected, split], f"{part}_split")], f"{part}_heads", perm=order
        )
    scale = g.weight("scale", np.array(1 / np.sqrt(depth), np.float32))
    scores = g.node("Mul", [g.node("MatMul", [parts["q"], parts["k"]], "scores"), scale], "scaled_scores")
    y = g.node("MatMul", [g.node("Softmax", [scores], "attention", axis=-1), parts["v"]], "context")
    merge = g.weight("merge_heads", np.array([1, sequence, width], np.int64))
    y = g.node("Transpose", [y], "context_heads", perm=[0, 2, 1, 3])
    y = g.node("Reshape", [y, merge], "context_merged")
    return _linear(g, y, "projection", width, width, rng)


def _norm(g: _Graph, x: str, name: str, width: int, rng: np.random.Generator) -> str:
    gamma = g.weight(f"{name}_gamma", _normal(rng, (width,), 0.1) + np.float32(1))
    beta = g.weight(f"{name}_beta", _normal(rng, (width,), 0.1))
    return g.node("LayerNormalization", [x, gamma, beta], name, axis=-1, epsilon=1e-5)


def _linear(g: _Graph, x: str, name: str, inputs: int, outputs: int, rng: np.random.Generator) -> str:
    w = g.weight(f"{name}_w", _normal(rng, (inputs, outputs), inputs**-0.5))
    b = g.weight(f"{name}_b", _normal(rng, (outputs,), 0.02))
    return g.node("Add", [g.node("MatMul", [x, w], f"{name}_matmul"), b], f"{name}_add")


def _gelu(g: _Graph, x: str) -> str:
    """x / 2 · (1 + erf(x / √2)): ONNX has Gelu only from opset 20 on."""
    root = g.weight("sqrt_2", np.array(np.sqrt(2), np.float32))
    one, half = g.weight("one", np.array(1, np.float32)), g.weight("half", np.array(0.5, np.float32))
    y = g.node("Erf", [g.node("Div", [x, root], "gelu_scaled")], "gelu_erf")
    y = g.node("Mul", [x, g.node("Add", [y, one], "gelu_shifted")], "gelu_gated")
    return g.node("Mul", [y, half], "gelu")


def resnet18(seed: int = 0) -> onnx.ModelProto:
    """ResNet-18 for 224×224 images and 1,000 classes (He et al. 2016), whole, with batch norms.

    The weights are seeded. Convolutions are He-initialised, which keeps the activations near unit size
    through all 18 layers."""
    rng, g = np.random.default_rng(seed), _Graph()
    x = _conv_norm(g, "image", "stem", 3, 64, 7, 2, rng)
    x = g.node("Relu", [x], "stem_relu")
    x = g.node("MaxPool", [x], "stem_pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _residual_block(g, x, f"layer{stage}_{block}", channels, width, stride, rng)
            channels = width
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x], "average_pool")], "flatten", axis=1)
    x = g.node("MatMul", [x, g.weight("fc_w", _normal(rng, (512, 1000), 512**-0.5))], "fc_matmul")
    g.node("Add", [x, g.weight("fc_b", np.zeros(1000, np.float32))], "logits")
    return g.model("resnet18", {"image": (1, 3, 224, 224)}, {"logits": (1, 1000)})


def _residual_block(
    g: _Graph, x: str, name: str, inputs: int, outputs: int, stride: int, rng: np.random.Generator
) -> str:
    """relu(x + norm(conv(relu(norm(conv(x)))))); a 1×1 convolution fits `x` where its shape changes."""
    y = g.node("Relu", [_conv_norm(g, x, f"{name}_a", inputs, outputs, 3, stride, rng)], f"{name}_a_relu")
    y = _conv_norm(g, y, f"{name}_b", outputs, outputs, 3, 1, rng)
    if stride != 1 or inputs != outputs:
        x = _conv_norm(g, x, f"{name}_skip", inputs, outputs, 1, stride, rng)
    return g.node("Relu", [g.node("Add", [y, x], f"{name}_sum")], f"{name}_relu")


def _conv_norm(
    g: _Graph, x: str, name: str, inputs: int, outputs: int, size: int, stride: int, rng: np.random.Generator
) -> str:
    scale = (2 / (inputs * size**2)) ** 0.5
    w = g.weight(f"{name}_w", _normal(rng, (outputs, inputs, size, size), scale))
    pads, strides = [size // 2] * 4, [stride, stride]
    x = g.node("Conv", [x, w], f"{name}_conv", kernel_shape=[size, size], strides=strides, pads=pads)
    gamma = g.weight(f"{name}_gamma", _uniform(rng, outputs, 0.5, 0.9))
    beta = g.weight(f"{name}_beta", _normal(rng, (outputs,), 0.1))
    mean = g.weight(f"{name}_mean", _normal(rng, (outputs,), 0.1))
    variance = g.weight(f"{name}_variance", _uniform(rng, outputs, 0.8, 1.2))
    return g.node("BatchNormalization", [x, gamma, beta, mean, variance], f"{name}_norm", epsilon=1e-5)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    return rng.standard_normal(shape, np.float32) * np.float32(scale)


def _uniform(rng: np.random.Generator, size: int, low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, size).astype(np.float32)
