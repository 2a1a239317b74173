"""Use what the core and its neighbours have: vector lanes and threads, in one nest or in all of them."""

from __future__ import annotations

import math

import tvm_ffi
from tvm.ir import Call

from ..draft import Draft
from ..paths import Place
from ..transforms.scope import REDUCTION, SPATIAL
from .plan import Plan
from .sight import Loop, Sight, divisors

_SCALAR = {
    "exp",
    "exp2",
    "exp10",
    "log",
    "log2",
    "log10",
    "tanh",
    "erf",
    "pow",
    "sin",
    "cos",
    "tan",
    "sigmoid",
}
_CHUNKS = 4  # pieces of work for each core, so that none waits long for the slowest
_WORTH_A_THREAD = 8192  # iterations below which starting threads costs more than it saves


def parallel_outer(sight: Sight) -> Plan | None:
    """The outer spatial loops, joined as far as needed, are shared out to the cores."""
    if sight.block is None or not worth_threads(sight, sight.block):
        return None
    draft = sight.draft()
    if not _spread(draft, sight, sight.block):
        return None
    now = sight.after(draft, sight.block.path)
    loop = next(p for p in now.loops if p.parallel)
    return Plan(draft, {"loop": loop.name, "extent": loop.extent, "cores": sight.machine.cores})


def parallel_everywhere(sight: Sight) -> Plan | None:
    """The same for every nest of the function."""
    draft = sight.draft()
    heads = {sight.scope.nest(b)[0].path: b for b in reversed(sight.scope.leaves) if sight.scope.nest(b)}
    todo = [block for block in heads.values() if worth_threads(sight, block)]
    if len(todo) < 2:
        return None
    done = sum(_spread(draft, sight, block) for block in reversed(todo))
    return Plan(draft, {"count": done, "cores": sight.machine.cores}) if done > 1 else None


def worth_threads(sight: Sight, block: Place) -> bool:
    """Whether the block's nest is serial and long enough to be shared out."""
    loops = sight.loops_of(block)
    runs = math.prod(loop.extent or 1 for loop in loops)
    return sight.machine.cores > 1 and runs >= _WORTH_A_THREAD and not any(p.parallel for p in loops)


def _spread(draft: Draft, sight: Sight, block: Place) -> bool:
    """Marks the outer loops of `block`'s nest parallel; False if none is long enough."""
    loops = sight.loops_of(block)
    while len(loops) > 1 and loops[0].extent == 1:
        loops = loops[1:]
    chosen: list[Loop] = []
    for place, loop in zip(sight.scope.nest(block)[-len(loops) :], loops):
        if loop.axis != SPATIAL or not loop.serial or not loop.extent:
            break
        chosen.append(loop)
        alone = sight.scope.only_child(place) is not None
        if _balanced(chosen, sight.machine.cores) or not alone:
            break
    if math.prod(loop.extent or 1 for loop in chosen) < 2 or not chosen:
        return False
    draft.mark("parallel", draft.fuse([loop.variable for loop in chosen]))
    return True


def _balanced(loops: list[Loop], cores: int) -> bool:
    total = math.prod(loop.extent or 1 for loop in loops)
    return total >= _CHUNKS * cores


def vectorize_inner(sight: Sight) -> Plan | None:
    """The contiguous loop, if it is the innermost, runs in vector lanes."""
    if sight.block is None:
        return None
    draft = sight.draft()
    width = _vectorize(draft, sight)
    return (
        Plan(draft, {"loop": sight.loops[-1].name, "width": width, "lanes": sight.lanes}) if width else None
    )


def vectorize_everywhere(sight: Sight) -> Plan | None:
    """Every elementwise nest of the function at once."""
    draft = sight.draft()
    done = [block for block in sight.scope.leaves if _vectorize(draft, sight.at(block))]
    return Plan(draft, {"count": len(done), "lanes": sight.lanes}) if len(done) > 1 else None


def _vectorize(draft: Draft, sight: Sight) -> int:
    """Vectorizes the innermost loop of the block; the width, or 0 where it does not lend itself."""
    if not sight.loops or any(loop.vectorized for loop in sight.loops):
        return 0
    loop = sight.loops[-1]
    if loop is not sight.contiguous or not loop.serial or not loop.extent or _calls_scalar(sight):
        return 0
    width = vector_width(loop.extent, sight.lanes)
    if width < 2:
        return 0
    draft.mark("vectorize", draft.tile(loop.variable, width)[1])
    return width


def _calls_scalar(sight: Sight) -> bool:
    """Whether the block computes what has no vector instruction: its lanes would be taken apart again."""
    assert sight.block is not None
    found: list[str] = []

    def note(call: Call) -> None:
        found.append(str(getattr(call.op, "name", "")))

    tvm_ffi.structural_walk(sight.block.node.body, (Call, note))
    return any(name.rpartition(".")[2] in _SCALAR for name in found)


def vector_width(extent: int, lanes: int) -> int:
    """The part of a loop to vectorize: as many lanes as divide it; a short loop that none divides whole."""
    width = divisors(extent, lanes)[0]
    return extent if width < lanes / 2 and extent <= 4 * lanes else width


def reduction_outside(sight: Sight) -> Plan | None:
    """The contiguous spatial loop goes inside of the reduction, and runs in vector lanes there."""
    column = sight.contiguous
    if column is None or not (sight.untouched and sight.alone and sight.reduction):
        return None
    if sight.loops[-1] is column or not column.serial:
        return None
    draft = sight.draft()
    others = [loop.variable for loop in sight.spatial if loop is not column]
    draft.reorder([*others, *(loop.variable for loop in sight.reduction), column.variable])
    width = vector_width(column.extent or 1, sight.lanes)
    if width < 2:
        return None
    draft.mark("vectorize", draft.tile(column.variable, width)[1])
    inner = next(loop for loop in reversed(sight.loops) if loop.axis == REDUCTION)
    return Plan(draft, {"loop": column.name, "reduction": inner.name, "width": width, "lanes": sight.lanes})
