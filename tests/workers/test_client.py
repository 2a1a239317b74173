"""`Engine`, as the screen uses it: answers, progress, routing, uploaded models, and a server that dies."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlc_explorer.errors import EngineUnavailable, JobFailed, MlcError, NotFound
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.launch import LocalServer
from mlc_explorer.workers.settings import Settings

from .conftest import MODEL, REFERENCE, wait_until


def _trace(model: str, *transforms: str) -> dict:
    return {"version": 1, "model": model, "steps": [{"transform": t, "params": {}} for t in transforms]}


def test_call_decodes_and_call_bytes_does_not(engine: Engine) -> None:
    value = {"name": "矩阵", "shape": [1, 2.5, None, True]}
    assert engine.call("echo", value=value) == value
    assert engine.call_bytes("echo", value=[1, 2]) == b"[1,2]"


def test_nan_becomes_null_because_a_browser_refuses_it(engine: Engine) -> None:
    assert engine.call("echo", value=[1.0, float("nan")]) == [1.0, None]


def test_megabytes_come_through_whole(engine: Engine) -> None:
    text = "x" * (5 << 20)
    assert engine.call("echo", value=text) == text


def test_the_overhead_of_a_call_is_under_a_millisecond(engine: Engine) -> None:
    for _ in range(50):
        engine.call("echo")
    times = []
    for _ in range(300):
        begun = time.perf_counter()
        engine.call("echo")
        times.append(time.perf_counter() - begun)
    assert statistics.median(times) < 1e-3


def test_many_threads_share_one_engine(engine: Engine) -> None:
    answers: dict[int, list[int]] = {}

    def ask(n: int) -> None:
        answers[n] = [engine.call("echo", value=n * 1000 + i) for i in range(30)]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert answers == {n: [n * 1000 + i for i in range(30)] for n in range(8)}


def test_progress_says_stage_and_fraction(engine: Engine) -> None:
    job = engine.submit("count", to=6)
    seen = []
    while not job.done(0.01):
        seen.append(job.progress())
    assert job.result() == 6
    fractions = [p["fraction"] for p in seen if p and p["stage"] == "count"]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 3
    assert {p["detail"] for p in seen if p and "detail" in p} <= {f"{i} of 6" for i in range(1, 6)}
    assert any("detail" in p for p in seen if p)


def test_result_waits_no_longer_than_it_is_told(engine: Engine) -> None:
    job = engine.submit("sleep", seconds=0.3)
    with pytest.raises(TimeoutError):
        job.result(0.05)
    assert job.result(5) == 0.3


def test_a_model_goes_back_to_the_worker_that_knows_it(own_engine: Engine) -> None:
    here = own_engine.call("pid", trace=_trace("a"))
    there = own_engine.call("pid", trace=_trace("b"))
    assert here != there, "a new model goes to the worker that was idle longest"
    for _ in range(3):
        assert own_engine.call("pid", trace=_trace("a", "LegalizeOps")) == here
        assert own_engine.call("pid", trace=_trace("b")) == there


def test_nobody_waits_behind_a_busy_worker_while_another_is_idle(own_engine: Engine) -> None:
    own_engine.call("echo", trace=_trace("a"))
    busy = own_engine.submit("sleep", seconds=2)
    begun = time.monotonic()
    own_engine.call("echo", trace=_trace("a"))
    assert time.monotonic() - begun < 1
    busy.cancel()


def test_a_lane_job_has_a_process_of_its_own(engine: Engine) -> None:
    pids = [engine.call("lane_pid") for _ in range(3)]
    assert len(set(pids)) == 3


def test_measurements_stand_in_line_and_runs_pass_them(engine: Engine) -> None:
    first, second = (engine.submit("lane_sleep", seconds=1.0) for _ in range(2))
    begun = time.monotonic()
    engine.call("lane_pid")
    assert not first.done(), "a run has a lane of its own"
    assert first.result(5) != second.result(5)
    assert time.monotonic() - begun >= 1.9, "two measurements never overlap"


def test_an_uploaded_model_reaches_the_worker(engine: Engine) -> None:
    assert engine.call("model_size", trace=_trace(REFERENCE)) == len(MODEL)


def test_a_model_is_sent_once_a_worker(settings: Settings) -> None:
    asked: list[str] = []

    def fetch(reference: str) -> bytes:
        asked.append(reference)
        return MODEL

    engine = Engine.local(fetch, settings)
    try:
        for _ in range(4):
            engine.call("model_size", trace=_trace(REFERENCE))
        assert asked == [REFERENCE]
    finally:
        engine.close()


def test_a_damaged_model_and_a_missing_one_are_refused(settings: Settings) -> None:
    def fetch(reference: str) -> bytes:
        if reference == REFERENCE:
            return b"other bytes"
        raise NotFound("it is gone", code="upload_missing")

    engine = Engine.local(fetch, settings)
    try:
        with pytest.raises(MlcError) as e:
            engine.call("model_size", trace=_trace(REFERENCE))
        assert e.value.code == "model_damaged"
        with pytest.raises(NotFound, match="it is gone"):
            engine.call("model_size", trace=_trace(f"sha256:{'0' * 64}"))
    finally:
        engine.close()


def test_about_tells_what_runs(engine: Engine) -> None:
    engine.call("echo")
    about = engine.about()
    assert [w["lane"] for w in about["workers"]] == ["interactive", "interactive", "measure", "run"]
    assert about["versions"]["apache-tvm"]
    assert about["uptime_s"] > 0
    assert about["protections"]["memory"] == "3072 MiB"


def test_a_server_that_was_killed_is_started_again_and_its_jobs_are_sent_again(settings: Settings) -> None:
    server = LocalServer(settings)
    engine = Engine(server)
    try:
        engine.call("echo")
        job = engine.submit("sleep", seconds=0.5)
        old = engine.about()
        os.kill(old["pid"], signal.SIGKILL)
        assert job.result(15) == 0.5
        assert engine.about()["pid"] != old["pid"]
        _gone([w["pid"] for w in old["workers"] if w["pid"]])
    finally:
        engine.close()


def test_a_job_whose_server_dies_twice_is_given_up(settings: Settings) -> None:
    server = LocalServer(settings)
    engine = Engine(server)
    try:
        job = engine.submit("sleep", seconds=20)
        first = server.pid
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.pid not in (first, None))
        engine.about()
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EngineUnavailable):
            job.result(15)
        assert engine.call("echo", value=3) == 3
    finally:
        engine.close()


def test_closing_ends_every_process_and_a_closed_engine_says_so(settings: Settings) -> None:
    engine = Engine.local(settings=settings)
    engine.call("echo")
    about = engine.about()
    engine.close()
    _gone([about["pid"], *(w["pid"] for w in about["workers"] if w["pid"])])
    with pytest.raises(EngineUnavailable):
        engine.call("echo")


def test_the_server_leaves_when_its_parent_is_killed() -> None:
    code = (
        "from mlc_explorer.workers.client import Engine; import json, time\n"
        "engine = Engine.local(); engine.call('echo')\n"
        "print(json.dumps(engine.about()), flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=_environment())
    about = json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _gone([about["pid"], *(w["pid"] for w in about["workers"] if w["pid"])])


def test_a_server_started_by_hand_takes_only_those_who_know_its_key(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mlc_explorer.workers", "--key-file", "key", "--listen"]
    server = subprocess.Popen(
        [*command, "127.0.0.1:0"], cwd=tmp_path, stdout=subprocess.PIPE, env=_environment(), text=True
    )
    try:
        address = server.stdout.readline().strip()
        good = Engine.local(settings=Settings(engine=address, engine_key=str(tmp_path / "key")))
        assert good.call("echo", value=7) == 7
        good.close()
        (tmp_path / "other").write_text("wrong")
        bad = Engine.local(settings=Settings(engine=address, engine_key=str(tmp_path / "other")))
        with pytest.raises(EngineUnavailable, match="does not accept the key"):
            bad.call("echo")
    finally:
        server.terminate()
        assert server.wait(10) == 0
        server.stdout.close()


def test_jobs_of_a_client_that_leaves_are_ended(tmp_path: Path, settings: Settings) -> None:
    """Otherwise a closed browser tab could hold the measuring lane for minutes."""
    command = [sys.executable, "-m", "mlc_explorer.workers", "--key-file", "key", "--listen"]
    server = subprocess.Popen(
        [*command, str(tmp_path / "socket")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        env=_environment(),
        text=True,
    )
    try:
        server.stdout.readline()
        where = Settings(engine=str(tmp_path / "socket"), engine_key=str(tmp_path / "key"))
        leaving, staying = Engine.local(settings=where), Engine.local(settings=where)
        leaving.submit("lane_sleep", seconds=100)
        leaving.about()
        leaving.close()
        assert isinstance(staying.submit("lane_sleep", seconds=0.1).result(10), int)
        staying.close()
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


def test_confinement_can_be_required() -> None:
    """A worker that must be confined and can't be does no job."""
    required = Settings.from_env({"MLC_EXPLORER_REQUIRE_CONFINEMENT": "1", "MLC_EXPLORER_WORKERS": "1"})
    engine = Engine.local(settings=required)
    try:
        missing = {"files", "network", "processes", "memory"} - set(engine.about()["protections"])
        if missing and engine.about()["protections"]:
            with pytest.raises(JobFailed, match="confinement is required"):
                engine.call("echo")
        else:
            assert engine.call("echo", value=1) == 1
    finally:
        engine.close()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def _gone(pids: list[int], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[p for p in pids if Path(f'/proc/{p}').exists()]}"
        time.sleep(0.02)
