"""Where a block is computed: within its consumer, beside it, or row by row with all others."""

from __future__ import annotations

from ...errors import Refused
from ..draft import Draft
from ..paths import Place
from ..transforms.scope import REDUCTION
from .plan import Plan
from .registers import only_consumer
from .sight import Sight


def inline_producers(sight: Sight) -> Plan | None:
    """What the block reads and is computed element by element is written into it."""
    if sight.block is None:
        return None
    return _inline(sight, [p for p in sight.scope.producers(sight.block) if p.node.init is None])


def inline_everything(sight: Sight) -> Plan | None:
    """Every elementwise block that only one other reads is written into that."""
    scope = sight.scope
    return _inline(
        sight, [p for p in scope.leaves if p.node.init is None and len(scope.consumers(p)) == 1], least=2
    )


def _inline(sight: Sight, blocks: list[Place], least: int = 1) -> Plan | None:
    draft, done = sight.draft(), []
    for block in blocks:
        if _tried(draft, "compute_inline", block=block.path):
            done.append(block.path)
    if len(done) < least:
        return None
    return Plan(draft, {"blocks": ", ".join(done), "count": len(done)})


def inline_consumer(sight: Sight) -> Plan | None:
    """What is done to each element of the block's result afterwards is done in the block itself."""
    if sight.block is None:
        return None
    consumers = sight.scope.consumers(sight.block)
    if len(consumers) != 1 or consumers[0].node.init is not None:
        return None
    draft = sight.draft()
    draft.do("reverse_compute_inline", block=consumers[0].path)
    return Plan(draft, {"consumer": consumers[0].path, "block": sight.block.path})


def epilogue_beside(sight: Sight) -> Plan | None:
    """The elementwise consumer of a sum follows a row of sums at a time, while they are in the cache."""
    if sight.block is None or not sight.reduction:
        return None
    consumer = only_consumer(sight.scope, sight.block)
    first = next(i for i, loop in enumerate(sight.loops) if loop.axis == REDUCTION)
    outside = [loop for loop in sight.loops[:first] if loop is not sight.contiguous]
    if consumer is None or not outside:
        return None
    draft = sight.draft()
    draft.do("reverse_compute_at", block=consumer.path, loop=outside[-1].path)
    return Plan(draft, {"consumer": consumer.path, "block": sight.block.path, "loop": outside[-1].name})


def row_by_row(sight: Sight) -> Plan | None:
    """All blocks go under the outer loop of the last one: a row is finished while it is in the cache."""
    scope = sight.scope
    leaves = [b for b in scope.leaves if scope.nest(b)]
    if len({scope.nest(b)[0].path for b in leaves}) < 3 or len(scope.nest(leaves[-1])) < 2:
        return None
    draft, done = sight.draft(), 0
    row = scope.nest(leaves[-1])[0].node.loop_var
    for block in reversed(leaves[:-1]):
        loop = draft.path(row)
        if block.path not in draft.loop(row).blocks:
            done += _tried(draft, "compute_at", block=block.path, loop=loop)
    if done < 2:
        return None
    return Plan(draft, {"loop": str(row.name), "count": done, "block": leaves[-1].path})


def _tried(draft: Draft, transform: str, **params: object) -> bool:
    """Whether the step applied; a refused one leaves the draft as it was."""
    try:
        draft.do(transform, **params)
    except Refused:
        return False
    return True
