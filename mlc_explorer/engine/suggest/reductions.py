"""Reductions: their initial value on its own, and partial sums where one sum would wait for itself."""

from __future__ import annotations

from ..draft import Draft, LoopVar
from ..transforms.scope import REDUCTION
from .plan import Plan
from .sight import Loop, Sight
from .threads import worth_threads

_CHAINS = 4  # vectors of partial results: an addition takes about four cycles


def decompose(sight: Sight) -> Plan | None:
    """The initial value is set before the reduction, so that its body has no condition.

    Not while the nest could still be shared out to the cores: TVM makes no loop parallel around a reduction
    that is in two parts.
    """
    if sight.block is None or not sight.initialises or not sight.reduction:
        return None
    if worth_threads(sight, sight.block) and sight.spatial:
        return None
    first = next(loop for loop in sight.loops if loop.axis == REDUCTION)
    draft = sight.draft()
    draft.do("decompose_reduction", block=sight.block.path, loop=first.path)
    return Plan(draft, {"block": sight.block.path, "loop": first.name})


def partial_results(sight: Sight) -> Plan | None:
    """A long reduction over contiguous elements is made in vector lanes, which a second block adds up."""
    loop = _long(sight)
    if loop is None or sight.block is None:
        return None
    extent = loop.extent or 1
    parts = next((n for n in (_CHAINS * sight.lanes, sight.lanes) if extent % n == 0 and extent > n), None)
    if parts is None:
        return None
    draft, block = sight.draft(), sight.block.path
    _, inner = draft.split(loop.variable, None, parts)
    axes = len(sight.block.node.writes[0].region)
    draft.do("rfactor", loop=draft.path(inner), factor_axis=axes)
    partial = draft.scope.producers(draft.scope.at(block))[-1].path
    row = _shared_row(sight)
    if row is not None:
        draft.do("compute_at", block=partial, loop=f"{block}/{row.name}")
    steps, lanes = _steps_and_parts(draft, partial)
    draft.reorder([steps, lanes])
    draft.mark("vectorize", lanes)
    draft.do("decompose_reduction", block=partial, loop=draft.path(steps))
    return Plan(draft, {"loop": loop.name, "parts": parts, "lanes": sight.lanes, "length": extent})


def _steps_and_parts(draft: Draft, block: str) -> tuple[LoopVar, LoopVar]:
    """The loop over the steps of the reduction, and the one over its parts: both are the block's own."""
    loops = draft.scope.nest(draft.scope.at(block))[-2:]
    steps = next(p for p in loops if draft.scope.axis(p) == REDUCTION)
    lanes = next(p for p in loops if p is not steps)
    return steps.node.loop_var, lanes.node.loop_var


def _long(sight: Sight) -> Loop | None:
    """The innermost loop, if it is a reduction over contiguous elements that nothing vectorizes yet."""
    if not sight.loops or not sight.initialises or sight.contiguous is sight.loops[-1]:
        return None
    loop = sight.loops[-1]
    if loop.axis != REDUCTION or not loop.serial or not loop.extent or len(sight.reduction) > 1:
        return None
    strides = [sight.stride(loop, r) for r in sight.reads]
    return loop if 1 in strides and all(s in (0, 1) for s in strides) else None


def _shared_row(sight: Sight) -> Loop | None:
    """The loop just outside of the reduction."""
    spatial = [loop for loop in sight.loops if loop.axis != REDUCTION]
    return spatial[-1] if spatial else None
