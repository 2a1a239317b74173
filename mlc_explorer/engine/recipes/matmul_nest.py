"""What the recipes for products share in writing their nest: panels, zeros, and what follows the sum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tvm_ffi
from tvm.ir import Call
from tvm.tirx import BufferStore

from ...errors import Refused
from ..draft import Draft, LoopVar
from ..transforms.scope import extent
from .matmul_product import Product, after

# What LLVM calls a library for, element by element: a tile of such calls is not written out.
_CALLED = ("exp", "erf", "tanh", "sigmoid", "pow", "log")


def present(*loops: LoopVar | None) -> list[LoopVar]:
    """The loops that exist."""
    return [loop for loop in loops if loop is not None]


def cut(draft: Draft, loop: LoopVar | None, size: int) -> tuple[LoopVar | None, LoopVar | None]:
    """The loop over tiles of `size` and the one within a tile; None for one that would run once."""
    if loop is None:
        return None, None
    return (loop, None) if size == 1 else draft.tile(loop, size)


@dataclass(frozen=True)
class Copies:
    """Blocks that copy the operands, None where there is none."""

    left: str | None = None
    right: str | None = None


def fill_up(draft: Draft, product: Product, rows: int, columns: int) -> Copies:
    """Fills the result up to multiples of so many rows and columns, with zeros in copies of the operands.
    What is computed for them is left out again when the result is copied."""
    padding = [1] * len(draft.nest(product.block))
    padding[product.column.position] = columns
    if product.row is not None:
        padding[product.row.position] = rows
    if all(axis.extent % padding[axis.position] == 0 for axis in (product.column, *product.rows)):
        return Copies()
    known = {p.path for p in draft.scope.leaves}
    draft.do("pad_einsum", block=product.block, padding=padding)
    made = [p for p in draft.scope.producers(draft.scope.at(product.block)) if p.path not in known]
    of = {p.node.reads[0].source: p.path for p in made}
    return Copies(of.get(product.left), of.get(product.right))


def copy_of_right(draft: Draft, product: Product) -> str:
    """A copy of the right operand; its block."""
    known = {p.path for p in draft.scope.leaves}
    reads = draft.scope.at(product.block).node.reads
    position = next(n for n, region in enumerate(reads) if region.source.same_as(product.right))
    draft.do("cache_read", block=product.block, buffer=position)
    return next(p.path for p in draft.scope.leaves if p.path not in known)


def into_panels(draft: Draft, product: Product, copy: str, width: int) -> None:
    """Stores the copy of the right operand in panels of `width` columns: batch, panel, sum, column."""
    names = [f"a{n}" for n in range(len(product.right_axes))]
    column = names[product.right_axes.index(product.column)]
    batch = [n for n, a in zip(names, product.right_axes) if a not in product.sums and n != column]
    sums = [n for n, a in zip(names, product.right_axes) if a in product.sums]
    places = [*batch, f"{column} // {width}", *sums, f"{column} % {width}"]
    written = draft.scope.at(copy).node.writes[0].source
    index_map = f"{', '.join(names)} -> {', '.join(places)}"
    draft.do("transform_layout", block=copy, buffer=str(written.name), index_map=index_map)


def last_block(draft: Draft, product: Product) -> str | None:
    """Inlines what stands between the product and the last block that follows it; that block, or None."""
    following = [p.path for p in after(draft.scope, draft.scope.at(product.block))]
    for block in following[:-1]:
        draft.do("compute_inline", block=block)
    return following[-1] if following else None


def local_copy(draft: Draft, block: str) -> str:
    """Sums in local memory, which become registers; the block that stores them."""
    draft.do("cache_write", block=block, buffer=0, scope="local")
    return next(p.path for p in draft.scope.consumers(draft.scope.at(block)))


def calls_library(draft: Draft, block: str) -> bool:
    """Whether a block computes something that is a call for each element."""
    found = []

    def look(node: Any) -> None:
        if isinstance(node, Call) and str(getattr(node.op, "name", "")).rpartition(".")[2] in _CALLED:
            found.append(node)

    tvm_ffi.structural_walk(draft.scope.at(block).node.body, look)
    return bool(found)


def beneath(draft: Draft, block: str, place: LoopVar | None) -> list[LoopVar]:
    """The loops around `block` inside of the loop `place`."""
    nest = draft.nest(block)
    around = 0 if place is None else len(draft.scope.nest(draft.loop(place)))
    return nest[around:]


def in_vectors(draft: Draft, block: str, place: LoopVar | None, lanes: int, *, written_out: bool) -> None:
    """Loops of `block` inside of `place`: the last in vectors of up to `lanes`; those outside of it are
    written out if `written_out`. A ragged row is left to LLVM, which knows masks."""
    *outer, last = beneath(draft, block, place) or [None]
    if last is None or ragged(draft, block, lanes):
        return
    size = math.gcd(extent(draft.loop(last)) or 1, lanes, _columns(draft, block))
    groups, vector = cut(draft, last, size)
    if vector is not None and size > 1:
        draft.mark("vectorize", vector)
    if written_out:
        for loop in present(*outer, groups):
            draft.mark("unroll", loop)


def ragged(draft: Draft, block: str, lanes: int) -> bool:
    """Whether hardly a vector divides the rows of what `block` writes."""
    columns = _columns(draft, block)
    return math.gcd(columns, lanes) * 4 < min(lanes, columns)


def _columns(draft: Draft, block: str) -> int:
    return int(draft.scope.at(block).node.writes[0].source.ty.shape[-1])


def initialise(draft: Draft, block: str, reduction: LoopVar) -> None:
    """The zeros of a tile before the loop `reduction`, written out and as vectors."""
    around = len(draft.scope.nest(draft.loop(reduction))) - 1
    draft.do("decompose_reduction", block=block, loop=draft.path(reduction))
    *outer, lanes = draft.nest(f"{block}_init")[around:]
    if extent(draft.loop(lanes)) != 1:
        draft.mark("vectorize", lanes)
    for loop in outer:
        draft.mark("unroll", loop)


def beside(draft: Draft, block: str, place: LoopVar | None) -> bool:
    """Moves what follows to the tile that ends in the loop `place`; False if TVM can't."""
    if place is None:
        return False
    try:
        draft.do("reverse_compute_at", block=block, loop=draft.path(place))
    except Refused:
        return False
    return True


def nest_of_its_own(draft: Draft, block: str, lanes: int, *, parallel: bool) -> None:
    """For a block that no tile holds: the outer loops over the cores, the last in vectors."""
    *outer, last = draft.nest(block)
    size = math.gcd(extent(draft.loop(last)) or 1, lanes)
    if size > 1:
        draft.mark("vectorize", draft.tile(last, size)[1])
    if parallel and outer:
        draft.mark("parallel", draft.fuse(outer))


def inline_before(draft: Draft, product: Product, lanes: int, *, parallel: bool) -> None:
    """What makes the operands: into the copy that reads it, or where it only moves elements; else a nest of
    its own."""
    for block in product.before:
        place = draft.scope.at(block)
        readers = draft.scope.consumers(place)
        moves = isinstance(place.node.body, BufferStore) and not _computes(place.node.body.value)
        if moves or all(reader.path != product.block for reader in readers):
            try:
                draft.do("compute_inline", block=block)
                continue
            except Refused:
                pass
        nest_of_its_own(draft, block, lanes, parallel=parallel)


def _computes(value: Any) -> bool:
    return type(value).__name__ != "TensorLoad"
