"""From where a form takes the values of a parameter: the likeliest first, the selection before all others.

A transform names a source for a parameter in `proposes`; without one the parameter's kind decides. A source
is a function of the scope and of the parameters chosen so far (those declared before it), and gives JSON
values that make sense. Whether one is legal is found by trying.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tvm import relax
from tvm.tirx import PrimFunc

from ..paths import Place
from .scope import REDUCTION, SPATIAL, Scope, extent, is_serial

Chosen = Mapping[str, Any]
Source = Callable[[Scope, Chosen], Sequence[Any]]

_TILES = (16, 8, 32, 4, 64, 2)  # inner trip counts in the order in which one would try them
_MOST_PERMUTED = 4  # axes of which all orders are listed


# -- blocks


def blocks(scope: Scope, chosen: Chosen) -> list[str]:
    """The block in question."""
    return [scope.block.path] if scope.block is not None else []


def producers_to_move(scope: Scope, chosen: Chosen) -> list[str]:
    """Under a selected loop: what is computed elsewhere for the blocks beneath it; and the block itself."""
    return _to_move(scope, scope.producers)


def consumers_to_move(scope: Scope, chosen: Chosen) -> list[str]:
    """Under a selected loop: what reads elsewhere what the blocks beneath it write; and the block itself."""
    return _to_move(scope, scope.consumers)


def _to_move(scope: Scope, related: Callable[[Place], tuple[Place, ...]]) -> list[str]:
    found: list[str] = []
    if scope.loop is not None:
        found = [
            other.path
            for block in scope.blocks_in(scope.loop)
            for other in related(block)
            if other.path not in scope.loop.blocks
        ]
    return _unique([*found, *blocks(scope, {})])


# -- loops


def inner_first(scope: Scope, chosen: Chosen) -> list[str]:
    """The loops around the block, innermost first."""
    return _selected_first(scope, reversed(_nest(scope, chosen)))


def outer_first(scope: Scope, chosen: Chosen) -> list[str]:
    """The loops around the block, outermost first."""
    return _selected_first(scope, _nest(scope, chosen))


def spatial_inner_first(scope: Scope, chosen: Chosen) -> list[str]:
    """Serial spatial loops, innermost first; then the others."""
    return _selected_first(scope, _by_rank(scope, reversed(_nest(scope, chosen))))


def spatial_outer_first(scope: Scope, chosen: Chosen) -> list[str]:
    """Serial spatial loops, outermost first; then the others."""
    return _selected_first(scope, _by_rank(scope, _nest(scope, chosen)))


def reduction_inner_first(scope: Scope, chosen: Chosen) -> list[str]:
    """Reduction loops, innermost first; then the others."""
    nest = list(reversed(_nest(scope, chosen)))
    return _selected_first(scope, sorted(nest, key=lambda loop: scope.axis(loop) != REDUCTION))


def around_reduction(scope: Scope, chosen: Chosen) -> list[str]:
    """The outermost reduction loop of the block, and then those around it; then those further in."""
    nest = _nest(scope, chosen)
    first = next((i for i, loop in enumerate(nest) if scope.axis(loop) != SPATIAL), 0)
    return _selected_first(scope, [*reversed(nest[: first + 1]), *nest[first + 1 :]])


def loops_of_consumers(scope: Scope, chosen: Chosen) -> list[str]:
    """The loops around all that reads the block's result, outermost first."""
    return _of_others(scope, chosen, scope.consumers, deepest=False)


def loops_of_producers(scope: Scope, chosen: Chosen) -> list[str]:
    """The loops around all that the block reads from: the deepest outside of every reduction first."""
    return _of_others(scope, chosen, scope.producers, deepest=True)


def _of_others(
    scope: Scope, chosen: Chosen, related: Callable[[Place], tuple[Place, ...]], *, deepest: bool
) -> list[str]:
    block = _block(scope, chosen)
    others = related(block) if block is not None else ()
    shared = [loop for loop in scope.nest(others[0]) if _encloses(loop, others)] if others else []
    own = scope.nest(block)
    shared = [loop for loop in shared if loop not in own]
    free = list(itertools.takewhile(lambda loop: scope.axis(loop) == SPATIAL, shared))
    ordered = [*reversed(free), *shared[len(free) :]] if deepest else shared
    first = [loop for loop in ordered if scope.loop is not None and loop.path == scope.loop.path]
    return _unique(loop.path for loop in [*first, *ordered])


def _encloses(loop: Place, others: Sequence[Place]) -> bool:
    return all(other.path in loop.blocks for other in others)


# -- several loops


def nested_pairs(scope: Scope, chosen: Chosen) -> list[list[str]]:
    """Loops that stand directly in each other: the selected one with the next, or with the one around it."""
    return [[outer.path, inner.path] for outer, inner in _pairs(scope)]


def swapped_pairs(scope: Scope, chosen: Chosen) -> list[list[str]]:
    """The same pairs in the other order."""
    return [pair[::-1] for pair in nested_pairs(scope, chosen)]


def _pairs(scope: Scope) -> list[tuple[Place, Place]]:
    nest = scope.nest(scope.block)
    pairs = list(itertools.pairwise(nest))
    if scope.loop is None:
        return pairs[::-1]
    path = scope.loop.path
    first = [pair for pair in pairs if pair[0].path == path]
    return first + [pair for pair in pairs if pair[1].path == path]


# -- numbers


def factors(scope: Scope, chosen: Chosen) -> list[list[int | None]]:
    """Ways to cut the loop: in two by what divides the trip count, in three, and by what leaves a rest."""
    loop = scope.at(chosen.get("loop"))
    trips = extent(loop) if loop is not None else None
    if trips is None:
        return [[None, tile] for tile in _TILES]
    divisors = [d for d in range(2, min(trips, 4097)) if trips % d == 0]
    liked = [d for d in _TILES if d in divisors] + [d for d in divisors if d not in _TILES]
    two: list[list[int | None]] = [[None, d] for d in liked]
    three: list[list[int | None]] = [
        [None, a, b]
        for a, b in itertools.product((4, 8, 2), (16, 8, 4))
        if a * b < trips and trips % (a * b) == 0
    ]
    guarded: list[list[int | None]] = [[None, t] for t in _TILES if t < trips and trips % t]
    return two + three[:4] + guarded or [[None, max(1, trips)]]


def axis_positions(scope: Scope, chosen: Chosen) -> list[int]:
    """Where a new axis can stand in what the block writes."""
    loop = scope.at(chosen.get("loop"))
    block = next(iter(scope.blocks_in(loop)), None) if loop is not None else scope.block
    written = scope.regions(block, "write") if block is not None else ()
    rank = len(written[0].source.shape) if written else 0
    return list(range(rank + 1))


# -- buffers and layouts


def buffers(scope: Scope, chosen: Chosen, access: str) -> list[int | str]:
    """What the block reads or writes, by name; by position where two have one name."""
    block = _block(scope, chosen)
    names = [str(r.source.name) for r in scope.regions(block, access)] if block is not None else []
    return [name if names.count(name) == 1 else i for i, name in enumerate(names)]


def any_buffers(scope: Scope, chosen: Chosen) -> list[int | str]:
    """What the block writes and what it reads; those that are no parameter of the function first."""
    block = _block(scope, chosen)
    if block is None:
        return []
    names = [
        *buffers(scope, chosen, "write"),
        *(b for b in buffers(scope, chosen, "read") if isinstance(b, str)),
    ]
    own = {str(p.name) for p in scope.outputs}
    return sorted(_unique(names), key=lambda name: name in own)


def layouts(scope: Scope, chosen: Chosen) -> list[str]:
    """Index maps of the buffer: panels of its last axis, tiles of the last two, the axes in other orders."""
    shape = _shape(scope, chosen)
    if not shape:
        return []
    names = [chr(ord("i") + n) if n < 8 else f"x{n}" for n in range(len(shape))]
    left = ", ".join(names)
    maps = []
    for tile in _TILES:
        if 1 < tile < shape[-1] and shape[-1] % tile == 0:
            last, before = names[-1], names[:-1]
            maps.append(f"{left} -> {', '.join([f'{last} // {tile}', *before, f'{last} % {tile}'])}")
    if len(shape) >= 2:
        orders: Iterable[tuple[str, ...]] = [(*names[:-2], names[-1], names[-2])]
        if 2 < len(shape) <= _MOST_PERMUTED:
            orders = itertools.permutations(names)
        maps += [f"{left} -> {', '.join(order)}" for order in orders if list(order) != names]
    if math.prod(shape) > max(shape):
        flat = names[0]
        for name, size in zip(names[1:], shape[1:]):
            flat = f"({flat}) * {size} + {name}" if " " in flat else f"{flat} * {size} + {name}"
        maps.append(f"{left} -> {flat}")
    return maps or [f"{left} -> {left}"]


def _shape(scope: Scope, chosen: Chosen) -> tuple[int, ...]:
    """Of the chosen buffer; empty if there is none, or if a size is a variable."""
    block, wanted = _block(scope, chosen), chosen.get("buffer")
    if block is None:
        return ()
    written, read = scope.regions(block, "write"), scope.regions(block, "read")
    if isinstance(wanted, int):
        found = [r.source for r in written[wanted : wanted + 1]]
    else:
        found = [r.source for r in (*written, *read) if str(r.source.name) == wanted]
    sizes = [getattr(n, "value", None) for n in found[0].shape] if found else []
    return tuple(int(n) for n in sizes) if all(n is not None for n in sizes) else ()


# -- threads and annotations


def threads(scope: Scope, chosen: Chosen) -> list[str]:
    """Thread indices that no loop in line with this one has: the grid's first, then the block's."""
    loop = scope.at(chosen.get("loop"))
    around = scope.nest(loop)[:-1] if loop is not None else ()
    within = [p for p in scope.loops if loop is not None and loop in scope.nest(p)]
    used = {
        str(p.node.thread_binding.thread_tag) for p in (*around, *within) if p.node.thread_binding is not None
    }
    order = (
        ["blockIdx.x", "threadIdx.x"] if not any(u.startswith("blockIdx") for u in used) else ["threadIdx.x"]
    )
    order += [f"{kind}.{axis}" for axis in "xyz" for kind in ("blockIdx", "threadIdx", "vthread")]
    return [tag for tag in _unique(order) if tag not in used]


# -- the model


def functions(scope: Scope, chosen: Chosen) -> list[str]:
    """The functions of the model, graphs before tensor functions."""
    named = [(var.name_hint, func) for var, func in scope.mod.functions_items()]
    return [name for name, _ in sorted(named, key=lambda one: isinstance(one[1], PrimFunc))]


def bindings(scope: Scope, chosen: Chosen) -> list[str]:
    """The variables that the model's graphs bind, in their order."""
    graphs = [func for _, func in scope.mod.functions_items() if isinstance(func, relax.Function)]
    blocks = [block for func in graphs if isinstance(func.body, relax.SeqExpr) for block in func.body.blocks]
    return _unique(str(one.var.name_hint) for block in blocks for one in block.bindings)


# -- helpers


def _block(scope: Scope, chosen: Chosen) -> Place | None:
    """The block that was chosen before this parameter, or the one in question."""
    named = scope.at(chosen.get("block")) if isinstance(chosen.get("block"), str) else None
    return named if named is not None and named.kind == "block" else scope.block


def _nest(scope: Scope, chosen: Chosen) -> list[Place]:
    """The loops around the chosen block; those outside of it and in line with a selected loop too."""
    return [loop for loop in scope.nest(_block(scope, chosen)) if loop.blocks]


def _by_rank(scope: Scope, loops: Iterable[Place]) -> list[Place]:
    return sorted(loops, key=lambda loop: (scope.axis(loop) != SPATIAL, not is_serial(loop)))


def _selected_first(scope: Scope, loops: Iterable[Place]) -> list[str]:
    listed = [loop.path for loop in loops]
    return _unique([scope.loop.path, *listed] if scope.loop is not None else listed)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
