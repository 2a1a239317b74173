"""Messages between client, server and worker: a JSON header, a newline, and a body of bytes.

The body (a result, a model's bytes) is passed on as it is, so that the server never decodes what a worker
says beyond the small header, and never unpickles anything. Over the worker's socket a message goes with its
length in front; `Frames` takes such a stream apart without ever blocking, because a worker that is no longer
itself may announce a message and never finish it.

| from | messages: header, and + body |
|---|---|
| client | ``call`` id, job, seconds + arguments · ``cancel`` id · ``about`` id |
| | ``model`` id, digest + bytes · ``no_model`` id, digest + error |
| server, to client | ``progress`` id, stage, fraction, position, detail · ``need`` id, digest |
| | ``result`` id + JSON · ``error`` id + MlcError as JSON |
| server, to worker | ``job`` name + arguments · ``model`` digest + bytes · ``no_model`` digest + error |
| worker | ``ready`` pid, protections, versions · ``refused`` reason · ``need`` digest |
| | ``progress`` stage, fraction, detail · ``result``, ``error`` retire + JSON |
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Iterator
from typing import Any

_LENGTH = struct.Struct("!Q")
_HEADER_LIMIT = 1 << 16


class Garbage(ValueError):
    """What came is no message, or a larger one than is taken."""


def pack(op: str, body: bytes = b"", **fields: Any) -> bytes:
    """A message: what it is, its fields, and bytes that travel as they are."""
    return json.dumps({"op": op, **fields}, separators=(",", ":")).encode() + b"\n" + body


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and body of what `pack` wrote; raises Garbage."""
    end = message.find(b"\n", 0, _HEADER_LIMIT)
    try:
        header = json.loads(message[:end]) if end > 0 else None
    except (ValueError, RecursionError) as e:
        raise Garbage(f"a header that is not JSON: {message[:40]!r}") from e
    if not isinstance(header, dict) or not isinstance(header.get("op"), str):
        raise Garbage(f"a message without a header: {message[:40]!r}")
    return header, message[end + 1 :]


def dumps(value: Any) -> bytes:
    """JSON bytes. JSON has neither NaN nor infinity, and a browser refuses them: null stands for both."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value


def framed(message: bytes) -> bytes:
    """`message` with its length in front."""
    return _LENGTH.pack(len(message)) + message


class Frames:
    """Takes a byte stream apart into messages of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that `data` completes; raises Garbage when one is announced that is too large."""
        self._held += data
        while len(self._held) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._held)
            if size > self._limit:
                raise Garbage(f"a message of {size} bytes; at most {self._limit} are taken")
            end = _LENGTH.size + size
            if len(self._held) < end:
                return
            message = bytes(self._held[_LENGTH.size : end])
            del self._held[:end]
            yield message


def receive(sock: socket.socket) -> bytes:
    """The next message from a blocking socket (the worker's side); EOFError when the other end is gone."""
    (size,) = _LENGTH.unpack(_exactly(sock, _LENGTH.size))
    return bytes(_exactly(sock, size))


def _exactly(sock: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = sock.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data
