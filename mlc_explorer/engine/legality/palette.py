"""Every transform of the catalogue, tried for what is selected now.

Transforms of loops and of one function are tried on a copy with the parameters that their forms would start
with, and with a few others if those are refused. A pass over the whole model may take seconds, so that it is
asked only whether the model is at the stage that it needs.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tvm import IRModule
from tvm.tirx import PrimFunc

from ...errors import MlcError, NotFound, Refused
from ...schema import params as kinds
from ...schema.palette import Palette, Verdict
from ...schema.trace import Step
from ..recipes.base import Recipe
from ..replay import State
from ..transforms import catalogue, lookup, stages
from ..transforms.base import GraphTransform, Transform
from ..transforms.scope import Scope
from ..transforms.wording import words
from . import proposals
from .trial import Recent, Trial, in_words, subject

MOST_ATTEMPTS = 6  # for one transform; each takes about a millisecond

_KINDS_WORDS: Mapping[type[kinds.Kind], str] = {
    kinds.Loop: "no_loop_here",
    kinds.Loops: "no_loops_here",
    kinds.Block: "no_block_here",
    kinds.Blocks: "no_block_here",
    kinds.Buffer: "no_buffer_here",
}


@dataclass(frozen=True, eq=False)
class Found:
    """A verdict before it is put into words."""

    state: str
    params: Mapping[str, Any]
    error: MlcError | None = None


def palette(state: State, function: str, path: str | None, language: str) -> Palette:
    """A verdict for each transform, in the catalogue's order. Raises Refused for a path that is not there."""
    start = time.perf_counter()
    scope = scope_of(state.mod, function, path)
    verdicts = []
    for cls in catalogue.TRANSFORMS.values():
        found = verdict(cls, scope, function)
        refusal = in_words(found.error, language) if found.error is not None else None
        verdicts.append(Verdict(cls.name, found.state, found.params, refusal))
    return Palette(function, path, tuple(verdicts), time.perf_counter() - start)


def scope_of(mod: IRModule, function: str, path: str | None) -> Scope:
    """What is selected. NotFound for an unknown function, Refused for an unknown path."""
    names = {var.name_hint for var in mod.get_global_vars()}
    if function not in names:
        raise NotFound(**words("function_missing", name=function, known=", ".join(sorted(names)[:12])))
    func = mod[function]
    scope = Scope(mod, func if isinstance(func, PrimFunc) else None, path)
    _ = scope.selected  # raises if there is no such path
    return scope


_found: Recent[tuple[Any, ...], Found] = Recent(4096)


def verdict(cls: type[Transform], scope: Scope, function: str) -> Found:
    """Whether `cls` applies to the selection, with the parameters for which that was found."""
    subject_of = scope.mod if cls.level == "graph" else scope.func
    key = (cls.name, subject_of, function, scope.path)
    return _found.get(key) or _found.put(key, _verdict(cls, scope, function))


def _verdict(cls: type[Transform], scope: Scope, function: str) -> Found:
    if issubclass(cls, GraphTransform):
        return _stage(cls, scope, function)
    if scope.func is None:
        return Found("elsewhere", {}, missing(cls, scope, function))
    one = subject(scope.func, function)
    first: Trial | None = None
    nothing: Trial | None = None
    for params in itertools.islice(proposals.attempts(cls, scope, {}), MOST_ATTEMPTS):
        trial = one.attempt(cls, params)
        if trial.state == "applies":
            return Found("applies", params)
        first = first or trial
        nothing = nothing or (trial if trial.state == "nothing" else None)
    best = nothing or first
    if best is None:
        return Found("elsewhere", {}, missing(cls, scope, function))
    return Found(best.state, best.params, best.error)


def _stage(cls: type[GraphTransform], scope: Scope, function: str) -> Found:
    """Whether the model is at the stage that the pass needs. One may want values which nothing in the model
    suggests: then its form asks for them."""
    try:
        stages.require(cls, scope.mod)
    except MlcError as refusal:
        return Found("elsewhere", {}, refusal)
    params = next(proposals.attempts(cls, scope, {}), None)
    if params is None:
        return Found("elsewhere", {}, missing(cls, scope, function))
    try:
        lookup.make(Step(cls.name, None, params))
    except MlcError as refusal:
        return Found("refused", params, refusal)
    return Found("applies", params)


def missing(cls: type[Transform], scope: Scope, function: str) -> Refused:
    """Why there is nothing to try: the first required parameter for which nothing in scope makes sense."""
    if scope.func is None and cls.level != "graph":
        return Refused(**words("function_has_no_loops", function=function), place="function")
    if issubclass(cls, Recipe):
        return cls.refuse()
    where = scope.path or function
    chosen: proposals.Params = {}
    for field, kind in cls.kinds():
        if proposals.has_default(field):
            continue
        found = proposals.values(cls, field, kind, scope, chosen)
        if not found:
            code = _KINDS_WORDS.get(type(kind), "no_value_here")
            return Refused(**words(code, transform=cls.name, where=where, param=field.name), place=field.name)
        chosen[field.name] = found[0]
    return Refused(**words("no_value_here", transform=cls.name, where=where, param="-"))
