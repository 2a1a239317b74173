"""Reads assembly as LLVM writes it for ELF, Mach-O and COFF, the way Compiler Explorer does: instructions,
the labels that are jumped to, and for each instruction the source line of the last ``.loc``."""

from __future__ import annotations

import re

from .lines import Line, Routine

_LABEL = re.compile(r"^([\w.$@?\"]+):")
_LOCATION = re.compile(r"^\s*\.loc\s+\d+\s+(\d+)")
_FUNCTION = re.compile(r"^\s*\.(?:type\s+([\w.$]+),\s*[@%]function|def\s+([\w.$]+);)")
_LOCAL = re.compile(r"\.?L(?!_)|\$|ltmp")  # Mach-O names no functions: there, what is not local is one
_INSTRUCTION = re.compile(r"^\s+[a-zA-Z]")
_COMMENT = re.compile(r"\s*(##?\s|//|;\s|@\s).*$")
_RELOCATION = re.compile(r"%\w+\([\w.$]+\)")


def read_assembly(source: str) -> list[Routine]:
    """The instructions and labels of all routines, without directives, data and debug information."""
    return [_without_idle_labels(r) for r in _routines(source.splitlines())]


def _routines(lines: list[str]) -> list[Routine]:
    """Each begins with its label."""
    named = {name for line in lines for match in _FUNCTION.finditer(line) for name in match.groups() if name}
    found: list[Routine] = []
    link: int | None = None
    for line in lines:
        if label := _LABEL.match(line):
            if label[1] in named if named else not _LOCAL.match(label[1]):
                found.append(Routine(label[1]))
                link = None
            if found:
                found[-1].lines.append(Line(f"{label[1]}:", is_code=False))
        elif location := _LOCATION.match(line):
            link = int(location[1]) or None
        elif found and _INSTRUCTION.match(line):
            found[-1].lines.append(Line(_tidy(line), link))
    return [routine for routine in found if any(line.is_code for line in routine.lines)]


def _without_idle_labels(routine: Routine) -> Routine:
    """Keeps the routine's own label, and those that an instruction goes to (not those that only help the
    linker)."""
    code = (_RELOCATION.sub("", line.text) for line in routine.lines if line.is_code)
    used = {word for text in code for word in re.findall(r"[\w.$@?]+", text)}
    kept = [line for i, line in enumerate(routine.lines) if i == 0 or line.is_code or line.text[:-1] in used]
    return Routine(routine.name, kept)


def _tidy(line: str) -> str:
    """Without comment; the tab between mnemonic and operands becomes a column, so that every pane shows it
    alike."""
    mnemonic, _, operands = _COMMENT.sub("", line).strip().partition("\t")
    return f"    {mnemonic:<15} {operands}".rstrip()
