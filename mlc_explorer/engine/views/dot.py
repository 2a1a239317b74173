"""Runs dot: the ``graphviz-pure`` program, one static file in the Python environment, on every platform the
same.

A confined worker may start no program. One that will lay graphs out calls `start_helper` before it gives up
its rights, and `plain` goes through that helper from then on; elsewhere it runs the program itself.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from . import dot_helper

SECONDS = 1.5  # a person waits no longer for a prettier picture

_helper: subprocess.Popen[bytes] | None = None


def start_helper() -> None:
    """Starts the process that runs dot for this one. Where it can't, graphs get plain layers."""
    global _helper
    program = _program()
    if program is None or _helper is not None:
        return
    with suppress(OSError):
        _helper = subprocess.Popen(
            [sys.executable, "-I", "-S", dot_helper.__file__, program, str(SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )


def stop_helper() -> None:
    """Ends the helper and waits for it."""
    global _helper
    if _helper is not None:
        with suppress(OSError):
            _helper.communicate()
        _helper = None


def plain(source: str) -> str | None:
    """dot's ``-Tplain`` for the DOT text `source`; None where it can't run, fails, or takes too long."""
    program = _program()
    if program is None:
        return None
    if _helper is None:
        return dot_helper.run(program, source.encode(), SECONDS).decode() or None
    assert _helper.stdin is not None and _helper.stdout is not None
    try:
        dot_helper.send(_helper.stdin, source.encode())
        return (dot_helper.receive(_helper.stdout) or b"").decode() or None
    except (OSError, ValueError):  # the helper is gone
        return None


@cache
def _program() -> str | None:
    """Where the wheel put its one file."""
    try:
        files = importlib.metadata.files("graphviz-pure") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    found = (Path(str(f.locate())).resolve() for f in files if f.stem == "graphviz-pure")
    return next((str(path) for path in found if path.is_file()), None)
