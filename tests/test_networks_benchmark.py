"""The networks' benchmark measures, checks, says what failed. How fast anything is, is no matter here."""

import json
import math

import pytest

from benchmarks import __main__ as all_benchmarks
from benchmarks import networks


def row(model="mlp", ours=2.0, theirs=4.0, error=1e-6):
    return {
        "model": model, "steps": 5, "error": error, "threads": 2, "machine": "", "versions": {"tvm": "1"},
        "stages": {"open": 1.0, "rules": 0.5, "steps": 0.25, "build": 2.0},
        "ms": {"ours": [ours, 1.0, 3.0], "onnxruntime": [theirs, 3.0, 5.0]},
    }  # fmt: skip


def test_a_network_and_a_name_that_does_not_exist(tmp_path, capsys):
    file = tmp_path / "networks.json"
    assert networks.main(["--seconds", "0.01", "--json", str(file), "mlp", "lenet"]) == 1
    good, bad = json.loads(file.read_text())
    assert good["error"] < networks.AGREES and good["steps"] > 1
    assert good["ms"]["ours"][0] > 0 and all(
        good["stages"][s] >= 0 for s in ("open", "rules", "steps", "build")
    )
    assert "lenet" in bad["failed"]
    printed = capsys.readouterr().out
    assert "| mlp |" in printed and "lenet FAILED" in printed and f"{good['threads']} threads" in printed


def test_the_profile_names_functions_and_their_recipes(capsys):
    assert networks.main(["--profile", "mlp"]) == 0
    printed = capsys.readouterr().out
    assert "matmul" in printed and "GFLOP/s" in printed


@pytest.mark.parametrize("plan, steps", [("none", 0), ("fuse", 6)])
def test_other_plans_than_recipes(plan, steps, tmp_path):
    file = tmp_path / "networks.json"
    assert networks.main(["--seconds", "0.01", "--plan", plan, "--json", str(file), "mlp"]) == 0
    (found,) = json.loads(file.read_text())
    assert found["steps"] == steps


def test_how_much_faster_is_told_by_medians():
    assert networks.ratio(row(ours=2.0, theirs=4.0)) == 2.0
    assert networks.ratio(row(), "torch") is None


def test_the_summary_gives_the_geometric_mean_and_the_least():
    rows = [row("mlp", 1.0, 4.0), row("cnn", 2.0, 1.0), row("softmax", 3.0, 3.0)]
    summary = networks.report(rows, 0.3)
    assert f"2 networks: geometric mean {math.sqrt(4 * 0.5):.2f} × ONNX Runtime, least 0.50 (cnn)." in summary
    assert "1 functions: geometric mean 1.00 × ONNX Runtime, least 1.00 (softmax)." in summary


def test_a_wrong_result_and_a_missing_one_stand_out():
    report = networks.report([row(error=0.5), {"model": "cnn", "failed": "ended with status -11"}], 0.3)
    assert "5.0e-01 WRONG" in report
    assert "cnn FAILED: ended with status -11" in report


def test_the_click_is_timed_without_and_with_opening():
    assert "| mlp | 1.00 | 0.50 | 0.25 | 2.00 | 2.75 | 3.75 |" in networks.report([row()], 0.3)


def test_a_benchmark_is_run_by_its_name_and_an_unknown_one_refused(capsys):
    assert all_benchmarks.main(["zoo"]) == 2  # what benchmarks are made of is no benchmark
    assert "networks" in capsys.readouterr().err
