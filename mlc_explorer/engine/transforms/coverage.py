"""Every primitive, pass, rule and pipeline of the installed TVM: as what it is offered, or why it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import tvm
from tvm import relax
from tvm.s_tir import Schedule, dlight
from tvm.tirx.compilation_pipeline import PIPELINE_MAP

from .catalogue import TRANSFORMS
from .left_out import REASONS
from .passes import NAMES, RunPass
from .tensorir import ALONE, LOWERING, FunctionPass, Lower

SECTIONS: Mapping[str, str] = {
    "schedule": "Primitives of `tvm.s_tir.Schedule`",
    "relax": "Passes of `tvm.relax.transform`",
    "relax_pipeline": "Pipelines of `tvm.relax`",
    "s_tir": "Passes of `tvm.s_tir.transform`",
    "tirx": "Passes of `tvm.tirx.transform`",
    "tir_pipeline": "Pipelines of `tvm.tirx`",
    "dlight": "Rules of `tvm.s_tir.dlight`",
}

_PIPELINE = re.compile(r'(?:tvm\.)?(\w+)\.get_(?:tir_)?pipeline\("(\w+)"\)')


@dataclass(frozen=True)
class Covered:
    """A name of TVM's in a section, the transforms that offer it, and the reason where there are none."""

    section: str
    name: str
    offered: tuple[str, ...]
    reason: str


def coverage() -> list[Covered]:
    """All of TVM's names by section. One with neither a transform nor a reason was never thought about."""
    offered = _offered()
    found = []
    for section, name in _public():
        key = f"{section}.{name}"
        found.append(Covered(section, name, tuple(offered.get(key, ())), REASONS.get(key, "")))
    return found


def _public() -> Iterator[tuple[str, str]]:
    for name, value in sorted(vars(Schedule).items()):
        if not name.startswith("_") and name[0].islower() and callable(value):
            yield "schedule", name
    for section in ("relax", "s_tir", "tirx"):
        if section == "s_tir":
            yield from (("relax_pipeline", name) for name in sorted(relax.pipeline.PIPELINE_MAP))
        module = getattr(tvm, section).transform
        yield from ((section, name) for name in _capitalised(module))
    yield from (("tir_pipeline", name) for name in sorted(PIPELINE_MAP))
    for part in (dlight.adreno, dlight.cpu, dlight.gpu):
        short = part.__name__.rpartition(".")[2]
        yield from (("dlight", f"{short}.{name}") for name in _capitalised(part))


def _capitalised(module: ModuleType) -> list[str]:
    def is_offered(name: str, value: Any) -> bool:
        return name[0].isupper() and callable(value)

    return sorted(name for name, value in vars(module).items() if is_offered(name, value))


def _offered() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cls in TRANSFORMS.values():
        found.setdefault(_key(cls.level, cls.tvm), []).append(cls.name)
    for name in ALONE:
        found.setdefault(name, []).append(FunctionPass.name)
    for name in LOWERING:
        found.setdefault(name, []).append(Lower.name)
    for name in NAMES:
        found.setdefault(name, []).append(RunPass.name)
    return found


def _key(level: str, name: str) -> str:
    """`name`, as a transform says what it is in TVM → the name of a section and a dot and the public name."""
    if level == "loop":
        return f"schedule.{name}"
    pipeline = _PIPELINE.fullmatch(name)
    if pipeline is not None:
        return f"{'relax' if pipeline[1] == 'relax' else 'tir'}_pipeline.{pipeline[2]}"
    return name.replace(".transform.", ".")
