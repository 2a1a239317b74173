"""Convolutions on blocked channels, as tensor expressions: what `BlockChannels` makes of the operators.

Data is ``NCHW{b}c``: (N, C / b, H, W, b) with b channels side by side, so that one vector holds the same
pixel of b channels. Weights are ``OIHW{b}i{b}o``. The names of the blocks (``pad``, ``conv2d_blocked``, …)
and the order of the axes (n, o, y, x, v; rc, ry, rx, ri) are what a person reads in the loop nest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm import te, tirx


def pad_blocked(data: te.Tensor, padding: Sequence[int]) -> te.Tensor:
    """`data` with zeros around axes 2 and 3; `padding` is top, left, bottom, right. The same without any."""
    top, left, bottom, right = padding
    if not any(padding):
        return data
    shape = list(data.shape)
    height, width = shape[2], shape[3]
    shape[2], shape[3] = height + top + bottom, width + left + right
    zero = tirx.const(0, data.dtype)

    def element(*index: tirx.Var) -> Any:
        n, c, y, x, *rest = index
        inside = tirx.all(y >= top, y < height + top, x >= left, x < width + left)
        return tirx.if_then_else(inside, data[(n, c, y - top, x - left, *rest)], zero)

    return te.compute(shape, element, name="pad")


def conv2d_blocked(
    data: te.Tensor,
    weight: te.Tensor,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int = 1,
) -> te.Tensor:
    """(N, I / b, H, W, b) with (O / b, I / groups / b, KH, KW, b, b) → (N, O / b, OH, OW, b).

    Each group has a whole number of blocks on both sides.
    """
    padded = pad_blocked(data, padding)
    outputs, inputs, kernel_h, kernel_w, block, lanes = weight.shape
    rc, ry = te.reduce_axis((0, inputs), "rc"), te.reduce_axis((0, kernel_h), "ry")
    rx, ri = te.reduce_axis((0, kernel_w), "rx"), te.reduce_axis((0, block), "ri")
    a_group = outputs // groups

    def element(n, o, y, x, v):  # type: ignore[no-untyped-def]
        c = rc if groups == 1 else o // a_group * inputs + rc
        row, column = y * strides[0] + ry * dilation[0], x * strides[1] + rx * dilation[1]
        return te.sum(padded[n, c, row, column, ri] * weight[o, rc, ry, rx, ri, v], axis=[rc, ry, rx, ri])

    rows, columns = _out(padded, kernel_h, kernel_w, strides, dilation)
    shape = (data.shape[0], outputs, rows, columns, lanes)
    return te.compute(shape, element, name="conv2d_blocked")


def conv2d_stem(
    data: te.Tensor,
    weight: te.Tensor,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> te.Tensor:
    """The first layer, whose few input channels are not blocked: (N, I, H, W) with (O / b, I, KH, KW, b) →
    (N, O / b, OH, OW, b)."""
    padded = pad_blocked(data, padding)
    outputs, inputs, kernel_h, kernel_w, lanes = weight.shape
    rc, ry = te.reduce_axis((0, inputs), "rc"), te.reduce_axis((0, kernel_h), "ry")
    rx = te.reduce_axis((0, kernel_w), "rx")

    def element(n, o, y, x, v):  # type: ignore[no-untyped-def]
        row, column = y * strides[0] + ry * dilation[0], x * strides[1] + rx * dilation[1]
        return te.sum(padded[n, rc, row, column] * weight[o, rc, ry, rx, v], axis=[rc, ry, rx])

    rows, columns = _out(padded, kernel_h, kernel_w, strides, dilation)
    return te.compute((data.shape[0], outputs, rows, columns, lanes), element, name="conv2d_stem")


def conv2d_depthwise(
    data: te.Tensor,
    weight: te.Tensor,
    strides: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> te.Tensor:
    """One kernel a channel: (N, C / b, H, W, b) with (C / b, KH, KW, b) → (N, C / b, OH, OW, b)."""
    padded = pad_blocked(data, padding)
    channels, kernel_h, kernel_w, lanes = weight.shape
    ry, rx = te.reduce_axis((0, kernel_h), "ry"), te.reduce_axis((0, kernel_w), "rx")

    def element(n, c, y, x, v):  # type: ignore[no-untyped-def]
        row, column = y * strides[0] + ry * dilation[0], x * strides[1] + rx * dilation[1]
        return te.sum(padded[n, c, row, column, v] * weight[c, ry, rx, v], axis=[ry, rx])

    rows, columns = _out(padded, kernel_h, kernel_w, strides, dilation)
    return te.compute((data.shape[0], channels, rows, columns, lanes), element, name="conv2d_depthwise")


def _out(
    padded: te.Tensor, kernel_h: int, kernel_w: int, strides: Sequence[int], dilation: Sequence[int]
) -> tuple[Any, Any]:
    """Rows and columns of the result."""
    rows = (padded.shape[2] - (kernel_h - 1) * dilation[0] - 1) // strides[0] + 1
    return rows, (padded.shape[3] - (kernel_w - 1) * dilation[1] - 1) // strides[1] + 1


def block(data: te.Tensor, lanes: int) -> te.Tensor:
    """(N, C, H, W) → (N, C / lanes, H, W, lanes); zeros fill the last block."""
    n, channels, height, width = data.shape
    count = int(channels)

    def element(i, o, y, x, v):  # type: ignore[no-untyped-def]
        c = o * lanes + v
        read = data[i, c, y, x]
        return read if count % lanes == 0 else tirx.if_then_else(c < count, read, tirx.const(0, data.dtype))

    return te.compute((n, -(-count // lanes), height, width, lanes), element, name="block")


def unblock(data: te.Tensor, channels: int) -> te.Tensor:
    """(N, C / b, H, W, b) → (N, channels, H, W)."""
    n, _, height, width, lanes = data.shape
    shape = (n, channels, height, width)
    return te.compute(shape, lambda i, c, y, x: data[i, c // lanes, y, x, c % lanes], name="unblock")


def from_lanes(data: te.Tensor, lanes: te.Tensor) -> te.Tensor:
    """(N, C / b, H, W, b) → (N, C, H, W), where lane `lanes[c]` holds channel c."""
    n, _, height, width, block = data.shape
    return te.compute(
        (n, lanes.shape[0], height, width),
        lambda n, c, y, x: data[n, lanes[c] // block, y, x, lanes[c] % block],
        name="from_lanes",
    )


def reordered_lanes(data: te.Tensor, lanes: te.Tensor) -> te.Tensor:
    """(N, C / b, H, W, b) → the same kind of tensor, whose lane l is lane `lanes[l]` of `data`."""
    n, _, height, width, block = data.shape

    def element(n, o, y, x, v):  # type: ignore[no-untyped-def]
        lane = lanes[o * block + v]
        return data[n, lane // block, y, x, lane % block]

    return te.compute((n, lanes.shape[0] // block, height, width, block), element, name="reordered_lanes")


def channel_window(data: te.Tensor, channels: int, size: int, before: int, squares: bool) -> te.Tensor:
    """The mean of `size` channels, from `before` channels below each, on (N, C / b, H, W, b) with channel
    after channel in the lanes; of their squares, if asked for. Beyond the first and the last are zeros.

    A pixel's channels are laid side by side first (``side_by_side``), so that the window reads vectors at any
    offset.
    """
    n, blocks, height, width, block = data.shape
    window = te.reduce_axis((0, size), "window")

    def beside(n, y, x, c):  # type: ignore[no-untyped-def]
        channel = c - before
        value = data[n, channel // block, y, x, channel % block]
        inside = tirx.all(channel >= 0, channel < channels)
        return tirx.if_then_else(inside, value * value if squares else value, tirx.const(0, data.dtype))

    def total(n, o, y, x, v):  # type: ignore[no-untyped-def]
        return te.sum(line[n, y, x, o * block + v + window], axis=[window])

    line = te.compute((n, height, width, blocks * block + size - 1), beside, name="side_by_side")
    added = te.compute(data.shape, total, name="window_sum")
    factor = tirx.const(1 / size, data.dtype)
    return te.compute(data.shape, lambda *index: added[index] * factor, name="window_mean")
