"""The source text that TVM generates for C, CUDA, OpenCL, Metal and WebGPU. None of it needs the hardware, or
a compiler for it.

Shown are the kernels; headers, types and declarations are counted and left out. A function none of whose
loops is bound to a thread can't become a GPU kernel, so that a copy of it is scheduled by dlight's default
rules; what is shown says so. Each line is linked to the line of the function's own ``tir`` text, as far as
that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tvm
import tvm_ffi
from tvm.ir import IRModule, PointerType, PrimType
from tvm.s_tir import dlight
from tvm.target import Target
from tvm.tirx import AttrStmt, DeclBuffer, For, ForKind, PrimFunc, Return, SeqStmt, Var

from ...errors import Refused
from ...schema.text import TextView
from .kernel_text import Linked, definitions, head, launches
from .line_markers import with_markers, without_markers
from .lowering import DETAIL_LIMIT, generate, lower
from .origins import with_lines_of_blocks
from .spans import Spanned, spanned
from .threads import refuse_threads

_HOST = {"kind": "c"}
_DEVICES = {
    "cuda": {"kind": "cuda", "arch": "sm_80"},  # without an arch, TVM takes sm_50
    "opencl": {"kind": "opencl"},
    "metal": {"kind": "metal"},
    "webgpu": {"kind": "webgpu"},
}
# For Metal, dlight would first import all of TVM's tensor intrinsics, which takes 14 s, and then rarely use
# them: its schedule for OpenCL is taken instead.
_SCHEDULED_FOR = {"metal": {"kind": "opencl"}}
_SCHEDULED = "// No loop is bound to a thread: dlight's default GPU schedule was applied for this view"
_C_NOTES = {
    ForKind.PARALLEL: "// Parallel loops are serial: TVM's C uses no threads",
    ForKind.VECTORIZED: "// Vectorized loops are plain: TVM's C has the vectors of OpenCL, which C lacks",
}
_NO_VECTORS = {"tirx.disable_vectorize": True}


def c_source(mod: IRModule, function: str, level: str) -> TextView:
    """The PrimFunc `function` in the language `level`: ``c``, ``cuda``, ``opencl``, ``metal`` or ``webgpu``.

    Comments say how a kernel is launched and what was left out. Raises NotFound for a graph function,
    Refused where TVM has no code for it.
    """
    source = spanned(mod, function, level)
    return _c(source) if level == "c" else _device(source, level)


def _c(source: Spanned) -> TextView:
    refuse_threads(source, "C")
    target = Target(_HOST, host=_HOST)
    func = _with_pointers(lower(source, target, _NO_VECTORS))
    kinds = {int(loop.kind) for loop in _loops(source.func)}
    notes = [note for kind, note in _C_NOTES.items() if int(kind) in kinds]
    text = _generated(func, source, lambda f: generate(f, target, packed=False))
    return _view(source, "c", notes, text, {})


def _device(source: Spanned, level: str) -> TextView:
    target = Target(_DEVICES[level], host=_HOST)
    notes = []
    if not _bound(source):
        source = _with_threads(source, Target(_SCHEDULED_FOR.get(level, _DEVICES[level])))
        notes = [_SCHEDULED]
    func = lower(source, target)
    text = _generated(func, source, lambda f: generate(f, target).imports[0])
    return _view(source, level, notes, text, launches(func))


def _generated(
    func: PrimFunc, source: Spanned, build: Callable[[PrimFunc], tvm.runtime.Module]
) -> list[Linked]:
    """The generated text with lines of ``tir``; without them where the markers would change the text."""
    plain = str(build(func).inspect_source()).split("\n")
    if source.known:
        marked = without_markers(str(build(with_markers(func, source)).inspect_source()))
        if [line for line, _ in marked] == plain:
            return marked
    return [(line, None) for line in plain]


def _view(
    source: Spanned, level: str, notes: list[str], text: list[Linked], launched: Mapping[str, str]
) -> TextView:
    kept = list(definitions(text, level))
    left_out = _count(text) - sum(_count(part) for part in kept)
    lines: list[Linked] = [(note, None) for note in notes]
    if left_out:
        lines.append((f"// Left out: {left_out} lines of headers, types and declarations", None))
    for part in kept:
        name, signature = head(part, level)
        if len(part) > 1 and lines:
            lines.append(("", None))
        if name in launched:
            lines.append((f"// {name} is launched on {launched[name]}", None))
        lines += [(line, source.define if i in signature else link) for i, (line, link) in enumerate(part)]
    name = source.tir.function
    return TextView(name, level, tuple(t for t, _ in lines), links=tuple(link for _, link in lines))


def _count(lines: list[Linked]) -> int:
    return sum(bool(line.strip()) for line, _ in lines)


def _loops(func: PrimFunc) -> list[For]:
    found: list[For] = []
    tvm_ffi.structural_walk(func.body, (For, found.append))
    return found


def _bound(source: Spanned) -> bool:
    """Whether threads run it: bound loops, or what lowering makes of them."""
    launched: list[AttrStmt] = []
    tvm_ffi.structural_walk(source.func.body, (AttrStmt, launched.append))
    bound = any(loop.thread_binding is not None for loop in _loops(source.func))
    return bound or any(attr.attr_key == "thread_extent" for attr in launched)


def _with_threads(source: Spanned, target: Target) -> Spanned:
    """A copy, scheduled by the rules that TVM itself takes for GPUs. Its stores keep their spans."""
    name = source.tir.function
    gpu = dlight.gpu
    rules = (gpu.Matmul(), gpu.GEMV(), gpu.Reduction(), gpu.GeneralReduction(), gpu.Fallback())
    alone = IRModule({name: source.func.with_attr("global_symbol", name)})
    try:
        with target:
            scheduled = dlight.ApplyDefaultSchedule(*rules)(alone.clone())
    except Exception as e:  # a rule raises whatever the schedule raises: it did not foresee what it met
        raise _no_threads(name, str(e).strip()) from e
    found = Spanned(with_lines_of_blocks(scheduled[name], source.func), source.tir, source.known)
    if not _bound(found):
        raise _no_threads(name)
    return found


def _no_threads(function: str, detail: str = "") -> Refused:
    return Refused(
        f"'{function}' has no loop that is bound to a thread, and dlight's default rules, which are made for "
        "functions without a schedule, can't bind any.",
        hint="Bind its loops to threads, or look at it as it was before its first schedule step.",
        place=function,
        detail=detail[:DETAIL_LIMIT],
        code="view_no_threads",
        params={"function": function},
    )


def _with_pointers(func: PrimFunc) -> PrimFunc:
    """`func` as its calling convention, which is left out, would have unpacked its arguments: parameters are
    pointers, the device is known, the result says that all went well."""
    pointers = {
        p: Var(p.name, PointerType(PrimType(str(p.ty.dtype)))) if hasattr(p.ty, "shape") else p
        for p in func.params
    }

    def declared(stmt: DeclBuffer) -> DeclBuffer:
        arguments = getattr(stmt.data, "args", None)
        known = pointers.get(arguments[0]) if arguments else None
        return stmt if known is None else DeclBuffer(stmt.buffer, data=known)

    body = tvm_ffi.structural_map(func.body, (DeclBuffer, declared))
    for key, value in (("device_id", 0), ("device_type", tvm.cpu().dlpack_device_type())):
        body = AttrStmt("default", key, tvm.tirx.const(value, "int32"), body)
    body = SeqStmt([body, Return(tvm.tirx.const(0, "int32"))])
    unpacked = PrimFunc(list(pointers.values()), body, PrimType("int32"))
    return unpacked.with_attr(dict(func.attrs)).without_attr("tirx.is_entry_func")
