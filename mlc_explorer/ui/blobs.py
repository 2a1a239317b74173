"""Big payloads go to the browser once, by digest, over plain HTTP.

A component's `data` is sent again at every click, so that it carries only digests; the browser asks
for `blob/<digest>` and keeps the answer for good (a digest never changes its content). The route has
no session: whoever knows the digest of a payload may read it, and nobody can guess one.

`entry` says how a payload travels. It gives the bare digest only once a request has passed through the
route of this process; where the route is not mounted (`AppTest`, another server) the payload goes inline.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

JSON = "application/json"
JAVASCRIPT = "text/javascript"
CAPACITY = 256 << 20  # bytes of payloads kept; the least recently used go first
_GZIP_FROM = 1 << 10  # bytes: below this, the header costs more than it saves
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass
class _Blob:
    data: bytes
    media_type: str
    packed: bytes | None = None  # made at the first request that accepts it


class Store:
    """Payloads by digest, the least recently used dropped when their bytes exceed `capacity`."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.served = False
        self._blobs: OrderedDict[str, _Blob] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def publish(self, data: bytes, media_type: str = JSON) -> str:
        """Keep `data` and return its digest: the SHA-256 as 64 hex digits."""
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            if digest in self._blobs:
                self._blobs.move_to_end(digest)
                return digest
            self._blobs[digest] = _Blob(data, media_type)
            self._size += len(data)
            while self._size > self.capacity and len(self._blobs) > 1:
                _, dropped = self._blobs.popitem(last=False)
                self._size -= len(dropped.data)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The payload, or None if it was never published or has been dropped."""
        blob = self._find(digest)
        return blob.data if blob else None

    def entry(self, data: bytes) -> dict[str, Any]:
        """`data` (JSON) as a component receives it: ``digest``, and ``inline`` where no route serves it."""
        digest = self.publish(data)
        return {"digest": digest} if self.served else {"digest": digest, "inline": json.loads(data)}

    def respond(self, digest: str, accept_encoding: str = "") -> Response:
        """The HTTP answer: 200 and cacheable for ever, or 404 and not cacheable."""
        blob = self._find(digest) if _DIGEST.fullmatch(digest) else None
        if blob is None:
            return Response("no such payload", 404, {"Cache-Control": "no-store"}, "text/plain")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        body = blob.data
        if "gzip" in accept_encoding and len(body) >= _GZIP_FROM:
            if blob.packed is None:
                blob.packed = gzip.compress(body, 5, mtime=0)
            body, headers["Content-Encoding"] = blob.packed, "gzip"
        return Response(body, 200, headers, blob.media_type)

    def _find(self, digest: str) -> _Blob | None:
        with self._lock:
            blob = self._blobs.get(digest)
            if blob is not None:
                self._blobs.move_to_end(digest)
            return blob


class _BlobRoute(Route):
    """The route; it notices that a server asks it, which `AppTest` never does."""

    def __init__(self, store: Store) -> None:
        async def answer(request: Request) -> Response:
            return store.respond(request.path_params["digest"], request.headers.get("accept-encoding", ""))

        super().__init__("/blob/{digest}", answer, methods=["GET"], name="blob")
        self._store = store

    def matches(self, scope: Any) -> tuple[Match, Any]:
        self._store.served = True
        return super().matches(scope)


_store = Store()


def publish(data: bytes, media_type: str = JSON) -> str:
    """Keep `data` for the browser; returns its digest (64 hex digits)."""
    return _store.publish(data, media_type)


def get(digest: str) -> bytes | None:
    """What was published under `digest`, or None."""
    return _store.get(digest)


def entry(data: bytes) -> dict[str, Any]:
    """A JSON payload for a component's `data`: {"digest"}, with "inline" where the route is not served."""
    return _store.entry(data)


def served() -> bool:
    """Whether this process serves the route."""
    return _store.served


def route() -> Route:
    """The route for ``st.App(..., routes=[route()])``. It must stand before any that catches all paths."""
    return _BlobRoute(_store)
