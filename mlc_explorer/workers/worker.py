"""One worker process as the server sees it: a pid, a socket, and the last words on its stderr.

The server must not trust it. It never waits for a worker to finish a message (`wait` takes what has come),
takes messages up to a size, and keeps the end of stderr only. Only the thread that owns a Worker may touch
it.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import select
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from . import protocol
from .child import main
from .settings import Settings

_STDERR_KEPT = 16 << 10
_CHUNK = 1 << 20
_DRAIN_READS = 128
# multiprocessing's bookkeeping is not made for threads: starting one child reads the exit status of all
# others, and a status can be read only once.
_managing = threading.Lock()

_context = multiprocessing.get_context("forkserver")


def preload() -> None:
    """Has the fork server import TVM and the engine once, so that a fork has them at no cost."""
    _context.set_forkserver_preload(["mlc_explorer.workers.preload"])
    multiprocessing.forkserver.ensure_running()


class Worker:
    """A fresh, confined process with a temporary folder of its own beneath `runtime`."""

    def __init__(self, settings: Settings, runtime: Path, draws_graphs: bool) -> None:
        self.alive = True
        self.stderr = bytearray()
        self.folder = Path(tempfile.mkdtemp(prefix="worker-", dir=runtime))
        self._frames = protocol.Frames((settings.result_mib << 20) + (1 << 16))
        self._outgoing = bytearray()
        self._stderr_open = True
        ours, theirs = _context.Pipe(duplex=True)
        stderr_ours, stderr_theirs = _context.Pipe(duplex=False)
        try:
            with _managing:
                self._process = _context.Process(
                    target=main,
                    args=(theirs, stderr_theirs, str(self.folder), settings, draws_graphs),
                    daemon=True,
                )
                self._process.start()
        except BaseException:
            ours.close()
            stderr_ours.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            theirs.close()
            stderr_theirs.close()
        self._socket, self._stderr = ours, stderr_ours
        os.set_blocking(ours.fileno(), False)
        os.set_blocking(stderr_ours.fileno(), False)

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    @property
    def exitcode(self) -> int | None:
        return self._process.exitcode

    def send(self, message: bytes) -> None:
        """Queues a message; what the socket does not take now goes out in `wait`."""
        self._outgoing += protocol.framed(message)
        self._write()

    def wait(self, seconds: float | None, wake: int) -> list[bytes]:
        """The messages that came within `seconds` (None: for ever). Returns early when `wake`, a descriptor,
        becomes readable or the process ends (`alive` is False then). Raises protocol.Garbage."""
        socket, stderr, ended = self._socket.fileno(), self._stderr.fileno(), self._process.sentinel
        poll = select.poll()
        poll.register(socket, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
        poll.register(ended, select.POLLIN)
        poll.register(wake, select.POLLIN)
        if self._stderr_open:
            poll.register(stderr, select.POLLIN)
        ready = dict(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))
        if wake in ready:
            with suppress(BlockingIOError):
                os.read(wake, 4096)
        if ended in ready:
            return self._drain()
        if stderr in ready:
            self._read_stderr()
        if ready.get(socket, 0) & select.POLLOUT:
            self._write()
        if not ready.get(socket, 0) & ~select.POLLOUT:
            return []
        data = self._read()
        if not data:  # it closed its socket but lives, and will never answer: its end comes by the sentinel
            with _managing:
                self._process.kill()
        return list(self._frames.feed(data))

    def end(self) -> None:
        """Kills the process, whatever it does, and removes its folder."""
        self.alive = False
        with _managing:
            self._process.kill()
        multiprocessing.connection.wait([self._process.sentinel], timeout=5.0)
        self._join()
        for connection in (self._socket, self._stderr):
            connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _join(self) -> None:
        with _managing:
            self._process.join(0.0)

    def _drain(self) -> list[bytes]:
        """What a process that has ended left in its pipes: it may have answered before it died."""
        self.alive = False
        self._join()
        for _ in range(_DRAIN_READS):
            if not self._read_stderr():
                break
        messages: list[bytes] = []
        for _ in range(_DRAIN_READS):
            data = self._read()
            if not data:
                break
            messages += self._frames.feed(data)
        return messages

    def _read(self) -> bytes:
        try:
            return os.read(self._socket.fileno(), _CHUNK)
        except OSError:  # nothing there (BlockingIOError), or reset by the end of the process
            return b""

    def _read_stderr(self) -> int:
        try:
            data = os.read(self._stderr.fileno(), _CHUNK)
        except OSError:
            return 0
        self._stderr_open = bool(data)
        self.stderr += data
        del self.stderr[:-_STDERR_KEPT]
        return len(data)

    def _write(self) -> None:
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            sent = os.write(self._socket.fileno(), bytes(self._outgoing[:_CHUNK]))
            del self._outgoing[:sent]
