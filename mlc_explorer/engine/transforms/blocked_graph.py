"""A graph whose tensors of four axes may be in blocks of channels, or plain, or both."""

from __future__ import annotations

import numpy as np
from tvm import relax

from . import blocked_te
from .lanes import is_plain, lane_of, plain_order
from .rewriting import Rewriter, array, operator, shape


class BlockedGraph(Rewriter):
    """Keeps data in blocks of `lanes` channels as far as the rules of a subclass go.

    `blocked` holds the blocked form of old variables and the order of its lanes, `values` the plain one;
    whichever is missing is made from the other where it is asked for. `flat` holds what became of a blocked
    tensor that is only flattened to be multiplied: its rows in the order of the lanes.
    """

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
                lanes = constant(lane_of(order, channels))
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
        return self.te(blocked_te.reordered_lanes, data, constant(lanes.astype("int32"))), order

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

    def rules(self):  # type: ignore[no-untyped-def]
        """Operator → the name of the method that says what becomes of its calls."""
        return {}

    def ruled(self, var, call):  # type: ignore[no-untyped-def]
        """A blocked variable with its order, a plain variable, or None where no rule says anything."""
        rule, sizes = self.rules().get(operator(call)), shape(call)
        if rule is None or sizes is None or 0 in sizes:
            return None
        return getattr(self, rule)(var, call)

    def te(self, compute, *args):  # type: ignore[no-untyped-def]
        return self.emit(self.builder.call_te(compute, *args, primfunc_name_hint=compute.__name__))

    def is_blocked(self, expr):  # type: ignore[no-untyped-def]
        return isinstance(expr, relax.Var) and expr in self.blocked

    def can_be_blocked(self, expr):  # type: ignore[no-untyped-def]
        sizes = shape(expr) if isinstance(expr, relax.Var) else None
        return sizes is not None and len(sizes) == 4 and 0 not in sizes

    def matrix_products(self, var):  # type: ignore[no-untyped-def]
        """Whether `var` is only multiplied by constant matrices."""
        return all(self._multiplies(user, var) for user in self.users.get(var, [None]))

    def _multiplies(self, user, var):  # type: ignore[no-untyped-def]
        if user is None or operator(user) != "matmul" or not user.args[0].same_as(var):
            return False
        weight = array(user.args[1])
        return weight is not None and weight.ndim == 2


def constant(elements):  # type: ignore[no-untyped-def]
    return relax.const(np.ascontiguousarray(elements))
