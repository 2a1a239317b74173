"""What runs inside a worker process: it gives up its rights, says it is ready, and does one job after
another.

Everything that a job can go wrong by is turned into a message here, as long as the process lives; the rest
(signals, endless loops) is the server's business. The only module of `workers` that imports the engine, and
only in here.
"""

from __future__ import annotations

import faulthandler
import functools
import importlib
import inspect
import json
import os
import pkgutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..errors import MlcError, OutOfMemory
from ..schema.codec import encode
from . import jobs, limits, protocol
from .confine import confine, mapped_bytes
from .settings import Settings

_NEEDED = {"files", "network", "processes", "memory"}
_RETIRE_AT = 0.6  # part of its memory limit at which a worker asks to be replaced, before a job fails for it


def load_engine() -> None:
    """Imports every module of the engine, and the packages it stands on; what can't be imported is said on
    stderr and fails again, with its reason, in the job that needs it."""
    _try_import("numpy")
    _try_import("tvm")
    _try_import("mlc_explorer.engine.service")
    engine = sys.modules.get("mlc_explorer.engine")
    if engine is not None:
        for module in pkgutil.walk_packages(engine.__path__, "mlc_explorer.engine.", onerror=lambda _: None):
            _try_import(module.name)
    for name in ("landlock", "pyseccomp"):
        _try_import(name, quiet=True)
    jobs.extra()


def _try_import(name: str, quiet: bool = False) -> None:
    try:
        importlib.import_module(name)
    except Exception:  # whatever is wrong with a module must not take the fork server with it
        if not quiet:
            traceback.print_exc()


def main(
    connection: Connection, stderr: Connection, folder: str, settings: Settings, draws_graphs: bool
) -> None:
    """The worker: never returns, because nothing of the fork server's machinery may run after it."""
    status = 1
    try:
        server = _only_these_descriptors(connection, stderr)
        os.environ.update(TMPDIR=folder, HOME=folder)
        tempfile.tempdir = folder
        os.chdir(folder)
        # TVM's handler allocates, and so can hang, in a broken heap.
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        faulthandler.enable(all_threads=False)
        protections = confine(Path(folder), settings.memory_mib, _start_dot if draws_graphs else lambda: None)
        _Child(server, settings, protections).serve()
        status = 0
    except EOFError:
        status = 0  # the server is gone
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _start_dot() -> None:
    """A worker that is wholly confined starts no program, so the one that lays graphs out is started just
    before. Where it can't be, graphs get plain layers."""
    try:
        from ..engine.views import dot

        dot.start_helper()
    except Exception:
        traceback.print_exc()


def _only_these_descriptors(connection: Connection, stderr: Connection) -> socket.socket:
    """Keeps the socket to the server and stderr. The fork server's own descriptors would let a hostile job
    unlink the server's resources, and would keep the fork server alive after its parent's end."""
    server = socket.socket(fileno=os.dup(connection.fileno()))
    os.dup2(stderr.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    connection.close()
    stderr.close()
    kept = server.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)
    return server


class _Child:
    def __init__(self, server: socket.socket, settings: Settings, protections: dict[str, str]) -> None:
        self._server, self._settings, self._protections = server, settings, protections
        self._sending = threading.Lock()
        self._models = _Models(settings.worker_models_mib << 20)
        self._mapped_at_start = mapped_bytes()

    def serve(self) -> None:
        missing = _NEEDED - set(self._protections)
        if missing and self._settings.require_confinement:
            names = ", ".join(sorted(missing))
            self._send("refused", reason=f"confinement is required, but there is none of: {names}")
            return
        self._send("ready", pid=os.getpid(), protections=self._protections, versions=_versions())
        while True:
            header, body = protocol.unpack(protocol.receive(self._server))
            self._do(str(header["name"]), body)

    def _do(self, name: str, body: bytes) -> None:
        try:
            result = protocol.dumps(encode(self._call(name, json.loads(body))))
        except BaseException as e:  # also SystemExit: a job must not end its worker in silence
            error = self._as_error(e)
            self._send("error", protocol.dumps(error.to_json()), retire=isinstance(error, OutOfMemory))
        else:
            self._send("result", result, retire=self._is_full())

    def _call(self, name: str, args: dict[str, Any]) -> Any:
        function, wanted = _job(name)
        if "progress" in wanted:
            args["progress"] = self._progress
        if "model_data" in wanted:
            args["model_data"] = self._model_data
        return function(**args)

    def _as_error(self, e: BaseException) -> MlcError:
        if isinstance(e, MlcError):
            return e
        detail = "".join(traceback.format_exception(e, limit=-12))[-8000:]
        if isinstance(e, MemoryError) or limits.is_memory_text(str(e)):
            return limits.out_of_memory(self._settings.memory_mib, detail)
        reason = traceback.format_exception_only(type(e), e)[-1].strip()
        return limits.failed(reason.splitlines()[0][:300], detail)

    def _is_full(self) -> bool:
        allowed = self._settings.memory_mib << 20
        return mapped_bytes() - self._mapped_at_start > _RETIRE_AT * allowed

    def _progress(self, stage: str, fraction: float, detail: str = "") -> None:
        more = {"detail": str(detail)} if detail else {}
        self._send("progress", stage=str(stage), fraction=float(fraction), **more)

    def _model_data(self, digest: str) -> bytes:
        """The bytes of an uploaded model, from this worker's memory or from the server."""
        reference = digest if digest.startswith("sha256:") else f"sha256:{digest}"
        data = self._models.get(reference)
        if data is None:
            self._send("need", digest=reference)
            header, body = protocol.unpack(protocol.receive(self._server))
            if header["op"] != "model":
                raise MlcError.from_json(json.loads(body))
            data = self._models.keep(reference, body)
        return data

    def _send(self, op: str, body: bytes = b"", **fields: Any) -> None:
        with self._sending:
            self._server.sendall(protocol.framed(protocol.pack(op, body, **fields)))


class _Models:
    """The last uploaded models, at most `limit` bytes of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[str, bytes] = OrderedDict()

    def get(self, reference: str) -> bytes | None:
        if reference in self._held:
            self._held.move_to_end(reference)
        return self._held.get(reference)

    def keep(self, reference: str, data: bytes) -> bytes:
        self._held[reference] = data
        while sum(map(len, self._held.values())) > self._limit and len(self._held) > 1:
            self._held.popitem(last=False)
        return data


@functools.cache
def _job(name: str) -> tuple[Callable[..., Any], frozenset[str]]:
    """The function that does a job, and the names of its parameters."""
    function = getattr(jobs.extra(), name, None)
    if function is None:
        from ..engine import service

        function = getattr(service, name)
    return function, frozenset(inspect.signature(function).parameters)


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for package in ("apache-tvm", "apache-tvm-ffi", "numpy", "onnx", "onnxruntime"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
