"""How the page is served: quick answers, a closed door, and nothing sent anywhere.

Streamlit's defaults cost a click 60 to 80 ms that have nothing to do with the app: a full garbage
collection after every script run, and a listening socket without TCP_NODELAY, whose small messages
wait for the other side's delayed acknowledgement. `lifespan` puts both right in every way of
starting the app (`python app.py`, `streamlit run app.py`, `uvicorn app:app`), and makes sure that
Streamlit never asks an outside host for this machine's public address.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
from streamlit import config, net_util
from streamlit.runtime.pages_manager import PagesManager

from mlc_explorer.errors import MlcError
from mlc_explorer.session import default_engine

HOST_SETTING = "MLC_EXPLORER_HOST"
PORT_SETTING = "MLC_EXPLORER_PORT"
COLLECT_EVERY_S = 5.0

# What the first click would import otherwise: some 0.5 s that nobody should wait for.
_HEAVY_IMPORTS = ("pandas", "pyarrow", "altair", "streamlit.delta_generator", "streamlit.elements.arrow")

_log = logging.getLogger(__name__)
_collector_started = threading.Lock()


def run_config() -> dict[str, Any]:
    """Options for `st.App.run`: the environment's host and port, where they are set.

    Unset, `.streamlit/config.toml` decides: 127.0.0.1, port 8501. `MLC_EXPLORER_HOST` is the one
    setting that opens the app to other machines; port 0 takes a free one.
    """
    options: dict[str, Any] = {}
    if host := os.environ.get(HOST_SETTING):
        options["server.address"] = host
        # Named on purpose: without it Streamlit asks an outside host for this machine's address.
        options["browser.serverAddress"] = net_util.get_internal_ip() if _is_wildcard(host) else host
    if port := os.environ.get(PORT_SETTING):
        options["server.port"] = int(port)
    return options


@contextlib.asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """What an ASGI server runs around the app's life; see the module's docstring."""
    never_ask_for_the_public_address()
    take_pages_from_navigation_only()
    send_small_messages_at_once()
    # Who connected between the binding of the socket and now is accepted in the loop's next turn.
    asyncio.get_running_loop().call_later(0.1, send_small_messages_at_once)
    start_collecting()
    _warn_of_unheard_host()
    threading.Thread(target=_warm_engine, name="engine-start", daemon=True).start()
    yield
    default_engine().close()


def send_small_messages_at_once() -> int:
    """Set TCP_NODELAY on this process's TCP sockets, listening or connected; returns how many there were.

    Sockets accepted later inherit it. asyncio would set it itself, but only on sockets that say
    `proto == IPPROTO_TCP`, which the one that Streamlit binds does not. It is bound before the app
    is imported, so the process's own table of sockets is the one place to find it.
    """
    descriptors = [
        connection.fd for connection in psutil.Process().net_connections("tcp") if connection.fd >= 0
    ]
    for descriptor in descriptors:
        with socket.socket(fileno=os.dup(descriptor)) as copy:  # a copy shares the options
            copy.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return len(descriptors)


def start_collecting() -> bool:
    """Start the one thread that collects garbage every few seconds; False if it runs already.

    It stands in for Streamlit's collection after every run (`runner.postScriptGC = false`), and
    first freezes what was imported, so that no later collection walks through it.
    """
    if not _collector_started.acquire(blocking=False):
        return False
    threading.Thread(target=_collect_for_ever, name="collector", daemon=True).start()
    return True


def never_ask_for_the_public_address() -> None:
    """Streamlit would look its public address up on the web whenever a page with an unknown origin
    calls; without an answer it refuses such a page, which is what we want."""
    net_util.get_external_ip = lambda: None


def take_pages_from_navigation_only() -> None:
    """Before the first `st.navigation` Streamlit takes a folder named pages for its older kind of app, and
    runs a page that somebody opens first (``/passes``) without app.py around it."""
    PagesManager.uses_pages_directory = False


def _collect_for_ever() -> None:
    for module in _HEAVY_IMPORTS:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    while True:
        time.sleep(COLLECT_EVERY_S)
        gc.collect()


def _warm_engine() -> None:
    """The first visitor meets workers that have imported TVM already; what fails here fails again, and is
    said, where somebody asks for something."""
    with contextlib.suppress(MlcError):
        default_engine().start()


def _is_wildcard(host: str) -> bool:
    return host in ("0.0.0.0", "::")


def _warn_of_unheard_host() -> None:
    """`streamlit run` and `uvicorn` choose the address before the app is imported."""
    host = os.environ.get(HOST_SETTING)
    if host and host != config.get_option("server.address"):
        _log.warning(
            "%s=%s has no effect here: start with `make run`, or pass the address to the server "
            "(`streamlit run app.py --server.address %s`).",
            HOST_SETTING,
            host,
            host,
        )
