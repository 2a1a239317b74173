"""The tile of a convolution's result that stays in vector registers, and the nest around it.

All convolutions on blocked channels share it: some pixels of a row times some blocks of output channels are
accumulated over the whole reduction before one of them is written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tvm.tirx import PrimFunc

from ..draft import Draft, LoopVar
from ..machine import Machine
from ..paths import Place
from ..transforms.scope import REDUCTION, SPATIAL, Scope, extent

PAD = "pad"  # the block of the padded copy
SPARE = 2  # registers that are not accumulators or weights: the broadcast pixel, and an address
ENOUGH = 12  # accumulators: as many sums under way hide the latency of each
BODY = 112  # multiply-adds of a body that the processor's decoder still keeps up with
_MOST_PIXELS = 28


@dataclass(frozen=True)
class Layer:
    """A convolution as its block says: trip counts of n, o, y, x, v and of the loops it reduces over."""

    block: str
    spatial: tuple[int, ...]
    reduction: tuple[int, ...]
    inputs: int  # elements that it reads besides the weights

    @property
    def lanes(self) -> int:
        return self.spatial[-1]

    @property
    def columns(self) -> int:
        return self.spatial[3]

    @property
    def blocks(self) -> int:
        return self.spatial[1]

    @property
    def weights(self) -> int:
        """Elements of the kernel, if each output block has its own."""
        return self.blocks * math.prod(self.reduction) * self.lanes

    @property
    def outputs(self) -> int:
        return math.prod(self.spatial)


def layer(func: PrimFunc, name: str, reductions: int) -> Layer | None:
    """The convolution whose block is called `name`, with five spatial loops and `reductions` others, not
    scheduled yet; None if there is none in `func`."""
    scope = Scope(None, func)  # type: ignore[arg-type]  # only what stands in the function is asked
    place = next((p for p in scope.leaves if p.name == name), None)
    if place is None:
        return None
    loops = scope.nest(place)
    sizes = [extent(loop) for loop in loops]
    axes = [SPATIAL] * 5 + [REDUCTION] * reductions
    plain = [scope.axis(loop) for loop in loops] == axes and all(int(p.node.kind) == 0 for p in loops)
    if not plain or None in sizes or not all(_movable(scope, p, place) for p in scope.leaves):
        return None
    whole = tuple(int(size or 0) for size in sizes)
    data = max((math.prod(int(s) for s in r.source.ty.shape) for r in place.node.reads[:1]), default=0)
    return Layer(place.path, whole[:5], whole[5:], data)


def _movable(scope: Scope, other: Place, conv: Place) -> bool:
    """Whether the recipe knows what to do with another block: it adds nothing up."""
    return other is conv or all(scope.axis(loop) != REDUCTION for loop in scope.nest(other))


def tile(layer: Layer, machine: Machine, most: int = BODY) -> tuple[int, int]:
    """Pixels and output blocks of the register tile: divisors of the row and of the blocks, with as many
    accumulators as fit and at most `most`.

    Two blocks share each broadcast pixel, more need too many vectors of weights; enough accumulators come
    before that.
    """
    each = max(1, layer.lanes // machine.lanes(4))  # registers that one block of channels takes
    room = (machine.registers - SPARE) // each
    found = [
        (p, b)
        for p in range(1, min(layer.columns, _MOST_PIXELS) + 1)
        for b in (1, 2, 3, 4)
        if layer.columns % p == 0 and layer.blocks % b == 0 and p * b + b <= room and p * b <= most
    ]

    def worth(pair: tuple[int, int]) -> tuple[float, ...]:
        p, b = pair
        return min(p * b, ENOUGH), (p + b) / (p * b) < 0.75, b <= 2, p * b

    return max(found, key=worth, default=(1, 1))


def unrolled(body: int, length: int) -> int:
    """Iterations of the innermost reduction loop, of `length`, that are written out: the largest divisor up
    to four, or a whole short loop, for which the body stays small."""
    return next((n for n in (length, 4, 3, 2) if n <= 8 and length % n == 0 and body * n <= BODY), 1)


def cut(draft: Draft, loop: LoopVar, size: int) -> tuple[LoopVar | None, LoopVar | None]:
    """The loop over tiles of `size` and the one within a tile; None for one that would run once."""
    return (loop, None) if size == 1 else draft.tile(loop, size)


def last_block(draft: Draft, conv: str) -> str:
    """Inlines what stands between the convolution and the last block, and what feeds the padding. Gives the
    last block's path; where there is none one is made, so that each sum is written once."""
    leaves = draft.scope.leaves
    position = [p.path for p in leaves].index(conv)
    before, after = leaves[:position], leaves[position + 1 :]
    for other in [*(p for p in before if p.name != PAD), *after[:-1]]:
        draft.do("compute_inline", block=other.path)
    if after:
        return after[-1].path
    draft.do("cache_write", block=conv, buffer=0, scope="global")
    return next(p.path for p in draft.scope.consumers(draft.scope.at(conv)))


def initialise_apart(draft: Draft, conv: str, reduction: LoopVar, copies: int) -> None:
    """The accumulators' zeros before the loop over `reduction`, written out and as vectors; `copies` loops of
    the tile stand around the lanes."""
    draft.do("decompose_reduction", block=conv, loop=draft.path(reduction))
    *outer, lanes = draft.nest(f"{conv}_init")
    draft.mark("vectorize", lanes)
    for loop in outer[len(outer) - copies :]:
        draft.mark("unroll", loop)


def pad_in_parallel(draft: Draft) -> None:
    """The padded copy as a nest of its own, if there is one: rows over the cores, channels as vectors."""
    if draft.scope.at(PAD) is None:
        return
    *rows, _, lanes = draft.nest(PAD)
    draft.mark("parallel", draft.fuse(rows))
    draft.mark("vectorize", lanes)
