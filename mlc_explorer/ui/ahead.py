"""The panes of a function, asked for by the browser itself: a click on a box is answered before Streamlit
hears of it.

A Streamlit rerun takes its 50 to 100 ms however little changes. What a person waits for after a click on a
node are two payloads that the engine makes in ten. So the linked view gets a token for the state on screen,
and asks for ``ahead/<token>/<function>`` at the click; the rerun follows and confirms. The token is a keyed
digest that nobody can guess, because the route has no session of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mlc_explorer.errors import MlcError
from mlc_explorer.session import Session
from mlc_explorer.ui import views

_KEPT = 4096  # states; a token that was dropped is no loss, the rerun brings the panes

_secret = secrets.token_bytes(32)
_states: OrderedDict[str, _State] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class _State:
    session: Session
    level: str | None
    target: str


def token(session: Session, level: str | None, target: str) -> str:
    """Names the session's state, as it is shown at `level` for `target`, to the browser."""
    text = json.dumps([session.trace.dumps(), level, target])
    name = hmac.new(_secret, text.encode(), hashlib.sha256).hexdigest()
    with _lock:
        _states[name] = _State(session, level, target)
        _states.move_to_end(name)
        while len(_states) > _KEPT:
            _states.popitem(last=False)
    return name


def route() -> Route:
    """The route for ``st.App(..., routes=[route()])``."""
    return Route("/ahead/{token}/{function:path}", _answer, methods=["GET"], name="ahead")


async def _answer(request: Request) -> Response:
    state = _states.get(request.path_params["token"])
    if state is None:
        return Response("no such state", 404, {"Cache-Control": "no-store"}, "text/plain")
    try:
        body = await run_in_threadpool(_panes, state, request.path_params["function"])
    except MlcError as error:  # the rerun says it in the person's language
        return Response(error.message, 409, {"Cache-Control": "no-store"}, "text/plain")
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(body, 200, headers, "application/json")


def _panes(state: _State, function: str) -> bytes:
    """The part of the linked view's data that another function changes, payloads inline."""
    panes = views.function_panes(state.session, function, state.level, state.target)
    entries = {name: _inline(data) for name, data in panes.payloads.items()}
    parts = [f"{json.dumps(name)}:".encode() + entry for name, entry in entries.items()]
    parts.append(f'"level":{json.dumps(panes.level)},"levels":{json.dumps(panes.levels)}'.encode())
    return b"{" + b",".join(parts) + b"}"


def _inline(data: bytes | None) -> bytes:
    if data is None:
        return b"null"
    return b'{"digest":"%s","inline":%s}' % (hashlib.sha256(data).hexdigest().encode(), data)
