"""What the engine reports about a model, a state of it, a step, a target, a measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AGREES = 1e-3  # the largest relative error that counts as right


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: its name, shape (elements per axis) and dtype as NumPy spells it."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class SampleInfo:
    """A model that ships: `kind` is ``network`` or ``function``; `summary` is one English sentence, `key`
    names its text in `mlc_explorer/texts` (``sample.<name>``)."""

    name: str
    kind: str
    summary: str
    has_images: bool = False


@dataclass(frozen=True)
class FunctionInfo:
    """A function of the module: `kind` is ``graph`` (Relax) or ``loops`` (PrimFunc); `calls` how often
    the entry function reaches it, directly or through other functions."""

    name: str
    kind: str
    summary: str = ""
    calls: int = 0


@dataclass(frozen=True)
class StepReport:
    """What one step did: functions `added`, `removed`, `changed`, and `moved`: for each path that stood
    before in a changed function its place now, both as ``function:path``, or None if it is gone. Paths that
    stayed as they were are left out. `renamed` functions are old → new. `seconds` is what applying it
    took."""

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: Mapping[str, str | None] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class StateInfo:
    """A model after a trace: its functions in order (entry first), inputs, outputs, and a report per step."""

    model: str
    entry: str
    functions: tuple[FunctionInfo, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    steps: tuple[StepReport, ...] = ()


@dataclass(frozen=True)
class TargetInfo:
    """A place to compile for: `name` is what a person chooses (``cpu``, ``generic``), `spec` TVM's target as
    a dict, `features` what a person may want to know (``AVX-512``), `cores` the threads used. `runs`: whether
    its code runs on this machine."""

    name: str
    spec: Mapping[str, Any]
    label: str
    features: tuple[str, ...]
    cores: int
    runs: bool = True


@dataclass(frozen=True)
class Measurement:
    """One timing with its check. Times in milliseconds of a whole call, compile time in seconds.

    `function` is None for the whole model. Errors compare all outputs with `reference` (``untransformed``:
    the same model before any step, compiled for the generic target); the relative error is max |a - b| / max
    |b|. `others` are medians in ms measured in the same job: ``numpy``, ``onnxruntime``; `other_errors` the
    largest absolute difference of ours from theirs. `taken_at` is ISO 8601 in UTC."""

    target: str
    function: str | None
    median_ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    threads: int
    max_abs_error: float
    max_rel_error: float
    reference: str
    compile_s: float
    taken_at: str
    others: Mapping[str, float] = field(default_factory=dict)
    other_errors: Mapping[str, float] = field(default_factory=dict)
    machine: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether the result agrees with the reference, as far as float32 sums in another order can."""
        return self.max_rel_error <= AGREES

    @property
    def spread(self) -> float:
        """From the 10th to the 90th percentile, in milliseconds."""
        return self.p90_ms - self.p10_ms


@dataclass(frozen=True)
class RunResult:
    """Outputs of one call, as nested lists, for small outputs such as ten probabilities. `seconds` of the
    call.
    """

    outputs: Mapping[str, Any]
    seconds: float
