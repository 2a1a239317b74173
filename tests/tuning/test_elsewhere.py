"""Candidates timed over a tracker: here it and its machine are processes on this one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("tornado", reason="TVM's RPC needs it")
pytest.importorskip("cloudpickle", reason="TVM's RPC needs it")
pytest.importorskip("psutil", reason="TVM's RPC needs it")

from mlc_explorer import Session
from mlc_explorer.errors import EngineUnavailable, NotInstalled
from mlc_explorer.workers.client import Engine

KEY = "bench"


@pytest.fixture(scope="module")
def tracker() -> Iterator[str]:
    """``host:port`` of a tracker with one machine."""
    from tvm import rpc
    from tvm.rpc.tracker import Tracker

    one = Tracker(host="127.0.0.1", port=9120, port_end=9199)
    address = ("127.0.0.1", one.port)
    server = rpc.Server(host="127.0.0.1", port=9420, port_end=9599, tracker_addr=address, key=KEY)
    deadline = time.monotonic() + 20
    while not rpc.connect_tracker(*address).summary()["queue_info"].get(KEY, {}).get("free"):
        assert time.monotonic() < deadline, "the machine never registered"
        time.sleep(0.1)
    yield f"127.0.0.1:{one.port}"
    server.terminate()
    one.terminate()


def test_candidates_are_compiled_here_and_timed_there(engine: Engine, tracker: str) -> None:
    found = Session.open("matmul_128", engine=engine).tune(trials=2, tracker=(tracker, KEY))
    assert [t.error for t in found.trials] == [""] * 3
    assert all(t.ms is not None and t.ms > 0 for t in found.trials)
    assert found.machine == f"{KEY} at {tracker}"
    assert found.best and found.best_ms is not None


def test_code_for_another_machine_fails_there_and_says_so(engine: Engine, tracker: str) -> None:
    """It is compiled for Arm, and this server has no Arm."""
    found = Session.open("matmul_128", engine=engine).tune(trials=1, target="aarch64", tracker=(tracker, KEY))
    assert [t.code for t in found.trials] == ["tune_remote_failed"] * len(found.trials)
    assert found.best_ms is None


def test_a_key_that_no_machine_has_is_named_with_those_that_there_are(engine: Engine, tracker: str) -> None:
    """The tracker itself would let us wait."""
    with pytest.raises(EngineUnavailable) as error:
        Session.open("matmul_128", engine=engine).tune(trials=1, tracker=(tracker, "phone"))
    assert error.value.code == "tune_no_tracker" and KEY in error.value.message


def test_a_tracker_that_is_not_there_is_named(engine: Engine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(EngineUnavailable) as error:
        Session.open("matmul_128", engine=engine).tune(trials=1, tracker=(nobody, KEY))
    assert error.value.code == "tune_no_tracker" and nobody in error.value.message


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlc_explorer.engine.tuning import remote

    monkeypatch.setattr(remote, "missing_packages", lambda: ["tornado"])
    with pytest.raises(NotInstalled) as error:
        remote.session("127.0.0.1:9190", KEY, 1.0)
    assert error.value.hint == "pip install tornado"
