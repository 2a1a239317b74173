"""The kernels' benchmark prints what it measured. How fast it is, is no matter for a test."""

import json

from benchmarks import kernels


def test_it_measures_checks_and_writes_json(tmp_path, capsys):
    file = tmp_path / "kernels.json"
    assert kernels.main(["--seconds", "0.01", "--json", str(file), "softmax", "layer_norm"]) == 0
    first, second = json.loads(file.read_text())
    assert (first["model"], second["model"]) == ("softmax", "layer_norm")
    assert first["agrees"] and first["median_ms"] > 0 and first["others"]["numpy"] > 0
    printed = capsys.readouterr().out
    assert f"{first['threads']} threads" in printed
    assert "softmax" in printed and "layer_norm" in printed


def test_the_child_has_all_cores_and_no_pinned_blas_kernel(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "1")
    environment = kernels.environment()
    assert not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & environment.keys()
    assert int(environment["TVM_NUM_THREADS"]) >= 1
    assert environment["TVM_BIND_THREADS"] == "0"


def test_a_wrong_result_stands_out():
    row = {
        "model": "f", "steps": 2, "agrees": False, "median_ms": 2.0, "p10_ms": 1.0, "p90_ms": 3.0,
        "threads": 1, "others": {"numpy": 4.0}, "max_rel_error": 0.5,
        "machine": "", "taken_at": "", "versions": {},
    }  # fmt: skip
    line = kernels.table([row]).splitlines()[-1]
    assert "2.00" in line and "–" in line  # twice as fast as NumPy; ONNX Runtime is not there
    assert line.endswith("WRONG")
