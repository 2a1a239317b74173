"""The passes that put calls of a library in the place of operators or of functions. Exported scripts carry
their text."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections import Counter

from tvm import relax
from tvm.relax.dpl import WildcardPattern


def replace_by_calls(mod, name, pattern, arguments, binding=None):
    """The module in which each match of `pattern` is a call R.call_dps_packed(name, arguments(match)).

    Only matches whose inner results nobody else needs count; with `binding`, the match that ends in the
    variable of that name. `mod` is left as it is.
    """
    out = mod.clone()
    for var, func in mod.functions_items():
        if not isinstance(func, relax.Function) or "Composite" in func.attrs:
            continue
        func = relax.analysis.remove_all_unused(func)  # what nobody uses must not count as a user
        values = relax.analysis.get_var2val(func)
        bound = {value: variable for variable, value in values.items()}
        users = Counter(v for value in values.values() for v in relax.analysis.free_vars(value))

        def call(variable, value, values=values, bound=bound, users=users):
            found = pattern.extract_matched_expr(value, values)
            if not found or binding not in (None, variable.name):
                return None
            leaves = [p for p in found if isinstance(p, WildcardPattern)]
            inner = {bound[e] for p, e in found.items() if p not in leaves and e in bound} - {variable}
            given = arguments({**found, **{p: bound.get(found[p], found[p]) for p in leaves}})
            fits = given is not None and all(users[v] == 1 for v in inner)
            return relax.op.call_dps_packed(name, given, value.ty) if fits else None

        changed = with_calls(func, call)
        if not changed.same_as(func):
            out.update_func(var, changed)
    return out


def replace_function(mod, callee, name, order, more):
    """The module in which each call of the function `callee` is R.call_dps_packed(name, …): its arguments in
    `order`, then `more`. The function is gone; `mod` is left as it is."""
    gone = mod.get_global_var(callee)

    def call(variable, value):
        if not isinstance(value, relax.Call):
            return None
        is_tir = getattr(value.op, "name", "") == "relax.call_tir" and value.args[0].same_as(gone)
        if not is_tir and not value.op.same_as(gone):
            return None
        args = value.args[1].fields if is_tir else value.args
        return relax.op.call_dps_packed(name, [*(args[i] for i in order), *more], value.ty)

    functions = {var: func for var, func in mod.functions_items() if not var.same_as(gone)}
    for var, func in functions.items():
        if isinstance(func, relax.Function):
            functions[var] = with_calls(func, call)
    return type(mod)(functions, attrs=mod.attrs, global_infos=mod.global_infos)


def with_calls(func, call):
    """`func` with `call(variable, value)` in the place of each float32 tensor that it computes, where that is
    not None; what nobody uses any more is gone. Other element types are not what every library computes."""
    builder, blocks, changed = relax.BlockBuilder(), [], False
    for block in func.body.blocks:
        bindings = list(block.bindings)
        for i, old in enumerate(bindings):
            value = old.value
            computed = isinstance(value, (relax.Call, relax.TupleGetItem))
            plain = computed and isinstance(value.ty, relax.TensorType)
            new = call(old.var, value) if plain and str(value.ty.dtype) == "float32" else None
            if new is not None:
                bindings[i], changed = relax.VarBinding(old.var, builder.normalize(new)), True
        blocks.append(type(block)(bindings))
    if not changed:
        return func
    body = relax.SeqExpr(blocks, func.body.body)
    made = relax.Function(func.params, body, func.ret_ty, func.is_pure, func.attrs)
    return relax.analysis.remove_all_unused(made)
