"""Which instructions of a routine move registers to and from the stack.

A **spill** is a register that did not fit: it is written to a slot of the stack and read from there again.
Not a spill: saving the caller's registers on entry, passing arguments, and local arrays, whose address is
taken. TVM has LLVM print assembly without the comments that would tell, so it is read from the code; where an
address at or below a slot is taken, the slot may be part of an array and does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .lines import Line


@dataclass(frozen=True)
class Convention:
    """How an architecture names its stack.

    `slot` finds the offset of an operand on the stack, `address` that of one whose address is taken or that
    is indexed, `store` an instruction that writes its slot, `update` one of these that reads it too, `saved`
    the registers that a function must give back, `frame` an instruction that only makes or leaves the frame.
    """

    slot: re.Pattern[str]
    address: re.Pattern[str]
    store: re.Pattern[str]
    update: re.Pattern[str]
    saved: re.Pattern[str]
    frame: re.Pattern[str]


_NEVER = re.compile(r"(?!)")

X86 = Convention(
    slot=re.compile(r"(?<![\w%)])(-?\d*)\(%[re]sp\)"),
    address=re.compile(r"\blea\w?\s+(-?\d*)\(%[re]sp|(-?\d*)\(%[re]sp,"),
    store=re.compile(r"\(%[re]sp\)$"),
    update=re.compile(r"\s*(?!v?mov|v?extract)\w"),
    saved=_NEVER,  # by push and pop, which are frame
    frame=re.compile(
        r"\s*(push|pop|leave|endbr|ret)"
        r"|\s*(sub|add|and|mov)\w?\s.*%[re]sp$|\s*mov\w\s+%[re]sp, %[re]bp$"
    ),
)
ARM = Convention(
    slot=re.compile(r"\[sp(?:, #(-?\d+))?\]$"),
    address=re.compile(r"\badd\s+(?!sp,)\w+, sp, #(\d+)|\bmov\s+(?!sp,)\w+, sp()$|\[sp, [xwr]\d+()"),
    store=re.compile(r"\s*v?st"),
    update=_NEVER,
    saved=re.compile(r"\b(x19|x2\d|x30|r[4-9]|r1[01]|lr|fp|d[89]|d1[0-5])\b"),
    frame=re.compile(
        r"\s*(v?push|v?pop|paciasp|autiasp|ret|bx)\b"
        r"|.*\[sp(\], #-?\d+|, #-?\d+\]!)$|\s*(add|sub|mov)\s+(sp,|x29, sp)"
    ),
)
RISCV = Convention(
    slot=re.compile(r"(-?\d*)\(sp\)$"),
    address=re.compile(r"\baddi\s+(?!sp,)\w+, sp, (-?\d+)|\bmv\s+(?!sp,)\w+, sp()$"),
    store=re.compile(r"\s*(f?s[bhwdq])\b"),
    update=_NEVER,
    saved=re.compile(r"\b(ra|s\d+|fs\d+)\b"),
    frame=re.compile(r"\s*ret\b|\s*(addi?|sub|andi|mv)\s+(sp,|s0, sp)"),
)


def stack_kinds(lines: Sequence[Line], convention: Convention) -> dict[int, str]:
    """``frame`` or ``spill`` for those `lines` (by index) of a routine that are one."""
    code = [i for i, line in enumerate(lines) if line.is_code]
    frame = {i for i in code if convention.frame.match(lines[i].text)}
    offsets = {
        i: offset for i in code if i not in frame and (offset := _offset(lines[i], convention)) is not None
    }
    stores = {i for i in offsets if convention.store.search(lines[i].text)}
    frame |= _saves(lines, offsets, stores, convention)
    taken = [_number(m) for i in code for m in convention.address.finditer(lines[i].text) if i not in frame]
    limit = min(taken, default=None)
    written = {offsets[i] for i in stores - frame}
    updates = {i for i in stores if convention.update.match(lines[i].text)}
    read = {offsets[i] for i in (offsets.keys() - stores | updates) - frame}
    slots = {offset for offset in written & read if limit is None or offset < limit}
    return dict.fromkeys(frame, "frame") | {
        i: "spill" for i, o in offsets.items() if o in slots and i not in frame
    }


def _saves(
    lines: Sequence[Line], offsets: dict[int, int], stores: set[int], convention: Convention
) -> set[int]:
    """Saves of the caller's registers before the first label, and their way back."""
    entry = next((i for i, line in enumerate(lines) if i and line.is_label), len(lines))
    slot_of: dict[str, int] = {}
    found: set[int] = set()
    for i in sorted(offsets):
        registers = convention.saved.findall(lines[i].text)
        if not registers:
            continue
        if i in stores and i < entry and not any(r in slot_of for r in registers):
            slot_of |= dict.fromkeys(registers, offsets[i])
            found.add(i)
        elif i not in stores and all(slot_of.get(r) == offsets[i] for r in registers):
            found.add(i)
    return found


def _offset(line: Line, convention: Convention) -> int | None:
    match = convention.slot.search(line.text)
    return None if match is None or convention.address.search(line.text) else _number(match)


def _number(match: re.Match[str]) -> int:
    return int(next((group for group in match.groups() if group), 0))
