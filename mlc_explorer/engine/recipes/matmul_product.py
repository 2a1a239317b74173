"""What a product of two matrices is, whatever its block is called: found by the structure of the block.

``C[b, i, j] += A[b, i, k] * B[b, k, j]`` in any order of axes and with several of each kind. An axis of the
block is of the batch (both operands have it), of the rows (the operand whose values are broadcast has it),
of the columns (the operand that is read in vectors has it, and so does the result, contiguously) or is summed
over.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tvm.ir import TensorLoad
from tvm.tirx import Add, BufferStore, Mul, PrimFunc
from tvm.tirx.analysis import undefined_vars

from ..machine import Machine
from ..paths import Place
from ..suggest.sight import Loop, Sight, element_bytes
from ..transforms.scope import REDUCTION, Scope

_ANY = Machine(vector_bytes=64, registers=32, l1=1, l2=1, cores=1)  # a sight asks for one; strides need none


@dataclass(frozen=True, eq=False)
class Axis:
    """An axis of the block: the position of its loop in the nest, how often it runs, and by how many elements
    a step along it moves in the result (`out`), the broadcast operand (`left`) and the operand that is read
    in vectors (`right`)."""

    position: int
    extent: int
    out: int
    left: int
    right: int


@dataclass(frozen=True, eq=False)
class Product:
    """`block`: the product's path; `left` and `right`: the operands' buffers. `after` are the blocks that
    use the result, in their order, `before` those that make the operands.

    `run`: how many rows follow each other in what comes after, where those of several matrices were made one
    axis. `shown`: how many columns follow each other there, without those that fill up panels. `left_axes`,
    `right_axes`: the axis of each index of an operand, if each is an axis by itself. All axes outermost
    first."""

    block: str
    left: Any
    right: Any
    batch: tuple[Axis, ...]
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    sums: tuple[Axis, ...]
    after: tuple[str, ...]
    before: tuple[str, ...]
    element_bytes: int
    run: int
    shown: int
    left_axes: tuple[Axis, ...]
    right_axes: tuple[Axis, ...]

    @property
    def packable(self) -> bool:
        return len(self.right_axes) > 0

    @property
    def row(self) -> Axis | None:
        """The axis that the rows of a tile run along: the longest of the rows, the innermost of equals."""
        return _longest(self.rows)

    @property
    def outside(self) -> tuple[Axis, ...]:
        """The axes that no tile runs along: those of the batch, and rows and columns besides the first."""
        tiled = (self.row, self.column, self.panels)
        return tuple(a for a in (*self.batch, *self.rows, *self.columns) if not any(a is t for t in tiled))

    @property
    def column(self) -> Axis:
        """The axis along which the result is contiguous."""
        return self.columns[-1]

    @property
    def filled(self) -> bool:
        """Whether panels have columns that only fill them up."""
        panels = self.panels.extent if self.panels is not None else 1
        return self.shown < panels * self.column.extent

    @property
    def depth(self) -> int:
        """Products that are summed for one element."""
        return math.prod(axis.extent for axis in self.sums)

    @property
    def panels(self) -> Axis | None:
        """The axis over panels of columns, where the operand was packed into panels when the model was made;
        the columns within one are then `column`."""
        outer = [axis for axis in self.columns[:-1] if axis.extent > 1]
        packed = self.column.right == 1 and self.sums[-1].right == self.column.extent
        return outer[0] if len(outer) == 1 and packed and outer[0].out == self.column.extent else None

    @property
    def operations(self) -> int:
        """Multiplications and additions of one call."""
        axes = (*self.batch, *self.rows, *self.columns, *self.sums)
        return 2 * math.prod(axis.extent for axis in axes)


@functools.lru_cache(maxsize=64)  # a recipe looks at the same function to choose, to write and to explain
def product_of(func: PrimFunc) -> Product | None:
    """The product that is all that `func` adds up, if nothing is scheduled yet; None if `func` is of another
    kind."""
    scope = Scope(None, func)  # type: ignore[arg-type]  # only what stands in the function is asked
    sums = [p for p in scope.leaves if p.node.init is not None]
    if len(sums) != 1:
        return None
    sight = Sight(func, "main", sums[0].path, _ANY)
    if not (sight.untouched and sight.alone) or any(loop.parallel for loop in sight.loops):
        return None
    operands = _operands(sums[0])
    if operands is None or not _chained(scope, sums[0]):
        return None
    return _sorted_axes(sight, sums[0], *operands)


def _operands(place: Place) -> tuple[TensorLoad, TensorLoad] | None:
    """The two factors, if the block stores the sum of what was there and their product."""
    body = place.node.body
    if not isinstance(body, BufferStore) or not isinstance(body.value, Add):
        return None
    kept, factors = body.value.a, body.value.b
    if not isinstance(kept, TensorLoad) or not kept.source.same_as(body.buffer):
        return None
    if not isinstance(factors, Mul):
        return None
    one, other = factors.a, factors.b
    if not isinstance(one, TensorLoad) or not isinstance(other, TensorLoad):
        return None
    return None if one.source.same_as(other.source) else (one, other)


def _chained(scope: Scope, product: Place) -> bool:
    """Whether the other blocks add nothing up and have nests of their own, and one result comes of those that
    follow the product."""
    others = [p for p in scope.leaves if p is not product]
    if any(scope.axis(loop) == REDUCTION for p in others for loop in scope.nest(p)):
        return False
    if any(len(loop.blocks) != 1 for p in scope.leaves for loop in scope.nest(p)):
        return False
    following = after(scope, product)
    return sum(not scope.consumers(p) for p in following) <= 1


def _sorted_axes(sight: Sight, place: Place, one: TensorLoad, other: TensorLoad) -> Product | None:
    """The product with each axis in its place; None if an axis has none, or an index mixes two."""
    if not all(_plain(place, load) for load in (one, other)):
        return None
    regions = {r.source: r for r in sight.reads}
    written = place.node.writes[0]
    axes = [
        _axis(sight, position, loop, written, regions.get(one.source), regions.get(other.source))
        for position, loop in enumerate(sight.loops)
    ]
    if any(axis is None for axis in axes):
        return None
    known = [axis for axis in axes if axis is not None]
    contiguous = [axis for axis in known if axis.out == 1 and axis.extent > 1] or [
        axis for axis in known if axis.out and axis.right and not axis.left
    ]
    if contiguous and contiguous[-1].left and not contiguous[-1].right:
        known = [Axis(a.position, a.extent, a.out, a.right, a.left) for a in known]
        one, other = other, one
    kinds: dict[str, list[Axis]] = {"batch": [], "rows": [], "columns": [], "sums": []}
    for axis in known:
        kind = _kind(axis)
        if kind is None:
            return None
        kinds[kind].append(axis)
    columns = kinds["columns"]
    if not columns or not kinds["sums"] or (columns[-1].out != 1 and columns[-1].extent > 1):
        return None
    scope, own = sight.scope, _axes_by_loop(sight, place)
    return Product(
        place.path,
        one.source,
        other.source,
        *(tuple(kinds[kind]) for kind in ("batch", "rows", "columns", "sums")),
        tuple(p.path for p in after(scope, place)),
        tuple(_before(scope, place)),
        element_bytes(place),
        _run(sight, place, _longest(kinds["rows"])),
        _run(sight, place, columns[-1]),
        _axes_of(one, own, known),
        _axes_of(other, own, known),
    )


def _plain(place: Place, load: TensorLoad) -> bool:
    """Whether each index of a factor speaks of one axis of the block at most (a convolution's do not)."""
    own = {axis.var for axis in place.node.iter_vars if int(axis.dom.extent) > 1}
    return all(len([v for v in undefined_vars(index) if v in own]) <= 1 for index in load.indices)


def _axis(sight: Sight, position: int, loop: Loop, *regions: Any) -> Axis | None:
    """The axis of a loop; None if some stride can't be told."""
    strides = [None if region is None else sight.stride(loop, region) for region in regions]
    if None in strides or loop.extent is None:
        return None
    if loop.extent == 1:  # a step along it is never taken
        return Axis(position, 1, *(_moves(stride) for stride in strides))
    return Axis(position, loop.extent, *(int(stride or 0) for stride in strides))


def _moves(stride: int | None) -> int:
    return 1 if stride else 0


def _run(sight: Sight, place: Place, axis: Axis | None) -> int:
    """How many steps along `axis` follow each other in one loop of those that read the result."""
    if axis is None:
        return 1
    runs, written = [], place.node.writes[0].source
    for reader in sight.scope.consumers(place):
        look = sight.at(reader)
        region = next(r for r in reader.node.reads if r.source.same_as(written))
        steps = [loop.extent or 1 for loop in look.loops if look.stride(loop, region) == axis.out]
        runs.append(max(steps, default=1))
    return min(runs, default=axis.extent)


def _longest(rows: Sequence[Axis]) -> Axis | None:
    """The longest axis, the innermost of equals."""
    return max(reversed(rows), key=lambda axis: axis.extent, default=None)


def _axes_by_loop(sight: Sight, place: Place) -> list[Any]:
    """The block's axes in the order of the loops that feed them, one each."""
    fed = {value: axis.var for axis, value in zip(place.node.iter_vars, place.realize.iter_values)}
    return [next((a for v, a in fed.items() if v.same_as(loop.variable)), None) for loop in sight.loops]


def _axes_of(load: TensorLoad, own: list[Any], known: list[Axis]) -> tuple[Axis, ...]:
    """The axis of each index of a factor; none if some index is not an axis by itself."""
    found = [
        next((a for a in known if own[a.position] is not None and index.same_as(own[a.position])), None)
        for index in load.indices
    ]
    axes = tuple(axis for axis in found if axis is not None)
    return axes if len(axes) == len(found) else ()


def _kind(axis: Axis) -> str | None:
    if not axis.out:
        return "sums" if axis.extent == 1 or (axis.left and axis.right) else None
    if axis.left and axis.right:
        return "batch"
    if axis.right:
        return "columns"
    return "rows" if axis.left or axis.extent == 1 else None


def after(scope: Scope, product: Place) -> list[Place]:
    """The blocks that use what `product` writes, also through others, in the order of the text."""
    found, asked = list[Place](), [product]
    while asked:
        new = [p for p in scope.consumers(asked.pop()) if p not in found]
        found += new
        asked += new
    return [p for p in scope.leaves if p in found]


def _before(scope: Scope, product: Place) -> Sequence[str]:
    """The blocks that lead to the operands, the nearest last."""
    found, asked = list[str](), [product]
    while asked:
        for producer in scope.producers(asked.pop()):
            if producer.path not in found:
                found.insert(0, producer.path)
                asked.append(producer)
    return found
