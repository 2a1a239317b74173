"""What only gives channels another order, or looks at neighbouring ones, on blocked channels.

A concatenation, a shuffle and a flattening copy nothing beyond whole blocks: the lanes get other names, and
the weights that read them are packed in that order.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from . import blocked_te
from .blocked_graph import BlockedGraph, constant
from .lanes import blocked_array, in_order, plain_order, shuffled
from .rewriting import array, operator, shape


class ChannelOrders(BlockedGraph):
    """Rules for operators that move channels."""

    def concat(self, var, call):  # type: ignore[no-untyped-def]
        """The blocks of one after those of the other; lanes that were empty stay so."""
        fields = list(call.args[0].fields) if isinstance(call.args[0], relax.Tuple) else []
        if int(call.attrs.axis) not in (1, -3) or not any(self.is_blocked(field) for field in fields):
            return None
        if not all(self.can_be_blocked(field) for field in fields):
            return None
        parts, orders, before = [], [], 0
        for field in fields:
            data, order = self.block(field)
            parts.append(data)
            orders.append(np.where(order >= 0, order + before, -1))
            before += shape(field)[1]
        return self.emit(relax.op.concat(parts, axis=1)), np.concatenate(orders)

    def reshape(self, var, call):  # type: ignore[no-untyped-def]
        return self.shuffle(var, call) or self.flatten(var, call)

    def shuffle(self, var, call):  # type: ignore[no-untyped-def]
        """Channels as g × c written as c × g (ShuffleNet): the lanes stay, their names change."""
        turned = self.calls.get(call.args[0])
        split = (
            self.calls.get(turned.args[0])
            if turned is not None and operator(turned) == "permute_dims"
            else None
        )
        if split is None or operator(split) != "reshape" or not self.is_blocked(split.args[0]):
            return None
        before, sizes = shape(split), shape(call)
        axes = [int(axis) for axis in turned.attrs.axes or ()]
        if before is None or len(before) != 5 or axes != [0, 2, 1, 3, 4] or sizes != shape(split.args[0]):
            return None
        if before[0] != sizes[0] or before[3:] != sizes[2:]:
            return None
        data, order = self.blocked[split.args[0]]
        return data, shuffled(order, before[1])

    def flatten(self, var, call):  # type: ignore[no-untyped-def]
        """(N, C, H, W) as rows of a product with constant matrices: the rows stay in the order of the lanes,
        and those of the matrices are put in it instead."""
        data, sizes = call.args[0], shape(call)
        if not self.is_blocked(data) or len(sizes) != 2 or sizes[0] != shape(data)[0]:
            return None
        if not self.matrix_products(var):
            return None
        blocked, order = self.blocked[data]
        _, channels, *pixels = shape(data)
        names = np.arange(channels * np.prod(pixels)).reshape(1, channels, *pixels)
        rows = blocked_array(names, order, self.lanes, -1).reshape(-1)
        flat = self.emit(relax.op.reshape(blocked, (sizes[0], len(rows))))
        self.flat[var] = flat, rows
        return flat

    def matmul(self, var, call):  # type: ignore[no-untyped-def]
        """A product with what `flatten` left in the order of the lanes."""
        if not isinstance(call.args[0], relax.Var) or call.args[0] not in self.flat:
            return None
        data, rows = self.flat[call.args[0]]
        weight = constant(in_order(array(call.args[1]), rows))
        return self.emit(relax.Call(call.op, [data, weight], call.attrs))

    def squeeze(self, var, call):  # type: ignore[no-untyped-def]
        """A mean over neighbouring channels, which ONNX's LRN becomes: a pool of three axes, of which the one
        over channels alone is longer than 1."""
        pool = self.calls.get(call.args[0])
        grown = (
            self.calls.get(pool.args[0]) if pool is not None and operator(pool) == "nn.avg_pool3d" else None
        )
        if grown is None or operator(grown) != "expand_dims" or [int(a) for a in grown.attrs.axis] != [1]:
            return None
        size, *others = (int(n) for n in pool.attrs.pool_size)
        before, *padding = (int(n) for n in pool.attrs.padding)
        plain = (
            others == [1, 1] and padding == [0, 0, size - 1 - before, 0, 0] and pool.attrs.count_include_pad
        )
        steps = [int(n) for n in (*pool.attrs.strides, *pool.attrs.dilation)]
        data = grown.args[0]
        product = self.calls.get(data)
        squares = product is not None and operator(product) == "multiply"
        squares = squares and product.args[0].same_as(product.args[1])
        data = product.args[0] if squares else data
        if not plain or steps != [1] * 6 or not self.is_blocked(data) or shape(call) != shape(data):
            return None
        data, order = self.block(data, plain_order(shape(call)[1], self.lanes))
        return self.te(blocked_te.channel_window, data, shape(call)[1], size, before, bool(squares)), order
