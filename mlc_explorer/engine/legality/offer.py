"""One transform's form for what is selected, and a preview of what it would do.

What a person has not chosen yet is proposed so that the step applies where that is possible. What they gave
stays, also if it is wrong: the offer then says why, and the form keeps what was typed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tvm import IRModule

from ...errors import MlcError
from ...schema.palette import Field, Offer
from ...schema.params import Kind
from ...schema.report import StepReport
from ...schema.text import DiffView, TextView
from ...schema.trace import Step
from ..replay import State, apply
from ..transforms import lookup
from ..transforms.base import Transform
from ..transforms.scope import Scope
from ..views import describe
from ..views.diff import diff
from ..views.text import text
from . import options, proposals
from .palette import MOST_ATTEMPTS, missing, scope_of, verdict
from .trial import Recent, in_words, subject


def offer(
    state: State, function: str, path: str | None, transform: str, params: Mapping[str, Any], language: str
) -> Offer:
    """Raises NotFound for an unknown transform or function, Refused for a path that is not there. Whatever
    is wrong with `params` is said by the offer."""
    start = time.perf_counter()
    cls = lookup.find(transform)
    scope = scope_of(state.mod, function, path)
    sound = dict(_sound(cls, params))
    base = _likeliest(cls, scope, function, sound)
    values = {**base, **params}
    step = Step(cls.name, None if cls.level == "graph" else function, _without_defaults(cls, values))
    fields = _fields(cls, scope, values, sound, language)
    is_here = _required(cls) <= values.keys() and (scope.func is not None or cls.level == "graph")
    try:
        if not is_here:
            raise missing(cls, scope, function)
        report, preview = _tried(state, scope, function, cls, step)
    except MlcError as refusal:
        kind, said = "refused" if is_here else "elsewhere", in_words(refusal, language)
        return Offer(cls.name, kind, fields, step.to_json(), None, said, seconds=time.perf_counter() - start)
    touched = (report.changed, report.added, report.removed)
    return Offer(
        cls.name,
        "applies" if any(touched) else "nothing",
        fields,
        step.to_json(),
        preview,
        None,
        *touched,
        seconds=time.perf_counter() - start,
    )


def _sound(cls: type[Transform], params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Those of `params` that their kind accepts, in normal form: what proposals may rely on."""
    for field, kind in cls.kinds():
        if field.name in params and proposals.accepts(kind, params[field.name]):
            yield field.name, kind.check(params[field.name])


def _required(cls: type[Transform]) -> set[str]:
    return {field.name for field, _ in cls.kinds() if not proposals.has_default(field)}


def _likeliest(
    cls: type[Transform], scope: Scope, function: str, given: proposals.Params
) -> proposals.Params:
    """The given parameters, completed so that the step applies, or else as its form would start. Incomplete
    if nothing in scope makes sense."""
    if not given:
        return dict(verdict(cls, scope, function).params)
    tries = list(itertools.islice(proposals.attempts(cls, scope, given), MOST_ATTEMPTS))
    if scope.func is None or cls.level == "graph" or len(tries) < 2:
        return tries[0] if tries else given
    one = subject(scope.func, function)
    return next((params for params in tries if one.attempt(cls, params).state == "applies"), tries[0])


def _without_defaults(cls: type[Transform], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a step holds them. What the transform does not have stays, and is refused by name."""
    usual = {f.name: f.default for f, _ in cls.kinds() if proposals.has_default(f)}
    return {
        name: value
        for name, value in values.items()
        if name not in usual or value != usual[name] or type(value) is not type(usual[name])
    }


def _fields(
    cls: type[Transform], scope: Scope, values: Mapping[str, Any], sound: proposals.Params, language: str
) -> tuple[Field, ...]:
    fields = []
    chosen: proposals.Params = {}
    for field, kind in cls.kinds():
        offered = proposals.values(cls, field, kind, scope, chosen)
        value = values.get(field.name, _default(field))
        fields.append(_field(field, kind, scope, chosen, value, offered, language))
        if field.name in sound or field.name not in values or proposals.accepts(kind, value):
            chosen = {**chosen, field.name: sound.get(field.name, value)}
    return tuple(fields)


def _field(
    field: dataclasses.Field[Any],
    kind: Kind,
    scope: Scope,
    chosen: proposals.Params,
    value: Any,
    offered: list[Any],
    language: str,
) -> Field:
    return Field(
        field.name,
        kind.name,
        options.label(field.name, language),
        not proposals.has_default(field),
        value,
        options.options(kind, scope, chosen, offered, language),
        options.is_open(kind),
        options.help_text(field.name, kind, language),
    )


def _default(field: dataclasses.Field[Any]) -> Any:
    if not proposals.has_default(field):
        return None
    return list(field.default) if isinstance(field.default, tuple) else field.default


# -- the preview


def _tried(
    state: State, scope: Scope, function: str, cls: type[Transform], step: Step
) -> tuple[StepReport, DiffView | None]:
    """What the step changes, and the diff of the function that it changes most. Raises its refusal."""
    if cls.level == "graph":
        return _applied(state, function, step)
    assert scope.func is not None
    trial = subject(scope.func, function).attempt(cls, step.params)
    if trial.error is not None:
        raise trial.error
    if not trial.changes:
        return StepReport(), diff(_text(state.mod, function), _text(state.mod, function))
    after = IRModule({function: trial.func})
    return StepReport(changed=(function,)), diff(_text(state.mod, function), text(after, function, "tir"))


_after: Recent[tuple[IRModule, str], State] = Recent(4)  # whole models: a pass may have taken seconds


def _applied(state: State, function: str, step: Step) -> tuple[StepReport, DiffView | None]:
    key = (state.mod, json.dumps(step.to_json(), sort_keys=True))
    now = _after.get(key) or _after.put(key, apply(state, step))
    report = now.reports[-1]
    shown = _most_changed(report, function, state.entry)
    if shown is None:
        return report, None
    before = _text(state.mod, shown) if describe.has_function(state.mod, shown) else None
    return report, diff(before, _text(now.mod, shown))


def _most_changed(report: StepReport, selected: str, entry: str) -> str | None:
    """The function to show: the selected one, the model's entry, else the first that changed or is new."""
    touched = (*report.changed, *report.added)
    return next((name for name in (selected, entry, *touched) if name in touched), None)


_texts: Recent[tuple[Any, str], TextView] = Recent(32)


def _text(mod: IRModule, function: str) -> TextView:
    key = (mod[function], function)
    return _texts.get(key) or _texts.put(key, text(mod, function, describe.own_level(mod, function)))
