"""A page that is opened by a link shows its graph before Streamlit is there.

Streamlit's scripts need half a second before the first script run even begins. The graph needs none of that:
the link names the state, the engine's answer may be at hand, and the code that draws it is the linked view's
own. So the page's HTML gets a few lines that draw it first (`js/first_picture.js`), and Streamlit's entry is
imported right after that frame; where the answer is not at hand Streamlit starts at once, and the picture
comes when it may. Whatever goes wrong here, the page is Streamlit's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from mlc_explorer.errors import MlcError
from mlc_explorer.session import Session
from mlc_explorer.texts import LANGUAGES
from mlc_explorer.ui import answers, blobs, component, views, workspace

_TARGET = "cpu"  # what a fresh visit compiles for; another one only means that the browser asks again
_WAIT_MS = 400  # Streamlit waits no longer for the picture
_ENTRY = re.compile(rb'<script type="module" crossorigin src="(\./static/js/index\.[\w-]+\.js)"></script>')
_SCRIPT = """<script type="module">
const start = () => import(new URL("%(entry)s", document.baseURI).href);
const picture = import(new URL("./blob/%(bundle)s", document.baseURI).href)
  .then((code) => code.firstPicture(%(data)s)).catch(() => {});
if (%(wait)s) Promise.race([picture, new Promise((go) => setTimeout(go, %(wait)s))]).then(start);
else start();
</script>"""
_COLOURS = {"background-color": "backgroundColor", "text-color": "textColor", "primary-color": "primaryColor"}


class FirstPicture:
    """ASGI middleware: the page's HTML, where it is asked for with a workspace in its address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        link = _link(scope)
        if link is None:
            return await self._app(scope, receive, send)
        script = await run_in_threadpool(_prepared, link, _language(scope))
        if script is None:
            return await self._app(scope, receive, send)
        # As it is in the file: neither packed nor "not modified", since what is put in differs by link.
        unwanted = (b"accept-encoding", b"if-none-match", b"if-modified-since")
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in unwanted]
        page = _Page(send, script)
        await self._app(dict(scope) | {"headers": headers}, receive, page.send)


class _Page:
    """Holds the answer back until it is whole, and sends it with the script in place of Streamlit's."""

    def __init__(self, send: Send, script: Mapping[str, Any]) -> None:
        self._send = send
        self._script = script
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            return await self._send(message)
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(raw=list(self._start["headers"]))
        if self._start["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
            self._body = _ENTRY.sub(self._in_place, self._body, count=1)
            headers["content-length"] = str(len(self._body))
            headers["cache-control"] = "no-store"
            del headers["etag"]
            del headers["last-modified"]
        await self._send(dict(self._start) | {"headers": headers.raw})
        await self._send({"type": "http.response.body", "body": self._body})

    def _in_place(self, found: re.Match[bytes]) -> bytes:
        return (_SCRIPT % (dict(self._script) | {"entry": found[1].decode()})).encode()


def _prepared(link: str, language: str) -> dict[str, Any] | None:
    """What the script needs; None for a link that can't be read, of which the page itself tells."""
    with suppress(MlcError):
        session = Session.from_link(link)
        graph = _at_hand(session)
        data = {"token": answers.token(session, _TARGET, language), "colours": _colours()}
        text = json.dumps(data)[:-1] + f', "graph": {graph or "null"}}}'
        return {
            "bundle": blobs.publish(component.bundle().encode(), blobs.JAVASCRIPT),
            "data": text.replace("<", "\\u003c"),  # no name in a model ends the script
            "wait": _WAIT_MS if graph else 0,
        }
    return None


def _at_hand(session: Session) -> str | None:
    """The graph of the session's state as JSON, if somebody has looked at it before."""
    state = views.known(views.question(session, "state", None, _TARGET))
    if state is None:
        return None
    graph = views.known(views.question(session, "graph", json.loads(state)["entry"], _TARGET))
    return None if graph is None else graph.decode()


def _link(scope: Scope) -> str | None:
    if (
        scope["type"] != "http"
        or scope["method"] != "GET"
        or scope["path"].removeprefix(scope.get("root_path", "")) != "/"
    ):
        return None
    return parse_qs(scope["query_string"].decode("latin-1")).get(workspace.QUERY, [None])[0]


def _language(scope: Scope) -> str:
    """As `language.current` will find it."""
    chosen = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    if chosen in LANGUAGES:
        return chosen
    locale = Headers(scope=scope).get("accept-language", "").lower()
    return next((code for code in LANGUAGES if locale.startswith(code)), "en")


def _colours() -> dict[str, dict[str, str]]:
    return {
        theme: {name: str(config.get_option(f"theme.{theme}.{option}")) for name, option in _COLOURS.items()}
        for theme in ("light", "dark")
    }
