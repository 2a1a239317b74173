"""TVM's refusals in a person's words.

TVM raises ScheduleError (with the offending nodes, if the schedule renders errors in detail), InternalError,
ValueError and others. `explained` turns each into Refused: TVM's reason without the noise of C++, the
offending loops and blocks as paths, the IR with carets as `detail`, and for the common reasons a hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvm.tirx import IterVar
from tvm.tirx.analysis import undefined_vars

from ...errors import MlcError, Refused
from ...schema.params import Block, Blocks, Loop, Loops, Place
from .. import paths
from .base import Transform
from .reasons import code_for
from .wording import words

_MOST_DETAIL = 20_000  # characters of IR that an error carries
_TOKEN = re.compile(r"\b(?:tirx\.For|s_tir\.SBlock)#\d+\b")


@contextmanager
def explained(transform: Transform, func: Any = None) -> Iterator[None]:
    """Whatever is raised inside comes out as Refused; our own errors pass through as they are.

    `func` is the PrimFunc that was worked on, to name places in it; None for a graph pass.
    """
    try:
        yield
    except MlcError:
        raise
    except Exception as e:  # TVM has no common root: ScheduleError, InternalError, ValueError, TypeError, …
        raise refusal(transform, str(e), func) from e


def refusal(transform: Transform, text: str, func: Any = None) -> Refused:
    """The refusal that TVM's error `text` stands for."""
    report = _read(text)
    located = _located(report, func) if func is not None else ()
    names = _names(report, located)
    said = _TOKEN.sub(lambda m: f"'{names[m[0]]}'" if m[0] in names else _kind(m[0]), report.message)
    reason = said.partition("\n")[0].rstrip(".:")
    chosen = _chosen(transform, func)
    enough = bool(located) and (transform.target != "loop" or any("/" in path for path in located))
    where = located if enough else chosen or located
    code = code_for(said)
    if code == "not_complete" and transform.family == "mapping" and any(_sums(func, loop) for loop in chosen):
        code = "reduction_axis"  # after decompose_reduction TVM gives the other reason first
    return Refused(
        **words(code, transform=transform.name, reason=reason, where=", ".join(where) or "-"),
        detail=f"{said}\n\n{report.ir}".strip()[:_MOST_DETAIL],
        paths=located if enough else tuple(dict.fromkeys((*chosen, *located))),
    )


def _chosen(transform: Transform, func: Any) -> tuple[str, ...]:
    """The places that the step names: TVM often reports just the block beneath the loop asked for."""
    if func is None:
        return ()
    named: list[str] = []
    for field, kind in transform.kinds():
        value = getattr(transform, field.name)
        if isinstance(kind, (Loop, Loops, Place, Block, Blocks)) and value is not None:
            named += [value] if isinstance(value, str) else value
    known = {p.path for p in paths.walk(func)}
    return tuple(path for path in named if path in known)


def _sums(func: Any, loop: str) -> bool:
    """Whether a reduction axis of a block runs over `loop`."""
    var = paths.find(func, loop).node.loop_var
    return any(
        axis.iter_type == IterVar.CommReduce and var in undefined_vars(value)
        for place in paths.walk(func)
        if place.kind == "block"
        for axis, value in zip(place.node.iter_vars, place.realize.iter_values)
    )


@dataclass(frozen=True)
class _Report:
    """The parts of a rendered ScheduleError: its message, access paths, and IR with tokens and carets."""

    message: str
    access: tuple[str, ...] = ()
    ir: str = ""


def _read(text: str) -> _Report:
    head, found, message = text.rpartition("Error message: ")
    if not found:
        return _Report(_clean(text))
    access = tuple(re.findall(r"^Access path: (.*)$", head, re.MULTILINE))
    _, _, ir = head.partition("@I.ir_module")
    return _Report(_clean(message), access, _readable(ir))


def _clean(message: str) -> str:
    """One paragraph without prefixes, source files, and TVM's check expressions."""
    message = re.sub(r"^(?:\w+Error: )+", "", message.strip())
    message = re.sub(r"^Check failed: \((.*?)\) is false: ?(?=\S)", "", message, flags=re.DOTALL)
    message = re.sub(r"(?m)^\s*(?:File \"|\[\d\d:\d\d:\d\d\]).*$", "", message)
    return re.sub(r"\s+\n|\n\s+", "\n", message).strip() or "TVM gave no reason"


def _readable(ir: str) -> str:
    """The IR with carets under the header of each marked node only; TVM underlines whole bodies."""
    kept: list[str] = []
    lines = ir.splitlines()
    for i, line in enumerate(lines):
        is_caret = set(line.strip()) == {"^"}
        if not is_caret or (i >= 2 and _TOKEN.search(lines[i - 2])):
            kept.append(line)
    return "\n".join(kept[1:] if kept and not kept[0].strip() else kept).rstrip()


def _located(report: _Report, func: Any) -> tuple[str, ...]:
    """The offending places in the order of the text; a node within a place stands for the place."""
    wanted = [re.sub(r'\.functions\[I\.GlobalVar\("[^"]*"\)\]', "", a.strip()) for a in report.access]
    places = paths.walk(func)
    found = set()
    for access in wanted:
        around = [i for i, p in enumerate(places) if (access + ".").startswith(str(p.access) + ".")]
        if around:
            found.add(max(around, key=lambda i: len(str(places[i].access))))
    return tuple(places[i].path for i in sorted(found))


def _names(report: _Report, located: tuple[str, ...]) -> dict[str, str]:
    """TVM's tokens (``tirx.For#0``) → paths: both come in the order of the text."""
    tokens = re.findall(r"^\s*# (\S+#\d+)$", report.ir, re.MULTILINE)
    return dict(zip(tokens, located)) if len(tokens) == len(located) else {}


def _kind(token: str) -> str:
    return "the loop" if "For" in token else "the block"
