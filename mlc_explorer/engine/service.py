"""The engine's face: one function per job of docs/architecture.md, JSON arguments in, schema out.

Called in a worker only. `model_data` gives the bytes of an uploaded model by its digest, `progress` reports
how far a long job is. Everything is derived from the trace; what is cached is cached by `replay` and the
views.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import MlcError, NotFound
from ..schema.graph import GraphMatches, GraphView
from ..schema.loops import LoopTree
from ..schema.motion import CacheReport, MotionView
from ..schema.palette import Candidates, Diagnosis, Grid, Offer, Palette, Point
from ..schema.pipeline import PassDiff, PipelineView
from ..schema.recipe import Explanation
from ..schema.report import Measurement, RunResult, SampleInfo, StateInfo, TargetInfo
from ..schema.text import DiffView, TextView
from ..schema.trace import Step, Trace
from ..texts import LANGUAGES, say
from . import loaders
from . import targets as _targets
from .replay import State, apply, replay
from .transforms import catalogue
from .tuning.jobs import tune_object, tune_plan, tune_propose, tune_reference, tune_trial  # noqa: F401 - jobs
from .views import describe
from .views import pipeline as _pipeline
from .views.diff import diff as _diff
from .views.graph import graph as _graph
from .views.graph import same_calls
from .views.loops import loops as _loops
from .views.motion import motion as _motion
from .views.programs import program
from .views.schedule_flow import schedule_flow
from .views.search import search as _search
from .views.text import text as _text

ModelData = Callable[[str], bytes]
Progress = Callable[..., None]  # stage, fraction, and a detail where there is more to say


def samples() -> list[SampleInfo]:
    return list(loaders.samples())


def transforms() -> dict[str, Any]:
    return {"transforms": catalogue.specs(), "shortcuts": catalogue.shortcuts()}


def targets() -> list[TargetInfo]:
    return list(_targets.targets())


def open(trace: Any, model_data: ModelData) -> StateInfo:
    """The bare model, whatever steps the trace has."""
    return state(Trace.from_json(trace).upto(0).to_json(), model_data)


def state(trace: Any, model_data: ModelData) -> StateInfo:
    """Functions and step reports after all steps; the first step that fails raises."""
    parsed = Trace.from_json(trace)
    model = loaders.load_cached(parsed.model, model_data)
    return describe.state_info(model, replay(parsed, model_data))


def graph(
    trace: Any,
    model_data: ModelData,
    function: str | None = None,
    open: list[str] | None = None,
    plain: bool = False,
) -> GraphView:
    """`open` names the groups to open (``*``: all), None leaves it to the graph's size. `plain`: at once."""
    now, name = _at(trace, model_data, function)
    return _graph(now.mod, name, open, _names(trace, model_data, now, name), plain)


def graph_search(trace: Any, model_data: ModelData, query: str, function: str | None = None) -> GraphMatches:
    """The boxes that `query` finds, in closed groups too."""
    now, name = _at(trace, model_data, function)
    return _search(now.mod, name, query, _names(trace, model_data, now, name))


def dataflow(trace: Any, model_data: ModelData, function: str | None = None) -> GraphView:
    """Blocks and buffers of a PrimFunc."""
    now, name = _at(trace, model_data, function)
    return schedule_flow(now.mod, name)


def loops(trace: Any, model_data: ModelData, function: str | None = None) -> LoopTree:
    now, name = _at(trace, model_data, function)
    return _loops(now.mod, name)


def motion(
    trace: Any, model_data: ModelData, function: str | None = None, block: str | None = None
) -> MotionView:
    """The block at the path `block`, or beneath it; by default the one with most iterations."""
    now, name = _at(trace, model_data, function)
    return _motion(now.mod, name, block)


def cache(
    trace: Any,
    model_data: ModelData,
    function: str | None = None,
    block: str | None = None,
    accesses: int | None = None,
) -> CacheReport:
    """A simulation of the block's first `accesses` (default: a million)."""
    from .cache_simulation import ACCESSES, simulate

    return simulate(motion(trace, model_data, function, block), accesses or ACCESSES)


def text(
    trace: Any,
    model_data: ModelData,
    function: str | None = None,
    level: str | None = None,
    target: str = "cpu",
) -> TextView:
    """`level` is one of `schema.levels`; None means: as the function is, ``tir`` or ``relax``."""
    now, name = _at(trace, model_data, function)
    level = level or describe.own_level(now.mod, name)
    return program(now.mod, name, level, lambda: _targets.target(target))


def diff(
    trace: Any,
    model_data: ModelData,
    function: str | None = None,
    base: Any = None,
    base_function: str | None = None,
) -> DiffView:
    """The function's text now against its text after the trace `base` (default: before the last step), where
    it may have another name. The text before is empty if the function was not there."""
    now, name = _at(trace, model_data, function)
    steps = Trace.from_json(trace)
    earlier = steps.upto(max(0, len(steps.steps) - 1)) if base is None else Trace.from_json(base)
    state, name_before = replay(earlier, model_data), base_function or name
    before = None
    if describe.has_function(state.mod, name_before):
        before = _text(state.mod, name_before, describe.own_level(state.mod, name_before))
    return _diff(before, _text(now.mod, name, describe.own_level(now.mod, name)))


def pipeline(
    trace: Any, model_data: ModelData, progress: Progress, pipeline: str = "compile", target: str = "cpu"
) -> PipelineView:
    """Every pass of `pipeline` (`schema.pipeline.NAMES`), run on the model as it is after `trace`."""
    subject = _subject(trace, model_data)
    return _pipeline.passes(subject, pipeline, target, lambda: _targets.target(target), progress)


def pipeline_pass(
    trace: Any,
    model_data: ModelData,
    index: int,
    pipeline: str = "compile",
    target: str = "cpu",
    function: str | None = None,
) -> PassDiff:
    """Pass `index` of that pipeline, before and after, for one of the functions that it changed."""
    subject = _subject(trace, model_data)
    return _pipeline.one_pass(subject, pipeline, target, lambda: _targets.target(target), index, function)


def why_not(trace: Any, step: Any, model_data: ModelData) -> dict[str, Any] | None:
    """None if `step` applies after `trace`, else the refusal as JSON."""
    now = replay(Trace.from_json(trace), model_data)
    try:
        apply(now, Step.from_json(step))
    except MlcError as refusal:
        return refusal.to_json()
    return None


def palette(
    trace: Any,
    model_data: ModelData,
    function: str | None = None,
    path: str | None = None,
    language: str = "en",
) -> Palette:
    """Every transform, tried for the selected loop or block at `path` (or none) of `function`."""
    from .legality.palette import palette as _palette

    now, name = _at(trace, model_data, function)
    return _palette(now, name, path, language)


def offer(
    trace: Any,
    model_data: ModelData,
    transform: str,
    function: str | None = None,
    path: str | None = None,
    params: Mapping[str, Any] | None = None,
    language: str = "en",
) -> Offer:
    """One transform's form and preview; what `params` leave out is proposed for the selection."""
    from .legality.offer import offer as _offer

    now, name = _at(trace, model_data, function)
    return _offer(now, name, path, transform, params or {}, language)


def diagnosis(trace: Any, step: Any, model_data: ModelData, language: str = "en") -> Diagnosis:
    """Why `step` does not apply after `trace`, and what would make it legal."""
    from .legality.diagnosis import diagnosis as _diagnosis

    return _diagnosis(replay(Trace.from_json(trace), model_data), Step.from_json(step), language)


def candidates(
    trace: Any,
    model_data: ModelData,
    function: str | None = None,
    path: str | None = None,
    target: str = "cpu",
    language: str = "en",
) -> Candidates:
    """Promising next steps for the block at or above `path`, for `target`; nothing is measured here."""
    from .suggest import candidates as _candidates

    now, name = _at(trace, model_data, function)
    return _candidates(now, name, path, _targets.target(target), language)


def grid(trace: Any, steps: list[Any], model_data: ModelData, most: int = 64, language: str = "en") -> Grid:
    """The points of a sweep: `steps` after `trace`, in which any value of a parameter may be
    ``{"sweep": [values]}``. Of more than `most` points a sample is taken."""
    from .sweep import grid as _grid

    return _grid(replay(Trace.from_json(trace), model_data), steps, most, language)


def steps_of(
    trace: Any, text: str, model_data: ModelData, function: str | None = None
) -> list[dict[str, Any]]:
    """The JSON steps that a pasted `text` stands for: a trace, an exported script, TVM's own schedule trace
    or a MetaSchedule record, for `function`."""
    from .pasted import steps_of as _steps_of

    now, name = _at(trace, model_data, function)
    return [step.to_json() for step in _steps_of(now, name, text)]


def repeats(trace: Any, steps: list[Any], model_data: ModelData, language: str = "en") -> list[Point]:
    """The same `steps` elsewhere: one Point for each other function, or block of the same one."""
    from .repeat import repeats as _repeats

    return _repeats(Trace.from_json(trace), [Step.from_json(s) for s in steps], model_data, language)


def recipe(
    trace: Any,
    model_data: ModelData,
    progress: Progress,
    recipe: str = "",
    function: str | None = None,
    target: str = "cpu",
) -> list[dict[str, Any]]:
    """The JSON steps that make the model fast (``fast_cpu``, ``fast_gpu``), or `function` (any other recipe;
    ``""``: the one that fits). Progress: ``graph``, ``functions`` with the function's name as detail."""
    from .recipes.asking import steps

    now, name = _at(trace, model_data, function)
    parsed = Trace.from_json(trace)
    return [step.to_json() for step in steps(parsed, now, recipe, function and name, target, progress)]


def unfold(trace: Any, model_data: ModelData, index: int, count: int = 1) -> list[dict[str, Any]]:
    """The JSON steps that `count` steps from `index` (from 0) stand for: recipes and rules for a whole
    function are unfolded, other steps stay. A single step that can't be unfolded is refused."""
    from .recipes.asking import unfolded

    return [s.to_json() for s in unfolded(Trace.from_json(trace), index, count, model_data)]


def explain(
    trace: Any, step: Any, model_data: ModelData, target: str = "cpu", language: str = "en"
) -> Explanation:
    """Why the recipe `step`, applied after `trace`, is as it is: strategy, numbers and their reasons."""
    from .recipes.asking import explained

    return explained(replay(Trace.from_json(trace), model_data), Step.from_json(step), target, language)


def script(trace: Any, model_data: ModelData, target: str = "cpu") -> dict[str, Any]:
    from .script import script as _script

    text, model_file = _script(Trace.from_json(trace), target, model_data)
    return {"script": text, "model_file": model_file}


def model_file(trace: Any, model_data: ModelData) -> dict[str, Any]:
    """The ONNX file behind a model, for the exported script to read."""
    model = loaders.load_cached(Trace.from_json(trace).model, model_data)
    if model.onnx is None:
        raise NotFound(
            f"'{model.name}' has no ONNX file.",
            hint="Its exported script needs none.",
            place="model",
            code="no_model_file",
            params={"name": model.name},
        )
    return {"name": f"{model.name}.onnx", "base64": base64.b64encode(model.onnx).decode()}


def images(trace: Any, model_data: ModelData) -> dict[str, Any]:
    """The pictures that ship with a sample: `pixels` (n × 28 × 28, 0–255), `labels`, `classes` by
    language.
    """
    shown = loaders.load_cached(Trace.from_json(trace).model, model_data).images()
    return {
        "pixels": (shown.pixels[:, 0] * 255).round().astype(int).tolist(),
        "labels": [int(n) for n in shown.labels],
        "classes": {lang: [say(f"fashion_mnist.class_{i}", lang) for i in range(10)] for lang in LANGUAGES},
    }


def measure(
    trace: Any,
    model_data: ModelData,
    progress: Progress,
    function: str | None = None,
    target: str = "cpu",
    seconds: float = 1.0,
    known: Any = None,
    twins: bool = True,
) -> Measurement:
    """`known`: what `reference` gave; `twins`: also ask and time NumPy and ONNX Runtime."""
    from .measure import measure as _measure

    return _measure(Trace.from_json(trace), function, target, seconds, progress, model_data, known, twins)


def reference(trace: Any, model_data: ModelData, function: str | None = None) -> list[dict[str, Any]] | None:
    """The untransformed model's outputs, for `measure`'s `known`."""
    from .measure import reference as _reference

    return _reference(Trace.from_json(trace), function, model_data)


def run(trace: Any, model_data: ModelData, inputs: Any = None, target: str = "cpu") -> RunResult:
    from .measure import run as _run

    return _run(Trace.from_json(trace), inputs or {}, target, model_data)


def _subject(trace: Any, model_data: ModelData) -> _pipeline.Subject:
    parsed = Trace.from_json(trace)
    now = replay(parsed, model_data)
    return _pipeline.Subject(parsed.key(), now.mod, now.entry)


def _names(trace: Any, model_data: ModelData, now: State, function: str) -> Mapping[str, str]:
    """What the model's file calls the calls of `function`, as long as they are those that were imported."""
    names = loaders.load_cached(Trace.from_json(trace).model, model_data).names
    if not names or function != now.entry:
        return {}
    first = replay(Trace.from_json(trace).upto(0), model_data)
    return names if same_calls(first.mod, now.mod, function) else {}


def _at(trace: Any, model_data: ModelData, function: str | None) -> tuple[State, str]:
    now = replay(Trace.from_json(trace), model_data)
    name = function or now.entry
    if not describe.has_function(now.mod, name):
        known = describe.function_names(now.mod)
        raise NotFound(
            f"There is no function '{name}' at this step.",
            hint=f"There are: {', '.join(known[:12])}.",
            place="function",
            code="function_missing",
            params={"name": name, "known": ", ".join(known[:12])},
        )
    return now, name
