"""Loops that a GPU's threads run, where a view has no such threads: refused with the loops, because TVM would
say no more than "not implemented"."""

from __future__ import annotations

import re

from ...errors import Refused
from .spans import Spanned

# Not vthread, which any machine has.
_THREAD = re.compile(r'T\.thread_binding\(.*thread="(?:block|thread)Idx')
_LAUNCH = re.compile(r'T\.launch_thread\("((?:block|thread)Idx\.\w)"')  # what lowering makes of such a loop
_PARALLEL = re.compile(r"T\.parallel\(")
_MIXED = "thread_scope_ == op"  # what TVM checks where a parallel loop meets a kernel
_HAS_NONE = {"C": "C has no such threads", "CPU": "a CPU has no such threads"}


def refuse_threads(source: Spanned, machine: str) -> None:
    """Refused (``view_threads_not_c``, ``view_threads_not_cpu``; `machine`: ``C`` or ``CPU``) for a function
    with loops that are bound to threads, or that launches threads."""
    bound = _loops(source, _THREAD)
    launched = [m[1] for line in source.tir.lines for m in [_LAUNCH.search(line)] if m]
    if bound or launched:
        name, loops = source.tir.function, ", ".join(bound or dict.fromkeys(launched))
        raise Refused(
            f"'{name}' has loops that are bound to threads ({loops}), and {_HAS_NONE[machine]}.",
            hint="Look at CUDA, OpenCL, Metal or WebGPU instead.",
            place=bound[0] if bound else name,
            code=f"view_threads_not_{machine.lower()}",
            params={"function": name, "loops": loops},
            paths=bound,
        )


def mixed(source: Spanned, error: Exception) -> Refused | None:
    """The refusal for TVM's `error`, if it is that the function has parallel loops and bound ones."""
    parallel, bound = _loops(source, _PARALLEL), _loops(source, _THREAD)
    if _MIXED not in str(error) or not (parallel and bound):
        return None
    name = source.tir.function
    params = {"function": name, "parallel": ", ".join(parallel), "bound": ", ".join(bound)}
    return Refused(
        f"'{name}' has parallel loops ({params['parallel']}), which a CPU's threads run, and loops that a "
        f"GPU's threads run ({params['bound']}). TVM can't compile both in one function.",
        hint="Bind the parallel loops to threads as well, or take one kind of step back.",
        place=parallel[0],
        detail=str(error).strip(),
        code="view_threads_mixed",
        params=params,
        paths=parallel + bound,
    )


def _loops(source: Spanned, header: re.Pattern[str]) -> tuple[str, ...]:
    """The paths of the loops whose line in the text matches `header`."""
    lines = source.tir.lines
    return tuple(m.path for m in source.tir.marks if m.kind == "loop" and header.search(lines[m.line - 1]))
