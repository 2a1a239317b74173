"""A tensor function as LLVM IR or assembly, each line linked to the line of TVMScript that it came from.

The function is given the lines of its text (`spans`), its loops are given theirs after lowering
(`loop_lines`), LLVM carries them down to the instructions, and what it drops on the way is attributed to the
loop that it runs in (`attribution`). Left out is what is in no loop: argument checks, runtime helpers,
directives, debug data, labels that nothing jumps to.
"""

from __future__ import annotations

import tvm
from tvm.ir import IRModule
from tvm.tirx.build import codegen_build

from ...schema.text import TextView
from .assembly import read_assembly
from .attribution import attributed, counted
from .debug_scopes import assembly_with_scopes
from .instructions import Kinds
from .lines import Line, instructions, kernels
from .llvm_ir import read_llvm
from .loop_lines import with_lines
from .lowering import refused
from .spans import Spanned, spanned
from .threads import refuse_threads


def lowered(mod: IRModule, function: str, level: str, target: tvm.target.Target) -> TextView:
    """The PrimFunc `function` compiled for `target`, at `level` ``llvm`` or ``asm``.

    `links` give the 1-based line of the function's ``tir`` text; `kinds` are those of `instructions`,
    `counts` those of the loops that have instructions of their own. Raises NotFound for a graph function,
    Refused where TVM can't compile it, a loop is bound to a GPU's threads, or the target is not LLVM's.
    """
    subject = spanned(mod, function, level)
    marks = subject.tir.marks if subject.known else ()
    refuse_threads(subject, "CPU")
    source = _compile(subject, function, target)
    is_ir = level == "llvm"
    every = read_llvm(source) if is_ir else read_assembly(assembly_with_scopes(source))
    shown = kernels(every, function)
    kinds = Kinds("llvm" if is_ir else _triple(target))
    headers = {mark.line for mark in marks if mark.kind == "loop"}
    lines: list[Line] = []
    found: list[str] = []
    for routine in shown:
        if lines:
            lines.append(Line("", is_code=False))
            found.append("other")
        linked = attributed(routine.lines, marks, is_ir) if marks else routine.lines
        lines += linked
        found += kinds.of_routine(linked, headers)
    links = tuple(None if kind == "frame" else line.link for line, kind in zip(lines, found))
    return TextView(
        function,
        level,
        tuple(line.text for line in lines),
        links=links,
        kinds=tuple(found),
        counts=counted(links, found, marks),
        left_out=instructions(every) - instructions(shown),
    )


def _compile(subject: Spanned, function: str, target: tvm.target.Target) -> str:
    """The optimised LLVM IR of the module that holds the function alone, made as `tvm.compile` makes it, with
    lines on what lowering made."""
    named = subject.func.with_attr("global_symbol", function).with_attr("target", target)
    try:
        lower, finish, _ = tvm.tirx.get_default_tir_pipeline(target)
        mod = tvm.tirx.transform.BindTarget(target.with_host(target))(tvm.IRModule({function: named}))
        mod = finish()(lower(mod))
        if subject.known:
            mod.update_func(mod.get_global_var(function), with_lines(mod[function], subject.tir.marks))
        return str(codegen_build(mod, target).inspect_source("ll"))
    except Exception as e:  # TVM's passes raise errors of many classes
        raise refused(function, target, e) from e


def _triple(target: tvm.target.Target) -> str:
    return str(target.attrs.get("mtriple", "")) or str(tvm.get_global_func("target.llvm_get_system_triple")())
