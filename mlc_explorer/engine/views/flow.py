"""Which loop each line of compiled code stands in, read from its labels and jumps.

A jump that goes back to a block on the way to it closes a natural loop (Aho et al., Compilers, 9.6): the
block jumped to, and all blocks from which the jump is reached without it. LLVM's code is reducible, so a
depth-first search finds these jumps. The same reading serves LLVM IR, where a block ends with its terminator,
and assembly, where a block without one goes on to the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .lines import Line

_WORD = re.compile(r"[\w.$@?-]+")
_IR_TARGET = re.compile(r"label %\"?([\w.$@?-]+)\"?")
_ENDS = re.compile(r"\s*(jmp\w?|ret\w?|ud2|b|br|bx|j|jr|tail|unreachable|indirectbr)(?=\s|$)")
_IR_ENDS = re.compile(r"\s*(br|ret|switch|unreachable|indirectbr|\])(?=\s|$)")


@dataclass(frozen=True)
class Cycle:
    """A natural loop: the `lines` (indices) of its blocks, and the `jumps` (indices) that close it."""

    lines: frozenset[int]
    jumps: tuple[int, ...]


def cycles(lines: Sequence[Line], is_ir: bool) -> list[Cycle]:
    """The natural loops of one routine, innermost first."""
    blocks = _blocks(lines, is_ir)
    following = _following(lines, blocks, is_ir)
    before: list[list[int]] = [[] for _ in blocks]
    for block, targets in enumerate(following):
        for target in targets:
            before[target].append(block)
    closing: dict[int, list[int]] = {}
    for block, header in _back_edges(following):
        closing.setdefault(header, []).append(block)
    found = []
    for header, latches in closing.items():
        inside = _body(header, latches, before)
        covered = frozenset(i for block in inside for i in blocks[block])
        found.append(Cycle(covered, tuple(blocks[latch][-1] for latch in latches)))
    return sorted(found, key=lambda cycle: len(cycle.lines))


def _blocks(lines: Sequence[Line], is_ir: bool) -> list[range]:
    """Runs of lines that are only entered at their first and only left at their last."""
    labels = _labels(lines)
    starts = [0]
    for i, line in enumerate(lines):
        if line.is_label:
            starts.append(i)
        elif line.is_code and not is_ir and (_ENDS.match(line.text) or _targets(line, labels, is_ir)):
            starts.append(i + 1)
    bounds = sorted({*starts, len(lines)})
    return [range(start, end) for start, end in pairwise(bounds)]


def _following(lines: Sequence[Line], blocks: list[range], is_ir: bool) -> list[list[int]]:
    labels = _labels(lines)
    at = {block.start: i for i, block in enumerate(blocks)}
    result = []
    for i, block in enumerate(blocks):
        code = [lines[j] for j in block if lines[j].is_code]
        targets = {at[labels[name]] for line in code for name in _targets(line, labels, is_ir)}
        ends = bool(code) and bool((_IR_ENDS if is_ir else _ENDS).match(code[-1].text))
        if not ends and i + 1 < len(blocks):
            targets.add(i + 1)
        result.append(sorted(targets))
    return result


def _labels(lines: Sequence[Line]) -> dict[str, int]:
    return {line.text.split(":")[0].strip('"'): i for i, line in enumerate(lines) if line.is_label}


def _targets(line: Line, labels: dict[str, int], is_ir: bool) -> list[str]:
    words = _IR_TARGET.findall(line.text) if is_ir else _WORD.findall(line.text)
    return [word for word in words if word in labels]


def _back_edges(following: list[list[int]]) -> list[tuple[int, int]]:
    """Edges to a block that the search is still inside of. Iterative: unrolled code has thousands of
    blocks."""
    found: list[tuple[int, int]] = []
    seen: set[int] = set()
    for start in range(len(following)):
        if start in seen:
            continue
        seen.add(start)
        path, left = [start], [iter(following[start])]
        on_path = {start}
        while path:
            target = next(left[-1], None)
            if target is None:
                on_path.remove(path.pop())
                left.pop()
            elif target in on_path:
                found.append((path[-1], target))
            elif target not in seen:
                seen.add(target)
                on_path.add(target)
                path.append(target)
                left.append(iter(following[target]))
    return found


def _body(header: int, latches: list[int], before: list[list[int]]) -> set[int]:
    inside, waiting = {header}, list(latches)
    while waiting:
        block = waiting.pop()
        if block not in inside:
            inside.add(block)
            waiting.extend(before[block])
    return inside
