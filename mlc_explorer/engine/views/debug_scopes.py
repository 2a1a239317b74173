"""Gives the parallel parts of a kernel the debug scope that TVM forgets.

TVM moves the body of a parallel loop into a function of its own, ``__tvm_parallel_lambda``. Its instructions
keep their source lines, but the function itself has no ``DISubprogram``, so LLVM writes no ``.loc`` for it,
and the hottest loops of a kernel would be the ones without links. The scope is put into the text of the
optimised LLVM IR, from which the assembly is then made; the instructions are the same.
"""

from __future__ import annotations

import re
import tempfile
from itertools import count
from pathlib import Path

import tvm

_DEFINE = re.compile(r"^define .*@\"?([\w.$]+)\"?\(.*\{$")
_DEBUG = re.compile(r"!dbg !(\d+)")
_LOCATION = re.compile(r"^!(\d+) = (?:distinct )?!DILocation\(line: (\d+)", re.MULTILINE)
_SUBPROGRAM = re.compile(
    r"^!\d+ = (distinct !DISubprogram\(name: \")[^\"]*(\".*?)(, retainedNodes: !\d+)?\)$", re.MULTILINE
)


def assembly_with_scopes(llvm_ir: str) -> str:
    """The assembly for a module's LLVM IR, with a ``.loc`` wherever an instruction has a source line."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.ll"
        file.write_text(with_scopes(llvm_ir), encoding="utf-8")
        return str(tvm.runtime.load_module(str(file)).inspect_source("asm"))


def with_scopes(llvm_ir: str) -> str:
    """`llvm_ir` with a scope for every function whose instructions have lines but which has none itself."""
    pattern = _SUBPROGRAM.search(llvm_ir)
    if pattern is None:
        return llvm_ir
    line_of = {int(name): line for name, line in _LOCATION.findall(llvm_ir)}
    fresh = count(max(int(name) for name in re.findall(r"^!(\d+) = ", llvm_ir, re.MULTILINE)) + 1)
    lines: list[str] = []
    added: list[str] = []
    scope: int | None = None
    moved: dict[int, int] = {}
    for line in llvm_ir.splitlines():
        define = _DEFINE.match(line)
        if define and "!dbg" not in line:
            scope, moved = next(fresh), {}
            added.append(f"!{scope} = {pattern[1]}{define[1]}{pattern[2]})")
            line = f"{line[:-1]}!dbg !{scope} {{"
        elif line == "}":
            scope = None
        elif scope is not None:
            if line.lstrip().startswith(
                "#dbg_"
            ):  # names a variable of the scope that the code was moved from
                continue
            debug = _DEBUG.search(line)
            if debug and int(debug[1]) in line_of:
                old = int(debug[1])
                if old not in moved:
                    moved[old] = next(fresh)
                    added.append(f"!{moved[old]} = !DILocation(line: {line_of[old]}, scope: !{scope})")
                line = line.replace(debug[0], f"!dbg !{moved[old]}")
        lines.append(line)
    return "\n".join([*lines, *added, ""])
