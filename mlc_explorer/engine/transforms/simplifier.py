"""A graph as inference needs it: what is constant is computed, batch norm becomes part of a convolution."""

from __future__ import annotations

import numpy as np
from tvm import relax

from .rewriting import Rewriter, array, operator, shape


class Simplifier(Rewriter):
    """Computes in NumPy what depends on constants only; folds batch norm into the convolution before it, or
    makes a product and a sum of it; leaves dropout out; writes short sums and powers directly."""

    def begin(self, func):  # type: ignore[no-untyped-def]
        self.calls = {}  # of what each variable was the result
        self.affine = {}  # variable → (variable, scale, shift): it is the other one times scale plus shift
        self.uses = uses_of(func)

    def call(self, var, call):  # type: ignore[no-untyped-def]
        name = operator(call)
        self.calls[var], self.variable = call, var
        folded = self.computed(name, call)
        if folded is not None:
            return folded
        rule = getattr(self, "on_" + name.replace(".", "_"), None)
        return rule(call) if rule else None

    def other(self, var, expr):  # type: ignore[no-untyped-def]
        first = isinstance(expr, relax.TupleGetItem) and expr.index == 0
        if first and expr.tuple_value in self.affine:  # the normalised data of a batch norm
            self.affine[var] = self.affine[expr.tuple_value]
        return super().other(var, expr)

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

    # -- scale and shift for each channel

    def on_nn_batch_norm(self, call):  # type: ignore[no-untyped-def]
        data, *statistics = call.args
        arrays = [array(self.value(s)) for s in statistics]
        if call.attrs.training or any(a is None for a in arrays) or shape(data) is None:
            return None
        gamma, beta, mean, variance = (a.astype("float64") for a in arrays)
        scale = (gamma if call.attrs.scale else 1.0) / np.sqrt(variance + float(call.attrs.epsilon))
        shift = (beta if call.attrs.center else 0.0) - mean * scale
        around = [1] * len(shape(data))
        around[int(call.attrs.axis)] = -1
        result = self.scaled(call, data, scale.reshape(around), shift.reshape(around))
        return relax.Tuple([result, self.value(statistics[2]), self.value(statistics[3])])

    def on_multiply(self, call):  # type: ignore[no-untyped-def]
        data, held = self.with_constant(call)
        return None if held is None else self.scaled(call, data, held, np.zeros(()))

    def on_add(self, call):  # type: ignore[no-untyped-def]
        data, held = self.with_constant(call)
        return None if held is None else self.scaled(call, data, np.ones(()), held)

    def with_constant(self, call):  # type: ignore[no-untyped-def]
        """The variable and the constant for each channel, or for all, of a sum or product; (None, None) where
        it is of another kind."""
        for data, other in (call.args, call.args[::-1]):
            held, sizes = array(self.value(other)), shape(data)
            floating = held is not None and held.dtype.kind == "f" and str(call.ty.dtype) == str(held.dtype)
            if not isinstance(data, relax.Var) or not floating or sizes is None or sizes != shape(call):
                continue
            channels = len(sizes) == 4 and held.shape[-3:] == (sizes[1], 1, 1) and held.size == sizes[1]
            if channels or held.size == 1:
                return data, held.astype("float64").reshape((1, -1, 1, 1) if channels else ())
        return None, None

    def scaled(self, call, data, scale, shift):  # type: ignore[no-untyped-def]
        """`data` times scale plus shift, in one go with what was multiplied and added before, and as a part
        of the convolution's weights where it follows one. Calls nobody needs any more are left for
        DeadCodeElimination."""
        while data in self.affine and self.uses.get(data, 0) == 1:
            data, before, added = self.affine[data]
            scale, shift = scale * before, scale * added + shift
        self.affine[self.variable] = (data, scale, shift)
        dtype = str(call.ty.dtype) if hasattr(call.ty, "dtype") else str(data.ty.dtype)
        conv = self.calls.get(data)
        if conv is not None and operator(conv) == "nn.conv2d" and self.uses.get(data, 0) == 1:
            weight = array(self.value(conv.args[1]))
            plain = conv.attrs.data_layout == conv.attrs.out_layout == "NCHW"
            if weight is not None and plain and conv.attrs.kernel_layout == "OIHW":
                weight = weight * np.broadcast_to(scale.reshape(-1, 1, 1, 1), (weight.shape[0], 1, 1, 1))
                args = [self.value(conv.args[0]), relax.const(weight.astype(dtype))]
                return self.plus(self.emit(relax.Call(conv.op, args, conv.attrs)), shift, dtype)
        product = self.value(data)
        if np.any(scale != 1):
            product = self.emit(relax.op.multiply(product, relax.const(scale.astype(dtype))))
        return self.plus(product, shift, dtype)

    def plus(self, product, shift, dtype):  # type: ignore[no-untyped-def]
        if not np.any(shift):
            return product
        if shift.ndim == 0 and len(shape(product)) == 4:
            shift = np.full((1, shape(product)[1], 1, 1), shift)
        return self.emit(relax.op.add(product, relax.const(shift.astype(dtype))))


def uses_of(func):  # type: ignore[no-untyped-def]
    """How often each variable of a graph function is read."""
    uses = {}

    def read(expr):  # type: ignore[no-untyped-def]
        if isinstance(expr, relax.Var):
            uses[expr] = uses.get(expr, 0) + 1
        elif isinstance(expr, relax.Tuple):
            for field in expr.fields:
                read(field)
        elif isinstance(expr, relax.TupleGetItem):
            read(expr.tuple_value)
        elif isinstance(expr, relax.Call):
            for arg in expr.args:
                read(arg)

    for block in func.body.blocks:
        for binding in block.bindings:
            read(binding.value)
    read(func.body.body)
    return uses


def _permuted(elements, axes):  # type: ignore[no-untyped-def]
    if elements.ndim != 2 or axes is None or [int(a) for a in axes] != [1, 0]:
        return elements.transpose(None if axes is None else [int(a) for a in axes])
    result = np.empty(elements.shape[::-1], elements.dtype)
    for at in range(0, len(elements), 128):  # as many rows as caches hold: four times as fast for large ones
        result[:, at : at + 128] = elements[at : at + 128].T
    return result


# Operator → its elements, from those of its arguments, the call, and the shape that it has.
COMPUTED = {
    "reshape": lambda a, call, wanted: a[0].reshape(wanted),
    "broadcast_to": lambda a, call, wanted: np.broadcast_to(a[0], wanted),
    "expand_dims": lambda a, call, wanted: a[0].reshape(wanted),
    "squeeze": lambda a, call, wanted: a[0].reshape(wanted),
    "permute_dims": lambda a, call, wanted: _permuted(a[0], call.attrs.axes),
    "astype": lambda a, call, wanted: a[0].astype(str(call.ty.dtype)),
    "add": lambda a, call, wanted: a[0] + a[1],
    "subtract": lambda a, call, wanted: a[0] - a[1],
    "multiply": lambda a, call, wanted: a[0] * a[1],
    "divide": lambda a, call, wanted: a[0] / a[1],
    "sqrt": lambda a, call, wanted: np.sqrt(a[0]),
    "negative": lambda a, call, wanted: -a[0],
}
