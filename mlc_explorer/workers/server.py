"""The engine server: listens, routes each client's jobs to the pools, and passes on what the workers answer.

It never runs Streamlit and never imports TVM: it holds sockets, queues and processes only, so that nothing a
job does can end it. A client that goes away has its jobs cancelled.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing.connection import (
    AuthenticationError,
    Connection,
    Listener,
    answer_challenge,
    deliver_challenge,
)
from pathlib import Path
from typing import Any

from ..errors import BadModel, BadTrace, MlcError, NotFound
from . import jobs, protocol, worker
from .pool import Pool
from .settings import Settings
from .task import Task

_BACKLOG = 64
_CLIENT_GONE = (OSError, EOFError, AuthenticationError, protocol.Garbage)


class Server:
    """One listening address (None: a socket in a folder of its own), the lanes and their pools."""

    def __init__(self, address: str | tuple[str, int] | None, key: bytes, settings: Settings) -> None:
        self.settings = settings
        self._key = key
        self._started = time.monotonic()
        self._runtime = tempfile.TemporaryDirectory(prefix="mlc-explorer-", ignore_cleanup_errors=True)
        # TVM reads these once, when it is loaded; without them a kernel runs on one core, or on cores it
        # pinned.
        os.environ.update(TVM_NUM_THREADS=str(settings.cores), TVM_BIND_THREADS="0")
        self.lanes = jobs.lanes()
        runtime = Path(self._runtime.name)
        # No key here: the listener would ask for it while others wait; each client's own thread does.
        self._listener = Listener(address or str(runtime / "engine.sock"), backlog=_BACKLOG)
        worker.preload()
        lanes = (jobs.INTERACTIVE, jobs.MEASURE, jobs.RUN)
        self.pools = {lane: Pool(lane, settings, runtime) for lane in lanes}

    @property
    def address(self) -> str | tuple[str, int]:
        """Where it listens; the port is the real one where 0 was asked for."""
        return self._listener.address

    def serve(self) -> None:
        """Takes clients until `stop`."""
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return  # closed by `stop`
            threading.Thread(target=self._client, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        """Ends the workers and removes their folders."""
        with suppress(OSError):
            self._listener.close()
        for pool in self.pools.values():
            pool.stop()
        self._runtime.cleanup()

    def about(self) -> dict[str, Any]:
        """Workers, what confines them, versions, seconds since the start."""
        slots = [s for pool in self.pools.values() for s in pool.slots]
        told: dict[str, Any] = next((s.about for s in slots if s.about), {})
        return {
            "pid": os.getpid(),
            "uptime_s": time.monotonic() - self._started,
            "workers": [entry for pool in self.pools.values() for entry in pool.about()],
            "protections": told.get("protections", {}),
            "versions": told.get("versions", {}),
            "cores": self.settings.cores,
            "memory_mib": self.settings.memory_mib,
        }

    def _client(self, connection: Connection) -> None:
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
        except _CLIENT_GONE:
            connection.close()
            return
        _Client(self, connection).serve()


class _Client:
    """One connection: a thread reads requests, another writes, because a client that does not read must not
    hold up the workers that answer it."""

    def __init__(self, server: Server, connection: Connection) -> None:
        self._server, self._connection = server, connection
        self._tasks: dict[int, Task] = {}
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._limit = (server.settings.upload_mib << 20) + (1 << 20)

    def serve(self) -> None:
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        try:
            while True:
                self._take(*protocol.unpack(self._connection.recv_bytes(self._limit)))
        except (*_CLIENT_GONE, KeyError, TypeError, ValueError):
            pass  # gone, or talking nonsense: either way its jobs are nobody's
        for task in list(self._tasks.values()):
            self._server.pools[task.lane].cancel(task)
        self._outbox.put(None)
        writer.join()
        self._connection.close()

    def _write(self) -> None:
        while (message := self._outbox.get()) is not None:
            try:
                self._connection.send_bytes(message)
            except OSError:
                return

    def _take(self, header: dict[str, Any], body: bytes) -> None:
        number = int(header["id"])
        if header["op"] == "call":
            self._call(number, header, body)
        elif header["op"] == "about":
            self._tell(number, "result", protocol.dumps(self._server.about()))
        elif (task := self._tasks.get(number)) is None:
            return  # it was answered in the meantime
        elif header["op"] == "cancel":
            self._server.pools[task.lane].cancel(task)
        elif header["op"] == "model":
            task.give_model(_checked(str(header["digest"]), body))
        elif header["op"] == "no_model":
            task.give_model(protocol.pack("no_model", body))

    def _call(self, number: int, header: dict[str, Any], body: bytes) -> None:
        job, args, settings = str(header["job"]), json.loads(body), self._server.settings
        lane = self._server.lanes.get(job)
        if lane is None or not isinstance(args, dict):
            self._tell(number, "error", protocol.dumps(_unknown(job, lane).to_json()))
            return
        asked = header.get("seconds") or jobs.seconds(job, lane, args, settings)

        def tell(op: str, body: bytes = b"", **fields: Any) -> None:
            if op in ("result", "error"):
                self._tasks.pop(number, None)
            self._tell(number, op, body, **fields)

        task = Task(job, args, body, lane, min(float(asked), settings.max_seconds), tell)
        self._tasks[number] = task
        self._server.pools[lane].submit(task)

    def _tell(self, number: int, op: str, body: bytes = b"", **fields: Any) -> None:
        self._outbox.put(protocol.pack(op, body, id=number, **fields))


def _checked(reference: str, data: bytes) -> bytes:
    """The message that gives a worker a model; one whose bytes are not what their digest says is not passed
    on."""
    if f"sha256:{hashlib.sha256(data).hexdigest()}" == reference:
        return protocol.pack("model", data, digest=reference)
    error = BadModel(
        "The stored model is damaged: its bytes do not match its digest.",
        hint="Upload the file again.", place=reference, code="model_damaged",
    )  # fmt: skip
    return protocol.pack("no_model", protocol.dumps(error.to_json()))


def _unknown(job: str, lane: str | None) -> MlcError:
    if lane is None:
        return NotFound(
            f"There is no job '{job}'.",
            hint="The screen and the engine server may be of different versions: restart both.",
            place="job", code="job_unknown", params={"job": job},
        )  # fmt: skip
    return BadTrace("The job's arguments are not an object.", place="arguments", code="job_arguments")
