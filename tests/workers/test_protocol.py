"""Messages, and that nothing a worker can send makes the server wait, swell or guess."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from mlc_explorer.workers.address import parse
from mlc_explorer.workers.protocol import Frames, Garbage, dumps, framed, pack, receive, unpack
from mlc_explorer.workers.settings import Settings


def test_a_body_travels_as_it_is() -> None:
    assert unpack(pack("model", b"\x00\n\xff", id=7)) == ({"op": "model", "id": 7}, b"\x00\n\xff")


@pytest.mark.parametrize(
    "message",
    [b"", b"\n", b"no newline", b"[1]\n", b"{}\n", b'{"op": 5}\n', b"{\n", b"[" * 60000 + b"\n"],
    ids=lambda m: repr(m[:12]),
)
def test_what_has_no_header_is_garbage(message: bytes) -> None:
    with pytest.raises(Garbage):
        unpack(message)


def test_a_stream_comes_apart_wherever_it_is_cut() -> None:
    stream = framed(b"one") + framed(b"") + framed(b"three" * 100)
    for size in (1, 7, 64, len(stream)):
        frames = Frames(limit=1000)
        parts = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert [m for part in parts for m in frames.feed(part)] == [b"one", b"", b"three" * 100]


def test_an_announced_size_beyond_the_limit_is_refused_before_it_comes() -> None:
    with pytest.raises(Garbage, match="at most 10"):
        list(Frames(limit=10).feed(framed(b"x" * 11)[:8]))


def test_the_worker_s_side_waits_for_a_whole_message() -> None:
    here, there = socket.socketpair()
    with here, there:
        sender = threading.Thread(target=here.sendall, args=(framed(b"x" * (1 << 20)),))
        sender.start()
        assert receive(there) == b"x" * (1 << 20)
        sender.join()
        here.close()
        with pytest.raises(EOFError):
            receive(there)


def test_json_that_a_browser_can_read() -> None:
    value = {"a": [float("inf"), {"b": float("nan")}, 1.5], "中": None}
    assert json.loads(dumps(value)) == {"a": [None, {"b": None}, 1.5], "中": None}


def test_an_address_is_a_path_or_a_host_and_port() -> None:
    assert parse("0.0.0.0:9300") == ("0.0.0.0", 9300)
    assert parse(":9300") == ("127.0.0.1", 9300)
    assert parse("/run/a:1/engine.sock") == "/run/a:1/engine.sock"


def test_settings_come_from_the_environment_and_go_back_into_one() -> None:
    given = {"MEMORY_MIB": "512", "RUN_SECONDS": "1.5", "REQUIRE_CONFINEMENT": "1"}
    settings = Settings.from_env({f"MLC_EXPLORER_{name}": value for name, value in given.items()})
    assert (settings.memory_mib, settings.run_seconds, settings.require_confinement) == (512, 1.5, True)
    assert settings.workers == max(2, settings.cores)
    assert Settings.from_env(settings.to_env()) == settings
    with pytest.raises(ValueError, match="MLC_EXPLORER_WORKERS='many'"):
        Settings.from_env({"MLC_EXPLORER_WORKERS": "many"})


def test_every_setting_is_documented() -> None:
    from mlc_explorer.workers import settings

    for variable in Settings().to_env():
        assert f"`{variable}`" in settings.__doc__
