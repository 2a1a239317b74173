"""Links for the instructions of a kernel's loops that LLVM left without a line, and counts by loop.

LLVM drops the location of an instruction that it makes itself (a counter for addresses, a reload) or that
stands for several lines at once. Such an instruction still belongs to the loop that it runs in, so it is
linked to the ``for`` of that loop: not the statement it serves, which nobody knows any more. An instruction
outside of all loops keeps no link: it belongs to the call as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ...schema.text import LoopCount, Mark
from .flow import Cycle, cycles
from .lines import Line


def attributed(lines: Sequence[Line], marks: Sequence[Mark], is_ir: bool) -> list[Line]:
    """The `lines` of one routine, where an instruction without a link has that of the loop around it. `marks`
    are those of the linked text."""
    found = cycles(lines, is_ir)
    headers = [_header(cycle, lines, marks) for cycle in found]
    around = [
        next((h for c, h in zip(found, headers) if h and i in c.lines), None) for i in range(len(lines))
    ]
    return [
        replace(line, link=header) if header and line.is_code and line.link is None else line
        for line, header in zip(lines, around)
    ]


def counted(
    links: Sequence[int | None], kinds: Sequence[str], marks: Sequence[Mark]
) -> tuple[LoopCount, ...]:
    """For each loop of the text that has instructions of its own, how many of which kind, in the text's
    order. An instruction counts for the innermost loop around the line that it is linked to."""
    loops = [mark for mark in marks if mark.kind == "loop"]
    owner = {line: innermost(loops, {line}) for line in {link for link in links if link is not None}}
    by_loop: dict[str, Counter[str]] = {}
    for link, kind in zip(links, kinds):
        loop = owner.get(link) if link is not None else None
        if loop is not None:
            by_loop.setdefault(loop.path, Counter())[kind] += 1
    return tuple(
        LoopCount(loop.path, by_loop[loop.path].total(), dict(by_loop[loop.path].most_common()))
        for loop in loops
        if loop.path in by_loop
    )


def innermost(loops: Sequence[Mark], lines: set[int]) -> Mark | None:
    """The innermost of the `loops` around all of `lines`; a loop's header is inside it."""
    fitting = [loop for loop in loops if all(loop.line <= line <= loop.end for line in lines)]
    return max(fitting, key=lambda loop: loop.line, default=None)


def _header(cycle: Cycle, lines: Sequence[Line], marks: Sequence[Mark]) -> int | None:
    """The line of the ``for`` that a loop of the code is: the one that its jump back is linked to, else the
    innermost around everything in it."""
    loops = [mark for mark in marks if mark.kind == "loop"]
    fors = {loop.line for loop in loops}
    for jump in cycle.jumps:
        if lines[jump].link in fors:
            return lines[jump].link
    links = {link for i in cycle.lines if (link := lines[i].link) is not None}
    loop = innermost(loops, links) if links else None
    return loop.line if loop else None
