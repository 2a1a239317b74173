"""Convolutions and what stands between them on blocked channels (``NCHW16c``), weights packed beforehand."""

from __future__ import annotations

import numpy as np
from tvm import relax

from . import blocked_te
from .blocked_graph import constant
from .channel_orders import ChannelOrders
from .lanes import (
    blocked_array,
    blocked_weight,
    dense_weight,
    depthwise_weight,
    lane_of,
    part_order,
    parts_order,
    plain_order,
    stem_weight,
)
from .rewriting import array, operator, shape


class ChannelBlocker(ChannelOrders):
    """Blocks from the first convolution on, as far as operators allow."""

    # groups that may be computed as one, with zeros for weights, because they fill no vectors
    MOST_DENSE = 64
    MOVING = 64  # multiplications in the time in which one element is put into another lane
    POOL = ("pool_size", "strides", "padding", "dilation", "ceil_mode", "count_include_pad")

    def rules(self):  # type: ignore[no-untyped-def]
        return {
            "nn.conv2d": "conv2d",
            "nn.max_pool2d": "pool",
            "nn.avg_pool2d": "pool",
            "concat": "concat",
            "squeeze": "squeeze",
            "reshape": "reshape",
            "matmul": "matmul",
            **dict.fromkeys(("mean", "max", "sum"), "mean"),
            **dict.fromkeys(("add", "subtract", "multiply", "divide", "maximum", "minimum"), "binary"),
            **dict.fromkeys(("nn.relu", "nn.leakyrelu", "nn.silu", "nn.gelu", "clip"), "unary"),
            **dict.fromkeys(("sigmoid", "tanh", "abs", "sqrt", "erf"), "unary"),
        }

    # -- convolutions

    def conv2d(self, var, call):  # type: ignore[no-untyped-def]
        attrs, weight, data = call.attrs, array(call.args[1]), call.args[0]
        layouts = (str(attrs.data_layout), str(attrs.kernel_layout), str(attrs.out_layout))
        if weight is None or layouts != ("NCHW", "OIHW", "NCHW") or str(weight.dtype) != "float32":
            return None
        if not self.can_be_blocked(data) or str(call.ty.dtype) != "float32" or 0 in weight.shape:
            return None
        groups, where = int(attrs.groups), [attrs.strides, attrs.padding, attrs.dilation]
        where = [[int(n) for n in part] for part in where]
        outputs, inputs = weight.shape[:2]
        if groups > 1 and inputs == 1 and outputs == groups:
            data, order = self.block(data)
            packed = constant(depthwise_weight(weight, order, self.lanes))
            return self.te(blocked_te.conv2d_depthwise, data, packed, *where), order
        if groups == 1 and inputs < self.lanes and not self.is_blocked(data):
            packed = constant(stem_weight(weight, self.lanes))
            stem = self.te(blocked_te.conv2d_stem, self.value(data), packed, *where)
            return stem, plain_order(outputs, self.lanes)
        return self.grouped(call, data, weight, groups, where)

    def grouped(self, call, data, weight, groups, where):  # type: ignore[no-untyped-def]
        """A convolution whose groups, or as many of them as are best taken for one, are whole blocks."""
        outputs, channels = len(weight), weight.shape[1] * groups
        order = self.blocked[data][1] if self.is_blocked(data) else plain_order(channels, self.lanes)
        pixels = np.prod(shape(data)[2:]), np.prod(shape(call)[2:]) * np.prod(weight.shape[2:])

        def cost(parts):  # type: ignore[no-untyped-def]
            """In multiplications; where the order does not suit, what it takes to change it as well."""
            across = len(parts_order(channels, parts, self.lanes))
            products = across * len(parts_order(outputs, parts, self.lanes)) // parts * pixels[1]
            moved = part_order(order, channels, parts, self.lanes) is None
            return products + (across * pixels[0] * self.MOVING if moved else 0)

        parts = min((n for n in range(1, groups + 1) if groups % n == 0), key=cost)
        if groups // parts > self.MOST_DENSE:
            return None
        if part_order(order, channels, parts, self.lanes) is None:
            order = parts_order(channels, parts, self.lanes)
        self.blocked[data] = self.block(data, order)  # whoever reads it next finds it in this order
        after = parts_order(outputs, parts, self.lanes)
        within = part_order(order, channels, parts, self.lanes)
        packed = blocked_weight(dense_weight(weight, groups, groups // parts), after, within, self.lanes)
        conv = self.te(blocked_te.conv2d_blocked, self.blocked[data][0], constant(packed), *where, parts)
        return conv, after

    # -- element by element

    def unary(self, var, call):  # type: ignore[no-untyped-def]
        """The same operator on blocks."""
        if not self.is_blocked(call.args[0]):
            return None
        data, order = self.blocked[call.args[0]]
        if operator(call) == "sqrt" and np.any(order < 0):  # what fills a block up must stay finite
            return None
        return self.emit(relax.Call(call.op, [data, *call.args[1:]], call.attrs)), order

    def binary(self, var, call):  # type: ignore[no-untyped-def]
        """Two blocked tensors, or one and a constant."""
        held = [self.blocked[arg][1] for arg in call.args if self.is_blocked(arg)]
        sizes = shape(call)
        if not held or len(sizes) != 4 or any(o.max() + 1 != sizes[1] for o in held):
            return None
        # what fills a block up must not become infinite: it is multiplied by zeros later
        fill = 1.0 if operator(call) == "divide" else 0.0
        if fill and np.any(held[0] < 0) and array(call.args[1]) is None:
            return None
        sides = [self.side(arg, sizes[1], held[0], fill) for arg in call.args]
        if any(side is None for side in sides):
            return None
        return self.emit(relax.Call(call.op, sides, call.attrs)), held[0]

    def side(self, expr, channels, order, fill):  # type: ignore[no-untyped-def]
        """One operand of a sum or product: blocked, or None."""
        held = array(expr)
        if held is None:
            fits = self.can_be_blocked(expr) and shape(expr)[1] == channels
            return self.block(expr, order)[0] if fits else None
        if held.size == 1:
            return relax.const(held.reshape(()), str(held.dtype))
        whole = held.reshape((1,) * (4 - held.ndim) + held.shape) if held.ndim <= 4 else held
        if whole.ndim != 4 or whole.shape[1] not in (1, channels):
            return None
        return constant(blocked_array(whole, order, self.lanes, fill))

    # -- pools and means

    def pool(self, var, call):  # type: ignore[no-untyped-def]
        if not self.is_blocked(call.args[0]) or str(call.attrs.layout) != "NCHW":
            return None
        data, order = self.blocked[call.args[0]]
        attrs = {key: getattr(call.attrs, key) for key in self.POOL}
        made = getattr(relax.op.nn, operator(call).removeprefix("nn."))
        return self.emit(made(data, **attrs, layout=f"NCHW{self.lanes}c")), order

    def mean(self, var, call):  # type: ignore[no-untyped-def]
        """Over the pixels of each channel."""
        if not self.is_blocked(call.args[0]):
            return None
        if sorted(int(axis) % 4 for axis in call.attrs.axis or ()) != [2, 3]:
            return None
        data, order = self.blocked[call.args[0]]
        result = self.emit(getattr(relax.op, operator(call))(data, [2, 3], True))
        if call.attrs.keepdims:
            return result, order
        lanes = constant(lane_of(order, shape(call)[1]))
        return self.emit(relax.op.reshape(self.te(blocked_te.from_lanes, result, lanes), shape(call)))
