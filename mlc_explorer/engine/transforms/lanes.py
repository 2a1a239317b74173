"""Which channel lies in which lane of a blocked tensor, and constants in that order.

A blocked tensor is (N, C / b, H, W, b). Its `order` says for each of its lanes, block by block, which channel
lies there, or -1 for a lane that is filled up; what such a lane holds is finite and has no meaning. So a
concatenation of blocked tensors, or a shuffle of channels, is a new order of the same numbers, and the
weights that read them are packed accordingly.
"""

from __future__ import annotations

import numpy as np


def plain_order(channels, block):  # type: ignore[no-untyped-def]
    """Channel after channel; the last block is filled up."""
    return np.concatenate([np.arange(channels), np.full(-channels % block, -1)])


def is_plain(order, channels):  # type: ignore[no-untyped-def]
    """Whether channel after channel lies in `order`, all empty lanes at the end."""
    return bool(np.array_equal(order[:channels], np.arange(channels)))


def lane_of(order, channels):  # type: ignore[no-untyped-def]
    """For each channel the lane that holds it."""
    lanes = np.empty(channels, "int32")
    filled = order >= 0
    lanes[order[filled]] = np.flatnonzero(filled)
    return lanes


def in_order(array, order, fill=0.0):  # type: ignore[no-untyped-def]
    """`array` with its first axis in `order`; empty lanes hold `fill`."""
    taken = array[np.maximum(order, 0)]
    taken[order < 0] = fill
    return taken


def blocked_array(array, order, block, fill=0.0):  # type: ignore[no-untyped-def]
    """(N, C, H, W) → (N, lanes / block, H, W, block); one channel for all stays one."""
    n, channels, height, width = array.shape
    if channels == 1 and len(order) > 1 and int(order.max()) > 0:
        return array[..., None]
    lanes = in_order(array.swapaxes(0, 1), order, fill)
    return lanes.reshape(-1, block, n, height, width).transpose(2, 0, 3, 4, 1)


def dense_weight(weight, groups, merged):  # type: ignore[no-untyped-def]
    """(O, I / groups, KH, KW) → (O, I / groups · merged, KH, KW): `merged` groups as one, whose weights
    are zero where they would cross from one group into another."""
    outputs, inputs, *kernel = weight.shape
    each = outputs // groups
    dense = np.zeros((outputs, inputs * merged, *kernel), weight.dtype)
    for group in range(groups):
        at = group % merged * inputs
        rows = slice(group * each, (group + 1) * each)
        dense[rows, at : at + inputs] = weight[rows]
    return dense


def blocked_weight(weight, order_out, order_in, block):  # type: ignore[no-untyped-def]
    """(O, I, KH, KW), with outputs and inputs in these lanes, → (O / b, I / b, KH, KW, b, b)."""
    height, width = weight.shape[2:]
    rows = in_order(weight, order_out)
    lanes = in_order(rows.swapaxes(0, 1), order_in)
    packed = lanes.reshape(len(order_in) // block, block, -1, block, height, width)
    return packed.transpose(2, 0, 4, 5, 1, 3)


def stem_weight(weight, block):  # type: ignore[no-untyped-def]
    """(O, I, KH, KW) → (O / b, I, KH, KW, b)."""
    outputs, inputs, height, width = weight.shape
    rows = in_order(weight, plain_order(outputs, block))
    return rows.reshape(-1, block, inputs, height, width).transpose(0, 2, 3, 4, 1)


def depthwise_weight(weight, order, block):  # type: ignore[no-untyped-def]
    """(C, 1, KH, KW), in the lanes of its input, → (C / b, KH, KW, b)."""
    _, _, height, width = weight.shape
    return in_order(weight, order).reshape(-1, block, height, width).transpose(0, 2, 3, 1)


def parts_order(channels, parts, block):  # type: ignore[no-untyped-def]
    """`parts` equal parts of the channels one after the other, each filled up to whole blocks."""
    part = plain_order(channels // parts, block)
    starts = np.arange(parts)[:, None] * (channels // parts)
    return np.where(part >= 0, part + starts, -1).reshape(-1)


def part_order(order, channels, parts, block):  # type: ignore[no-untyped-def]
    """The order within one of `parts` equal parts of the channels, as if it stood alone. None unless each
    part is whole blocks, holds its own channels, and in the same order as the others."""
    if len(order) % (parts * block):
        return None
    rows, each = order.reshape(parts, -1), channels // parts
    within = rows[0]
    alike = np.where(within >= 0, within + np.arange(parts)[:, None] * each, -1)
    return (
        within
        if np.array_equal(rows, alike) and np.array_equal(np.sort(within)[-each:], range(each))
        else None
    )


def shuffled(order, groups):  # type: ignore[no-untyped-def]
    """The order after channels, written as a matrix of `groups` rows, are read column by column."""
    each = (int(order.max()) + 1) // groups
    return np.where(order >= 0, order % each * groups + order // each, -1)
