"""A timing and its check, in one job: a number without "and it is still right" is worth nothing."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm

from ..errors import NotFound, Refused
from ..schema.report import Measurement, RunResult, TensorInfo
from ..schema.trace import Trace
from . import arrays, loaders, targets
from .build import Runnable, Signature, build, signature
from .replay import replay
from .timing import Contender, alternate
from .transforms.wording import words
from .twins import TooSlow, Twin, TwinTimer, limited, numpy_twin, onnxruntime_twin
from .verify import compare

ModelData = Callable[[str], bytes]
Progress = Callable[[str, float], None]

REFERENCE = "untransformed"
OUTPUT_LIMIT = 4096  # values of an output that travel whole; a larger one is summarised
_TWIN_LIMIT_S = 3.0  # NumPy's evaluator of a network may be thousands of times slower than the network
_AGAIN_LIMIT_S = 0.75  # a twin that is slower is not timed any further


@dataclass(frozen=True)
class _Subject:
    """What is measured (`now`, `name`), what it must agree with (`before`, `name_before`), and on what."""

    now: tvm.IRModule
    name: str
    before: tvm.IRModule
    name_before: str
    inputs: list[np.ndarray]
    twins: list[Twin]


def measure(
    trace: Trace,
    function: str | None,
    target: str,
    seconds: float,
    progress: Progress,
    model_data: ModelData,
    known: Sequence[Mapping[str, Any]] | None = None,
    twins: bool = True,
) -> Measurement:
    """Times the model after `trace`, or one `function` of it, for about `seconds`, and checks it.

    The reference is the model before any step, for a function the function as it was when it first appeared,
    compiled for the generic target. A whole model is also compared with NumPy and ONNX Runtime, which are
    timed in turns with it, unless `twins` is False. `known` is what `reference` gave for the same model and
    function: the untransformed model can take seconds a call, and measuring every step of a trace needs it
    once. A wrong result is reported in the errors, not raised. Raises what `replay` and `build` raise, and
    Refused if a step changed the inputs or outputs: there is then nothing to compare with.
    """
    progress("build", 0.0)
    subject = _subject(trace, function, model_data, threads(), twins)
    ours = build(subject.now, targets.target(target), subject.name)
    progress("build", 0.5)
    refuse_unless_comparable(subject.name, ours.signature, signature(subject.before, subject.name_before))
    progress("build", 1.0)

    progress("check", 0.0)
    expected = arrays.load(known) if known else _expected(subject)
    progress("check", 0.4)
    first: dict[str, float] = {}
    result, first["ours"] = _timed(ours, subject.inputs)
    difference = compare(result, expected)
    progress("check", 0.7)
    checked, errors, too_slow = _ask_twins(subject.twins, subject.inputs, result, first)
    progress("check", 1.0)

    contenders: dict[str, Contender] = {"ours": ours.timer(subject.inputs)}
    contenders |= {t.name: TwinTimer(t, subject.inputs) for t in checked if t.name not in too_slow}
    budget = {name: seconds if name == "ours" else seconds / 2 for name in contenders}
    times = alternate(contenders, budget, first, lambda fraction: progress("time", fraction))
    p10, median, p90 = (float(p) * 1e3 for p in np.percentile(times["ours"], [10, 50, 90]))
    others = {t.name: float(np.median(times.get(t.name, first[t.name]))) * 1e3 for t in checked}
    return Measurement(
        target=target,
        function=function,
        median_ms=median,
        p10_ms=p10,
        p90_ms=p90,
        runs=len(times["ours"]),
        threads=threads(),
        max_abs_error=difference.max_abs,
        max_rel_error=difference.max_rel,
        reference=REFERENCE,
        compile_s=ours.compile_s,
        taken_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        others=others,
        other_errors=errors,
        machine=targets.machine(),
        versions=versions() | {t.name: t.about for t in checked},
    )


def reference(trace: Trace, function: str | None, model_data: ModelData) -> list[dict[str, Any]] | None:
    """What `measure` compares with, for its `known`; None if it is too large to be carried about."""
    return arrays.dump(_expected(_subject(trace, function, model_data, threads())))


def run(trace: Trace, inputs: Mapping[str, Any], target: str, model_data: ModelData) -> RunResult:
    """One call of the whole model: on ``{"image": i}``, the i-th image that came with it, or, with ``{}``, on
    seeded inputs. An output of more than `OUTPUT_LIMIT` values is summarised: shape, min, max, mean. NaN and
    infinities travel as None."""
    model = loaders.load_cached(trace.model, model_data)
    state = replay(trace, model_data)
    given = _image(model, inputs["image"]) if "image" in inputs else model.example_inputs(0)
    outputs, seconds = _timed(build(state.mod, targets.target(target), state.entry), given)
    return RunResult({i.name: _plain(o) for i, o in zip(model.outputs, outputs)}, seconds)


def _expected(subject: _Subject) -> list[np.ndarray]:
    return build(subject.before, targets.target("generic"), subject.name_before)(subject.inputs)


def threads() -> int:
    """Threads that TVM's parallel loops use in this process."""
    return int(tvm.get_global_func("runtime.NumThreads")())


def versions() -> dict[str, str]:
    """Of what the engine's numbers depend on. The caller adds its own, which the engine does not import."""
    return {"tvm": importlib.metadata.version("apache-tvm"), "numpy": np.__version__}


def seeded_inputs(infos: Sequence[TensorInfo], seed: int = 0) -> list[np.ndarray]:
    """An array for each tensor: normally distributed, or 0 and 1 where the elements are whole numbers, which
    are safe as indices."""
    rng = np.random.default_rng(seed)
    values = []
    for info in infos:
        dtype = np.dtype(info.dtype)
        if dtype.kind in "iub":
            values.append(rng.integers(0, 2, info.shape).astype(dtype))
        else:
            values.append(rng.standard_normal(info.shape, np.float32).astype(dtype))
    return values


def _subject(
    trace: Trace, function: str | None, model_data: ModelData, cores: int, with_twins: bool = False
) -> _Subject:
    model = loaders.load_cached(trace.model, model_data)
    state = replay(trace, model_data)
    if function in (None, state.entry):
        twins = _twins(model, cores) if with_twins else []
        inputs = model.example_inputs(0)
        return _Subject(state.mod, state.entry, model.mod, model.entry, inputs, twins)
    inputs = seeded_inputs(signature(state.mod, function).inputs)
    return _Subject(state.mod, function, _first_with(trace, function, model_data), function, inputs, [])


def _twins(model: loaders.LoadedModel, cores: int) -> list[Twin]:
    twins = [numpy_twin(model.numpy_reference)] if model.numpy_reference else []
    ort = onnxruntime_twin(model.onnx, cores) if model.onnx else None
    return twins + ([ort] if ort else [])


def _first_with(trace: Trace, function: str, model_data: ModelData) -> tvm.IRModule:
    """The module of the shortest prefix of `trace` that has `function`, which is in the whole of it."""
    for count in range(len(trace.steps) + 1):
        mod = replay(trace.upto(count), model_data).mod
        if any(v.name_hint == function for v in mod.get_global_vars()):
            break
    return mod


def refuse_unless_comparable(name: str, now: Signature, before: Signature) -> None:
    a, b = _layout(now), _layout(before)
    if a != b:
        raise Refused(**words("signature_changed", function=name, now=a, before=b), place=name)


def _layout(s: Signature) -> str:
    """Shapes and dtypes, as in ``float32[2, 3] → float32[2]``."""
    left, right = (", ".join(f"{t.dtype}{list(t.shape)}" for t in part) for part in (s.inputs, s.outputs))
    return f"{left} → {right}"


def _timed(call: Runnable | Callable[..., list[np.ndarray]], inputs: Any) -> tuple[list[np.ndarray], float]:
    start = time.perf_counter()
    return call(inputs), time.perf_counter() - start


def _ask_twins(
    twins: list[Twin], inputs: list[np.ndarray], ours: list[np.ndarray], first: dict[str, float]
) -> tuple[list[Twin], dict[str, float], set[str]]:
    """Calls each twin: those that answered, their largest difference from ours, and which of them are
    too slow to call again. The length of a call goes into `first`."""
    answered, errors, too_slow = [], {}, set()
    for twin in twins:
        try:
            theirs, first[twin.name] = _asked(twin, inputs)
        except TooSlow:
            continue
        except Exception:  # a twin that can't compute the model has no opinion; the reference has
            continue
        answered.append(twin)
        errors[twin.name] = compare(ours, theirs).max_abs
        if first[twin.name] > _AGAIN_LIMIT_S:
            too_slow.add(twin.name)
    return answered, errors, too_slow


def _asked(twin: Twin, inputs: list[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """A twin's outputs, and the seconds of the quicker of two calls if the first was slow: it also loads."""
    with limited(_TWIN_LIMIT_S):
        outputs, seconds = _timed(twin.call, inputs)
    if seconds > _AGAIN_LIMIT_S:
        with contextlib.suppress(TooSlow), limited(_TWIN_LIMIT_S):
            seconds = min(seconds, _timed(twin.call, inputs)[1])
    return outputs, seconds


def _image(model: loaders.LoadedModel, index: Any) -> list[np.ndarray]:
    pixels = model.images().pixels
    if type(index) is not int or not 0 <= index < len(pixels):
        raise NotFound(
            **words("image_missing", name=model.name, index=repr(index)[:40], count=len(pixels)),
            place="image",
        )
    return [pixels[index : index + 1]]


def _plain(output: np.ndarray) -> Any:
    wide = output.astype(np.float64) if output.dtype.kind not in "iub" else output
    if output.size <= OUTPUT_LIMIT:
        return _finite(wide.tolist())
    return {"shape": list(output.shape)} | {
        name: _finite(float(f(wide))) for name, f in {"min": np.min, "max": np.max, "mean": np.mean}.items()
    }


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity."""
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
