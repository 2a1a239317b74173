"""Functions that are not generated but taken from a library, as a deployment form may be nothing but them.

A call to one is `R.call_dps_packed("env.LIBRARY.OPERATION", …)`, in the course's manner: TVM looks the name
up when the model runs. All names are registered where a model is built; its first call imports a library.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
from dataclasses import dataclass
from types import ModuleType

import tvm

from . import numpy_calls, onnxruntime_calls, torch_calls

PREFIX = "env."


@dataclass(frozen=True)
class Library:
    """`packages` must be installed for it (`imports`: under which names), besides NumPy."""

    name: str
    calls: ModuleType
    packages: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()

    def missing(self) -> tuple[str, ...]:
        """The packages that are not installed."""
        return tuple(
            package
            for package, name in zip(self.packages, self.imports)
            if importlib.util.find_spec(name) is None
        )


LIBRARIES = {
    library.name: library
    for library in (
        Library("numpy", numpy_calls),
        Library("onnxruntime", onnxruntime_calls, ("onnx", "onnxruntime"), ("onnx", "onnxruntime")),
        Library("torch", torch_calls, ("torch",), ("torch",)),
    )
}

# What each library can compute. The longest combinations come first, as the more a call does the better.
OPERATIONS = (
    "linear_relu", "linear", "matmul", "conv2d_bias_relu", "conv2d_bias", "conv2d", "max_pool2d", "softmax",
    "layer_norm", "batch_norm", "mean", "relu", "add", "multiply", "divide", "permute_dims", "reshape",
)  # fmt: skip


def global_name(library: str, operation: str) -> str:
    """How TVM calls the function: ``env.numpy.linear_relu``."""
    return f"{PREFIX}{library}.{operation}"


def function_name(library: str, operation: str) -> str:
    """How Python calls it: ``numpy_linear_relu``."""
    return f"{library}_{operation}"


@functools.cache
def register() -> None:
    """Tells TVM every function of every library, once a process."""
    for library in LIBRARIES.values():
        for operation in OPERATIONS:
            called = getattr(library.calls, function_name(library.name, operation))
            tvm.register_global_func(global_name(library.name, operation), called, override=True)


def texts(library: str, operation: str) -> tuple[str, ...]:
    """The source of what computes `operation`: the function and those that it calls, in the file's order."""
    calls = LIBRARIES[library].calls
    tree = ast.parse(inspect.getsource(calls))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    needed: set[str] = set()
    open_ = [function_name(library, operation)]
    while open_:
        name = open_.pop()
        needed.add(name)
        called = {node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)}
        open_ += called & functions.keys() - needed
    found = [inspect.getsource(getattr(calls, name)) for name in functions if name in needed]
    return ("import functools", *found) if any("functools." in text for text in found) else tuple(found)
