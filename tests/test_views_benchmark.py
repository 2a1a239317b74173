"""The benchmark of the views asks for each of them. How fast they are, is no matter for a test."""

import json

from benchmarks import views
from mlc_explorer.schema.levels import NAMES


def test_every_level_of_a_network_is_timed(tmp_path, capsys):
    file = tmp_path / "views.json"
    assert views.main(["--models", "mlp", "--functions", "2", "--json", str(file)]) == 0
    seconds = json.loads(file.read_text())["seconds"]
    assert {*NAMES, "graph", "loops", "dataflow", "motion", "diff"} == set(seconds)
    assert all(s > 0 for answers in seconds.values() for s in answers)
    printed = capsys.readouterr().out
    assert all(f"| {view} | {len(answers)} |" in printed for view, answers in seconds.items())


def test_a_function_is_asked_for_once():
    once = list(views.subjects(["softmax"], 9))
    assert once and once == list(views.subjects(["softmax", "softmax"], 9))


def test_refusals_are_counted_and_not_timed():
    row = views.table({"cuda": [0.001, 0.002, 0.003]}, {"cuda": 4}).splitlines()[-1]
    assert row == "| cuda | 3 | 2.0 | 3.0 | 3.0 | 4 |"
