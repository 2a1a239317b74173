"""A candidate compiled for another machine: an object file, and what must be known to call it there."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tvm

from ..build import signature, to_compile
from .candidate import NAME, scheduled


def compiled(code: str, candidate: Mapping[str, Any], target: tvm.target.Target) -> dict[str, Any]:
    """``object``: the bytes; ``entry``: the function's name in it; ``parameters``: its tensors as they stand,
    {name, shape, dtype, written}. What `scheduled` and `signature` refuse is refused."""
    mod = scheduled(code, candidate)
    found = signature(mod, NAME)
    tensors = {t.name: (t, t in found.outputs) for t in (*found.inputs, *found.outputs)}
    executable = tvm.compile(to_compile(mod, NAME), target=target)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "candidate.o"
        executable.mod.write_to_file(str(file), "o")
        data = file.read_bytes()
    order = [tensors[p.name] for p in mod[NAME].params]
    parameters = [dataclasses.asdict(tensor) | {"written": written} for tensor, written in order]
    return {"object": data, "entry": NAME, "parameters": parameters}
