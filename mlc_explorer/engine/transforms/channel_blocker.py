"""Convolutions and what stands between them on blocked channels (``NCHW16c``), weights packed beforehand."""

from __future__ import annotations

import numpy as np
from tvm import relax

from . import blocked_te
from .lanes import (
    blocked_array,
    blocked_weight,
    dense_weight,
    depthwise_weight,
    in_order,
    is_plain,
    lane_of,
    part_order,
    plain_order,
    shuffled,
    stem_weight,
)
from .rewriting import Rewriter, array, operator, shape


class ChannelBlocker(Rewriter):
    """Keeps data in blocks of `lanes` channels from the first convolution as far as operators allow.

    `blocked` holds the blocked form of old variables and the order of its lanes, `values` the plain one;
    whichever is missing is made from the other where it is asked for. `flat` holds what became of a blocked
    tensor that is only flattened to be multiplied: its rows in the order of the lanes.
    """

    MOST_DENSE = (
        64  # groups that may be computed as one, with zeros for weights, because they fill no vectors
    )

    def __init__(self, mod, lanes):  # type: ignore[no-untyped-def]
        super().__init__(mod)
        self.lanes = lanes

    def begin(self, func):  # type: ignore[no-untyped-def]
        self.blocked, self.flat, self.calls = {}, {}, {}
        self.users = {}
        for binding in func.body.blocks[0].bindings:
            for var in relax.analysis.free_vars(binding.value):
                self.users.setdefault(var, []).append(binding.value)
        for var in relax.analysis.free_vars(func.body.body):
            self.users.setdefault(var, []).append(None)

    # -- the two forms

    def value(self, expr):  # type: ignore[no-untyped-def]
        if isinstance(expr, relax.Var) and expr not in self.values and expr in self.blocked:
            data, order = self.blocked[expr]
            channels = shape(expr)[1]
            if is_plain(order, channels):
                self.values[expr] = self.te(blocked_te.unblock, data, channels)
            else:
                lanes = relax.const(lane_of(order, channels))
                self.values[expr] = self.te(blocked_te.from_lanes, data, lanes)
        return super().value(expr)

    def block(self, var, order=None):  # type: ignore[no-untyped-def]
        """The blocked form of a variable of four axes, in this order, or in the one that it has: the variable
        and the order."""
        if var not in self.blocked:
            plain = plain_order(shape(var)[1], self.lanes)
            self.blocked[var] = self.te(blocked_te.block, self.value(var), self.lanes), plain
        data, own = self.blocked[var]
        if order is None or np.array_equal(own, order):
            return data, own
        lanes = np.where(order >= 0, lane_of(own, shape(var)[1])[np.maximum(order, 0)], 0)
        return self.te(blocked_te.reordered_lanes, data, relax.const(lanes)), order

    def bound(self, var, expr):  # type: ignore[no-untyped-def]
        if not isinstance(expr, relax.Call):
            for known in (self.blocked, self.flat):
                if isinstance(expr, relax.Var) and expr in known:
                    known[var] = known[expr]
                    return self.values.get(expr)
            return super().bound(var, expr)
        self.calls[var] = expr
        found = self.ruled(var, expr)
        if found is None:
            return self.plain(expr)
        if not isinstance(found, tuple):
            return found
        self.blocked[var] = found
        return None

    def ruled(self, var, call):  # type: ignore[no-untyped-def]
        """A blocked variable with its order, a plain variable, or None where no rule says anything."""
        rule, sizes = RULES.get(operator(call)), shape(call)
        if rule is None or sizes is None or 0 in sizes:
            return None
        return rule(self, var, call)

    def te(self, compute, *args):  # type: ignore[no-untyped-def]
        return self.emit(self.builder.call_te(compute, *args, primfunc_name_hint=compute.__name__))

    def is_blocked(self, expr):  # type: ignore[no-untyped-def]
        return isinstance(expr, relax.Var) and expr in self.blocked

    def can_be_blocked(self, expr):  # type: ignore[no-untyped-def]
        sizes = shape(expr) if isinstance(expr, relax.Var) else None
        return sizes is not None and len(sizes) == 4 and 0 not in sizes

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
        after = plain_order(outputs, self.lanes)
        if groups == 1 and inputs < self.lanes and not self.is_blocked(data):
            packed = constant(stem_weight(weight, self.lanes))
            return self.te(blocked_te.conv2d_stem, self.value(data), packed, *where), after
        return self.grouped(data, weight, groups, where, after)

    def grouped(self, data, weight, groups, where, after):  # type: ignore[no-untyped-def]
        """A convolution whose groups are whole blocks; as many as it takes become one for that."""
        outputs, inputs = weight.shape[:2]
        order = self.block(data)[1] if self.is_blocked(data) else plain_order(inputs * groups, self.lanes)
        for parts in (n for n in range(groups, 0, -1) if groups % n == 0):
            within = part_order(order, inputs * groups, parts, self.lanes)
            if within is not None and (parts == 1 or outputs // parts % self.lanes == 0):
                break
        if groups // parts > self.MOST_DENSE:
            return None
        packed = blocked_weight(dense_weight(weight, groups, groups // parts), within, self.lanes)
        data = self.block(data)[0]
        return self.te(blocked_te.conv2d_blocked, data, constant(packed), *where, parts), after

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
        attrs = {key: getattr(call.attrs, key) for key in POOL}
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
        lanes = relax.const(lane_of(order, shape(call)[1]))
        return self.emit(relax.op.reshape(self.te(blocked_te.from_lanes, result, lanes), shape(call)))

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

    # -- channels in another order

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
        if not all(self.multiplies(user, var) for user in self.users.get(var, [None])):
            return None
        blocked, order = self.blocked[data]
        _, channels, *pixels = shape(data)
        names = np.arange(channels * np.prod(pixels)).reshape(1, channels, *pixels)
        rows = blocked_array(names, order, self.lanes, -1).reshape(-1)
        flat = self.emit(relax.op.reshape(blocked, (sizes[0], len(rows))))
        self.flat[var] = flat, rows
        return flat

    def multiplies(self, user, var):  # type: ignore[no-untyped-def]
        """Whether `user` is a product of `var` with a constant matrix."""
        if user is None or operator(user) != "matmul" or not user.args[0].same_as(var):
            return False
        weight = array(user.args[1])
        return weight is not None and weight.ndim == 2

    def matmul(self, var, call):  # type: ignore[no-untyped-def]
        """A product with what `flatten` left in the order of the lanes."""
        if not isinstance(call.args[0], relax.Var) or call.args[0] not in self.flat:
            return None
        data, rows = self.flat[call.args[0]]
        weight = constant(in_order(array(call.args[1]), rows))
        return self.emit(relax.Call(call.op, [data, weight], call.attrs))


POOL = ("pool_size", "strides", "padding", "dilation", "ceil_mode", "count_include_pad")
RULES = {
    "nn.conv2d": ChannelBlocker.conv2d,
    "nn.max_pool2d": ChannelBlocker.pool,
    "nn.avg_pool2d": ChannelBlocker.pool,
    "concat": ChannelBlocker.concat,
    "squeeze": ChannelBlocker.squeeze,
    "reshape": ChannelBlocker.reshape,
    "matmul": ChannelBlocker.matmul,
    **dict.fromkeys(("mean", "max", "sum"), ChannelBlocker.mean),
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "maximum", "minimum"), ChannelBlocker.binary),
    **dict.fromkeys(
        ("nn.relu", "nn.leakyrelu", "nn.silu", "nn.gelu", "sigmoid", "tanh", "clip", "abs", "sqrt", "erf"),
        ChannelBlocker.unary,
    ),
}


def constant(elements):  # type: ignore[no-untyped-def]
    return relax.const(np.ascontiguousarray(elements))
