"""The same steps again, elsewhere: on every other function where they make sense, and for a single step on
the other blocks of its own function.

Functions of one kind (the convolutions of a network) name their blocks and loops alike, so that a step fits
as it is. Where blocks are named otherwise they correspond by their order, as the functions were before the
steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tvm.tirx import ForKind, PrimFunc

from ..errors import BadTrace, MlcError, NotFound
from ..schema.palette import Point, Refusal
from ..schema.trace import Step, Trace
from ..texts import say_error
from . import paths
from .replay import State, apply, replay
from .transforms.wording import words

MOST_PLACES = 200


def repeats(
    trace: Trace, steps: list[Step], model_data: Callable[[str], bytes], language: str = "en"
) -> list[Point]:
    """One Point for each place besides: `values` is (function, block), the block empty for a whole function,
    and `steps` are those to add after `trace`, each place by itself. Those that do not apply say why.

    `steps` are steps of one function. Raises BadTrace if they are not, NotFound if there is no such function.
    """
    names = {step.function for step in steps}
    name = next(iter(names), None)
    if len(names) != 1 or name is None:
        raise BadTrace(**words("repeat_one_function"), place="steps")
    now = replay(trace, model_data)
    before = _before(trace, steps, model_data, name)
    points = []
    for place, wanted in _elsewhere(now, before, name, steps):
        if len(points) == MOST_PLACES:
            break
        points.append(Point(place, tuple(s.to_json() for s in wanted), _refusal(now, wanted, language)))
    return points


def _before(trace: Trace, steps: list[Step], model_data: Callable[[str], bytes], name: str) -> PrimFunc:
    """The function as it was when the first of the steps was applied (as it is now, if it never was)."""
    applied = next((n for n, step in enumerate(trace.steps) if step == steps[0]), len(trace.steps))
    mod = replay(trace.upto(applied), model_data).mod
    if name not in {v.name_hint for v in mod.get_global_vars()} or not isinstance(mod[name], PrimFunc):
        known = ", ".join(v.name_hint for v in mod.get_global_vars()[:12])
        raise NotFound(**words("function_missing", name=name, known=known), place="function")
    return mod[name]


def _elsewhere(
    now: State, before: PrimFunc, name: str, steps: list[Step]
) -> Iterator[tuple[tuple[str, str], list[Step]]]:
    own = _blocks(before)
    if len(steps) == 1:
        for block, step in _in_other_blocks(now.mod[name], steps[0]):
            yield (name, block), [step]
    for var, func in now.mod.functions_items():
        other = var.name_hint
        if other == name or not isinstance(func, PrimFunc):
            continue
        theirs = _blocks(func)
        renamed = dict(zip(own, theirs)) if len(own) == len(theirs) else {}
        yield (other, ""), [_renamed(replace(step, function=other), renamed) for step in steps]


def _blocks(func: PrimFunc) -> list[str]:
    return [place.path for place in paths.walk(func) if place.kind == "block"]


def _renamed(step: Step, blocks: dict[str, str]) -> Step:
    """The step with other names of blocks, also of those that came of a block (``matmul_init``)."""

    def one(text: str) -> str:
        head, slash, tail = text.partition("/")
        origin = max((b for b in blocks if head == b or head.startswith(f"{b}_")), key=len, default=None)
        return text if origin is None else f"{blocks[origin]}{head[len(origin) :]}{slash}{tail}"

    def value(given: Any) -> Any:
        if isinstance(given, (list, tuple)):
            return [value(v) for v in given]
        return one(given) if isinstance(given, str) else given

    named = ("block", "loop", "place", "loops", "blocks")
    return replace(step, params={k: value(v) if k in named else v for k, v in step.params.items()})


def _in_other_blocks(func: PrimFunc, step: Step) -> Iterator[tuple[str, Step]]:
    """A step on one loop, for the loop that stands as far inside in each other block of the function."""
    loop = step.params.get("loop")
    if not isinstance(loop, str) or "block" in step.params:
        return
    head = loop.partition("/")[0]
    nests = {block: _nest(func, block) for block in _blocks(func)}
    inside = _position(nests.get(head, []), loop)
    for block, nest in nests.items():
        if block != head and nest and inside < len(nest):
            yield block, replace(step, params={**step.params, "loop": nest[-1 - inside]})


def _position(nest: list[str], loop: str) -> int:
    """How many loops stand inside of it; 0 for one that is gone since (it was the innermost, mostly)."""
    names = [path.partition("/")[2] for path in nest]
    wanted = loop.partition("/")[2]
    return len(names) - 1 - names.index(wanted) if wanted in names else 0


def _nest(func: PrimFunc, block: str) -> list[str]:
    """The plain loops around a block, outermost first."""
    places = paths.walk(func)
    at: int | None = next(i for i, p in enumerate(places) if p.path == block)
    found = []
    while at is not None and (at := places[at].parent) is not None:
        if places[at].kind == "loop" and places[at].node.kind == ForKind.SERIAL:
            found.append(f"{block}/{places[at].path.partition('/')[2]}")
    return found[::-1]


def _refusal(state: State, steps: list[Step], language: str) -> Refusal | None:
    try:
        for step in steps:
            state = apply(state, step)
    except MlcError as e:
        message = say_error("message", e.message, e.code, e.params, language)
        hint = say_error("hint", e.hint, e.code, e.params, language)
        return Refusal(message, hint, e.place, e.detail, e.code, e.paths)
    return None
