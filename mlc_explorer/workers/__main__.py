"""`python -m mlc_explorer.workers`: the engine server, started by the app or by hand.

The app starts it with ``--child``: it makes its own socket and prints where, its key comes as the first line
of stdin, and it ends when stdin closes, which happens whatever way its parent ends. By hand it stays until it
is interrupted::

    python -m mlc_explorer.workers --listen /run/user/1000/mlc/engine.sock --key-file key
    python -m mlc_explorer.workers --listen 0.0.0.0:9300 --key-file key  # a class; trusted networks only

A key file is made if it is missing. Over a network the key is never sent, but what is said is not encrypted.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from .address import parse, show
from .server import Server
from .settings import Settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mlc_explorer.workers", description="The engine server.")
    parser.add_argument("--listen", default="", metavar="ADDRESS", help="a socket's path, or host:port")
    parser.add_argument("--key-file", type=Path, help="file with the key that clients must know")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.child and not (options.key_file and options.listen):
        parser.error("--listen and --key-file are needed")
    key = sys.stdin.buffer.readline().strip() if options.child else _key(options.key_file)
    os.umask(0o077)  # the socket is its owner's only
    server = Server(parse(options.listen) or None, key, Settings.from_env())
    threading.Thread(target=server.serve, name="accept", daemon=True).start()
    print(show(server.address), flush=True)
    _wait(options.child)
    server.stop()
    return 0


def _wait(child: bool) -> None:
    """Until the parent is gone (`child`), or somebody ends this server."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    if child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the parent

        def watch() -> None:
            sys.stdin.buffer.read()
            ended.set()

        threading.Thread(target=watch, daemon=True).start()
    with suppress(KeyboardInterrupt):
        ended.wait()


def _key(path: Path) -> bytes:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return path.read_bytes().strip()


if __name__ == "__main__":
    sys.exit(main())
