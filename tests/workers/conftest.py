"""An engine whose workers also know the jobs that go wrong (`jobs.py`)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator

import pytest

from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings

pytest.importorskip("tvm", reason="the workers compile with TVM")

MODEL = b"a model's bytes" * 1000
REFERENCE = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"


@pytest.fixture(scope="session", autouse=True)
def _test_jobs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLC_EXPLORER_TEST_JOBS", "tests.workers.jobs")
        yield


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(workers=2, memory_mib=3072, upload_mib=8).resolved()


def fetch(reference: str) -> bytes:
    """A store with one model in it."""
    return {REFERENCE: MODEL}[reference]


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Looks again and again, because what a test waits for happens in another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def engine(settings: Settings) -> Iterator[Engine]:
    """One server for all tests that leave it as they found it."""
    engine = Engine.local(fetch, settings)
    wait_until(lambda: all(w["ready"] for w in engine.about()["workers"]))
    yield engine
    engine.close()


@pytest.fixture
def own_engine(settings: Settings) -> Iterator[Engine]:
    """A server for one test, to be ended or overloaded."""
    engine = Engine.local(fetch, settings)
    wait_until(lambda: all(w["ready"] for w in engine.about()["workers"]))
    yield engine
    engine.close()
