"""The functions that every exported script carries: `script` copies their text, so that a script needs TVM
and NumPy only. They use nothing of this package, and of other modules `np`, `os`, `time`, `tvm`, `relax`.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import os
import time

import numpy as np
import tvm
from tvm import relax


def local_cpu():
    """This machine's CPU with its own instructions and cores, as a target."""
    kind = {"kind": "llvm", "mcpu": tvm.get_global_func("target.llvm_get_system_cpu")()}
    return tvm.target.Target(kind | {"num-cores": len(os.sched_getaffinity(0))})


def example(shape, dtype, rng):
    """Normally distributed floats; 0 and 1 for integers, which may index an axis of any length."""
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)


def compiled(mod, target):
    """Something with main and time_evaluator. The pipeline lowers what is still a graph, no more. The machine
    is given the module of the executable, as the executable itself may ask for a C compiler."""
    executable = tvm.compile(mod, target=target, relax_pipeline="default_build")
    is_graph = isinstance(mod["main"], relax.Function)
    return relax.VirtualMachine(executable.mod, tvm.cpu()) if is_graph else executable.mod


def call(module, inputs, outputs):
    """The results as NumPy arrays. `outputs` are the tensors that a PrimFunc fills; none for a graph, which
    returns its results."""
    result = module["main"](*inputs, *outputs)
    if not outputs:
        outputs = [result] if isinstance(result, tvm.runtime.Tensor) else list(result)
    return [tensor.numpy() for tensor in outputs]


def largest_relative_error(ours, reference):
    """max |a - b| / max |b| over all outputs; not a number if one side has a NaN where the other has none."""
    errors = []
    for a, b in zip(ours, reference):
        a, b = a.astype("float64"), b.astype("float64")
        a, b = a[~(np.isnan(a) & np.isnan(b))], b[~(np.isnan(a) & np.isnan(b))]
        scale = np.abs(b).max(initial=0.0)
        errors.append(np.abs(a - b).max(initial=0.0) / (scale if scale else 1.0))
    return float(np.max(errors))


def median_ms(module, arguments, seconds=1.0):
    """The median of at least 10 timings (3 of a slow model), each lasting some milliseconds at least."""
    start = time.perf_counter()
    module["main"](*arguments)
    once = time.perf_counter() - start
    number = 1 + int(0.003 / once)
    repeat = 3 if once > seconds else max(10, min(200, int(seconds / (number * once))))
    evaluate = module.time_evaluator("main", tvm.cpu(), number=number, repeat=repeat)
    return float(np.median(evaluate(*arguments).results)) * 1e3
