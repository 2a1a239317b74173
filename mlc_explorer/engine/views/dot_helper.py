"""A program of its own that runs dot for a confined worker, which may run no program itself.

Started by `dot.start_helper`, before the worker gives up its rights, as a plain script: standard library
only, so that it is up in milliseconds. It trusts nobody: it runs one program, given on its command line, on
graphs made of the few words that `layout` writes, so that no attribute of DOT that names a file gets through.

Both ways a message is its length in bytes (8 digits), then that many bytes: DOT in, ``-Tplain`` out, empty if
dot failed or took too long. It ends when its input does.
"""

import re
import resource
import subprocess
import sys
from contextlib import suppress
from typing import BinaryIO

_MEMORY = 2 << 30  # bytes that dot may take
_MOST = 4 << 20  # bytes of DOT
_WORDS = frozenset(
    [
        "digraph",
        "graph",
        "node",
        "edge",
        "nodesep",
        "ranksep",
        "nslimit",
        "nslimit1",
        "mclimit",
        "shape",
        "box",
        "fixedsize",
        "true",
        "label",
        "arrowhead",
        "none",
        "width",
        "height",
        "weight",
        "subgraph",
        "margin",
    ]
)


def main() -> None:
    program, seconds = sys.argv[1], float(sys.argv[2])
    with suppress(ValueError, OSError):  # macOS does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with suppress(BrokenPipeError):  # the worker was ended in the meantime
        while (source := receive(sys.stdin.buffer)) is not None:
            send(sys.stdout.buffer, run(program, source, seconds) if is_ours(source) else b"")


def is_ours(source: bytes) -> bool:
    """Whether a graph holds nothing but boxes ``n<number>``, frames ``cluster<number>``, numbers and the
    words of `layout`."""
    if len(source) > _MOST or not re.fullmatch(rb'[\w\s{}\[\]="\->.]*', source, re.ASCII):
        return False
    words = re.findall(rb"[A-Za-z_]\w*", source, re.ASCII)
    return all(word.decode() in _WORDS or re.fullmatch(rb"(n|cluster)\d+", word) for word in words)


def run(program: str, source: bytes, seconds: float) -> bytes:
    """dot's ``-Tplain`` for `source`; empty if it failed or took longer than `seconds`."""
    try:
        done = subprocess.run(
            [program, "-Tplain"], input=source, capture_output=True, timeout=seconds, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout


def send(stream: BinaryIO, data: bytes) -> None:
    stream.write(b"%08d" % len(data) + data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """The next message, or None at the end of the stream."""
    length = stream.read(8)
    if len(length) < 8:
        return None
    data = stream.read(int(length))
    return data if len(data) == int(length) else None


if __name__ == "__main__":
    main()
