"""An engine whose trials can be made to go wrong (`unlucky.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlc_explorer.schema.trace import Trace
from mlc_explorer.store import Store
from mlc_explorer.tuning import Budget, Tuner
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings

pytest.importorskip("tvm", reason="candidates are compiled with TVM")


def started(patch: pytest.MonkeyPatch, jobs: str | None) -> Engine:
    if jobs:
        patch.setenv("MLC_EXPLORER_TEST_JOBS", jobs)
    else:
        patch.delenv("MLC_EXPLORER_TEST_JOBS", raising=False)
    engine = Engine.local(settings=Settings(workers=1).resolved())
    engine.start()
    return engine


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        engine = started(patch, None)
    yield engine
    engine.close()


@pytest.fixture(scope="package")
def unlucky() -> Iterator[Engine]:
    """Some of its candidates crash, some hang, some compute something else."""
    with pytest.MonkeyPatch.context() as patch:
        engine = started(patch, "tests.tuning.unlucky")
        yield engine
    engine.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def tuner(engine: Engine) -> Callable[..., Tuner]:
    """`tuner(model, function, trials=…, …)` of a sample, on this CPU."""

    def make(model: str, function: str | None = None, store: Store | None = None, **budget: object) -> Tuner:
        return Tuner(engine, Trace(model), function, "cpu", Budget(**budget), store)  # type: ignore[arg-type]

    return make
