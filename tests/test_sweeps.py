"""A sweep without a screen: a real one of few points, what is stored, and what is measured of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlc_explorer import Session, Trace
from mlc_explorer.errors import TimedOut
from mlc_explorer.schema import sweep
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.report import FunctionInfo, Measurement, StateInfo
from mlc_explorer.store import Store
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings

pytest.importorskip("tvm", reason="points are compiled with TVM")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.local(settings=Settings(workers=1).resolved())
    yield engine
    engine.close()


@pytest.fixture
def bmm(engine: Engine) -> Session:
    return Session.open("bmm_relu", engine=engine)


@pytest.fixture
def store(tmp_path: Any) -> Store:
    return Store(tmp_path)


def split(*factors: Any) -> dict[str, Any]:
    return {
        "transform": "split",
        "function": "main",
        "params": {"loop": "bmm/j", "factors": list(factors)},
    }


VECTORIZE = {"transform": "vectorize", "function": "main", "params": {"loop": "bmm/j_1"}}


def test_points_are_measured_checked_and_known_to_the_next_sweep(bmm: Session, store: Store) -> None:
    steps = [split({"sweep": [8, 4]}, 16), VECTORIZE]
    heard: list[dict[str, Any]] = []
    swept = bmm.sweep(steps, store=store, progress=heard.append)
    assert swept.now is not None and swept.function is None
    assert [m is not None for m in swept.measurements] == [True, False]
    assert swept.refusals[0] is None
    assert swept.refusals[1] is not None and swept.refusals[1].code == "factors_too_small"
    assert swept.best == 0 and swept.measurements[0] is not None and swept.measurements[0].right
    assert heard == [{"done": 1, "of": 2}, {"done": 2, "of": 2}]
    assert decode(sweep.Sweep, encode(swept)) == swept

    again: list[dict[str, Any]] = []
    assert bmm.sweep(steps, store=store, progress=again.append) == swept
    assert again == []


def test_what_was_measured_before_an_interruption_is_kept(bmm: Session, store: Store) -> None:
    def interrupt(news: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bmm.sweep([split(None, {"sweep": [8, 16]})], store=store, progress=interrupt)
    rest: list[dict[str, Any]] = []
    swept = bmm.sweep([split(None, {"sweep": [8, 16]})], store=store, progress=rest.append)
    assert len(rest) == 2
    assert None not in swept.measurements


def test_a_point_that_takes_too_long_is_one_dark_cell(
    bmm: Session, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sweep.traces(bmm.trace, bmm.grid([split(None, {"sweep": [8, 16]})]))[0]
    call = bmm.engine.call

    def slow(job: str, timeout: float | None = None, **args: Any) -> Any:
        if job == "measure" and args["trace"] == first.to_json():
            assert timeout == sweep.LIMIT_SECONDS
            raise TimedOut("It took too long.")
        return call(job, timeout, **args)

    monkeypatch.setattr(bmm.engine, "call", slow)
    swept = bmm.sweep([split(None, {"sweep": [8, 16]})], store=store)
    assert swept.refusals[0] is not None and swept.refusals[0].message == "It took too long."
    assert swept.measurements[0] is None and swept.measurements[1] is not None
    assert swept.best == 1


def measurement(ms: float, error: float = 0.0) -> Measurement:
    return Measurement("cpu", None, ms, ms, ms, 5, 2, error, error, "untransformed", 0.1, "2026-01-01")


def test_a_wrong_result_is_never_best() -> None:
    assert sweep.best([measurement(3), None, measurement(1, error=0.5), measurement(2)]) == 3
    assert sweep.best([None, measurement(1, error=0.5)]) is None


@pytest.mark.parametrize(
    ("functions", "measured"),
    [(["matmul"], "matmul"), (["matmul", "matmul"], "matmul"), (["matmul", "relu"], None), ([None], None),
     (["main"], None), (["gone"], None)],
)  # fmt: skip
def test_the_function_that_the_steps_change_is_measured(
    functions: list[str | None], measured: str | None
) -> None:
    info = StateInfo(
        "mlp", "main", tuple(FunctionInfo(n, "loops") for n in ("main", "matmul", "relu")), (), ()
    )
    assert sweep.measured_function(info, [{"function": name} for name in functions]) == measured


def test_a_point_stands_for_the_trace_with_its_steps(bmm: Session) -> None:
    grid = bmm.grid([split(None, {"sweep": [8, 16]}), VECTORIZE])
    assert sweep.traces(bmm.trace, grid)[1] == Trace.from_json(
        bmm.trace.to_json() | {"steps": [split(None, 16), VECTORIZE]}
    )
