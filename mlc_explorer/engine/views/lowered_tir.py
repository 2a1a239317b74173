"""A tensor function as TensorIR without blocks, as TVM hands it to the code generators.

This is what `lowering.lower` gives, before the calling convention is wrapped around it: what a schedule has
become, in the language that it was written in.
"""

from __future__ import annotations

from tvm.ir import IRModule
from tvm.target import Target

from ...schema.text import TextView
from .lowering import lower
from .origins import origins
from .spans import spanned
from .text import printed

_BOOKKEEPING = ("target", "tirx.is_entry_func")


def lowered_tir(mod: IRModule, function: str, target: Target) -> TextView:
    """The PrimFunc `function` after all passes of TVM's pipeline for `target` that change its loops.

    `links` give the 1-based line of the function's ``tir`` text. Raises NotFound for a graph function,
    Refused where a pass fails.
    """
    source = spanned(mod, function, "lowered")
    func = lower(source, target.with_host(target))
    visible = source.func.attrs and "global_symbol" in source.func.attrs
    for name in _BOOKKEEPING if visible else (*_BOOKKEEPING, "global_symbol"):
        func = func.without_attr(name)
    found = origins(func.body, source)
    lines, at = printed(func, function, [stmt for stmt, _ in found])
    links: list[int | None] = [None] * len(lines)
    for i, (_, line) in enumerate(found):
        if i in at:
            links[at[i] - 1] = links[at[i] - 1] or line
    links = [source.define if line.startswith("def ") else link for line, link in zip(lines, links)]
    return TextView(function, "lowered", tuple(lines), links=tuple(links))
