"""A tensor function as LLVM IR or assembly, each line linked to the line of TVMScript that it came from.

A PrimFunc that was parsed from text has spans, and LLVM carries them down to the instructions. So the ``tir``
text is parsed back (it is our own print, and gives an equal function) and that is compiled: the debug
locations then count the lines which the screen shows. Left out is what is in no loop: argument checks,
runtime helpers, directives, debug data, labels that nothing jumps to.
"""

from __future__ import annotations

import tvm
from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ...errors import Refused
from ...schema.text import TextView
from .assembly import read_assembly
from .debug_scopes import assembly_with_scopes
from .instructions import Kinds
from .llvm_ir import read_llvm
from .lookup import prim_func
from .text import parse, text

_LAST_LINES = 12  # of TVM's message, which begins with a long stack


def lowered(mod: IRModule, function: str, level: str, target: tvm.target.Target) -> TextView:
    """The PrimFunc `function` compiled for `target`, at `level` ``llvm`` or ``asm``.

    `links` give the 1-based line of the function's ``tir`` text; `kinds` are those of `instructions`. Raises
    NotFound for a graph function, Refused where TVM can't compile it or the target is not
    one of LLVM's.
    """
    func = prim_func(mod, function, level)
    with_lines, linked = _with_lines(mod, function, func)
    source = _compile(with_lines, function, target)
    lines = (
        read_llvm(source, function)
        if level == "llvm"
        else read_assembly(assembly_with_scopes(source), function)
    )
    kinds = Kinds("llvm" if level == "llvm" else _triple(target))
    return TextView(
        function,
        level,
        tuple(line.text for line in lines),
        links=tuple(line.link if linked else None for line in lines),
        kinds=tuple(kinds.of(line.text) if line.is_code else "other" for line in lines),
    )


def _with_lines(mod: IRModule, function: str, func: PrimFunc) -> tuple[PrimFunc, bool]:
    """`func` with the lines of its text as spans, and whether that worked: what holds constants that the text
    does not spell out can't be read back, and is shown without links."""
    try:
        return parse(text(mod, function, "tir")), True
    except Exception:  # the parser raises whatever its evaluation raises
        return func, False


def _compile(func: PrimFunc, function: str, target: tvm.target.Target) -> str:
    """The optimised LLVM IR of the module that holds `func` alone."""
    try:
        named = func.with_attr("global_symbol", function).with_attr("target", target)
        return str(tvm.compile(tvm.IRModule({function: named}), target=target).mod.inspect_source("ll"))
    except Exception as e:  # TVM's passes raise errors of many classes
        last = str(e).strip().splitlines() or [type(e).__name__]
        raise Refused(
            f"'{function}' can't be compiled for {target.kind.name}: {last[-1]}",
            hint="Look at the loops at the place that the message names, or undo the last step.",
            place=function,
            detail="\n".join(last[-_LAST_LINES:]),
            code="view_not_compiled",
            params={"function": function, "target": target.kind.name, "reason": last[-1]},
        ) from e


def _triple(target: tvm.target.Target) -> str:
    return str(target.attrs.get("mtriple", "")) or str(tvm.get_global_func("target.llvm_get_system_triple")())
