"""What a nest of loops means for memory, and the moves that recipes without a product share.

Elementwise blocks are written into each other, contiguous loops joined to one run, the run cut into vectors,
and the outer loops shared out to the cores.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tvm_ffi
from tvm import sym
from tvm.ir import Call, Expr, Range, TensorLoad
from tvm.tirx import IntImm, Select, Var
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from ..draft import Draft, LoopVar
from ..paths import Place
from ..transforms.scope import REDUCTION, SPATIAL, Scope, extent, is_serial

GRAIN = 1 << 17  # operations for each core, most in vectors, below which waking it costs more than it saves
CHUNKS = 4  # pieces of work for each core, so that none waits long for the slowest
_CHEAP = 4  # operations that may be done once for each reader


@dataclass(frozen=True, eq=False)
class Nest:
    """A block and the loops around it, outermost first."""

    scope: Scope
    block: Place

    @functools.cached_property
    def loops(self) -> tuple[Place, ...]:
        return self.scope.nest(self.block)

    @functools.cached_property
    def spatial(self) -> list[Place]:
        return [loop for loop in self.loops if self.scope.axis(loop) == SPATIAL]

    @functools.cached_property
    def reduction(self) -> list[Place]:
        return [loop for loop in self.loops if self.scope.axis(loop) == REDUCTION]

    @property
    def plain(self) -> bool:
        """Whether nothing is scheduled yet: one serial loop for each axis."""
        one_each = len(self.loops) == len(self.block.node.iter_vars)
        known = len(self.spatial) + len(self.reduction) == len(self.loops)
        return one_each and known and all(is_serial(p) for p in self.loops)

    @property
    def fixed(self) -> bool:
        """Whether every trip count is known."""
        return all(extent(p) is not None for p in self.loops)

    @property
    def alone(self) -> bool:
        """Whether no other block stands under its loops."""
        return all(len(loop.blocks) == 1 for loop in self.loops)

    @property
    def runs(self) -> int:
        """How often the block runs."""
        return self.scope.iterations(self.block)

    @functools.cached_property
    def operations(self) -> int:
        """Loads and operators of one run, calls of functions counted by what they cost."""
        return max(1, _operations(getattr(self.block.node.body, "value", None)))

    @functools.cached_property
    def calls(self) -> bool:
        """Whether it calls a function of the C library: a vector would be taken apart for that."""
        found: list[str] = []
        named = (Call, lambda call: found.append(getattr(call.op, "name", "").rpartition(".")[2]))
        tvm_ffi.structural_walk(self.block.node.body, named)
        return any(name in _CALLS for name in found)

    @property
    def work(self) -> int:
        """Operations of all runs."""
        return self.runs * self.operations

    # -- memory

    @functools.cached_property
    def reads(self) -> list[Any]:
        """Regions that the block reads, without what it accumulates in."""
        written = {region.source for region in self.block.node.writes}
        return [r for r in self.block.node.reads if r.source not in written]

    def stride(self, loop: Place, region: Any) -> int | None:
        """Elements between what two successive iterations of `loop` access; None if that is not constant."""
        variable, index = loop.node.loop_var, self._index(region)
        moved = _put(index, {variable: variable + IntImm(variable.ty.dtype, 1)})
        step = self._analyzer.simplify(moved - index)
        return int(step) if isinstance(step, IntImm) else None

    def writes_along(self, loop: Place) -> bool:
        """Whether successive iterations write neighbouring elements."""
        return all(self.stride(loop, r) == 1 for r in self.block.node.writes)

    def vectorizable(self, loop: Place) -> bool:
        """Whether the loop runs over neighbouring elements of the result, and of each operand or along none,
        and no condition depends on it."""
        steady = all(self.stride(loop, r) in (0, 1) for r in self.reads)
        settled = loop.node.loop_var not in self.conditions
        return self.writes_along(loop) and steady and settled and not self.calls

    @property
    def conditional(self) -> bool:
        """Whether the block asks a condition that a loop around it does not settle."""
        return bool(self.conditions)

    @functools.cached_property
    def conditions(self) -> frozenset[Var]:
        """Loop variables on which a condition in the block depends."""
        found: list[Any] = []

        def asked(call: Call) -> None:
            if getattr(call.op, "name", "").endswith(".if_then_else"):
                found.append(call.args[0])

        def chosen(select: Select) -> None:
            found.append(select.condition)

        tvm_ffi.structural_walk(self.block.node.body, [(Call, asked), (Select, chosen)])
        values = [_put(condition, self._axes) for condition in found]
        own = {loop.node.loop_var for loop in self.loops}
        return frozenset(v for value in values for v in undefined_vars(value) if v in own)

    def one_run(self, outer: Place, inner: Place) -> bool:
        """Whether two loops, one in the other, walk through memory as a single one would."""
        if 1 in (extent(outer), extent(inner)):
            return True
        if {outer.node.loop_var, inner.node.loop_var} & self.conditions:
            return False
        strides = [(self.stride(outer, r), self.stride(inner, r)) for r in self._regions]
        return all(None not in pair and pair[0] == pair[1] * extent(inner) for pair in strides)

    @functools.cached_property
    def joint(self) -> int:
        """How many of the innermost loops are one run."""
        count = 1
        while count < len(self.loops) and self.one_run(self.loops[-count - 1], self.loops[-count]):
            count += 1
        return count

    @property
    def parts(self) -> list[int]:
        """The lengths of those loops, from the innermost."""
        return [extent(loop) or 1 for loop in reversed(self.loops[len(self.loops) - self.joint :])]

    @functools.cached_property
    def _regions(self) -> list[Any]:
        return [*self.reads, *self.block.node.writes]

    @functools.cached_property
    def _axes(self) -> dict[Var, Expr]:
        axes = self.block.node.iter_vars
        return {axis.var: value for axis, value in zip(axes, self.block.realize.iter_values)}

    @functools.cached_property
    def _analyzer(self) -> sym.Analyzer:
        analyzer = sym.Analyzer()
        for loop in self.loops:
            analyzer.bind(loop.node.loop_var, Range.from_min_extent(loop.node.min, loop.node.extent))
        return analyzer

    def _index(self, region: Any) -> Expr:
        """Where the region begins, in elements from the buffer's."""
        at: Expr = IntImm("int64", 0)
        for part, size in zip(region.region, region.source.ty.shape):
            at = at * size + _put(part.min, self._axes)
        return at


# Functions of the C library, and roughly what a call costs in additions, of which a vector does many at once.
_CALLS = {"exp": 100, "exp2": 100, "exp10": 100, "log": 100, "log2": 100, "log10": 100, "log1p": 100}
_CALLS |= {"tanh": 200, "sigmoid": 120, "sin": 200, "cos": 200, "tan": 300, "pow": 300, "erf": 800}


def _operations(value: Any) -> int:
    """Operators of an expression, without those of indices; of two sides the dearer one counts."""
    if isinstance(value, TensorLoad):
        return 1
    if isinstance(value, Call):
        name = getattr(value.op, "name", "").rpartition(".")[2]
        parts = [_operations(argument) for argument in value.args]
        return max(parts[1:]) if name == "if_then_else" else sum(parts) + _CALLS.get(name, 1)
    if isinstance(value, Select):
        return 1 + max(_operations(value.true_value), _operations(value.false_value))
    both = [
        getattr(value, side)
        for side in ("a", "b", "value", "body")
        if isinstance(getattr(value, side, None), Expr)
    ]
    return sum(_operations(side) for side in both) + 1 if both else 0


def _put(expression: Any, values: Mapping[Var, Any]) -> Any:
    """`expression` with the variables replaced."""
    return tvm_ffi.structural_map(expression, (Var, lambda variable: values.get(variable, variable)))


def nest(draft: Draft, block: str) -> Nest:
    """The block as it stands now."""
    place = draft.scope.at(block)
    if place is None:
        raise Refused(f"There is no block '{block}' any more.", code="path_missing", place=block)
    return Nest(draft.scope, place)


def nests(scope: Scope) -> list[Nest]:
    """Every block of the function with its loops."""
    return [Nest(scope, block) for block in scope.leaves]


def untouched(scope: Scope) -> list[Nest]:
    """The same, if none is scheduled yet, each has loops of its own and every trip count is known; nothing
    otherwise."""
    found = nests(scope)
    return found if all(n.plain and n.fixed and n.alone and n.loops for n in found) else []


def element_bytes(nest: Nest) -> int:
    """The size of an element of what the block writes."""
    bits = "".join(c for c in str(nest.block.node.writes[0].source.ty.dtype) if c.isdigit())
    return max(1, int(bits or 32) // 8)


def is_output(scope: Scope, block: Place) -> bool:
    """Whether the caller sees what the block writes."""
    return any(region.source in scope.outputs for region in block.node.writes)


# -- moves


def inline(draft: Draft) -> None:
    """Writes each block that adds nothing up, and whose result the caller does not see, into what reads it.
    One that TVM can't write into another stays, and one that is dear and would be computed twice."""
    for block in draft.scope.leaves:
        readers = len(draft.scope.consumers(block))
        once = readers == 1 or Nest(draft.scope, block).operations <= _CHEAP
        if block.node.init is None and not is_output(draft.scope, block) and readers and once:
            tried(draft, "compute_inline", block=block.path)


def tried(draft: Draft, transform: str, **params: Any) -> bool:
    """Whether the step applied; a refused one leaves the draft as it was."""
    try:
        draft.do(transform, **params)
    except Refused:
        return False
    return True


def joined(draft: Draft, block: str) -> list[LoopVar]:
    """The block's loops, the innermost joined as far as they are one run."""
    loops, count = draft.nest(block), nest(draft, block).joint
    return [*loops[: len(loops) - count], draft.fuse(loops[len(loops) - count :])]


def width(size: int, vector: int, parts: Sequence[int] = ()) -> int:
    """How many elements of a contiguous loop of `size` become one vector: `vector`, or a half, a quarter or
    an eighth of it, or all of a short loop; 1 where none divides: LLVM then makes what vectors it can.

    `parts`: the lengths, from the innermost, of the loops that were joined to it. A vector must not begin in
    the middle of one and end in the next: TVM would load its elements one by one.
    """
    ends = list(itertools.accumulate(parts, operator.mul))
    for wide in (vector, vector // 2, vector // 4, vector // 8):
        if wide > 1 and size % wide == 0 and all(end % wide == 0 or wide % end == 0 for end in ends):
            return wide
    return size if size <= 4 * vector else 1


def in_vectors(
    draft: Draft, block: str, loop: LoopVar, vector: int, parts: Sequence[int] = ()
) -> LoopVar | None:
    """Vectorizes `loop`, the innermost, if it lends itself; `parts` as in `width`. Gives the loop over the
    vectors, None if there is but one. A block with conditions is left to LLVM, which moves one that stays the
    same out of a loop, but not out of vectors."""
    place, found = draft.loop(loop), nest(draft, block)
    wide = width(extent(place) or 1, vector, parts)
    if wide < 2 or found.conditional or not found.vectorizable(place):
        return loop
    outer, inner = draft.tile(loop, wide)
    draft.mark("vectorize", inner)
    return outer


def over_cores(draft: Draft, loops: list[LoopVar], pieces: int) -> None:
    """Joins the outermost of `loops`, directly in each other, until there are `pieces` iterations, and shares
    them out to the cores. A single long loop is cut for that."""
    if pieces < 2 or not loops:
        return
    while len(loops) > 1 and extent(draft.loop(loops[0])) == 1:
        loops = loops[1:]
    sizes = [extent(draft.loop(v)) or 1 for v in loops]
    count = next((n for n in range(1, len(loops)) if math.prod(sizes[:n]) >= pieces), len(loops))
    if count == 1 and sizes[0] > 4 * pieces and len(loops) == 1:
        draft.mark("parallel", draft.split(loops[0], _near(sizes[0], pieces), None)[0])
    elif math.prod(sizes[:count]) > 1:
        draft.mark("parallel", draft.fuse(loops[:count]))


def _near(size: int, pieces: int) -> int:
    """A divisor of `size` from `pieces` to four times as many, if there is one."""
    return next((n for n in range(pieces, 4 * pieces) if size % n == 0), pieces)


def pieces_for(work: int, cores: int, grain: int = GRAIN) -> int:
    """Into how many pieces so many operations are cut: 1 where one core does them before another is awake."""
    return CHUNKS * cores if cores > 1 and work >= grain * cores else 1


def spatial_nest(draft: Draft, block: str, vector: int, pieces: int) -> None:
    """Schedules a nest that adds nothing up: its contiguous loops joined and in vectors, over the cores."""
    parts = nest(draft, block).parts
    loops = joined(draft, block)
    run = in_vectors(draft, block, loops[-1], vector, parts)
    over_cores(draft, [*loops[:-1], *([run] if run is not None else [])], pieces)
