"""A graph as inference needs it: what is constant is computed, batch norm becomes part of a convolution."""

from __future__ import annotations

import numpy as np
from tvm import relax

from .rewriting import Rewriter, array, operator, shape


class Simplifier(Rewriter):
    """Computes in NumPy what depends on constants only; folds batch norm into the convolution before it, or
    makes a product and a sum of it; leaves dropout out; writes short sums and powers directly."""

    def begin(self, func):  # type: ignore[no-untyped-def]
        self.uses = {}
        self.calls = {}

        def count(expr):  # type: ignore[no-untyped-def]
            if isinstance(expr, relax.Var):
                self.uses[expr] = self.uses.get(expr, 0) + 1

        relax.analysis.post_order_visit(func, count)
        # Each variable is met once where it is bound, too.

    def call(self, var, call):  # type: ignore[no-untyped-def]
        name = operator(call)
        self.calls[var] = call
        folded = self.computed(name, call)
        if folded is not None:
            return folded
        rule = getattr(self, "on_" + name.replace(".", "_"), None)
        return rule(call) if rule else None

    # -- what is constant

    def computed(self, name, call):  # type: ignore[no-untyped-def]
        """A constant, where all arguments are."""
        compute = COMPUTED.get(name)
        arrays = [array(self.value(a)) for a in call.args if not isinstance(a, relax.ShapeExpr | relax.Tuple)]
        wanted = shape(call)
        if compute is None or wanted is None or not arrays or any(a is None for a in arrays):
            return None
        result = compute(arrays, call, wanted)
        kept = result.shape == wanted and str(result.dtype) == str(call.ty.dtype)
        return relax.const(np.ascontiguousarray(result)) if kept else None

    # -- operators

    def on_nn_dropout(self, call):  # type: ignore[no-untyped-def]
        return relax.Tuple([self.value(call.args[0]), self.value(call.args[0])])

    def on_broadcast_to(self, call):  # type: ignore[no-untyped-def]
        data = self.value(call.args[0])
        return data if shape(data) is not None and shape(data) == shape(call) else None

    def on_reshape(self, call):  # type: ignore[no-untyped-def]
        return self.on_broadcast_to(call)

    def on_stack(self, call):  # type: ignore[no-untyped-def]
        """Stays apart until it is known whether it is only added up."""
        return None

    def on_sum(self, call):  # type: ignore[no-untyped-def]
        """The sum over a stack is a sum of its parts."""
        stack = self.calls.get(call.args[0])
        if stack is None or operator(stack) != "stack" or call.attrs.keepdims:
            return None
        axes = [int(a) for a in call.attrs.axis or []]
        fields = getattr(self.value(stack.args[0]), "fields", None)
        if axes != [int(stack.attrs.axis or 0)] or not fields:
            return None
        total = fields[0]
        for part in fields[1:]:
            total = self.emit(relax.op.add(total, part))
        return total

    def on_power(self, call):  # type: ignore[no-untyped-def]
        """Roots instead of logarithms for the exponents that networks have."""
        exponent = array(self.value(call.args[1]))
        if exponent is None or exponent.size != 1:
            return None
        data, power = self.value(call.args[0]), float(exponent.reshape(()))
        if power == 2:
            return self.emit(relax.op.multiply(data, data))
        if power not in (0.5, 0.75):
            return None
        root = self.emit(relax.op.sqrt(data))
        return root if power == 0.5 else self.emit(relax.op.multiply(root, self.emit(relax.op.sqrt(root))))

    def on_nn_batch_norm(self, call):  # type: ignore[no-untyped-def]
        data, *statistics = call.args
        arrays = [array(self.value(s)) for s in statistics]
        if call.attrs.training or any(a is None for a in arrays) or shape(call.args[0]) is None:
            return None
        gamma, beta, mean, variance = (a.astype("float64") for a in arrays)
        scale = (gamma if call.attrs.scale else 1.0) / np.sqrt(variance + float(call.attrs.epsilon))
        shift = (beta if call.attrs.center else 0.0) - mean * scale
        axis = int(call.attrs.axis) % len(shape(data))
        dtype = str(data.ty.dtype)
        result = self.folded(data, scale, shift, dtype) if axis == 1 else None
        if result is None:
            around = [1] * len(shape(data))
            around[axis] = -1
            product = relax.op.multiply(self.value(data), relax.const(scale.reshape(around).astype(dtype)))
            result = self.emit(
                relax.op.add(self.emit(product), relax.const(shift.reshape(around).astype(dtype)))
            )
        return relax.Tuple([result, self.value(statistics[2]), self.value(statistics[3])])

    def folded(self, data, scale, shift, dtype):  # type: ignore[no-untyped-def]
        """The convolution (and its bias) before a batch norm with its weights scaled, or None."""
        conv, bias = self.calls.get(data), 0.0
        if conv is not None and operator(conv) == "add" and self.uses.get(data, 0) <= 2:
            bias = array(self.value(conv.args[1]))
            data = conv.args[0]
            conv = self.calls.get(data)
        if conv is None or operator(conv) != "nn.conv2d" or self.uses.get(data, 0) > 2:
            return None
        weight = array(self.value(conv.args[1]))
        if (
            weight is None
            or bias is None
            or conv.attrs.kernel_layout != "OIHW"
            or conv.attrs.data_layout != "NCHW"
        ):
            return None
        bias = np.asarray(bias, "float64")
        if bias.size not in (1, scale.size):
            return None
        weight = (weight * scale.reshape(-1, 1, 1, 1)).astype(dtype)
        shift = (shift + bias.reshape(-1) * scale).reshape(1, -1, 1, 1).astype(dtype)
        args = [self.value(conv.args[0]), relax.const(weight)]
        return self.emit(relax.op.add(self.emit(relax.Call(conv.op, args, conv.attrs)), relax.const(shift)))


def _axes(call, rank):  # type: ignore[no-untyped-def]
    given = call.attrs.axes
    return [int(a) for a in given] if given is not None else list(range(rank))[::-1]


# Operator → its elements, from those of its arguments, the call, and the shape that it has.
COMPUTED = {
    "reshape": lambda a, call, wanted: a[0].reshape(wanted),
    "broadcast_to": lambda a, call, wanted: np.broadcast_to(a[0], wanted),
    "expand_dims": lambda a, call, wanted: a[0].reshape(wanted),
    "squeeze": lambda a, call, wanted: a[0].reshape(wanted),
    "permute_dims": lambda a, call, wanted: a[0].transpose(_axes(call, a[0].ndim)),
    "astype": lambda a, call, wanted: a[0].astype(str(call.ty.dtype)),
    "add": lambda a, call, wanted: a[0] + a[1],
    "subtract": lambda a, call, wanted: a[0] - a[1],
    "multiply": lambda a, call, wanted: a[0] * a[1],
    "divide": lambda a, call, wanted: a[0] / a[1],
    "sqrt": lambda a, call, wanted: np.sqrt(a[0]),
    "negative": lambda a, call, wanted: -a[0],
}
