"""Where an engine server listens, as a person writes it: a socket's path, or ``host:port``."""

from __future__ import annotations


def show(address: str | tuple[str, int]) -> str:
    """The opposite of `parse`."""
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


def parse(text: str) -> str | tuple[str, int]:
    """What `multiprocessing.connection` takes. Only ``name:digits`` without a slash is a host and port."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and "/" not in text:
        return host or "127.0.0.1", int(port)
    return text
