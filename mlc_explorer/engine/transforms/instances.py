"""When each instance of a block runs, and which elements it touches: what `hazards` reasons with.

A block instance is one choice of values for the loops around the block. Axes, guards and regions are
evaluated over many instances at once, as NumPy arrays. Nothing here runs the function, so that the cost
depends on how many instances touch one element, and not on how many there are.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm_ffi
from tvm.s_tir import SBlock
from tvm.s_tir.analysis import get_sblock_access_region
from tvm.tirx import ForKind, IntImm, IterVar, PrimFunc

from ...schema.motion import Expression
from ..views.index_trees import DataDependent, node, tree

MOST_ROWS = 1 << 17  # instances of one block that are looked at together: about a millisecond an operator
_ENUMERATED = (
    2048  # a block with fewer instances is looked at whole, one with more at its corners and at random
)
_RANDOM = 128

Values = Mapping[str, np.ndarray]  # loop → its value in each instance
_OPERATORS: Mapping[str, Any] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "//": np.floor_divide, "%": np.mod,
    "min": np.minimum, "max": np.maximum, "<": np.less, "<=": np.less_equal, "==": np.equal,
    "!=": np.not_equal, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "if": np.where,
}  # fmt: skip


class Unknown(Exception):
    """The function has something in it that these questions can't be asked about: a size that is a variable,
    a binding that depends on data, a statement other than loops and blocks."""


@dataclass(frozen=True)
class Nested:
    """A loop around a block. `key` names it in expressions and is unique in the function; `column` is where
    its value stands in the time of an instance."""

    key: str
    first: int
    extent: int
    kind: int
    is_thread: bool
    column: int
    node: Any


@dataclass(frozen=True)
class Axis:
    """A block axis: its value over the loops, and the domain that the block promises to stay in."""

    value: Expression
    first: int
    extent: int
    is_reduction: bool


@dataclass(frozen=True, eq=False)
class Region:
    """The elements of `buffer` that an instance touches: for each dimension the first index and how many."""

    buffer: Any
    first: tuple[Expression, ...]
    extent: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class Leaf:
    """A block that encloses no other. `time` has a number where statements follow each other and a loop's key
    where a loop stands, so that instances of all blocks can be put into the order in which they run. `outer`
    are the axes of the blocks around it."""

    block: Any
    loops: tuple[Nested, ...]
    time: tuple[int | str, ...]
    guards: tuple[Expression, ...]
    axes: tuple[Axis, ...]
    reads: tuple[Region, ...]
    writes: tuple[Region, ...]
    has_init: bool
    outer: tuple[Axis, ...] = ()
    scattered: frozenset[Any] = frozenset()  # buffers that it writes where the data say

    def accumulates(self, buffer: Any) -> bool:
        """Whether what it writes to `buffer` depends on what was there."""
        return self.has_init or any(r.buffer.same_as(buffer) for r in self.reads)

    def resets(self, buffer: Any, values: Values) -> np.ndarray:
        """For each instance whether it writes `buffer` afresh."""
        rows = count(values)
        if not self.has_init:
            return np.full(rows, not self.accumulates(buffer))
        start = np.ones(rows, bool)
        for axis in self.axes:
            if axis.is_reduction:
                start &= array(axis.value, values) == axis.first
        return start

    def times(self, values: Values, width: int) -> np.ndarray:
        """The moment of each instance: rows × `width` columns that compare lexicographically."""
        out = np.zeros((count(values), width), np.int64)
        for column, entry in enumerate(self.time):
            out[:, column] = values[entry] if isinstance(entry, str) else entry
        return out

    def identities(self, values: Values) -> np.ndarray:
        """One number for each instance, by its axes: a recomputation has the number of what it repeats."""
        out = np.zeros(count(values), np.int64)
        for axis in (*self.outer, *self.axes):
            out = out * axis.extent + array(axis.value, values) - axis.first
        return out

    @functools.cached_property
    def sample(self) -> Values:
        """Instances that run: all of them if they are few, else those at the corners of the loops and some
        at random (the same ones each time)."""
        extents = [loop.extent for loop in self.loops]
        total = int(np.prod(extents, dtype=object)) if extents else 1
        if total <= _ENUMERATED:
            grid = np.indices(extents).reshape(len(extents), -1) if extents else np.zeros((0, 1), np.int64)
        else:
            chosen = [
                list(c) for c in itertools.islice(itertools.product(*({0, e - 1} for e in extents)), 512)
            ]
            drawn = np.random.default_rng(0).integers(0, extents, (_RANDOM, len(extents)))
            grid = np.concatenate([np.array(chosen), drawn, [np.array(extents) - 1]]).T
        values = {loop.key: grid[i] + loop.first for i, loop in enumerate(self.loops)} or _NO_LOOPS
        return self._running(values)

    def writing(self, region: Region, elements: Sequence[Sequence[int]]) -> Values:
        """All instances whose `region` holds one of the `elements`; the column `OF` says which, by position.

        Raises Unknown if too many had to be looked at."""
        waiting = [
            _holds(first, extent, f"{OF}{axis}")
            for axis, (first, extent) in enumerate(zip(region.first, region.extent, strict=True))
        ]
        waiting += self.guards
        found: dict[str, np.ndarray] = {OF: np.arange(len(elements))}
        for axis, column in enumerate(zip(*elements)):
            found[f"{OF}{axis}"] = np.array(column, np.int64)
        left = {loop.key: loop for loop in self.loops}
        while waiting:  # the condition first that needs the fewest combinations of further loops
            waiting.sort(key=lambda one: _product(left[k].extent for k in variables(one) if k in left))
            condition = waiting.pop(0)
            for key in variables(condition):
                if key in left:
                    found = _crossed(found, left.pop(key))
            found = _where(found, array(condition, found))
        for loop in left.values():
            found = _crossed(found, loop)
        return found

    def _running(self, values: Values) -> Values:
        for guard in self.guards:
            values = _where(values, array(guard, values))
        return values


OF = "@"  # the column of `Leaf.writing` that says which element is written; no loop is called so
_NO_LOOPS = {"": np.zeros(1, np.int64)}  # one instance, and no loop


def count(values: Values) -> int:
    """How many instances `values` hold."""
    return len(next(iter(values.values())))


def array(expression: Expression, values: Values) -> np.ndarray:
    """`expression` in each instance."""
    return np.broadcast_to(np.asarray(_evaluate(expression, values), np.int64), (count(values),))


def leaves(func: PrimFunc) -> tuple[Leaf, ...]:
    """The blocks of `func` that enclose no other, in the order of its text. Raises Unknown."""
    try:
        return tuple(_Walk(_buffers(func)).statement(func.body, _Place()))
    except DataDependent as e:
        raise Unknown(str(e)) from e


@dataclass(frozen=True)
class _Place:
    """What holds where a statement stands."""

    bindings: Mapping[Any, Expression] = field(default_factory=dict)
    loops: tuple[Nested, ...] = ()
    time: tuple[int | str, ...] = ()
    guards: tuple[Expression, ...] = ()
    axes: tuple[Axis, ...] = ()


class _Walk:
    def __init__(self, buffers: Mapping[Any, Any]) -> None:
        self._count = 0
        self._buffers = buffers

    def statement(self, stmt: Any, at: _Place) -> Iterator[Leaf]:
        parts = tuple(stmt.seq) if type(stmt).__name__ == "SeqStmt" else (stmt,)
        for i, part in enumerate(parts):
            kind = type(part).__name__
            here = dataclasses.replace(at, time=(*at.time, i))
            if kind == "For":
                yield from self._loop(part, here)
            elif kind == "SBlockRealize":
                yield from self._block(part, here)
            elif kind == "SeqStmt":
                yield from self.statement(part, here)
            elif kind != "AllocBuffer":
                raise Unknown(kind)

    def _loop(self, loop: Any, at: _Place) -> Iterator[Leaf]:
        if not isinstance(loop.min, IntImm) or not (loop.step is None or int(loop.step) == 1):
            raise Unknown("a loop that starts at a variable or has a step")
        extent = tree(loop.extent, at.bindings)
        self._count += 1
        key = f"{loop.loop_var.name}.{self._count}"
        is_thread = loop.thread_binding is not None or int(loop.kind) == int(ForKind.THREAD_BINDING)
        nested = Nested(
            key, int(loop.min), _longest(extent, at.loops), int(loop.kind), is_thread, len(at.time), loop
        )
        guards = at.guards
        if not isinstance(extent, int):
            guards = (*guards, node("<", key, node("+", extent, nested.first)))
        bindings = {**at.bindings, loop.loop_var: key}
        inside = _Place(bindings, (*at.loops, nested), (*at.time, key), guards, at.axes)
        yield from self.statement(loop.body, inside)

    def _block(self, realize: Any, at: _Place) -> Iterator[Leaf]:
        block = realize.block
        if block.match_buffers:
            raise Unknown("match_buffer")
        axes = tuple(_axis(axis, value, at) for axis, value in zip(block.iter_vars, realize.iter_values))
        guard = tree(realize.predicate, at.bindings)
        inside = _Place(
            {**at.bindings, **{axis.var: a.value for axis, a in zip(block.iter_vars, axes)}},
            at.loops,
            at.time,
            at.guards if guard == 1 else (*at.guards, guard),
            at.axes,
        )
        if not _has_blocks(block.body):
            yield _leaf(block, axes, inside, self._buffers)
            return
        inside = dataclasses.replace(inside, axes=(*at.axes, *axes))
        if block.init is not None:
            start = tuple(node("==", a.value, a.first) for a in axes if a.is_reduction)
            guards = (*inside.guards, *start)
            first = dataclasses.replace(inside, time=(*at.time, 0), guards=guards)
            yield from self.statement(block.init, first)
        yield from self.statement(block.body, dataclasses.replace(inside, time=(*at.time, 1)))


def _longest(extent: Expression, around: tuple[Nested, ...]) -> int:
    """The most iterations that a loop has for any values of the loops `around` it that its extent depends
    on."""
    found: dict[str, np.ndarray] = dict(_NO_LOOPS)
    for loop in around:
        if loop.key in variables(extent):
            found = _crossed(found, loop)
    return int(array(extent, found).max())


def _axis(axis: Any, value: Any, at: _Place) -> Axis:
    if not (isinstance(axis.dom.min, IntImm) and isinstance(axis.dom.extent, IntImm)):
        raise Unknown("a size that is a variable")
    is_reduction = int(axis.iter_type) == IterVar.CommReduce
    return Axis(tree(value, at.bindings), int(axis.dom.min), int(axis.dom.extent), is_reduction)


def _leaf(block: Any, axes: tuple[Axis, ...], at: _Place, buffers: Mapping[Any, Any]) -> Leaf:
    if block not in _TOUCHED:
        if len(_TOUCHED) > _MOST_KNOWN:
            _TOUCHED.clear()
        _TOUCHED[block] = _touched(block, buffers)
    touched_reads, touched_writes = _TOUCHED[block]
    reads, _ = _regions(touched_reads, at)
    writes, scattered = _regions(touched_writes, at)
    has_init = block.init is not None
    return Leaf(block, at.loops, at.time, at.guards, axes, reads, writes, has_init, at.axes, scattered)


def _regions(regions: Sequence[Any], at: _Place) -> tuple[tuple[Region, ...], frozenset[Any]]:
    """The regions that are known, and the buffers of the others: where a gather reads, or a scatter writes,
    is known when it runs."""
    found, unknown = [], set()
    for region in regions:
        try:
            found.append(_region(region, at))
        except DataDependent:
            unknown.add(region.source)
    return tuple(found), frozenset(unknown)


def _buffers(func: PrimFunc) -> dict[Any, Any]:
    """The buffers of `func`, as TVM's analysis wants them."""
    found = list(func.params)
    tvm_ffi.structural_walk(func.body, (SBlock, lambda block: found.extend(block.alloc_buffers)))
    return {buffer: buffer for buffer in found}


_MOST_KNOWN = 4096
_TOUCHED: dict[Any, tuple[list[Any], list[Any]]] = {}  # of blocks looked at before: most stay as they are


def _touched(block: Any, buffers: Mapping[Any, Any]) -> tuple[list[Any], list[Any]]:
    """What `block` reads and writes, as TVM finds it in the body; what it says itself where TVM finds none.

    What it says can be too much, after `loop_partition` all that the piece touches, or too little:
    `cache_index` does not mention the indices that it looks up, and `unsafe_hide_buffer_access` strikes what
    it is told to."""
    try:
        reads, writes, _ = get_sblock_access_region(block, buffers)
    except Exception:  # TVM raises its own kinds where there is a buffer that is neither: it can't be asked
        return list(block.reads), list(block.writes)
    own = {region.source for region in block.writes} - {region.source for region in block.reads}
    own = own if block.init is not None else set()  # else it is one that hides what it reads
    reads = [region for region in reads if region.source not in own]  # a sum reads what it adds to
    return _found(reads, block.reads), _found(writes, block.writes)


def _found(found: Sequence[Any], said: Sequence[Any]) -> list[Any]:
    known = {region.source for region in found}
    return [*(region for region in said if region.source not in known), *found]


def _region(region: Any, at: _Place) -> Region:
    first = tuple(tree(r.min, at.bindings) for r in region.region)
    return Region(region.source, first, tuple(tree(r.extent, at.bindings) for r in region.region))


def _has_blocks(stmt: Any) -> bool:
    if type(stmt).__name__ == "SeqStmt":
        return any(_has_blocks(part) for part in stmt.seq)
    parts = (getattr(stmt, name, None) for name in ("body", "then_case", "else_case"))
    return type(stmt).__name__ == "SBlockRealize" or any(_has_blocks(p) for p in parts if p is not None)


def _holds(first: Expression, extent: Expression, at: str) -> Expression:
    if extent == 1:
        return node("==", first, at)
    return node("and", node("<=", first, at), node("<", at, node("+", first, extent)))


def _evaluate(expression: Expression, values: Values) -> Any:
    if isinstance(expression, int):
        return expression
    if isinstance(expression, str):
        return values[expression]
    operator, *arguments = expression
    return _OPERATORS[operator](*(_evaluate(a, values) for a in arguments))


def variables(expression: Expression) -> tuple[str, ...]:
    """The loops in it, each once."""
    if isinstance(expression, int):
        return ()
    if isinstance(expression, str):
        return (expression,)
    return tuple(dict.fromkeys(v for a in expression[1:] for v in variables(a)))


def _crossed(values: Values, loop: Nested) -> dict[str, np.ndarray]:
    """Each instance once for each value of `loop`."""
    rows = count(values)
    if rows * loop.extent > MOST_ROWS:
        raise Unknown("too many instances")
    wider = {key: np.repeat(column, loop.extent) for key, column in values.items()}
    wider[loop.key] = np.tile(np.arange(loop.first, loop.first + loop.extent), rows)
    return wider


def _where(values: Values, holds: np.ndarray) -> dict[str, np.ndarray]:
    return dict(values) if holds.all() else {key: column[holds != 0] for key, column in values.items()}


def _product(numbers: Iterator[int]) -> int:
    total = 1
    for number in numbers:
        total *= number
    return total
