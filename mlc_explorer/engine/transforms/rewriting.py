"""Rewriting a graph call by call: what our own passes over operators share.

A pass is a subclass of `Rewriter` that says what becomes of a call. Exported scripts carry these classes as
they stand, so that they use TVM and NumPy only.
"""

from __future__ import annotations

import numpy as np
from tvm import relax


class Rewriter:
    """Emits a graph function anew. `values` holds what became of each variable."""

    def __init__(self, mod):  # type: ignore[no-untyped-def]
        self.builder = relax.BlockBuilder(mod)
        self.values = {}
        self.name = ""

    @classmethod
    def applied(cls, mod, *settings):  # type: ignore[no-untyped-def]
        """`mod` with each graph function emitted anew that is one block of dataflow; others stay."""
        builder = cls(mod, *settings)
        for var, func in mod.functions_items():
            if cls.takes(func):
                builder.builder.update_func(var, builder.function(func))
        return _tidied(builder.builder.get(), {var.name_hint for var in mod.get_global_vars()})

    @staticmethod
    def takes(func):  # type: ignore[no-untyped-def]
        if not isinstance(func, relax.Function) or "Primitive" in (func.attrs or {}):
            return False
        blocks = func.body.blocks if isinstance(func.body, relax.SeqExpr) else []
        one = len(blocks) == 1 and isinstance(blocks[0], relax.DataflowBlock)
        return one and all(isinstance(b, relax.VarBinding) for b in blocks[0].bindings)

    def function(self, func):  # type: ignore[no-untyped-def]
        self.values = {param: param for param in func.params}
        self.begin(func)
        self.builder.begin_scope(func.params)
        self.builder._begin_dataflow_block()
        for binding in func.body.blocks[0].bindings:
            self.name = binding.var.name
            found = self.bound(binding.var, binding.value)
            if found is not None:
                self.values[binding.var] = found
        result = self.builder.emit_output(self.value(func.body.body))
        block = self.builder._end_block()
        body = self.builder.normalize(relax.SeqExpr([block], result))
        self.builder.end_scope()
        made = relax.Function(func.params, body, None, func.is_pure, func.attrs)
        return relax.analysis.remove_all_unused(made)

    def begin(self, func):  # type: ignore[no-untyped-def]
        """Before the first call of `func`."""

    def bound(self, var, expr):  # type: ignore[no-untyped-def]
        """What stands for `var`, which was `expr`; None where a pass keeps that itself."""
        if isinstance(expr, relax.Call):
            found = self.call(var, expr)
            return self.plain(expr) if found is None else found
        return self.other(var, expr)

    def call(self, var, call):  # type: ignore[no-untyped-def]
        """What stands for a call, or None: the same call of what became of its arguments."""
        return None

    def other(self, var, expr):  # type: ignore[no-untyped-def]
        """What stands for an element of a tuple, a constant, another variable, …"""
        if isinstance(expr, relax.Var):
            return self.values.get(expr, expr)
        if isinstance(expr, relax.TupleGetItem):
            held = self.value(expr.tuple_value)
            return held.fields[expr.index] if isinstance(held, relax.Tuple) else self.emit(held[expr.index])
        return self.emit(self.value(expr))

    def plain(self, call):  # type: ignore[no-untyped-def]
        """The same call of what became of its arguments."""
        args = [self.value(a) for a in call.args]
        return self.emit(relax.Call(call.op, args, call.attrs, call.ty_args))

    def emit(self, expr):  # type: ignore[no-untyped-def]
        """A new variable for `expr`, called after the one that is being rewritten."""
        return self.builder.emit(expr, self.name)

    def value(self, expr):  # type: ignore[no-untyped-def]
        """What became of an argument."""
        if isinstance(expr, relax.Tuple):
            return relax.Tuple([self.value(f) for f in expr.fields])
        return self.values.get(expr, expr) if isinstance(expr, relax.Var) else expr


def _tidied(mod, kept):  # type: ignore[no-untyped-def]
    """Without second names of values, and without functions that were made, and then not called after all."""
    mod = relax.transform.CanonicalizeBindings()(mod)
    graphs = [func for _, func in mod.functions_items() if isinstance(func, relax.Function)]
    called = {var.name_hint for func in graphs for var in relax.analysis.all_global_vars(func)}
    functions = {v: f for v, f in mod.functions_items() if v.name_hint in kept | called}
    return type(mod)(functions, attrs=mod.attrs, global_infos=mod.global_infos)


def operator(call):  # type: ignore[no-untyped-def]
    """The operator's name without ``relax.``, or an empty text."""
    return getattr(call.op, "name", "").removeprefix("relax.")


def array(expr):  # type: ignore[no-untyped-def]
    """A constant's elements, or None. They are not copied, which takes seconds for large weights."""
    held = getattr(expr, "value", getattr(expr, "data", None)) if is_constant(expr) else None
    if held is None:
        return None
    try:
        elements = np.from_dlpack(held)
    except RuntimeError:  # a type that NumPy has only by another package
        return np.asarray(held.numpy())
    elements.flags.writeable = False
    return elements


def is_constant(expr):  # type: ignore[no-untyped-def]
    return not isinstance(expr, relax.Var) and hasattr(
        getattr(expr, "value", getattr(expr, "data", None)), "numpy"
    )


def shape(expr):  # type: ignore[no-untyped-def]
    """The shape as whole numbers, or None if it is symbolic."""
    found = getattr(expr.ty, "shape", None)
    sizes = [getattr(s, "value", None) for s in found.values] if hasattr(found, "values") else [None]
    return None if None in sizes else tuple(int(s) for s in sizes)
