"""What is worth trying when a step was refused: a few plans for each common reason, then a general search.

Each rule yields plans from the likeliest on, with the names that TVM will give to loops, blocks and buffers.
It need not be right: what does not apply is dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from ...schema import params as kinds
from ...schema.trace import Step
from ..transforms import catalogue
from ..transforms.scope import REDUCTION, Scope, extent
from . import proposals
from .remedies import Case, Plan

Rule = Callable[[Case], Iterator[Plan]]

_INNER = (16, 8, 32, 4, 2)  # trip counts of a loop that is made for lanes or for unrolling
_CHAIN = (
    "ConvertToDataflow", "LegalizeOps", "AnnotateTIROpPattern", "FoldConstant", "FuseOps", "FuseTIR",
)  # fmt: skip


def plans(case: Case) -> Iterator[Plan]:
    """All plans for a case, the most fitting first."""
    if case.cls.level == "graph":
        yield from passes_first(case)
        return
    if case.func is None:
        return
    for rule in _RULES.get(case.refusal.code, ()):
        yield from rule(case)
    yield from other_values(case)
    yield from other_transform(case)
    yield from one_step_first(case)


# -- loops that sum


def rfactor_first(case: Case) -> Iterator[Plan]:
    """A part of the reduction becomes spatial, and that loop is taken."""
    loop, block = case.loop, case.scope.block
    if loop is None or block is None or case.scope.axis(loop) != REDUCTION:
        return
    trips = extent(loop) or 0
    for size in (n for n in _INNER if n < trips and trips % n == 0):
        inner = f"{loop.path}_1"
        steps = (
            case.do("split", loop=loop.path, factors=[None, size]),
            case.do("rfactor", loop=inner),
            case.again(loop=f"{block.path}_rf/{loop.name}_1"),
        )
        yield Plan("rfactor", steps, {"loop": loop.path})
        break
    whole = case.again(loop=f"{block.path}_rf/{loop.name}")
    yield Plan("rfactor", (case.do("rfactor", loop=loop.path), whole), {"loop": loop.path})


def decompose_first(case: Case) -> Iterator[Plan]:
    """The initial value gets a block of its own."""
    block = case.scope.block
    if block is None:
        return
    for loop in case.scope.nest(block):
        if case.scope.axis(loop) == REDUCTION:
            first = case.do("decompose_reduction", block=block.path, loop=loop.path)
            yield Plan("decompose", (first, case.step), {"block": block.path})
            return


# -- nests


def loops_between(case: Case) -> Iterator[Plan]:
    """All loops from the outermost to the innermost of those that were named."""
    named = [place for path in case.param("loops") or () if (place := case.scope.at(path)) is not None]
    if len(named) < 2 or case.step.transform != "fuse":
        return
    inner = max(named, key=lambda place: place.depth)
    outer = min(named, key=lambda place: place.depth)
    nest = list(case.scope.nest(inner))
    if outer in nest:
        yield Plan("loops_between", (case.again(loops=[p.path for p in nest[nest.index(outer) :]]),))


def once_each(case: Case) -> Iterator[Plan]:
    """The loops without the repetitions."""
    loops = list(dict.fromkeys(case.param("loops") or ()))
    if len(loops) > 1:
        yield Plan("other_value", (case.again(loops=loops),))


def away_with_siblings(case: Case) -> Iterator[Plan]:
    """Blocks that stand between the loops are inlined, or moved into the inner one."""
    named = [place for path in case.param("loops") or () if (place := case.scope.at(path)) is not None]
    if case.loop is not None and not named:
        named = [case.loop]
    if not named:
        return
    outer = min(named, key=lambda place: place.depth)
    inner = max(named, key=lambda place: place.depth)
    keep = case.scope.block.path if case.scope.block is not None else ""
    for sibling in case.scope.blocks_in(outer):
        if sibling.path in (inner.blocks if inner is not outer else (keep,)):
            continue
        moves = [
            case.do("compute_inline", block=sibling.path),
            case.do("reverse_compute_inline", block=sibling.path),
            case.do("compute_at", block=sibling.path, loop=inner.path),
            case.do("reverse_compute_at", block=sibling.path, loop=inner.path),
        ]
        for move in moves:
            yield Plan("move_away", (move, case.step), {"block": sibling.path})


# -- mapping


def split_first(case: Case) -> Iterator[Plan]:
    """An inner part of the loop is short enough."""
    loop = case.loop
    trips = extent(loop) if loop is not None else None
    if loop is None or trips is None:
        return
    for size in _INNER:
        if size < trips and trips % size == 0:
            first = case.do("split", loop=loop.path, factors=[None, size])
            yield Plan("split", (first, case.again(loop=f"{loop.path}_1")), {"n": size, "loop": loop.path})


def fuse_first(case: Case) -> Iterator[Plan]:
    """The loop and the one that is marked already become one."""
    loop = case.loop
    other = case.scope.at(str(case.refusal.params.get("other", "")))
    if loop is None or other is None:
        return
    pair = sorted((loop, other), key=lambda place: place.depth)
    fused = f"{pair[1].path.rpartition('/')[0]}/{pair[0].name}_{pair[1].name}_fused"
    first = case.do("fuse", loops=[place.path for place in pair])
    yield Plan("fuse", (first, case.again(loop=fused)), {"loop": loop.path, "other": other.path})


# -- buffers that belong to the caller


def copy_first(case: Case) -> Iterator[Plan]:
    """The function gets a copy of the buffer, and the copy is changed."""
    block = case.scope.block
    if block is None:
        return
    read = [str(r.source.name) for r in case.scope.regions(block, "read")]
    written = [str(r.source.name) for r in case.scope.regions(block, "write")]
    wanted = case.param("buffer")
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        wanted = next(iter([*written, *read][wanted : wanted + 1]), None)
    for name in [wanted] if isinstance(wanted, str) else written[:1]:
        copy = f"{name}_global"
        said = {"buffer": copy}
        if name in written:
            first = case.do("cache_write", block=block.path, buffer=name)
            yield Plan("copy", (first, case.again(block=block.path, buffer=copy)), said)
        if name in read:
            first = case.do("cache_read", block=block.path, buffer=name)
            yield Plan("copy", (first, case.again(block=copy, buffer=copy)), said)


# -- what was named wrongly


def nearest_name(case: Case) -> Iterator[Plan]:
    """The place that was probably meant: names change with every step."""
    missing = case.refusal.params.get("path")
    for known in str(case.refusal.params.get("known", "")).split(", "):
        for name, value in case.step.params.items():
            if value == missing:
                yield Plan("nearest_name", (case.again(**{name: known}),), {"value": known})
            elif isinstance(value, list) and missing in value:
                renamed = [known if one == missing else one for one in value]
                yield Plan("nearest_name", (case.again(**{name: renamed}),), {"value": known})


def completed(case: Case) -> Iterator[Plan]:
    """What is missing or can't be read is proposed; the rest stays."""
    sound = {}
    for field, kind in case.cls.kinds():
        if field.name in case.step.params:
            value = case.step.params[field.name]
            if proposals.accepts(kind, value):
                sound[field.name] = kind.check(value)
    for params in itertools.islice(proposals.attempts(case.cls, case.scope, sound), 3):
        yield Plan("other_value", (case.do(case.step.transform, **params),))


# -- in general


def other_values(case: Case) -> Iterator[Plan]:
    """The step with another value of one parameter, from those that its form would propose; what is declared
    first, the loop or block that it is about, is changed last."""
    chosen: proposals.Params = {}
    found: list[Plan] = []
    for field, kind in case.cls.kinds():
        current = case.step.params.get(field.name)
        if not proposals.has_default(field) or field.name in case.step.params:
            name = _OTHER.get(type(kind), "other_value")
            values = proposals.values(case.cls, field, kind, case.scope, chosen)
            others = [v for v in values if v != current][:3]
            found[:0] = [Plan(name, (case.again(**{field.name: v}),), {"value": _said(v)}) for v in others]
        if current is not None and proposals.accepts(kind, current):
            chosen = {**chosen, field.name: kind.check(current)}
    yield from found


def other_transform(case: Case) -> Iterator[Plan]:
    """What does nearly the same from the other side."""
    for name in _KIN.get(case.step.transform, ()):
        cls = catalogue.TRANSFORMS.get(name)
        if cls is not None and case.scope.block is not None:
            for params in itertools.islice(proposals.attempts(cls, case.scope, {}), 3):
                yield Plan("other_transform", (case.do(name, **params),), {"block": case.scope.block.path})


def one_step_first(case: Case) -> Iterator[Plan]:
    """One usual step at the same place, after which the refused one may apply as it stands."""
    at = case.loop or case.block
    here = Scope(case.state.mod, case.func, at.path) if at is not None else case.scope
    for name in _PREPARE:
        if name != case.step.transform:
            cls = catalogue.TRANSFORMS[name]
            for params in itertools.islice(proposals.attempts(cls, here, {}), 2):
                yield Plan("one_first", (case.do(name, **params), case.step))


def passes_first(case: Case) -> Iterator[Plan]:
    """The passes that usually go before, as few of them as do."""
    before = [name for name in _CHAIN if name != case.step.transform and name in catalogue.TRANSFORMS]
    for count in range(1, len(before) + 1):
        for chain in itertools.combinations(before, count):
            if count < 3 or chain == tuple(before[1 : count + 1]) or chain == tuple(before[:count]):
                yield Plan("passes", (*(Step(name) for name in chain), case.step))


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


_OTHER: dict[type[kinds.Kind], str] = {
    kinds.Loop: "other_loop",
    kinds.Block: "other_block",
    kinds.Buffer: "other_buffer",
}
_KIN = {
    "compute_inline": ("reverse_compute_inline", "compute_at", "reverse_compute_at"),
    "reverse_compute_inline": ("reverse_compute_at", "compute_inline"),
    "compute_at": ("compute_inline", "reverse_compute_at"),
    "reverse_compute_at": ("reverse_compute_inline", "compute_at"),
    "fuse_reduction_epilogue": ("reverse_compute_at",),
    "reindex_cache_read": ("cache_read",),
    "reindex_cache_write": ("cache_write",),
}
_PREPARE = (
    "decompose_reduction", "compute_inline", "reverse_compute_inline", "reorder", "fuse", "cache_write",
    "cache_read", "reverse_compute_at", "compute_at",
)  # fmt: skip
_RULES: dict[str, tuple[Rule, ...]] = {
    "reduction_axis": (rfactor_first,),
    "not_complete": (rfactor_first, decompose_first),
    "sum_at_once": (rfactor_first, decompose_first),
    "nest_imperfect": (loops_between, away_with_siblings),
    "loops_not_nested": (loops_between, away_with_siblings),
    "loop_twice": (once_each,),
    "several_blocks": (away_with_siblings,),
    "too_many_lanes": (split_first,),
    "unroll_too_long": (split_first,),
    "nested_parallel": (fuse_first,),
    "nested_vectorized": (fuse_first,),
    "layout_of_parameter": (copy_first,),
    "storage_of_parameter": (copy_first,),
    "not_allocated": (copy_first,),
    "path_missing": (nearest_name,),
    "param_missing": (completed,),
    "param_bad": (completed,),
    "param_unknown": (completed,),
}
