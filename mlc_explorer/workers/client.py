"""The screen's and the command line's way to the engine: `Engine` sends jobs, `Job` is one on its way.

Many threads share one Engine over one connection. A server that has died is started again and the jobs it
held are sent once more, which is safe because a job changes nothing; a second loss is EngineUnavailable.

    >>> engine = Engine.local()                          # doctest: +SKIP
    >>> engine.call("state", trace=trace.to_json())      # doctest: +SKIP
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from ..errors import MlcError, NotFound
from . import protocol
from .launch import ServerSource, source, unavailable
from .limits import failed
from .settings import Settings

Fetch = Callable[[str], bytes]
_ATTEMPTS = 2


class Job:
    """A job that was sent. All methods may be called from any thread."""

    def __init__(self, engine: Engine, number: int, message: bytes) -> None:
        self.number, self.message, self.attempts = number, message, 0
        self._engine = engine
        self._done = threading.Event()
        self._result = b""
        self._error: MlcError | None = None
        self._progress: dict[str, Any] | None = None

    def progress(self) -> dict[str, Any] | None:
        """The latest news: ``stage`` (``queued``, ``started``, or a word of the job's own), ``fraction``
        0..1, ``position`` in the queue (1 is next; None once it runs), and ``detail`` where a job has more
        to say: a text of its own, which may be cut. None before there is any."""
        return self._progress

    def done(self, seconds: float = 0.0) -> bool:
        """Whether `result` would return, or raise, at once; waits up to `seconds` for that."""
        return self._done.wait(seconds)

    def result(self, timeout: float | None = None) -> Any:
        """The decoded result; raises the job's MlcError, or TimeoutError after `timeout` seconds of
        waiting."""
        data = self.result_bytes(timeout)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as e:
            raise failed("its result is not JSON", str(e)) from e

    def result_bytes(self, timeout: float | None = None) -> bytes:
        """The result as the worker wrote it: JSON in UTF-8."""
        if not self._done.wait(timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result

    def cancel(self) -> None:
        """Ends the job; `result` then raises Cancelled, unless the job was quicker."""
        self._engine.tell(self, protocol.pack("cancel", id=self.number))

    def _finish(self, result: bytes, error: MlcError | None = None) -> None:
        self._result, self._error = result, error
        self._done.set()


class Engine:
    """`fetch` gives the bytes of an uploaded model by its reference (``sha256:…``), as `Store.get` does."""

    def __init__(self, server: ServerSource, fetch: Fetch | None = None) -> None:
        self._server, self._fetch = server, fetch
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._link: _Link | None = None
        self._closed = False

    @classmethod
    def local(cls, fetch: Fetch | None = None, settings: Settings | None = None) -> Engine:
        """An engine with a server of its own, started at the first job; the one that MLC_EXPLORER_ENGINE
        names, where it is set."""
        return cls(source(settings or Settings.from_env()), fetch)

    def call(self, job: str, timeout: float | None = None, **args: Any) -> Any:
        """Does a job and gives its decoded result. `timeout` replaces the job's limit in seconds, within the
        server's maximum. Raises what the job raised, or Crashed, TimedOut, OutOfMemory, EngineUnavailable."""
        return self.submit(job, timeout, **args).result()

    def call_bytes(self, job: str, timeout: float | None = None, **args: Any) -> bytes:
        """As `call`, but the result's JSON as it came, for passing on to a browser."""
        return self.submit(job, timeout, **args).result_bytes()

    def submit(self, job: str, timeout: float | None = None, **args: Any) -> Job:
        """Sends a job and returns at once; raises EngineUnavailable if there is no server to send it to."""
        number = next(self._numbers)
        message = protocol.pack("call", protocol.dumps(args), id=number, job=job, seconds=timeout)
        return self._send(Job(self, number, message))

    def about(self) -> dict[str, Any]:
        """The server's pid, uptime, versions, cores; its ``workers`` with pid, lane, busy; its
        ``protections``."""
        number = next(self._numbers)
        return self._send(Job(self, number, protocol.pack("about", id=number))).result(30.0)

    def start(self) -> None:
        """Starts the server now, so that the first job meets warm workers."""
        self._live_link()

    def close(self) -> None:
        """Ends the connection, and the server if it is ours. Jobs on their way raise EngineUnavailable."""
        with self._lock:
            self._closed = True
            link, self._link = self._link, None
        if link is not None:
            link.close()
        self._server.close()

    def tell(self, job: Job, message: bytes) -> None:
        """Sends a message about `job` if its server is still there."""
        link = self._link
        if link is not None:
            link.send(message)

    def _send(self, job: Job) -> Job:
        job.attempts += 1
        while not self._live_link().add(job):
            pass  # it broke between being found and being used
        return job

    def _live_link(self) -> _Link:
        with self._lock:
            if self._closed:
                raise unavailable("this engine was closed")
            if self._link is None or self._link.broken:
                self._link = _Link(self._server.connect(), self._fetch, self._lost)
            return self._link

    def _lost(self, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                if job.attempts >= _ATTEMPTS:
                    raise unavailable("the engine server ended twice during this job")
                self._send(job)
            except MlcError as e:
                job._finish(b"", e)


class _Link:
    """One connection, the jobs on it, and the thread that reads it."""

    def __init__(
        self, connection: Connection, fetch: Fetch | None, lost: Callable[[list[Job]], None]
    ) -> None:
        self.broken = False
        self._connection, self._fetch, self._lost = connection, fetch, lost
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        threading.Thread(target=self._read, name="engine-client", daemon=True).start()

    def add(self, job: Job) -> bool:
        """Sends a job; False if the connection is broken. One that breaks now is the reading thread's to
        report."""
        with self._lock:
            if self.broken:
                return False
            self._jobs[job.number] = job
        self.send(job.message)
        return True

    def send(self, message: bytes) -> None:
        with self._sending, suppress(OSError, ValueError):  # broken: the reading thread sees it too
            self._connection.send_bytes(message)

    def close(self) -> None:
        """Ends the reading thread, which reports what was on its way."""
        with self._sending, suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            while True:
                self._take(*protocol.unpack(self._connection.recv_bytes()))
        except (OSError, EOFError, protocol.Garbage, KeyError, TypeError, ValueError):
            pass
        with self._lock:
            self.broken = True
            jobs, self._jobs = list(self._jobs.values()), {}
        with self._sending:
            self._connection.close()
        self._lost(jobs)

    def _take(self, header: dict[str, Any], body: bytes) -> None:
        number, op = header["id"], header["op"]
        job = self._jobs.get(number)
        if job is None:
            return
        if op == "progress":
            job._progress = {k: header.get(k) for k in ("stage", "fraction", "position")}
            if header.get("detail"):
                job._progress["detail"] = header["detail"]
        elif op == "need":
            # Reading 200 MB from a disk must not hold up the answers to others.
            threading.Thread(target=self._give_model, args=(number, header["digest"]), daemon=True).start()
        elif op in ("result", "error"):
            with self._lock:
                self._jobs.pop(number, None)
            job._finish(body, MlcError.from_json(json.loads(body)) if op == "error" else None)

    def _give_model(self, number: int, reference: str) -> None:
        try:
            data = self._model(reference)
        except MlcError as e:
            self.send(protocol.pack("no_model", protocol.dumps(e.to_json()), id=number, digest=reference))
        else:
            self.send(protocol.pack("model", data, id=number, digest=reference))

    def _model(self, reference: str) -> bytes:
        try:
            if self._fetch is not None:
                return self._fetch(reference)
        except MlcError:
            raise
        except Exception as e:  # whatever the store stumbled over, the job that waits must hear of it
            raise failed(f"the model could not be read from the store: {e}", "") from e
        raise NotFound(
            f"There is no stored model {reference[:19]}….", hint="Upload the file again.", place="model",
            code="upload_missing", params={"reference": reference[:19]},
        )  # fmt: skip
