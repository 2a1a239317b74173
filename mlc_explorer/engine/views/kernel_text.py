"""Reads the source that TVM generates for C-like languages: which lines make up the kernels, and how the host
launches each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tvm.tirx import AttrStmt, PrimFunc

Linked = tuple[str, int | None]

# How a definition that belongs to a kernel begins, outside of all braces.
_DEFINITION = {
    "c": re.compile(r"TVM_DLL .*\) \{$"),
    "cuda": re.compile(r'extern "C" __global__ .*\) \{$'),
    "opencl": re.compile(r"__kernel .*\) \{$"),
    "metal": re.compile(r"kernel void "),
    "webgpu": re.compile(r"@|var<|struct |fn "),
}
_HEAD = {
    "c": re.compile(r"^TVM_DLL \w+ (\w+)\("),
    "cuda": re.compile(r"^extern .* (\w+)\("),
    "opencl": re.compile(r"^__kernel .*?(\w+)\("),
    "metal": re.compile(r"^kernel void (\w+)\("),
    "webgpu": re.compile(r"^fn (\w+)\("),
}
_PARAMETER = re.compile(r"^@group\(\d+\) @binding\(\d+\) var<storage")  # WebGPU declares them outside


def definitions(text: list[Linked], level: str) -> Iterator[list[Linked]]:
    """The parts of `text`, in the language `level`, that belong to the kernels: functions from their first
    line to the closing brace, in WebGPU also the variables and structures that they stand on."""
    part: list[Linked] = []
    depth = 0
    for line, link in text:
        if not part and not _DEFINITION[level].match(line):
            continue
        part.append((line, link))
        depth += line.count("{") - line.count("}")
        is_whole = "}" in line or line.endswith(";")
        if depth == 0 and is_whole:
            yield part
            part = []


def head(part: list[Linked], level: str) -> tuple[str | None, range]:
    """The name of the kernel that a definition holds (None: it holds none), and which of its lines, counted
    from 0, declare the function's parameters."""
    if _PARAMETER.match(part[0][0]):
        return None, range(1)
    for first, (line, _) in enumerate(part):
        if match := _HEAD[level].match(line):
            last = next(i for i in range(first, len(part)) if part[i][0].endswith("{"))
            return match[1], range(first, last + 1)
    return None, range(0)


def launches(func: PrimFunc) -> dict[str, str]:
    """What each kernel of `func` is launched on, by the name that TVM will give it.

    `func` is lowered and not yet split: a kernel is all that stands under one outermost thread.
    """
    name = str(func.attrs["global_symbol"])
    found: dict[str, str] = {}
    for i, extents in enumerate(_regions(func.body, None, [])):
        grid, block = (
            " × ".join(extents.get(f"{what}.{axis}", "1") for axis in "xyz")
            for what in ("blockIdx", "threadIdx")
        )
        found[f"{name}_kernel_{i}" if i else f"{name}_kernel"] = f"{grid} blocks of {block} threads"
    return found


def _regions(stmt: Any, around: dict[str, str] | None, found: list[dict[str, str]]) -> list[dict[str, str]]:
    """Appends to `found` the thread extents by tag of each kernel in `stmt`; `around` is the one it is in."""
    if isinstance(stmt, AttrStmt) and str(stmt.attr_key) == "thread_extent":
        if around is None:
            around = {}
            found.append(around)
        around[str(stmt.node.thread_tag)] = str(stmt.value)
    for child in getattr(stmt, "seq", ()):
        _regions(child, around, found)
    for name in ("then_case", "else_case", "body"):
        if getattr(stmt, name, None) is not None:
            _regions(getattr(stmt, name), around, found)
    return found
