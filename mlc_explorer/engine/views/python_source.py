"""A tensor function as plain Python and NumPy: the same loops, in the same order, run by the interpreter.

It is written to be read beside TVMScript, one line for one line: a block is a comment, an axis that is a loop
gets the loop's name, any other axis is assigned. What the interpreter can't do is said where it stands: a
parallel, vectorised, unrolled or thread-bound loop is a serial one with a comment. The function writes into
its output arrays, as in TensorIR (destination passing).
"""

from __future__ import annotations

import keyword
import re
from typing import Any

from tvm.ir import IRModule
from tvm.tirx import ForKind

from ...schema.text import Mark, TextView
from .. import paths
from .python_expressions import Expressions
from .spans import Spanned, spanned

_TAKEN = {
    "np", "math", "max", "min", "abs", "range", "truncdiv", "truncmod", "True", "False", "None",
}  # fmt: skip
_REDUCTION = 2  # IterVar.CommReduce
_INIT = "with T.init():"


def python(mod: IRModule, function: str) -> TextView:
    """The PrimFunc `function` as the source of a Python function of that name, whose parameters are NumPy
    arrays, outputs among them. `links` give the 1-based line of the function's ``tir`` text.

    Raises NotFound for a graph function, Refused (``view_not_python``) for what has no counterpart.
    """
    return _Writer(spanned(mod, function, "python")).view()


class _Writer:
    """One pass over the statements, in the order of the text.

    `_names` hold what stands for a variable in scope, `_places` the loops and blocks still to come, each with
    its mark in the ``tir`` text.
    """

    def __init__(self, source: Spanned) -> None:
        self._func = source.func
        self._tir = source.tir
        self._span = source.line
        self._define = source.define
        self._places = list(zip(paths.walk(source.func), source.tir.marks, strict=True))
        self._names: dict[Any, str] = {}
        self._lines: list[tuple[str, int | None]] = []
        self._marks: list[Mark] = []
        self._depth = 1
        self._write = Expressions(source.tir.function, self._name)

    def view(self) -> TextView:
        """The whole file: imports, helpers, the function."""
        parameters = ", ".join(self._enter(p) for p in self._func.params)
        self._name_sizes()
        self._statement(self._func.body)
        head = [f"import {name}" for name in sorted(self._write.modules)] + ["import numpy as np"]
        for helper in self._write.helpers:
            head += ["", "", *helper]
        lines = [(line, None) for line in [*head, "", ""]]
        lines += [(f"def {_identifier(self._tir.function)}({parameters}):", self._define), *self._lines]
        shift = len(lines) - len(self._lines)
        marks = [Mark(m.path, m.kind, m.line + shift, m.end + shift) for m in self._marks]
        return TextView(
            self._tir.function,
            "python",
            tuple(line for line, _ in lines),
            tuple(sorted(marks, key=lambda m: (m.line, -m.end))),
            tuple(link for _, link in lines),
        )

    def _name_sizes(self) -> None:
        """A size that is a variable is what the array says."""
        for parameter in self._func.params:
            for axis, size in enumerate(getattr(parameter.ty, "shape", ())):
                if type(size).__name__ == "Var" and size not in self._names:
                    self._line(f"{self._enter(size)} = {self._name(parameter)}.shape[{axis}]", None)

    def _name(self, variable: Any) -> str:
        return self._names.get(variable) or self._enter(variable)

    def _enter(self, variable: Any) -> str:
        """A name for `variable` that nothing in scope has."""
        wanted = name = _identifier(variable.name)
        count = 0
        while name in self._names.values():
            count += 1
            name = f"{wanted}_{count}"
        self._names[variable] = name
        return name

    def _line(self, line: str, link: int | None) -> None:
        self._lines.append(("    " * self._depth + line, link))

    def _within(self, head: str, link: int | None, body: Any) -> None:
        self._line(head, link)
        start = len(self._lines)
        self._depth += 1
        self._statement(body)
        if all(line.lstrip().startswith("#") for line, _ in self._lines[start:]):
            self._line("pass", None)
        self._depth -= 1

    def _mark(self, tir: Mark, start: int) -> None:
        """The function's own path: the text, which was parsed back, may call a loop by another name."""
        self._marks.append(Mark(tir.path, tir.kind, start, len(self._lines)))

    def _statement(self, node: Any) -> None:
        writer = getattr(self, f"_{type(node).__name__.lower()}", None)
        if writer is None:
            raise self._write.refusal(type(node).__name__, node)
        writer(node)

    def _seqstmt(self, node: Any) -> None:
        for part in node.seq:
            self._statement(part)

    def _for(self, node: Any) -> None:
        (_, mark), outer, start = self._places.pop(0), dict(self._names), len(self._lines) + 1
        end = node.min + node.extent
        bounds = [self._write.text(end)] if _number(node.min) == 0 else [self._write.text(node.min)]
        if _number(node.min) != 0:
            bounds.append(self._write.text(end))
        if node.step is not None and _number(node.step) != 1:
            raise self._write.refusal("T.serial(step=…)", node.step)
        kind = _kind(node)
        head = f"for {self._enter(node.loop_var)} in range({', '.join(bounds)}):"
        self._within(f"{head}  # {kind}" if kind else head, mark.line, node.body)
        self._mark(mark, start)
        self._names = outer

    def _while(self, node: Any) -> None:
        self._within(f"while {self._write.text(node.condition)}:", self._span(node), node.body)

    def _ifthenelse(self, node: Any) -> None:
        self._within(f"if {self._write.text(node.condition)}:", self._span(node), node.then_case)
        if node.else_case is not None:
            self._within("else:", None, node.else_case)

    def _bufferstore(self, node: Any) -> None:
        target = self._write.element(node.buffer, node.indices)
        self._line(f"{target} = {self._write.stored(node.value)}", self._span(node))

    def _bind(self, node: Any) -> None:
        value = self._write.text(node.value)
        self._line(f"{self._enter(node.var)} = {value}", self._span(node))

    def _assertstmt(self, node: Any) -> None:
        self._line(f"assert {self._write.text(node.condition)}", self._span(node))

    def _evaluate(self, node: Any) -> None:
        if _number(node.value) is None:
            raise self._write.refusal(str(getattr(getattr(node.value, "op", None), "name", "Call")), node)

    def _attrstmt(self, node: Any) -> None:
        if not str(node.attr_key).startswith("pragma_"):
            raise self._write.refusal(str(node.attr_key), None)
        self._statement(node.body)

    def _allocbuffer(self, node: Any) -> None:
        self._allocate(node.buffer)

    def _declbuffer(self, node: Any) -> None:
        """Another shape for the elements of a buffer, from its first on."""
        source = getattr(node.data, "args", [None])[0]
        if source not in self._names or source.ty.dtype != node.buffer.ty.dtype:
            raise self._write.refusal("decl_buffer", node)
        count = " * ".join(self._write.text(n) for n in node.buffer.ty.shape) or "1"
        view = f"{self._name(source)}.reshape(-1)[:{count}].reshape({self._shape(node.buffer.ty.shape)})"
        self._line(f"{self._enter(node.buffer)} = {view}", self._span(node))

    def _allocate(self, buffer: Any) -> None:
        shape, dtype = self._shape(buffer.ty.shape), self._write.dtype(buffer.ty.dtype)
        self._line(f'{self._enter(buffer)} = np.empty({shape}, dtype="{dtype}")', self._span(buffer))

    def _shape(self, sizes: Any) -> str:
        texts = [self._write.text(n) for n in sizes]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def _sblockrealize(self, node: Any) -> None:
        block, outer, depth = node.block, dict(self._names), self._depth
        is_root = not self._places or not self._places[0][0].node.same_as(block)  # the root is no place
        place, mark = (None, None) if is_root else self._places.pop(0)
        start = len(self._lines) + 1
        if place is not None and mark is not None:
            self._line(f"# block {place.name}", mark.line)
        self._axes(node)
        if _number(node.predicate) != 1:
            self._line(f"if {self._write.text(node.predicate)}:", self._span(node.predicate))
            self._depth += 1
        for match in block.match_buffers:
            self._match(match)
        for buffer in block.alloc_buffers:
            self._allocate(buffer)
        self._init(node)
        self._statement(block.body)
        self._depth = depth
        if mark is not None:
            self._mark(mark, start)
        self._names = outer

    def _axes(self, node: Any) -> None:
        """An axis that is a loop, or a constant, needs no name of its own."""
        values = [self._write.text(value) for value in node.iter_values]
        for axis, value, text_ in zip(node.block.iter_vars, node.iter_values, values):
            if type(value).__name__ in ("Var", "IntImm"):
                self._names[axis.var] = text_
            else:
                self._line(f"{self._enter(axis.var)} = {text_}", self._span(axis) or self._span(axis.var))

    def _match(self, match: Any) -> None:
        """A region of a buffer under a name of its own: a view in NumPy too. The buffer may have fewer axes
        than the region: leading ones of size 1 are left out."""
        region, source = match.source.region, match.source.source
        dropped = len(region) - len(match.buffer.ty.shape)
        if any(_number(r.extent) != 1 for r in region[: max(dropped, 0)]) or dropped < 0:
            raise self._write.refusal("match_buffer", match.source)
        parts = []
        for axis, r in enumerate(region):
            first = self._write.text(r.min)
            last = self._write.text(r.min + r.extent)
            parts.append(first if axis < dropped else f"{first}:{last}")
        self._line(
            f"{self._enter(match.buffer)} = {self._name(source)}[{', '.join(parts)}]",
            self._span(match.buffer),
        )

    def _init(self, node: Any) -> None:
        """What a reduction starts with, where all its axes are at their beginning."""
        block = node.block
        if block.init is None:
            return
        first = [
            f"{self._name(axis.var)} == {self._write.text(axis.dom.min)}"
            for axis, value in zip(block.iter_vars, node.iter_values)
            if int(axis.iter_type) == _REDUCTION and _number(value) is None
        ]
        if first:
            self._within(f"if {' and '.join(first)}:", self._line_of_init(block.init), block.init)
        else:
            self._statement(block.init)

    def _line_of_init(self, init: Any) -> int | None:
        """The ``with T.init():`` above the first statement of `init`."""
        while type(init).__name__ == "SeqStmt":
            init = init.seq[0]
        line = self._span(init)
        return line - 1 if line and self._tir.lines[line - 2].strip() == _INIT else line


def _kind(loop: Any) -> str:
    """What the interpreter does not do about a loop, as a comment says it."""
    if loop.thread_binding is not None:
        return f"bound to {loop.thread_binding.thread_tag}, here serial"
    kinds = {
        int(ForKind.PARALLEL): "parallel, here serial",
        int(ForKind.VECTORIZED): "vectorized, here serial",
        int(ForKind.UNROLLED): "unrolled",
    }
    return kinds.get(int(loop.kind), "")


def _number(node: Any) -> int | None:
    """The value of an integer constant."""
    return int(node.value) if type(node).__name__ == "IntImm" else None


def _identifier(name: str) -> str:
    plain = re.sub(r"\W", "_", name)
    return f"{plain}_" if keyword.iskeyword(plain) or plain in _TAKEN or plain[:1].isdigit() else plain
