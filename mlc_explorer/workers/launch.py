"""How a client comes to a connection: to a server of its own, started when needed, or to one that stands
elsewhere."""

from __future__ import annotations

import os
import secrets
import select
import shutil
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import AuthenticationError, Client, Connection
from pathlib import Path
from typing import Protocol

from ..errors import EngineUnavailable
from .address import parse
from .settings import Settings

_PROJECT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0


class ServerSource(Protocol):
    """`connect` gives an authenticated connection or raises EngineUnavailable."""

    def connect(self) -> Connection: ...

    def close(self) -> None: ...


class LocalServer:
    """A server that is this process's child: started at the first connection, and again when it has died."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._key = b""
        self._address = ""

    @property
    def pid(self) -> int | None:
        """The server's process, if it was started."""
        return self._process.pid if self._process else None

    def connect(self) -> Connection:
        if self._process is not None and self._process.poll() is None:
            with suppress(EngineUnavailable):  # a server that is killed closes its socket before it is gone
                return _connect(self._address, self._key)
        self.close()
        self._start()
        return _connect(self._address, self._key)

    def close(self) -> None:
        """Ends the server (it leaves when its stdin closes) and removes what a killed one left behind."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._address:
            shutil.rmtree(Path(self._address).parent, ignore_errors=True)

    def _start(self) -> None:
        self._key = secrets.token_hex(32).encode()
        self._address = ""
        path = os.pathsep.join(p for p in (str(_PROJECT), os.environ.get("PYTHONPATH", "")) if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlc_explorer.workers", "--child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, **self._settings.to_env(), "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C in the terminal is for us; the server leaves when we do
        )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(self._key + b"\n")
            self._process.stdin.flush()
        if select.select([self._process.stdout], [], [], _START_SECONDS)[0]:
            self._address = self._process.stdout.readline().decode().strip()
        if not self._address:
            self.close()
            raise unavailable("the engine server did not start")


class RemoteServer:
    """A server that was started by hand, here or on another machine."""

    def __init__(self, address: str, key_file: str) -> None:
        self._address, self._key_file = address, Path(key_file)

    def connect(self) -> Connection:
        try:
            key = self._key_file.read_bytes().strip()
        except OSError as e:
            raise unavailable(f"its key file can't be read: {e.strerror}") from e
        return _connect(self._address, key)

    def close(self) -> None:
        """It was not ours to start, so it is not ours to end."""


def source(settings: Settings) -> ServerSource:
    """The server that `settings` name, else one of our own."""
    if settings.engine:
        return RemoteServer(settings.engine, settings.engine_key)
    return LocalServer(settings)


def unavailable(reason: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"The engine can't be reached: {reason}.",
        hint="Try again in a moment; your steps are kept. If it stays so, restart MLC Explorer.",
        code="engine_unavailable", params={"reason": reason},
    )  # fmt: skip


def _connect(address: str, key: bytes) -> Connection:
    try:
        return Client(parse(address), authkey=key)
    except AuthenticationError as e:
        raise unavailable("it does not accept the key") from e
    except (OSError, EOFError) as e:
        raise unavailable(str(e) or type(e).__name__) from e
