"""Compiled for Arm, run here: objects that TVM makes for aarch64, in a small C program, under qemu-user.

There is no TVM runtime for Arm on an x86 machine, and none is needed: a compiled function is a symbol that
takes tensors, and `emulated_main.c` stands in for the few runtime calls that it makes.
"""

from __future__ import annotations

import platform
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tvm
import tvm_ffi.libinfo
from tvm import IRModule, relax
from tvm.tirx import PrimFunc

from mlc_explorer.engine import targets

MAIN = Path(__file__).with_name("emulated_main.c")
COMPILER = "aarch64-linux-gnu-gcc"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
NAME = "aarch64"

_DLPACK = {"int32": 0, "float32": 2}  # type codes: kDLInt, kDLFloat


def missing() -> str:
    """What this machine lacks to compile for Arm and to run that, as a reason to skip; empty if nothing."""
    if platform.machine() == NAME:
        return "this machine is an Arm itself"
    if shutil.which(COMPILER) is None:
        return f"no {COMPILER} (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross)"
    return "" if _emulator() else "no qemu-aarch64 (Debian: qemu-user)"


def target() -> tvm.target.Target:
    """The Arm processor that the explorer offers."""
    return targets.target(NAME)


class Program:
    """The loops of `mod`, compiled for Arm and linked into a program in `folder`."""

    def __init__(self, mod: IRModule, folder: Path) -> None:
        functions = {var.name_hint: f for var, f in mod.functions_items() if isinstance(f, PrimFunc)}
        loops = IRModule({name: f.with_attr("global_symbol", name) for name, f in functions.items()})
        compiled, self._path = folder / "loops.o", folder / "program"
        tvm.compile(loops, target=target()).mod.write_to_file(str(compiled), "o")
        includes = {tvm_ffi.libinfo.find_include_path(), tvm_ffi.libinfo.find_dlpack_include_path()}
        command = [COMPILER, "-O1", "-static", f"-DFUNCTIONS={' '.join(f'X({name})' for name in functions)}"]
        command += [*(f"-I{path}" for path in sorted(includes)), str(MAIN), str(compiled), "-lm"]
        subprocess.run([*command, "-o", str(self._path)], check=True, timeout=60)

    def __call__(self, function: str, inputs: Sequence[np.ndarray], shape: Sequence[int]) -> np.ndarray:
        """What `function` writes into an output of `shape` for these float32 inputs."""
        tensors = [*inputs, np.full(shape, np.nan, np.float32)]
        given = struct.pack("<q", len(tensors)) + b"".join(map(_packed, tensors))
        command = [str(_emulator()), str(self._path), function]
        done = subprocess.run(command, input=given, capture_output=True, timeout=60)
        assert done.returncode == 0, f"status {done.returncode}: {done.stderr.decode()}"
        return np.frombuffer(done.stdout, np.float32).reshape(shape)


def run_network(program: Program, mod: IRModule, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The result of ``main``, whose calls all go to loops: each of them runs in `program`."""
    main = mod["main"]
    values = dict(zip(main.params, inputs, strict=True))

    def value(expr: relax.Expr) -> np.ndarray:
        return values[expr] if isinstance(expr, relax.Var) else expr.value.numpy()

    for binding in (binding for block in main.body.blocks for binding in block.bindings):
        call = binding.value
        if isinstance(call, relax.Call):
            function, arguments = call.args[0].name_hint, [value(argument) for argument in call.args[1]]
            values[binding.var] = program(function, arguments, [int(n) for n in call.ty.shape])
        else:
            values[binding.var] = value(call)
    return value(main.body.body)


def _packed(array: np.ndarray) -> bytes:
    code = _DLPACK[str(array.dtype)]
    return struct.pack(f"<{array.ndim + 2}q", array.ndim, code, *array.shape) + array.tobytes()


def _emulator() -> str | None:
    return next((found for name in EMULATORS if (found := shutil.which(name))), None)
