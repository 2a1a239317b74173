"""The same model run by somebody else: NumPy and ONNX Runtime, for comparison and as a second opinion.

Both get the threads that TVM gets. ONNX Runtime's are told to stop spinning when a call ends, so that they
do not take the cores from the next in turn; NumPy's are set by its BLAS, and only reported.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from .timing import time_calls

Arrays = Sequence[np.ndarray]
Call = Callable[[Arrays], list[np.ndarray]]


@dataclass(frozen=True)
class Twin:
    """`call` computes the model's outputs in order; `about` says what computes them, for the record."""

    name: str
    about: str
    call: Call


@dataclass(frozen=True)
class TwinTimer:
    """A twin on fixed inputs (see `timing.Contender`)."""

    twin: Twin
    inputs: Arrays

    def sample(self, number: int, repeat: int) -> list[float]:
        return time_calls(lambda: self.twin.call(self.inputs), number, repeat)


class TooSlow(Exception):
    """A call was stopped by `limited`."""


def numpy_twin(reference: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Twin:
    """`reference` as a twin: a NumPy function, or ONNX's own evaluator, which is NumPy too."""
    return Twin("numpy", f"{np.__version__}, {_blas()}", lambda inputs: list(reference(list(inputs))))


def onnxruntime_twin(model: bytes, threads: int) -> Twin | None:
    """The ONNX model in ONNX Runtime on its CPU provider; None if that is not installed or can't load it."""
    try:
        import onnxruntime as ort
    except ImportError:
        return None
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception:  # an operator that it lacks is no fault of the model: there is then no second opinion
        return None
    names = [i.name for i in session.get_inputs()]
    return Twin(
        "onnxruntime",
        f"{ort.__version__}, {threads} threads",
        lambda inputs: session.run(None, dict(zip(names, inputs))),
    )


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stops the Python code inside with TooSlow after `seconds`.

    ONNX's evaluator takes minutes for a ResNet and nothing else can stop it. It works by a signal, hence only
    in the main thread of a process, where a worker's jobs run; elsewhere TooSlow comes at once."""
    if threading.current_thread() is not threading.main_thread():
        raise TooSlow

    def stop(number: int, frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _blas() -> str:
    """NumPy's BLAS, its kernel and threads, as far as this process can tell."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
        return f"{threads} threads" if threads else "its BLAS' own number of threads"
    pools = [p for p in threadpool_info() if p.get("user_api") == "blas"]
    if not pools:
        return "no BLAS found"
    pool = pools[0]
    return f"{pool['internal_api']} {pool.get('architecture', '')}, {pool['num_threads']} threads"
