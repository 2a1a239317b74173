"""Who takes part in the networks' benchmark: our code, ONNX Runtime, torch, on the same bytes and inputs.

All are called the same way, from Python with their inputs bound beforehand: a network of ten microseconds
would else be timed for its copies of arrays.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlc_explorer.engine.build import Runnable
from mlc_explorer.engine.loaders import LoadedModel
from mlc_explorer.engine.timing import time_calls
from mlc_explorer.schema.trace import Trace

from . import zoo


@dataclass(frozen=True)
class Caller:
    """`call` computes once (see `timing.Contender`); `result` gives what it computes."""

    call: Callable[[], object]
    result: Callable[[], list[np.ndarray]]
    close: Callable[[], object] = lambda: None  # writes what a profiler has gathered

    def sample(self, number: int, repeat: int) -> list[float]:
        return time_calls(self.call, number, repeat)


def subject(name: str) -> tuple[Trace, Callable[[str], bytes]]:
    """A bare trace of the model `name`, a sample or one of `zoo.NAMES`, and what gives an upload's bytes."""
    if name not in zoo.NAMES:
        return Trace(name), _no_upload
    data = zoo.light_model(name)
    return Trace(f"sha256:{hashlib.sha256(data).hexdigest()}"), lambda digest: data


def callers(
    built: Runnable, model: LoadedModel, inputs: Sequence[np.ndarray], threads: int
) -> dict[str, Caller]:
    """Everyone who can compute the model here, by name, each having computed it once; ``ours`` first."""
    other = onnx_runtime(model.onnx, inputs, threads) if model.onnx else None
    third = torch_network(model.onnx, inputs, threads) if model.onnx else None
    found = {"ours": ours(built, inputs), "onnxruntime": other, "torch": third}
    found = {name: caller for name, caller in found.items() if caller is not None}
    for caller in found.values():
        caller.call()
    return found


def versions() -> dict[str, str]:
    """Of the others, where they are installed."""
    found = {}
    for name in ("onnxruntime", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def ours(built: Runnable, inputs: Sequence[np.ndarray]) -> Caller:
    """The compiled model on these inputs, which are copied to aligned memory once."""
    timer = built.timer(inputs)
    function = timer.module[timer.entry]
    return Caller(lambda: function(*timer.arguments), lambda: built(inputs))


def onnx_runtime(
    model: bytes, inputs: Sequence[np.ndarray], threads: int, profile: str = ""
) -> Caller | None:
    """ONNX Runtime on its CPU provider; None where it is not installed.

    `profile` begins the name of a file that its profiler writes when the caller is closed. Its threads may
    spin between calls, as they do by default and as TVM's do: told to stop (as in `engine.twins`) they took
    twice as long for a softmax. `timing.alternate` waits until they are idle."""
    try:
        import onnxruntime as ort
    except ImportError:
        return None
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding: Any = session.io_binding()
    for given, array in zip(session.get_inputs(), inputs, strict=True):
        binding.bind_ortvalue_input(given.name, ort.OrtValue.ortvalue_from_numpy(array))
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return Caller(
        lambda: session.run_with_iobinding(binding), binding.copy_outputs_to_cpu, session.end_profiling
    )


def torch_network(model: bytes, inputs: Sequence[np.ndarray], threads: int) -> Caller | None:
    """The model in torch (see `torch_networks`); None where that is not installed."""
    try:
        from .torch_networks import TorchNetwork
    except ImportError:
        return None
    network = TorchNetwork(model, inputs, threads)
    return Caller(network, network)


def _no_upload(digest: str) -> bytes:
    raise LookupError(f"a sample needs no upload, yet {digest} was asked for")
