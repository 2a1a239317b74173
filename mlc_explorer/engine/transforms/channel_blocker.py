"""Convolutions and what stands between them on blocked channels (``NCHW16c``), weights packed beforehand."""

from __future__ import annotations

import numpy as np
from tvm import relax

from . import blocked_te
from .rewriting import Rewriter, array, operator, shape


class ChannelBlocker(Rewriter):
    """Keeps data in blocks of `lanes` channels from the first convolution as far as operators allow.

    `blocked` holds the blocked form of old variables, `values` the plain one; whichever is missing is made
    from the other where it is asked for. Channels that do not fill their last block are filled with zeros.
    """

    MOST_DENSE = 8  # groups of a convolution that is made dense because they do not fill vectors

    def __init__(self, mod, lanes):  # type: ignore[no-untyped-def]
        super().__init__(mod)
        self.lanes = lanes
        self.blocked = {}

    def begin(self, func):  # type: ignore[no-untyped-def]
        self.blocked = {}

    # -- the two forms

    def value(self, expr):  # type: ignore[no-untyped-def]
        if isinstance(expr, relax.Var) and expr not in self.values and expr in self.blocked:
            channels = shape(expr)[1]
            self.values[expr] = self.te(blocked_te.unblock, self.blocked[expr], channels)
        return super().value(expr)

    def block(self, var):  # type: ignore[no-untyped-def]
        """The blocked form of a variable of four axes."""
        if var not in self.blocked:
            self.blocked[var] = self.te(blocked_te.block, self.value(var), self.lanes)
        return self.blocked[var]

    def bound(self, var, expr):  # type: ignore[no-untyped-def]
        if not isinstance(expr, relax.Call):
            if isinstance(expr, relax.Var) and expr in self.blocked:
                self.blocked[var] = self.blocked[expr]
                return self.values.get(expr)
            return super().bound(var, expr)
        rule = RULES.get(operator(expr))
        found = rule(self, expr) if rule and shape(expr) is not None and len(shape(expr)) == 4 else None
        if found is None:
            return self.plain(expr)
        self.blocked[var] = found
        return None

    def te(self, compute, *args):  # type: ignore[no-untyped-def]
        return self.builder.emit_te(compute, *args, primfunc_name_hint=compute.__name__)

    def is_blocked(self, expr):  # type: ignore[no-untyped-def]
        return isinstance(expr, relax.Var) and expr in self.blocked

    # -- operators

    def conv2d(self, call):  # type: ignore[no-untyped-def]
        attrs, weight = call.attrs, array(call.args[1])
        data = call.args[0]
        layouts = (str(attrs.data_layout), str(attrs.kernel_layout), str(attrs.out_layout))
        if weight is None or layouts != ("NCHW", "OIHW", "NCHW") or str(weight.dtype) != "float32":
            return None
        if not isinstance(data, relax.Var) or shape(data) is None or str(call.ty.dtype) != "float32":
            return None
        groups, b = int(attrs.groups), self.lanes
        outputs, inputs, height, width = weight.shape
        where = [[int(n) for n in part] for part in (attrs.strides, attrs.padding, attrs.dilation)]
        if groups > 1 and inputs == 1 and outputs == groups:
            packed = filled(weight, 0, b).reshape(-1, b, height, width).transpose(0, 2, 3, 1)
            return self.te(blocked_te.conv2d_depthwise, self.block(data), constant(packed), *where)
        if groups > 1 and (inputs % b or (outputs // groups) % b):
            if groups > self.MOST_DENSE:
                return None
            weight, groups, inputs = dense(weight, groups), 1, inputs * groups
        if groups == 1 and inputs < b and not self.is_blocked(data):
            packed = filled(weight, 0, b).reshape(-1, b, inputs, height, width).transpose(0, 2, 3, 4, 1)
            return self.te(blocked_te.conv2d_stem, self.value(data), constant(packed), *where)
        packed = filled(filled(weight, 0, b), 1, b)
        packed = packed.reshape(packed.shape[0] // b, b, -1, b, height, width).transpose(0, 2, 4, 5, 3, 1)
        return self.te(blocked_te.conv2d_blocked, self.block(data), constant(packed), *where, groups)

    def unary(self, call):  # type: ignore[no-untyped-def]
        """The same operator on blocks."""
        if not self.is_blocked(call.args[0]):
            return None
        return self.emit(relax.Call(call.op, [self.blocked[call.args[0]], *call.args[1:]], call.attrs))

    def binary(self, call):  # type: ignore[no-untyped-def]
        """Two blocked tensors, or one and a constant for each channel or for all."""
        if not any(self.is_blocked(a) for a in call.args):
            return None
        sides = [self.side(a, shape(call)) for a in call.args]
        return None if any(s is None for s in sides) else self.emit(relax.Call(call.op, sides, call.attrs))

    def side(self, expr, wanted):  # type: ignore[no-untyped-def]
        if isinstance(expr, relax.Var):
            return self.block(expr) if shape(expr) == wanted else None
        held = array(expr)
        if held is None or held.size == 1:
            return expr if held is not None else None
        if held.size != wanted[1] or held.shape[-3:] != (wanted[1], 1, 1):
            return None
        return constant(filled(held.reshape(-1), 0, self.lanes).reshape(1, -1, 1, 1, self.lanes))

    def divide(self, call):  # type: ignore[no-untyped-def]
        """The zeros that fill a block must not be divided by each other."""
        return self.binary(call) if shape(call)[1] % self.lanes == 0 else None

    def pool(self, call):  # type: ignore[no-untyped-def]
        if not self.is_blocked(call.args[0]) or str(call.attrs.layout) != "NCHW":
            return None
        attrs = {key: getattr(call.attrs, key) for key in POOL}
        made = getattr(relax.op.nn, operator(call).removeprefix("nn."))
        return self.emit(made(self.blocked[call.args[0]], **attrs, layout=f"NCHW{self.lanes}c"))

    def concat(self, call):  # type: ignore[no-untyped-def]
        fields = list(call.args[0].fields) if isinstance(call.args[0], relax.Tuple) else []
        if int(call.attrs.axis) != 1 or not any(self.is_blocked(f) for f in fields):
            return None
        if any(not isinstance(f, relax.Var) or shape(f) is None for f in fields):
            return None
        if any(shape(f)[1] % self.lanes for f in fields[:-1]):
            return self.te(
                blocked_te.concat_blocked, [self.block(f) for f in fields], [shape(f)[1] for f in fields]
            )
        return self.emit(relax.op.concat([self.block(f) for f in fields], axis=1))

    def mean(self, call):  # type: ignore[no-untyped-def]
        axes = sorted(int(a) for a in call.attrs.axis or [])
        if axes != [2, 3] or not call.attrs.keepdims or not self.is_blocked(call.args[0]):
            return None
        return self.emit(relax.op.mean(self.blocked[call.args[0]], [2, 3], True))


POOL = ("pool_size", "strides", "padding", "dilation", "ceil_mode", "count_include_pad")
RULES = {
    "nn.conv2d": ChannelBlocker.conv2d,
    "nn.max_pool2d": ChannelBlocker.pool,
    "nn.avg_pool2d": ChannelBlocker.pool,
    "concat": ChannelBlocker.concat,
    "mean": ChannelBlocker.mean,
    "divide": ChannelBlocker.divide,
    **dict.fromkeys(("add", "subtract", "multiply", "maximum", "minimum"), ChannelBlocker.binary),
    **dict.fromkeys(
        ("nn.relu", "nn.leakyrelu", "nn.silu", "nn.gelu", "sigmoid", "tanh", "clip", "abs", "sqrt"),
        ChannelBlocker.unary,
    ),
}


def filled(elements, axis, lanes):  # type: ignore[no-untyped-def]
    """Zeros at the end of an axis, so that `lanes` divides it."""
    missing = -elements.shape[axis] % lanes
    return np.pad(elements, [(0, missing if a == axis else 0) for a in range(elements.ndim)])


def dense(weight, groups):  # type: ignore[no-untyped-def]
    """The kernel of a convolution in groups as one of a convolution that reads all channels."""
    outputs, inputs, *kernel = weight.shape
    whole = np.zeros((outputs, inputs * groups, *kernel), weight.dtype)
    for g in range(groups):
        rows = slice(g * outputs // groups, (g + 1) * outputs // groups)
        whole[rows, g * inputs : (g + 1) * inputs] = weight[rows]
    return whole


def constant(elements):  # type: ignore[no-untyped-def]
    return relax.const(np.ascontiguousarray(elements))
