"""Functions as Python, run in the interpreter and compared with the compiled code."""

import numpy as np
import tvm
from tvm import te

from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.loaders.functions import FUNCTIONS, TensorFunction
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.python_source import python


def at_size(name, inputs):
    """A sample function with the same declaration at another size."""
    whole = FUNCTIONS[name]
    return TensorFunction(inputs, whole.declare, whole.blocks, whole.numpy, whole.operators).module()


def called(mod, function, inputs):
    """What the Python text computes, output by output, from arrays that hold nothing useful."""
    wanted = signature(mod, function)
    arrays = dict(zip((i.name for i in wanted.inputs), inputs))
    arrays |= {o.name: np.full(o.shape, 99, o.dtype) for o in wanted.outputs}
    scope = {}
    exec("\n".join(python(mod, function).lines), scope)
    with np.errstate(over="ignore"):  # integers wrap in the compiled code as well
        scope[function](*(arrays[p.name] for p in mod[function].params))
    return [arrays[o.name] for o in wanted.outputs]


def agree(mod, function="main"):
    """Runs both on the same seeded inputs."""
    random = np.random.default_rng(0)
    inputs = [(3 * random.standard_normal(i.shape)).astype(i.dtype) for i in signature(mod, function).inputs]
    compiled = build(mod, target("generic"), function)(inputs)
    for ours, expected in zip(called(mod, function, inputs), compiled, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def from_te(*tensors):
    return tvm.IRModule({"main": te.create_prim_func(list(tensors)).with_attr("global_symbol", "main")})


def elementwise(body, dtype="float32", count=12):
    x = te.placeholder((count,), dtype, name="X")
    return from_te(x, te.compute((count,), lambda i: body(x(i), i), name="Y"))


def code(mod, function="main"):
    return "\n".join(python(mod, function).lines)
