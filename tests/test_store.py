"""The store: what is put comes back, from any thread or process, and neither a full disk quota nor a broken
file takes the app down."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlc_explorer.errors import BadModel, BadTrace, MlcError, NotFound
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.store import FILE, Store

MIB = 1 << 20
SMALL = {"upload_mib": 2, "store_mib": 4}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home", **SMALL)


def measured(function: str | None = "matmul", median: float = 1.0, **fields: object) -> Measurement:
    given = {"target": "cpu", "machine": "m", "taken_at": "2026-01-01T00:00:00+00:00", **fields}
    return Measurement(
        function=function, median_ms=median, p10_ms=0.9, p90_ms=1.2, runs=10, threads=2, max_abs_error=0.0,
        max_rel_error=0.0, reference="untransformed", compile_s=0.1, **given,
    )  # fmt: skip


def test_an_upload_is_named_by_its_digest(store: Store) -> None:
    reference = store.put(b"model", "net.onnx")
    assert reference == "sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"
    assert store.get(reference) == b"model"
    assert store.name(reference) == "net.onnx"


def test_the_same_file_is_kept_once_under_its_newer_name(store: Store) -> None:
    assert store.put(b"model", "a.onnx") == store.put(b"model", "b.onnx")
    assert store.name(store.put(b"model", "b.onnx")) == "b.onnx"


def test_it_outlives_its_process(store: Store) -> None:
    reference = store.put(b"model", "net.onnx")
    assert Store(store.home, **SMALL).get(reference) == b"model"


def test_what_is_not_there_is_said_so(store: Store) -> None:
    missing = f"sha256:{'0' * 64}"
    with pytest.raises(NotFound) as e:
        store.get(missing)
    assert e.value.code == "upload_missing"
    assert store.name(missing) == "sha256:000000000000…"
    with pytest.raises(NotFound, match="no link 'abc'"):
        store.link("abc")


def test_an_upload_that_is_too_large_names_the_limit(store: Store) -> None:
    with pytest.raises(BadModel) as e:
        store.put(bytes(3 * MIB), "big.onnx")
    assert e.value.params == {"name": "big.onnx", "size_mib": 3, "limit_mib": 2}


def test_old_uploads_make_room_the_longest_unused_first(store: Store) -> None:
    oldest, older, today = (store.put(bytes([i]) * MIB, f"{i}") for i in range(3))
    _unused_for(store, oldest, days=3)
    _unused_for(store, older, days=2)
    new = store.put(b"n" * (2 * MIB), "new")
    with pytest.raises(NotFound):
        store.get(oldest)
    assert len(store.get(older)) == len(store.get(today)) == MIB
    assert len(store.get(new)) == 2 * MIB


def test_reading_an_upload_keeps_it(store: Store) -> None:
    read, unread = (store.put(bytes([i]) * 2 * MIB, f"{i}") for i in range(2))
    _unused_for(store, read, days=3)
    _unused_for(store, unread, days=2)
    store.get(read)
    store.put(b"n" * MIB, "new")
    assert store.get(read)
    with pytest.raises(NotFound):
        store.get(unread)


def test_uploads_of_today_are_never_removed(store: Store) -> None:
    kept = [store.put(bytes([i]) * 2 * MIB, f"{i}") for i in range(2)]
    with pytest.raises(MlcError) as e:
        store.put(b"n" * MIB, "new")
    assert e.value.code == "store_full"
    assert all(store.get(reference) for reference in kept)


def test_what_is_removed_leaves_the_disk(store: Store) -> None:
    for i in range(12):
        _unused_for(store, store.put(os.urandom(2 * MIB), f"{i}"), days=2)
    assert store.path.stat().st_size < 7 * MIB


def test_measurements_are_found_by_trace_function_and_target(store: Store) -> None:
    bare = Trace("mlp")
    tiled = bare.then(Step("split", "matmul", {"loop": "matmul/k", "factors": [None, 8]}))
    store.save_measurement(bare, measured(median=4.0))
    store.save_measurement(tiled, measured(median=2.0))
    store.save_measurement(tiled, measured(None, 9.0))
    store.save_measurement(tiled, measured(median=7.0, target="generic"))
    found = store.measurements([bare, tiled, Trace("cnn")], "matmul", "cpu")
    assert {k: m.median_ms for k, m in found.items()} == {bare.key(): 4.0, tiled.key(): 2.0}
    assert store.measurements([tiled], None, "cpu")[tiled.key()] == measured(None, 9.0)


def test_the_latest_measurement_counts(store: Store) -> None:
    trace = Trace("mlp")
    store.save_measurement(trace, measured(median=2.0, taken_at="2026-01-02T00:00:00+00:00"))
    store.save_measurement(trace, measured(median=1.0, machine="other"))
    assert store.measurements([trace], "matmul", "cpu")[trace.key()].median_ms == 2.0
    assert store.measurements([trace], "matmul", "cpu", "other")[trace.key()].median_ms == 1.0


def test_a_thousand_traces_are_looked_up_at_once(store: Store) -> None:
    traces = [Trace("mlp", (Step(f"t{i}"),)) for i in range(1000)]
    store.save_measurement(traces[-1], measured())
    assert list(store.measurements(traces, "matmul", "cpu")) == [traces[-1].key()]


def test_equal_links_have_one_short_name(store: Store) -> None:
    data = {"trace": Trace("mlp").to_json(), "function": None}
    name = store.save_link(data)
    assert len(name) == 10
    assert store.save_link(dict(reversed(data.items()))) == name
    assert store.link(name) == data
    assert store.save_link({"trace": None}) != name


def test_a_link_can_be_too_long(store: Store) -> None:
    with pytest.raises(BadTrace) as e:
        store.save_link("x" * (2 * MIB))
    assert e.value.code == "link_too_large"


def test_many_threads_write_at_once(store: Store) -> None:
    errors: list[Exception] = []

    def write(n: int) -> None:
        try:
            for i in range(10):
                assert store.link(store.save_link([n, i])) == [n, i]
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_processes_that_open_it_for_the_first_time_together_agree(tmp_path: Path) -> None:
    code = "import sys; from mlc_explorer.store import Store; print(Store(sys.argv[1]).save_link(1))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=30)[0] for process in started}) == 1
    assert all(process.returncode == 0 for process in started)


@pytest.mark.parametrize("damage", ["not a database", "a torn page"])
def test_a_damaged_file_is_moved_aside(store: Store, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    store.put(os.urandom(MIB), "a")
    with store.path.open("r+b") as file:
        file.seek(0 if damage == "not a database" else 100)
        file.write(b"garbage " * 2000)
    again = Store(store.home, **SMALL)
    assert again.get(again.put(b"model", "b")) == b"model"
    assert again.moved_aside is not None and again.moved_aside.exists()
    assert "moved to" in caplog.text


def test_a_file_damaged_while_the_app_runs_is_moved_aside_too(store: Store) -> None:
    store.path.write_bytes(b"garbage " * 2000)
    assert store.get(store.put(b"model", "b")) == b"model"
    assert store.moved_aside is not None


def test_a_newer_version_s_file_is_left_alone(store: Store) -> None:
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(MlcError) as e:
        Store(store.home, **SMALL)
    assert e.value.code == "store_newer"
    assert not list(store.home.glob("*damaged*"))


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MlcError) as e:
        Store(tmp_path / "file" / "home", **SMALL)
    assert e.value.code == "store_unusable"


def test_the_environment_says_where_and_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLC_EXPLORER_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("MLC_EXPLORER_UPLOAD_MIB", "1")
    store = Store()
    assert store.home == tmp_path / "mlc-explorer"
    with pytest.raises(BadModel, match="at most 1 MiB"):
        store.put(bytes(2 * MIB), "big.onnx")
    monkeypatch.setenv("MLC_EXPLORER_STORE_MIB", "much")
    with pytest.raises(ValueError, match="MLC_EXPLORER_STORE_MIB='much'"):
        Store()


def test_only_its_owner_may_look_into_it(store: Store) -> None:
    assert stat.S_IMODE(store.home.stat().st_mode) == 0o700
    assert store.path == store.home / FILE


def _unused_for(store: Store, reference: str, days: float) -> None:
    with sqlite3.connect(store.path) as db:
        db.execute(
            "UPDATE upload SET used_at = ? WHERE digest = ?",
            (time.time() - days * 86400, reference.removeprefix("sha256:")),
        )
    db.close()


def test_the_fastest_candidates_of_a_function_are_kept(store: Store) -> None:
    """Of each function, target and machine its own; a candidate's last time counts."""
    key = ("digest", "cpu", "this machine")
    for number in range(70):
        store.save_tuning(key, {"steps": [number]}, 100.0 - number)
    store.save_tuning(key, {"steps": [69]}, 50.0)
    store.save_tuning(("digest", "avx2", "this machine"), {"record": [[], []]}, 1.0)
    found = store.tunings(key)
    assert len(found) == 64
    assert [k["ms"] for k in found] == sorted(k["ms"] for k in found)
    assert {"steps": [69], "ms": 50.0} in found and {"steps": [0], "ms": 100.0} not in found
    assert store.tunings(("other", "cpu", "this machine")) == []
