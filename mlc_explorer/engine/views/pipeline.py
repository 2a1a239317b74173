"""A whole pipeline, pass by pass: what each took, what it changed, and any of them before and after.

``zero`` and ``default`` run as the steps of those names do. ``compile`` is all that happens when a model is
measured: the same call of `tvm.compile`, code generation included. ``compile_fused`` is that call with TVM's
own default pipeline for the target, which also folds constants and fuses.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import IRModule, relax
from tvm.tirx import PrimFunc

from ...errors import JobFailed, NotFound
from ...schema.pipeline import NAMES, PassDiff, PassRun, PipelineView, pipeline
from ...schema.text import DiffView, TextView
from .. import build
from ..transforms.wording import words
from . import pass_steps
from .diff import diff
from .pass_capture import Capture, Record
from .text import text

Progress = Callable[[str, float], None]
Target = Callable[[], tvm.target.Target]

_KEPT = 3  # runs, each of which holds its modules
_DETAIL_LIMIT = 20_000  # characters of TVM's own text


@dataclass(frozen=True, eq=False)
class _Run:
    records: Sequence[Record]
    seconds: float


_runs: OrderedDict[tuple[str, str, str], _Run] = OrderedDict()


@dataclass(frozen=True, eq=False)
class Subject:
    """What a pipeline is run on: the module of a state, named by `key` in the cache of runs."""

    key: str
    mod: IRModule
    entry: str


def passes(
    subject: Subject, name: str, target_name: str, target: Target, progress: Progress = lambda *_: None
) -> PipelineView:
    """Runs the pipeline `name` afresh. NotFound for an unknown one, JobFailed, naming the pass, where TVM
    raises."""
    return _view(_captured(subject, name, target_name, target, progress), name, target_name)


def one_pass(
    subject: Subject, name: str, target_name: str, target: Target, index: int, function: str | None
) -> PassDiff:
    """What pass `index` did to `function` (default: the entry, or else the first that changed).

    NotFound if there is no such pass, or if it left that function as it was."""
    run = _runs.get((subject.key, name, target_name)) or _captured(subject, name, target_name, target)
    if not 0 <= index < len(run.records):
        raise NotFound(
            **words("pass_missing", index=index, pipeline=name, count=len(run.records)), place="index"
        )
    record = run.records[index]
    touched = _by_weight(record, subject.entry)
    if function is not None and function not in touched:
        raise NotFound(**words("pass_left_function", function=function, name=record.name), place="function")
    chosen = function or next(iter(touched), None)
    if chosen is None:
        return PassDiff(index, record.name, ())
    level, way = _level(_either(record, chosen)), _view(run, name, target_name).steps_to(index)
    return PassDiff(index, record.name, tuple(touched), chosen, level, _diff(record, chosen), way)


def forget() -> None:
    """Empties the cache of runs."""
    _runs.clear()


def _captured(
    subject: Subject, name: str, target_name: str, target: Target, progress: Progress = lambda *_: None
) -> _Run:
    execute = _prepared(subject, name, target)
    capture = Capture(_telling(name, progress))
    start = time.perf_counter()
    try:
        with tvm.transform.PassContext(instruments=[capture]):
            execute()
    except Exception as e:  # TVM raises whatever its passes raise
        raise _failed(name, capture.running, e) from e
    run = _Run(capture.records, time.perf_counter() - start - capture.looking_seconds)
    key = (subject.key, name, target_name)
    _runs[key] = run
    _runs.move_to_end(key)
    while len(_runs) > _KEPT:
        _runs.popitem(last=False)
    return run


def _prepared(subject: Subject, name: str, target: Target) -> Callable[[], Any]:
    """What runs the pipeline. Raises NotFound, and Refused for what can't be compiled for a CPU."""
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise NotFound(**words("pipeline_missing", name=name, known=known), place="pipeline")
    if name in ("zero", "default"):
        return lambda: relax.get_pipeline(name)(subject.mod)
    own = target()
    lowering = relax.get_default_pipeline(own) if name == "compile_fused" else build.PIPELINE
    mod = build.to_compile(subject.mod, subject.entry)
    return lambda: tvm.compile(mod, target=own, relax_pipeline=lowering)


def _telling(name: str, progress: Progress) -> Callable[[int, str], None]:
    """Reports each pass that begins. How many there will be nobody knows: the fraction nears 1, by how many
    there are for a small model."""
    known = pipeline(name)
    usual = known.usual if known else 1
    return lambda count, running: progress(running, count / (count + usual / 3))


def _view(run: _Run, name: str, target_name: str) -> PipelineView:
    rows = tuple(_row(i, r) for i, r in enumerate(run.records))
    inside = sum(r.seconds for r in run.records if r.parent is None)
    return PipelineView(name, target_name, rows, run.seconds, max(0.0, run.seconds - inside))


def _row(index: int, record: Record) -> PassRun:
    changed, added, removed = record.changed, record.added, record.removed
    step, no_step = pass_steps.step(record.name)
    return PassRun(
        index,
        record.name,
        record.depth,
        record.parent,
        pass_steps.kind(record.name),
        record.seconds,
        record.own_seconds,
        bool(changed or added or removed or record.attributes_changed),
        changed,
        added,
        removed,
        step.to_json() if step else None,
        no_step,
    )


def _by_weight(record: Record, entry: str) -> list[str]:
    """The functions that the pass touched: the entry, then changed, added and removed ones."""
    touched = [*record.changed, *record.added, *record.removed]
    return sorted(touched, key=lambda name: name != entry)


def _either(record: Record, function: str) -> Any:
    return record.after[function] if function in record.after else record.before[function]


def _level(function: Any) -> str:
    return "tir" if isinstance(function, PrimFunc) else "relax"


def _diff(record: Record, name: str) -> DiffView:
    before, after = (
        _text(functions[name], name) if name in functions else None
        for functions in (record.before, record.after)
    )
    gone = TextView(name, "tir", ())
    return diff(before, after or gone)


def _text(function: Any, name: str) -> TextView:
    return text(IRModule({name: function}), name, _level(function))


def _failed(pipeline_name: str, running: str, error: Exception) -> JobFailed:
    said = str(error).strip()
    reason = (said.splitlines() or [type(error).__name__])[0][:300]
    code = "pipeline_failed" if running else "pipeline_made_no_code"
    told = words(code, pipeline=pipeline_name, name=running, reason=reason)
    return JobFailed(**told, place=running, detail=said[:_DETAIL_LIMIT])
