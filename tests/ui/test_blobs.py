"""Payloads by digest: kept within bounds, served for good, inline where nobody serves them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json

import pytest
from starlette.routing import Router

from mlc_explorer.ui import blobs
from mlc_explorer.ui.blobs import Store

DATA = b'{"lines": ["for i in range(8):"]}'
LONG = json.dumps(["the same line"] * 500).encode()


def ask(store: Store, path: str, encoding: str = "") -> tuple[int, dict[str, str], bytes]:
    """A GET through the route as an ASGI server would send it: status, headers, body."""
    sent: list[dict] = []
    headers = [(b"accept-encoding", encoding.encode())]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b""}

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Router([blobs._BlobRoute(store)])(scope, receive, send))
    answer = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], answer, b"".join(m.get("body", b"") for m in sent[1:])


def test_a_payload_is_found_by_its_sha256() -> None:
    store = Store()
    digest = store.publish(DATA)
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert store.get(digest) == DATA
    assert store.get("0" * 64) is None


def test_it_is_served_as_something_that_never_changes() -> None:
    store = Store()
    status, headers, body = ask(store, f"/blob/{store.publish(DATA)}", "gzip, br")
    assert (status, body) == (200, DATA)
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["content-type"] == "application/json"
    assert "content-encoding" not in headers  # too short to be worth it


def test_long_payloads_are_packed_for_those_who_accept_it() -> None:
    store = Store()
    path = f"/blob/{store.publish(LONG)}"
    _, headers, body = ask(store, path, "gzip")
    assert headers["content-encoding"] == "gzip" and len(body) < len(LONG) / 10
    assert gzip.decompress(body) == LONG
    assert ask(store, path)[2] == LONG


@pytest.mark.parametrize("digest", ["0" * 64, "..", "A" * 64, "0" * 63])
def test_an_unknown_digest_is_not_found_and_not_cached(digest: str) -> None:
    status, headers, _ = ask(Store(), f"/blob/{digest}")
    assert (status, headers["cache-control"]) == (404, "no-store")


def test_the_least_recently_used_go_first() -> None:
    store = Store(capacity=30)
    first, second = store.publish(b"a" * 10), store.publish(b"b" * 10)
    store.get(first)
    store.publish(b"c" * 15)
    assert store.get(first) is not None
    assert store.get(second) is None


def test_one_payload_beyond_the_capacity_is_still_kept() -> None:
    store = Store(capacity=10)
    assert store.get(store.publish(LONG)) == LONG


def test_payloads_go_inline_until_a_server_asks_the_route() -> None:
    store = Store()
    digest = hashlib.sha256(DATA).hexdigest()
    assert store.entry(DATA) == {"digest": digest, "inline": json.loads(DATA)}
    ask(store, "/any/other/page")
    assert store.entry(DATA) == {"digest": digest}
