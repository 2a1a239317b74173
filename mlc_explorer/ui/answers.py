"""What the panes ask for themselves, by plain HTTP: a click is answered before Streamlit hears of it.

A Streamlit rerun takes its 50 to 100 ms however little changes, and a compilation its seconds. So the linked
view gets a token for each state of the history, and each pane asks ``panes/<token>/<view>`` for what it
shows; one that is closed or moves on hangs up, which ends the job. The token is a keyed digest that nobody
can guess, because the route has no session of its own. An answer never changes while this process lives, so
that the browser keeps it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mlc_explorer.errors import MlcError
from mlc_explorer.session import Session
from mlc_explorer.ui import boundary, views

_KEPT = 4096  # states; a pane whose token was dropped asks Python to draw again
_GZIP_FROM = 1 << 10  # bytes
_MOST_ARGS = 1 << 16  # bytes of arguments in an address
_LISTEN_SECONDS = 0.25  # how often a waiting answer looks whether the browser is still there
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_KEEP = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}

_secret = secrets.token_bytes(32)
_states: OrderedDict[str, _State] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class _State:
    session: Session
    target: str
    language: str


def token(session: Session, target: str, language: str) -> str:
    """Names the session's state at its cursor to the browser; refusals come in `language`."""
    return tokens(session, (session.cursor,), target, language)[0]


def tokens(session: Session, cursors: Sequence[int], target: str, language: str) -> list[str]:
    """The same for the states at other cursors: for a long history in little more time than for one."""
    keys = session.history.keys()
    names = [_name(keys[cursor], target, language) for cursor in cursors]
    with _lock:
        for name, cursor in zip(names, cursors, strict=True):
            _states[name] = _State(replace(session, cursor=cursor), target, language)
            _states.move_to_end(name)
        while len(_states) > _KEPT:
            _states.popitem(last=False)
    return names


def _name(key: str, target: str, language: str) -> str:
    return hmac.new(_secret, f"{key} {target} {language}".encode(), hashlib.sha256).hexdigest()


def route() -> Route:
    """The route for ``st.App(..., routes=[route()])``. Query: `function`, and `args` as a JSON object."""
    return Route("/panes/{token}/{view}", _answer, methods=["GET"], name="panes")


async def _answer(request: Request) -> Response:
    state = _states.get(request.path_params["token"])
    args = _args(request)
    if state is None or not _knows_base(args):
        return Response("no such state", 404, _NO_STORE, "text/plain")
    try:
        asked = views.question(
            state.session,
            request.path_params["view"],
            request.query_params.get("function"),
            state.target,
            args,
            state.language,
        )
        body = views.known(asked)
        if body is None:
            body = views.keep(asked, await _while_there(request, asked))
    except MlcError as error:
        return _refused(error, state.language)
    return await run_in_threadpool(_packed, body, request.headers.get("accept-encoding", ""))


def _args(request: Request) -> dict[str, Any]:
    text = request.query_params.get("args", "{}")
    try:
        args = json.loads(text) if len(text) <= _MOST_ARGS else {}
    except ValueError:
        return {}
    return args if isinstance(args, dict) else {}


def _knows_base(args: dict[str, Any]) -> bool:
    """A diff's `base` is a state's token to the browser, and its trace to the engine: puts that in its place,
    and says whether there is such a state."""
    if "base" not in args:
        return True
    base = _states.get(str(args["base"]))
    if base is not None:
        args["base"] = base.session.trace.to_json()
    return base is not None


async def _while_there(request: Request, asked: views.Question) -> bytes:
    """The engine's answer; the job is cancelled when the browser hangs up. Raises what the job raises."""
    job = await run_in_threadpool(asked.submit)
    arrival = asyncio.ensure_future(run_in_threadpool(job.result_bytes))
    while not arrival.done():
        await asyncio.wait({arrival}, timeout=_LISTEN_SECONDS)
        if not arrival.done() and await request.is_disconnected():
            job.cancel()
    return arrival.result()


def _refused(error: MlcError, language: str) -> Response:
    message, hint = boundary.message_and_hint(error, language)
    body = {"message": message, "hint": hint, "detail": error.detail, "paths": list(error.paths)}
    return Response(json.dumps(body), 409, _NO_STORE, "application/json")


def _packed(body: bytes, accepts: str) -> Response:
    if "gzip" not in accepts or len(body) < _GZIP_FROM:
        return Response(body, 200, _KEEP, "application/json")
    headers = _KEEP | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(gzip.compress(body, 3, mtime=0), 200, headers, "application/json")
