"""Paths, and the loop tree of one PrimFunc.

A path names a loop or block within its function, and stays readable:

- a block: its name, e.g. ``matmul`` (``matmul#2`` for the second of the same name, in order);
- a loop: the first block beneath it, a slash, the loop variable's name, e.g. ``matmul/k``
  (``matmul/k#2`` for the second of that name on the way down to that block).

`resolve` also accepts the name of any *other* block beneath the loop, so that a trace
written by hand reads naturally.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LoopNode:
    """A loop or a block.

    kind: ``loop`` or ``block``. For a loop `extent` is its trip count (None when symbolic), `axis`
    is ``spatial``, ``reduction`` or ``mixed`` by the block axes that it feeds, `mark` is
    ``serial``, ``parallel``, ``vectorized``, ``unrolled`` or a thread axis (``blockIdx.x``).
    For a block `reads` and `writes` are buffer regions as text. `line` is the 1-based line in
    the function's TVMScript (`TextView.lines`), `depth` the number of loops outside.

    `iterations` is how often the body runs in one call (None when symbolic). For one execution of a loop,
    with those outside fixed: `footprint` is the bytes of each buffer that it touches (an estimate, at most
    the buffer), `flops` its floating-point operations (None if TVM can't tell), and `intensity` is `flops`
    per byte of all footprints together, as if every byte were fetched once.
    """

    path: str
    kind: str
    name: str
    depth: int
    line: int | None = None
    extent: int | None = None
    axis: str = ""
    mark: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    annotations: dict[str, str] | None = None
    children: tuple[LoopNode, ...] = ()
    iterations: int | None = None
    footprint: Mapping[str, int] = field(default_factory=dict)
    flops: float | None = None
    intensity: float | None = None


@dataclass(frozen=True)
class BufferInfo:
    """A parameter or an allocation: `role` is ``input``, ``output`` or ``local``; `writers` and `readers` are
    the paths of the blocks that do so."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    scope: str
    bytes: int
    role: str
    writers: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoopTree:
    """All loops and blocks of a function, outermost first, with its totals.

    `flops` counts floating-point operations of one call (None if TVM can't tell), `iterations` is the
    sum over blocks of the product of the trip counts around each, `bytes` the size of all buffers.
    """

    function: str
    roots: tuple[LoopNode, ...]
    buffers: tuple[BufferInfo, ...] = ()
    flops: float | None = None
    iterations: int = 0
    bytes: int = 0
