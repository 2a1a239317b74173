"""Everything that can go wrong in a worker, for real, and what its caller and everybody else get to see."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from mlc_explorer.errors import Cancelled, Crashed, JobFailed, MlcError, NotFound, OutOfMemory, TimedOut
from mlc_explorer.workers.client import Engine

from .conftest import wait_until

WAYS_TO_DIE = [
    ("null_dereference", {}, "SIGSEGV"),
    ("kernel_writes_outside", {}, "SIGSEGV"),
    ("kernel_divides_by_zero", {}, "SIGFPE"),
    ("chatter_and_die", {"mib": 8}, "SIGABRT"),
]


@pytest.mark.parametrize(("job", "args", "name"), WAYS_TO_DIE)
def test_a_death_names_its_signal_and_the_engine_goes_on(
    engine: Engine, job: str, args: dict, name: str
) -> None:
    with pytest.raises(Crashed) as e:
        engine.call(job, **args)
    assert e.value.params == {"signal": name}
    assert e.value.code == "job_crashed"
    assert engine.call("echo", value="still here") == "still here"


def test_last_words_come_along_without_control_characters(engine: Engine) -> None:
    with pytest.raises(Crashed) as e:
        engine.call("chatter_and_die", mib=1)
    assert "the last words" in e.value.detail
    assert "\x1b" not in e.value.detail
    assert len(e.value.detail) < 20_000


def test_a_megabyte_of_chatter_harms_nobody(engine: Engine) -> None:
    assert engine.call("chatter", mib=8) == 8


@pytest.mark.parametrize("job", ["endless", "compile_endlessly", "half_a_message"])
def test_a_job_that_never_ends_is_ended(engine: Engine, job: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TimedOut) as e:
        engine.call(job, timeout=0.5)
    assert e.value.params == {"seconds": "0.5"}
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("job", ["allocate", "kernel_allocates"])
def test_100_gb_are_refused_at_once(engine: Engine, job: str) -> None:
    begun = time.monotonic()
    with pytest.raises(OutOfMemory) as e:
        engine.call(job, gib=100)
    assert e.value.params == {"limit_mib": 3072}
    assert time.monotonic() - begun < 2


def test_a_worker_that_was_short_of_memory_is_replaced(own_engine: Engine) -> None:
    before = _pids(own_engine)
    with pytest.raises(OutOfMemory):
        own_engine.call("allocate", gib=100)
    wait_until(lambda: len(before - _pids(own_engine)) == 1 and len(_pids(own_engine)) == 4)
    assert own_engine.call("echo", value=1) == 1


@pytest.mark.parametrize("job", ["garbage", "huge_announcement"])
def test_a_worker_that_talks_nonsense_is_ended(engine: Engine, job: str) -> None:
    with pytest.raises(JobFailed) as e:
        engine.call(job)
    assert e.value.code == "job_garbage"


@pytest.mark.parametrize(
    ("job", "reason"),
    [("raises", "ZeroDivisionError: nobody expects this"), ("leaves", "SystemExit: 3")],
)
def test_an_unexpected_exception_comes_with_its_traceback(engine: Engine, job: str, reason: str) -> None:
    with pytest.raises(JobFailed) as e:
        engine.call(job)
    assert e.value.params == {"reason": reason}
    assert f"in {job}" in e.value.detail


def test_an_unknown_job_is_named(engine: Engine) -> None:
    with pytest.raises(NotFound, match="'dance'"):
        engine.call("dance")


def test_a_worker_killed_in_mid_compile_is_replaced(own_engine: Engine) -> None:
    job = own_engine.submit("compile_endlessly")
    os.kill(_busy_pid(own_engine), signal.SIGKILL)
    with pytest.raises(Crashed) as e:
        job.result(30)
    assert e.value.params == {"signal": "SIGKILL"}
    assert own_engine.call("compile_and_run") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(_pids(own_engine)) == 4


def test_an_idle_worker_that_dies_is_replaced_before_anybody_asks(own_engine: Engine) -> None:
    victim = own_engine.call("pid")
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(_pids(own_engine) - {victim}) == 4)
    assert own_engine.call("echo", value=1) == 1


def test_queued_jobs_survive_the_crash_of_those_before_them(own_engine: Engine) -> None:
    sleepers = [own_engine.submit("sleep", seconds=0.3) for _ in range(2)]
    crashing = [own_engine.submit("null_dereference") for _ in range(4)]
    queued = [own_engine.submit("echo", value=i) for i in range(20)]
    assert [job.result(10) for job in queued] == list(range(20))
    assert [job.result(1) for job in sleepers] == [0.3, 0.3]
    for job in crashing:
        with pytest.raises(Crashed):
            job.result(1)


def test_two_people_at_once_and_one_crashes_a_worker_again_and_again(own_engine: Engine) -> None:
    """The other one's answers all come, all right, and quickly."""
    stop = threading.Event()
    crashes: list[MlcError] = []

    def crash() -> None:
        while not stop.is_set():
            with pytest.raises(Crashed) as e:
                own_engine.call("null_dereference")
            crashes.append(e.value)

    own_engine.call("echo")
    reckless = threading.Thread(target=crash)
    reckless.start()
    slowest = 0.0
    for i in range(100):
        begun = time.perf_counter()
        assert own_engine.call("echo", value=i) == i
        slowest = max(slowest, time.perf_counter() - begun)
        time.sleep(0.005)
    stop.set()
    reckless.join(10)
    assert len(crashes) >= 5
    assert slowest < 5.0  # some 0.03 s; far from the 20 s that a job may take, on a busy machine too


def test_cancel_ends_a_running_job_within_a_second(engine: Engine) -> None:
    job = engine.submit("endless")
    _busy_pid(engine)
    begun = time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(5)
    assert time.monotonic() - begun < 1
    assert engine.call("echo", value=2) == 2


def test_cancel_ends_a_measurement_within_a_second(engine: Engine) -> None:
    job = engine.submit("lane_sleep", seconds=60)
    wait_until(lambda: (job.progress() or {}).get("stage") == "time")
    begun = time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(5)
    assert time.monotonic() - begun < 1


def test_a_queued_job_can_be_cancelled_too(engine: Engine) -> None:
    first = engine.submit("lane_sleep", seconds=0.5)
    wait_until(lambda: (first.progress() or {}).get("stage") == "time")
    second = engine.submit("lane_sleep", seconds=0.5)
    wait_until(lambda: second.progress() is not None)
    assert second.progress() == {"stage": "queued", "fraction": 0.0, "position": 1}
    second.cancel()
    with pytest.raises(Cancelled):
        second.result(0.3)
    assert isinstance(first.result(5), int)


def _pids(engine: Engine) -> set[int]:
    return {w["pid"] for w in engine.about()["workers"] if w["pid"]}


def _busy_pid(engine: Engine) -> int:
    """The worker that is at work, once there is one."""
    found: list[int] = []

    def look() -> bool:
        workers = engine.about()["workers"]
        found[:] = [w["pid"] for w in workers if w["busy"] and w["lane"] == "interactive" and w["ready"]]
        return len(found) == 1

    wait_until(look)
    return found[0]
