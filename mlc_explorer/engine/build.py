"""An IRModule becomes something that runs, at whatever stage of its way down it is.

What is measured must be the module as the person sees it, so the pipeline given to `tvm.compile` may lower
and must not optimise. `relax.get_default_pipeline(target)` is out: on a CPU it fuses. ``default_build`` (what
`tvm.compile` itself takes on a CPU, and the ``default`` pipeline of the palette) legalises what is still an
operator, turns `call_tir` into calls with allocated outputs, plans their memory and lowers the rest to the
VM; it neither fuses nor folds. It takes every stage a trace can reach: operators, legalised, with composite
functions, fused, and what went through ``zero`` or through itself (each of its passes then finds nothing to
do). A PrimFunc goes through TVM's usual loop lowering, which follows the schedule, and LLVM's -O3, as any
compiler's input does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes  # noqa: F401 - gives NumPy bfloat16 and float8 by name
import numpy as np
import tvm
import tvm_ffi
from tvm import relax
from tvm.s_tir import SBlock
from tvm.tirx import AttrStmt, BufferStore, IntImm, PrimFunc

from ..errors import JobFailed, NotFound, Refused
from ..schema.report import TensorInfo
from . import libraries, targets
from .paths import walk
from .timing import alternate, time_calls
from .transforms.wording import words

PIPELINE = "default_build"
_GPU_THREADS = ("blockIdx", "threadIdx")
_DETAIL_LIMIT = 20_000  # characters of TVM's own text: some errors print the whole module
_NO_MEMORY = ("std::bad_alloc", "posix_memalign")  # TVM's words; a worker makes OutOfMemory of MemoryError


@dataclass(frozen=True)
class Signature:
    """What goes into a function and what comes out, in order."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def signature(mod: tvm.IRModule, entry: str) -> Signature:
    """The tensors of `entry`. Refused if a shape is symbolic or a parameter is no tensor."""
    function = _function(mod, entry)
    if isinstance(function, PrimFunc):
        written = _written(function)
        infos = [(_prim_tensor(p, entry), p.name in written) for p in function.params]
        return Signature(tuple(i for i, out in infos if not out), tuple(i for i, out in infos if out))
    inputs = tuple(_relax_tensor(p.name, p.ty, entry) for p in function.params)
    result = function.ret_ty
    parts = list(result.fields) if isinstance(result, relax.TupleType) else [result]
    return Signature(inputs, tuple(_relax_tensor(f"output_{i}", t, entry) for i, t in enumerate(parts)))


def build(mod: tvm.IRModule, target: tvm.target.Target, entry: str = "main") -> Runnable:
    """`entry` of `mod`, compiled for `target` (a CPU).

    A PrimFunc is compiled alone, a Relax function with everything in the module. NotFound if there is no
    `entry`; Refused for what can't run here (symbolic shapes, GPU threads, another device), with the loops;
    JobFailed with TVM's own text in `detail` if it does not compile.
    """
    libraries.register()
    wanted = signature(mod, entry)
    if not targets.runs_here(target):
        what = str(target.attrs.get("mtriple") or target.kind.name).partition("-")[0]
        raise Refused(**words("target_not_here", kind=what), place="target")
    return _compiled(to_compile(mod, entry), target, entry, wanted)


def to_compile(mod: tvm.IRModule, entry: str) -> tvm.IRModule:
    """What `tvm.compile` is given for `entry` on a CPU: a PrimFunc alone, a Relax function with its module.

    NotFound if there is no `entry`, Refused for loops that are bound to a GPU's threads."""
    function = _function(mod, entry)
    if isinstance(function, PrimFunc):
        alone = function.with_attr("global_symbol", entry)
        _refuse_threads(entry, alone)
        return tvm.IRModule({entry: alone})
    for var, other in mod.functions_items():
        if isinstance(other, PrimFunc):
            _refuse_threads(var.name_hint, other)
    return _public(mod, entry)


class Runnable:
    """A compiled function with its `signature`; `compile_s` is what compiling took."""

    def __init__(
        self, executable: Any, entry: str, wanted: Signature, order: Sequence[str], compile_s: float
    ) -> None:
        """`order`: a PrimFunc's parameters, inputs and outputs as they stand; empty for a Relax function."""
        self.signature = wanted
        self.compile_s = compile_s
        self._entry = entry
        self._order = list(order)
        # Its module, not the executable: for a model of library calls alone TVM keeps an empty C module,
        # takes it for something to be compiled, and looks for a C compiler.
        self._module = executable.mod if order else relax.VirtualMachine(executable.mod, tvm.cpu())

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for these inputs: one array for each, of its shape and dtype, else Refused.

        JobFailed if the compiled code stops by itself, for instance at an assertion; MemoryError if it can't
        get its memory."""
        arguments = self._arguments(arrays)
        try:
            result = self._module[self._entry](*arguments)
        except Exception as e:  # TVM's runtime raises many classes; what a person needs is its text
            raise _failed("call_failed", self._entry, e) from e
        if self._order:
            return [arguments[self._order.index(o.name)].numpy() for o in self.signature.outputs]
        return [t.numpy() for t in _flat(result)]

    def timer(self, arrays: Sequence[np.ndarray]) -> Timer:
        """Times calls on these inputs, which are copied once."""
        return Timer(self._module, self._entry, self._arguments(arrays))

    def time(self, inputs: Sequence[np.ndarray], seconds: float) -> list[float]:
        """Seconds per call, measured for about `seconds`."""
        return alternate({"ours": self.timer(inputs)}, {"ours": seconds})["ours"]

    def _arguments(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Tensors for a call: copies, because kernels expect 64-byte alignment. Outputs are poisoned, so that
        an element that a kernel forgets shows."""
        _check_inputs(self.signature.inputs, arrays)
        inputs = [tvm.runtime.tensor(np.ascontiguousarray(a)) for a in arrays]
        if not self._order:
            return inputs
        named = dict(zip((i.name for i in self.signature.inputs), inputs))
        named |= {o.name: tvm.runtime.tensor(_poison(o)) for o in self.signature.outputs}
        return [named[n] for n in self._order]


@dataclass(frozen=True)
class Timer:
    """One compiled function on fixed inputs (see `timing.Contender`)."""

    module: Any
    entry: str
    arguments: list[Any]

    def sample(self, number: int, repeat: int) -> list[float]:
        """Seconds per call: `repeat` means of `number` calls each. TVM's evaluator calls once more than
        asked, which a call that is long enough to be timed alone (`number` 1) does without."""
        if number > 1:
            evaluate = self.module.time_evaluator(self.entry, tvm.cpu(), number=number, repeat=repeat)
            return [float(s) for s in evaluate(*self.arguments).results]
        return time_calls(lambda: self.module[self.entry](*self.arguments), 1, repeat)


def _compiled(mod: tvm.IRModule, target: tvm.target.Target, entry: str, wanted: Signature) -> Runnable:
    function = mod[entry]
    order = [p.name for p in function.params] if isinstance(function, PrimFunc) else []
    start = time.perf_counter()
    try:
        executable = tvm.compile(mod, target=target, relax_pipeline=PIPELINE)
        return Runnable(executable, entry, wanted, order, time.perf_counter() - start)
    except Exception as e:  # TVM raises whatever its passes raise; all of it means the same to a person
        raise _failed("compile_failed", entry, e) from e


def _failed(code: str, entry: str, error: Exception) -> Exception:
    text = str(error).strip()
    if any(words in text for words in _NO_MEMORY):
        return MemoryError(text)
    reason = text.splitlines()[0][:300] if text else type(error).__name__
    return JobFailed(**words(code, function=entry, reason=reason), place=entry, detail=text[:_DETAIL_LIMIT])


def _public(mod: tvm.IRModule, entry: str) -> tvm.IRModule:
    """`mod` with `entry` visible from outside: fusing makes private functions, which lowering may drop."""
    function = mod[entry]
    if function.attrs and "global_symbol" in function.attrs:
        return mod
    changed = tvm.IRModule(dict(mod.functions_items()), attrs=mod.attrs)
    changed.update_func(mod.get_global_var(entry), function.with_attr("global_symbol", entry))
    return changed


def _function(mod: tvm.IRModule, entry: str) -> Any:
    names = [v.name_hint for v in mod.get_global_vars()]
    if entry not in names:
        known = ", ".join(sorted(names)[:12])
        raise NotFound(**words("function_missing", name=entry, known=known), place="function")
    return mod[entry]


def _written(function: PrimFunc) -> set[str]:
    """Names of the parameters that some block or store writes: a PrimFunc does not mark its outputs."""
    written: set[str] = set()

    def block(node: SBlock) -> None:
        written.update(region.source.name for region in node.writes)

    tvm_ffi.structural_walk(
        function.body, [(SBlock, block), (BufferStore, lambda node: written.add(node.buffer.name))]
    )
    return written & {p.name for p in function.params}


def _refuse_threads(name: str, function: PrimFunc) -> None:
    """A loop bound to a GPU's threads has no meaning on a CPU; TVM would only say "not implemented"."""
    bound = [
        (p.path, str(p.node.thread_binding.thread_tag))
        for p in walk(function)
        if p.kind == "loop" and p.node.thread_binding is not None
    ]
    gpu = [(path, tag) for path, tag in bound if tag.startswith(_GPU_THREADS)]
    if not gpu:
        _refuse_launches(name, function)
    if gpu:
        path, tag = gpu[0]
        raise Refused(
            **words("threads_on_cpu", loop=path, function=name, axis=tag),
            place=name,
            paths=tuple(p for p, _ in gpu),
        )


def _refuse_launches(name: str, function: PrimFunc) -> None:
    """What lowering makes of bound loops: attributes that launch threads."""
    tags: list[str] = []

    def look(attr: AttrStmt) -> None:
        if attr.attr_key == "thread_extent":
            tags.append(str(attr.node.thread_tag))

    tvm_ffi.structural_walk(function.body, (AttrStmt, look))
    launched = [tag for tag in dict.fromkeys(tags) if tag.startswith(_GPU_THREADS)]
    if launched:
        raise Refused(**words("launches_on_cpu", function=name, threads=", ".join(launched)), place=name)


def _prim_tensor(param: Any, entry: str) -> TensorInfo:
    shape = getattr(getattr(param, "ty", None), "shape", None)
    if shape is None:
        raise _symbolic(entry, param.name)
    return TensorInfo(param.name, _static(shape, entry, param.name), str(param.dtype))


def _relax_tensor(name: str, kind: Any, entry: str) -> TensorInfo:
    if not isinstance(kind, relax.TensorType) or not isinstance(kind.shape, relax.ShapeExpr):
        raise _symbolic(entry, name)
    return TensorInfo(name, _static(kind.shape.values, entry, name), str(kind.dtype))


def _static(shape: Any, entry: str, name: str) -> tuple[int, ...]:
    if not all(isinstance(n, (int, IntImm)) for n in shape):
        raise _symbolic(entry, name)
    return tuple(int(n) for n in shape)


def _symbolic(entry: str, name: str) -> Refused:
    return Refused(**words("shape_not_fixed", function=entry, name=name), place=entry)


def _check_inputs(wanted: Sequence[TensorInfo], arrays: Sequence[np.ndarray]) -> None:
    """TVM trusts its caller, so a wrong shape is stopped here."""
    got = [f"{a.dtype}{list(a.shape)}" for a in arrays]
    need = [f"{i.dtype}{list(i.shape)}" for i in wanted]
    if got != need:
        raise Refused(**words("inputs_do_not_fit", got=", ".join(got), need=", ".join(need)), place="inputs")


def _poison(info: TensorInfo) -> np.ndarray:
    """NaN where there is one, else the dtype's most unlikely value."""
    dtype = np.dtype(info.dtype)
    if dtype.kind in "iu":
        return np.full(info.shape, np.iinfo(dtype).max, dtype)
    return np.full(info.shape, np.nan if dtype.kind == "f" else 0, dtype)


def _flat(result: Any) -> list[Any]:
    """The tensors of a Relax result: one, or a tuple, perhaps of tuples."""
    return [result] if isinstance(result, tvm.runtime.Tensor) else [t for part in result for t in _flat(part)]
