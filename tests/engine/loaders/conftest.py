"""What the loaders' tests share: running a module with TVM, and small ONNX files written as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest
import tvm
from onnx import parser
from tvm import relax

from mlc_explorer.engine.loaders import LoadedModel

Run = Callable[[LoadedModel, Sequence[np.ndarray]], list[np.ndarray]]


@pytest.fixture(scope="session")
def run() -> Run:
    """`run(model, inputs)`: the outputs of the model as TVM compiles it, before any step."""

    def call(model: LoadedModel, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        arguments = [tvm.runtime.tensor(x) for x in inputs]
        compiled = tvm.compile(model.mod, target="llvm")
        if isinstance(model.mod[model.entry], relax.Function):
            result = relax.VirtualMachine(compiled, tvm.cpu())[model.entry](*arguments)
            return [x.numpy() for x in ([result] if len(model.outputs) == 1 else result)]
        outputs = [tvm.runtime.empty(x.shape, x.dtype) for x in model.outputs]
        compiled[model.entry](*arguments, *outputs)
        return [x.numpy() for x in outputs]

    return call


@pytest.fixture
def onnx_file() -> Callable[..., bytes]:
    """`onnx_file("g (float[4] x) => (float[4] y) { y = Relu(x) }")`: that graph as a file's bytes."""

    def make(graph: str, opset: int = 17) -> bytes:
        opsets = f'"" : {opset}, "com.acme" : 1'
        model: onnx.ModelProto = parser.parse_model(f"<ir_version: 8, opset_import: [{opsets}]> {graph}")
        return model.SerializeToString()

    return make
