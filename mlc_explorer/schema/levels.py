"""The levels of abstraction at which one function can be read, declared once: engine, command line, time
limits and panes all derive from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """`kind` of function that can be read at this level: ``graph`` (Relax) or ``loops`` (PrimFunc).
    `language` says how its lines are coloured: ``python``, ``llvm``, ``asm`` or ``c``. `targeted`: the text
    depends on the chosen target. `compiles`: it takes a compilation, hence the longer time limit."""

    name: str
    kind: str
    language: str
    targeted: bool = False
    compiles: bool = False


LEVELS = (
    Level("relax", "graph", "python"),
    Level("tir", "loops", "python"),
    Level("python", "loops", "python"),
    Level("lowered", "loops", "python", targeted=True, compiles=True),
    Level("llvm", "loops", "llvm", targeted=True, compiles=True),
    Level("asm", "loops", "asm", targeted=True, compiles=True),
    Level("c", "loops", "c", compiles=True),
    Level("cuda", "loops", "c", compiles=True),
    Level("opencl", "loops", "c", compiles=True),
    Level("metal", "loops", "c", compiles=True),
    Level("webgpu", "loops", "c", compiles=True),
)

NAMES = tuple(level.name for level in LEVELS)


def level(name: str) -> Level | None:
    """The level of that name, if there is one."""
    return next((level for level in LEVELS if level.name == name), None)
