"""One tensor function on TVM's own way down, cut where a view wants to look at it.

The passes are those of the target's pipeline in TVM (``s_tir``), in its order; nothing is listed here a
second time but the names of two cuts. An instrument says which passes run: all before a cut, or all from it
on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tvm
from tvm.ir import IRModule
from tvm.ir.instrument import pass_instrument
from tvm.target import Target
from tvm.tirx import PrimFunc

from ...errors import Refused
from .origins import with_lines_of_blocks
from .spans import Spanned
from .threads import mixed

_REDUCED = "s_tir.LowerInitBlock"  # comes after LowerCrossThreadReduction, whose statements have no lines
_SPLIT = "tirx.SplitHostDevice"  # from here on, a function becomes kernels and calling conventions
_FRAMES = ("_pipeline", "sequential")  # what holds passes and is none
_CHECK = re.compile(r"^Check failed: (.*?) ?(?:\(\S+ vs\. \S+\) |is false): *")  # the condition, in C++
DETAIL_LIMIT = 20_000  # characters of TVM's own text


@pass_instrument
class _Window:
    """Runs the passes from `start` on (None: from the first) and before `stop`, save those in `without`."""

    def __init__(self, start: str | None, stop: str | None, without: tuple[str, ...] = ()) -> None:
        self._start, self._stop, self._without = start, stop, without
        self._open = start is None

    def should_run(self, _: IRModule, info: Any) -> bool:
        if info.name in _FRAMES:
            return True
        if info.name in (self._start, self._stop):
            self._open = info.name == self._start
        return self._open and info.name not in self._without


def lower(source: Spanned, target: Target, config: Mapping[str, Any] | None = None) -> PrimFunc:
    """The function after all of TVM's passes that change its loops: blocks are gone, iterators bound, buffers
    placed, compacted and flattened, vectorised loops are ramps, unrolled ones written out, common
    subexpressions named, thread barriers set. What follows, and is not done, splits it into host code and
    device kernels and wraps it in the calling convention.

    `target` with its host; `config` is TVM's. Refused (``view_not_compiled``) where a pass fails.
    """
    name = source.tir.function
    func = source.func.with_attr("global_symbol", name)
    try:
        pipeline, *_ = tvm.tirx.get_default_tir_pipeline(target)
        mod = tvm.tirx.transform.BindTarget(target)(IRModule({name: func}))
        with tvm.transform.PassContext(config=dict(config or {}), instruments=[_Window(None, _REDUCED)]):
            mod = pipeline(mod)
        mod = IRModule({name: with_lines_of_blocks(mod[name], source.func)})
        with tvm.transform.PassContext(config=dict(config or {}), instruments=[_Window(_REDUCED, _SPLIT)]):
            return pipeline(mod)[name]
    except Exception as e:  # TVM's passes raise errors of many classes
        raise mixed(source, e) or refused(name, target, e) from e


def generate(func: PrimFunc, target: Target, *, packed: bool = True) -> tvm.runtime.Module:
    """Code for what `lower` gave: the host's module, which imports the device's if there is one.

    `packed` false leaves the calling convention out. Refused (``view_not_compiled``) where a pass or the code
    generator fails.
    """
    name = str(func.attrs["global_symbol"])
    without = () if packed else ("tirx.MakePackedAPI",)
    try:
        with tvm.transform.PassContext(instruments=[_Window(_SPLIT, None, without)]):
            return tvm.tirx.build(IRModule({name: func}), target)
    except Exception as e:  # as above
        raise refused(name, target, e) from e


def refused(function: str, target: Target, error: Exception) -> Refused:
    """What TVM says when `function` can't be compiled for `target`: its message comes first, then the program
    with the place underlined."""
    told = str(error).strip() or type(error).__name__
    reason = _reason(told.splitlines()[0])
    return Refused(
        f"'{function}' can't be compiled for {target.kind.name}: {reason}",
        hint="Look at the loops at the place that the message names, or undo the last step.",
        place=function,
        detail=told[:DETAIL_LIMIT],
        code="view_not_compiled",
        params={"function": function, "target": target.kind.name, "reason": reason},
    )


def _reason(line: str) -> str:
    """TVM's own words without the condition in C++ before them, or that condition if there are no words."""
    check = _CHECK.match(line)
    if check is None:
        return line
    return line[check.end() :].strip() or f"TVM's own check fails: {check[1]}"
