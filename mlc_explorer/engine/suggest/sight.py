"""The block in question as a rule looks at it: its loops, what they mean for memory, and the machine."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from tvm import IRModule
from tvm.tirx import ForKind, PrimFunc

from ...schema.motion import Expression, evaluate
from ..draft import Draft, LoopVar
from ..machine import Machine
from ..paths import Place
from ..transforms.scope import REDUCTION, SPATIAL, Scope, extent
from ..views.index_trees import DataDependent, tree

_ELEMENT_BYTES = 4  # of a type whose size is not known


@dataclass(frozen=True, eq=False)
class Loop:
    """A loop around the block. `axis` as in `schema.loops`, `extent` its trip count (None: symbolic)."""

    variable: LoopVar
    path: str
    name: str
    extent: int | None
    axis: str
    kind: int

    @property
    def serial(self) -> bool:
        return self.kind == int(ForKind.SERIAL)

    @property
    def parallel(self) -> bool:
        return self.kind == int(ForKind.PARALLEL)

    @property
    def vectorized(self) -> bool:
        return self.kind == int(ForKind.VECTORIZED)


@dataclass(frozen=True, eq=False)
class Sight:
    """`function` is `func` in its module, `path` the selection in it or None. `begun`: the draft that led
    here, which a rule goes on with."""

    func: PrimFunc
    function: str
    path: str | None
    machine: Machine
    begun: Draft | None = None

    @functools.cached_property
    def scope(self) -> Scope:
        return Scope(IRModule({self.function: self.func}), self.func, self.path)

    @functools.cached_property
    def block(self) -> Place | None:
        """The selected block, or the dearest beneath the selected loop, or of the whole function."""
        scope = self.scope
        chosen = scope.selected
        if chosen is not None and chosen.kind == "block" and chosen in scope.leaves:
            return chosen
        beneath = scope.leaves if chosen is None else scope.blocks_in(chosen)
        return max(beneath, key=self.cost, default=None)

    def at(self, block: Place) -> Sight:
        """The same function with another block in question."""
        return Sight(self.func, self.function, block.path, self.machine)

    def cost(self, block: Place) -> float:
        """How long a block may take, for comparison: iterations, over lanes and cores that share them. One
        that reduces in scalars waits for each sum before the next."""
        loops = self.loops_of(block)
        runs = math.prod(loop.extent or 1 for loop in loops)
        most = self.machine.lanes(element_bytes(block))
        lanes = max([min(loop.extent or 1, most) for loop in loops if loop.vectorized], default=1)
        cores = self.machine.cores if any(loop.parallel for loop in loops) else 1
        waits = 2 if any(loop.axis == REDUCTION for loop in loops) and lanes == 1 else 1
        return runs * waits / lanes / cores

    def after(self, draft: Draft, block: str) -> Sight:
        """What `draft` made of the function, for a rule that goes on with it."""
        return Sight(draft.scope.func, self.function, block, self.machine, draft)

    def draft(self) -> Draft:
        return self.begun or Draft(self.func, self.function)

    # -- loops

    def loops_of(self, block: Place) -> list[Loop]:
        scope = self.scope
        return [
            Loop(p.node.loop_var, p.path, p.name, extent(p), scope.axis(p), int(p.node.kind))
            for p in scope.nest(block)
        ]

    @functools.cached_property
    def loops(self) -> list[Loop]:
        """Those around the block, outermost first."""
        return self.loops_of(self.block) if self.block is not None else []

    @functools.cached_property
    def spatial(self) -> list[Loop]:
        return [loop for loop in self.loops if loop.axis == SPATIAL]

    @functools.cached_property
    def reduction(self) -> list[Loop]:
        return [loop for loop in self.loops if loop.axis == REDUCTION]

    @property
    def untouched(self) -> bool:
        """Whether the nest is as it was imported, apart from parallel loops: one loop for each axis."""
        known = {SPATIAL, REDUCTION}
        plain = all((p.serial or p.parallel) and p.extent and p.axis in known for p in self.loops)
        return plain and self.block is not None and len(self.loops) == len(self.block.node.iter_vars)

    @property
    def alone(self) -> bool:
        """Whether no other block stands under the block's loops."""
        return all(len(p.blocks) == 1 for p in self.scope.nest(self.block)) if self.block else False

    @property
    def initialises(self) -> bool:
        """Whether the block still sets the initial value of its reduction itself."""
        return self.block is not None and self.block.node.init is not None

    # -- memory

    @property
    def lanes(self) -> int:
        """Elements of the block's result in a vector register."""
        return self.machine.lanes(element_bytes(self.block)) if self.block is not None else 1

    @property
    def reads(self) -> list[Any]:
        """Regions that the block reads, without what it accumulates in."""
        if self.block is None:
            return []
        written = {region.source for region in self.block.node.writes}
        return [r for r in self.block.node.reads if r.source not in written]

    def stride(self, loop: Loop, region: Any) -> int | None:
        """By how many elements the access moves from one iteration of `loop` to the next, in the first one of
        all loops; None where that can't be told."""
        place, scope = self.block, self.scope
        assert place is not None
        start = {p.node.loop_var: p.path for p in scope.nest(place)}
        try:
            axes: dict[Any, Expression] = {
                axis.var: tree(value, start)
                for axis, value in zip(place.node.iter_vars, place.realize.iter_values)
            }
            indices = [tree(r.min, {**start, **axes}) for r in region.region]
            sizes = [int(size) for size in region.source.ty.shape]
        except (DataDependent, TypeError):  # an index that is loaded, or a size that is a variable
            return None
        first = dict.fromkeys(start.values(), 0)
        return _offset(indices, sizes, first | {loop.path: 1}) - _offset(indices, sizes, first)

    @functools.cached_property
    def contiguous(self) -> Loop | None:
        """The spatial loop along which the result is contiguous, and every operand contiguous or the same."""
        if self.block is None:
            return None
        for loop in reversed(self.spatial):
            written = [self.stride(loop, r) for r in self.block.node.writes]
            if written and all(s == 1 for s in written):
                return loop if all(self.stride(loop, r) in (0, 1) for r in self.reads) else None
        return None


def element_bytes(block: Place) -> int:
    """The size of an element of what the block writes."""
    dtype = str(block.node.writes[0].source.ty.dtype) if block.node.writes else ""
    bits = "".join(c for c in dtype if c.isdigit())
    return max(1, int(bits) // 8) if bits else _ELEMENT_BYTES


def _offset(indices: list[Expression], sizes: list[int], values: dict[str, int]) -> int:
    place = 0
    for index, size in zip(indices, sizes):
        place = place * size + evaluate(index, values)
    return place


def divisors(number: int, most: int) -> list[int]:
    """Divisors of `number` up to `most`, the largest first."""
    return [n for n in range(min(number, most), 0, -1) if number % n == 0]
