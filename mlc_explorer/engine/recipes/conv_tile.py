"""The tile of a convolution's result that stays in vector registers: how large it is, and why.

In each step of the reduction a tile of p pixels by b blocks of output channels takes p·b multiply-adds, for
which p pixels and b vectors of weights are loaded. The choice weighs these against each other.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..machine import Machine
from .conv_layer import Layer

SPARE = 2  # registers that are neither sums nor weights: the pixel that is broadcast, and one in reserve
BODY = 112  # multiply-adds of a loop's body that decoder and instruction cache still keep up with
_LATENCY = 10  # sums under way that hide the latency of each: four cycles of two, and a few more
_PIXEL, _WEIGHTS = 0.5, 1.0  # a load in multiply-adds: pixels come from the first cache, weights from farther
_REST = 1.06  # a row that tiles do not divide costs its last tile's code, and a jump
_MOST_PIXELS, _MOST_BLOCKS = 28, 4


def tile(layer: Layer, machine: Machine, most: int | None = None) -> tuple[int, int]:
    """Pixels and blocks of the tile that costs least for each element of the result, with at most `most`
    sums. Blocks divide those of a group, and pixels a row where what is left can't be peeled."""
    each = vectors(layer, machine)
    room = (machine.registers - SPARE) // each
    sizes = [
        (p, b)
        for b in range(1, min(layer.blocks, _MOST_BLOCKS) + 1)
        for p in range(1, min(layer.columns, _MOST_PIXELS) + 1)
        if layer.blocks % b == 0 and (layer.peels or layer.columns % p == 0)
        if p * b + b <= room and p * b * each <= (most or machine.registers)
    ]
    return min(
        sizes, key=lambda size: (_cost(layer.columns, *size, each), -size[0] * size[1]), default=(1, 1)
    )


def even_pixels(layer: Layer, most: int) -> int:
    """Pixels of a row in a tile, at most `most`: tiles of the same size if a row has a divisor from half of
    that on, else as few tiles as will do, with the last one hardly smaller."""
    columns = layer.columns
    divides = next(p for p in range(min(columns, most), 0, -1) if columns % p == 0)
    return divides if 2 * divides >= most or not layer.peels else -(-columns // -(-columns // most))


def vectors(layer: Layer, machine: Machine) -> int:
    """Registers that one pixel of one block takes."""
    return -(-layer.lanes // machine.lanes(layer.element_bytes))


def unrolled(pixels: int, blocks: int, layer: Layer, machine: Machine) -> int:
    """Iterations of the innermost reduction loop that are written out: four, or a whole loop that is shorter
    or odd, if the body stays small and the next iteration's weights have registers too; else one."""
    each, length = vectors(layer, machine), layer.reduction[-1]
    sums = pixels * blocks * each
    wanted = 4 if length % 4 == 0 else length
    fits = sums * wanted <= BODY and sums + 2 * blocks * each <= machine.registers
    return wanted if fits else 1


def _cost(columns: int, pixels: int, blocks: int, each: int) -> float:
    """Of a row of `columns` pixels for each of its sums; a block takes `each` registers."""
    vectors = blocks * each
    steps = [max(p * vectors, _LATENCY) + p * _PIXEL + vectors * _WEIGHTS for p in _tiles(columns, pixels)]
    return sum(steps) / (columns * vectors) * (_REST if columns % pixels else 1)


def _tiles(columns: int, pixels: int) -> Iterator[int]:
    """Pixels of each tile of a row."""
    yield from [pixels] * (columns // pixels)
    if columns % pixels:
        yield columns % pixels
