"""Jobs that go wrong, each for real. A worker has them only where MLC_EXPLORER_TEST_JOBS names this
module."""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_INTERACTIVE = [
    "echo", "sleep", "pid", "count", "null_dereference", "kernel_writes_outside",
    "kernel_divides_by_zero", "endless", "compile_endlessly", "allocate", "kernel_allocates", "chatter",
    "chatter_and_die", "garbage", "huge_announcement", "half_a_message", "raises", "leaves", "model_size",
    "steal_model", "read_file", "write_file", "write_own_file", "open_socket", "run_program", "fork",
    "send_signal", "compile_and_run", "compiled_system_call",
]  # fmt: skip
LANES = dict.fromkeys(_INTERACTIVE, "interactive") | {"lane_pid": "run", "lane_sleep": "measure"}


def echo(value=None, trace=None):
    return value


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def pid(trace=None):
    return os.getpid()


def lane_pid():
    return os.getpid()


def lane_sleep(seconds, progress):
    progress("time", 0.0)
    time.sleep(seconds)
    return os.getpid()


def count(to, progress):
    for i in range(to):
        progress("count", i / to, f"{i} of {to}" if i else "")
        time.sleep(0.05)
    return to


def null_dereference():
    ctypes.string_at(0)


def kernel_writes_outside():
    """A real kernel; the index comes at run time, so that nothing can see it beforehand."""
    import numpy as np
    import tvm

    scatter = tvm.script.from_source("""@T.prim_func(s_tir=True)
def scatter(index: T.Buffer((1,), "int64"), out: T.Buffer((16,), "float32")):
    out[index[0]] = T.float32(1)
""")
    index = tvm.runtime.tensor(np.array([1 << 40], "int64"))
    out = tvm.runtime.tensor(np.zeros(16, "float32"))
    tvm.compile(tvm.IRModule({"main": scatter}), target="llvm")["main"](index, out)


def kernel_divides_by_zero():
    import numpy as np
    import tvm
    from tvm import te

    a, b = te.placeholder((8,), "int32", "a"), te.placeholder((8,), "int32", "b")
    c = te.compute((8,), lambda i: tvm.tirx.truncdiv(a[i], b[i]), "c")
    zeros = [tvm.runtime.tensor(np.zeros(8, "int32")) for _ in range(3)]
    tvm.compile(tvm.IRModule({"main": te.create_prim_func([a, b, c])}), target="llvm")["main"](*zeros)


def endless():
    """Never comes back from C, so that neither a signal handler nor another thread is ever run."""
    collections.deque(itertools.count(), maxlen=0)


def compile_endlessly():
    """Unrolls a million iterations: LLVM is busy for minutes."""
    import tvm
    from tvm import te
    from tvm.s_tir import Schedule

    a = te.placeholder((200_000,), "float32", "a")
    c = te.compute((200_000,), lambda i: te.exp(a[i]) * te.tanh(a[i]), "c")
    schedule = Schedule(tvm.IRModule({"main": te.create_prim_func([a, c])}))
    schedule.unroll(schedule.get_loops(schedule.get_sblock("c"))[0])
    tvm.compile(schedule.mod, target="llvm")


def allocate(gib):
    return len(bytearray(gib << 30))


def kernel_allocates(gib):
    import tvm

    return tvm.runtime.empty((gib << 30,), "uint8").shape[0]


def chatter(mib):
    for _ in range(mib):
        os.write(2, b"x" * 1023 * 1024 + b"\n")
    return mib


def chatter_and_die(mib):
    chatter(mib)
    os.write(2, b"\x1b[31mthe last words\n")
    os.abort()


def garbage():
    os.write(_server(), b"\0" * 7 + b"\x05hello")
    time.sleep(60)


def huge_announcement():
    os.write(_server(), b"\x7f" + b"\xff" * 7)
    time.sleep(60)


def half_a_message():
    os.write(_server(), b"\0" * 6 + b"\x10\x00" + b"x" * 5)
    time.sleep(60)


def raises():
    raise ZeroDivisionError("nobody expects this")


def leaves():
    sys.exit(3)


def model_size(trace, model_data):
    return len(model_data(trace["model"]))


def steal_model(trace, model_data, digest):
    return len(model_data(digest))


def read_file(path):
    return Path(path).read_text()


def write_file(path):
    Path(path).write_text("outside")


def write_own_file():
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("inside")
        file.seek(0)
        return file.read()


def open_socket(family):
    socket.socket(getattr(socket, family)).close()


def run_program():
    return subprocess.run(["/bin/echo", "hello"], capture_output=True, text=True).stdout


def fork():
    if os.fork() == 0:
        os._exit(0)


def send_signal(to):
    os.kill(to, signal.SIGTERM)


def compile_and_run():
    """x + 1 for 0..7, compiled with LLVM and run on TVM's thread pool."""
    import numpy as np
    import tvm
    from tvm import te
    from tvm.s_tir import Schedule

    a = te.placeholder((8,), "float32", "a")
    b = te.compute((8,), lambda i: a[i] + 1.0, "b")
    schedule = Schedule(tvm.IRModule({"main": te.create_prim_func([a, b])}))
    schedule.parallel(schedule.get_loops(schedule.get_sblock("b"))[0])
    x = tvm.runtime.tensor(np.arange(8, dtype="float32"))
    y = tvm.runtime.tensor(np.zeros(8, "float32"))
    tvm.compile(schedule.mod, target="llvm")["main"](x, y)
    return y.numpy().tolist()


def compiled_system_call(command):
    """What a hostile kernel would try: libc's system(), called from compiled code."""
    import numpy as np
    import tvm

    shell = tvm.script.from_source(f"""@T.prim_func(s_tir=True)
def shell(out: T.Buffer((1,), "int32")):
    out[0] = T.call_extern("int32", "system", "{command}")
""")
    out = tvm.runtime.tensor(np.zeros(1, "int32"))
    tvm.compile(tvm.IRModule({"main": shell}), target="llvm")["main"](out)
    return int(out.numpy()[0])


def _server() -> int:
    """The descriptor of the socket to the server, as hostile code would find it."""
    return next(n for n in range(3, 64) if _is_socket(n))


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False
