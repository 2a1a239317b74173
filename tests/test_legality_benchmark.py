"""The benchmark of the palette asks for palettes, forms and diagnoses. How fast they are, is no matter for a
test."""

import json

from benchmarks import legality


def test_a_function_is_asked_for_plain_and_scheduled(tmp_path, capsys, monkeypatch):
    file = tmp_path / "legality.json"
    monkeypatch.setattr(legality, "STEPS", 2)
    assert legality.main(["--models", "matmul_128", "--schedules", "1", "--json", str(file)]) == 0
    seconds = json.loads(file.read_text())
    asked = {"plain, first", "plain", "random schedules, first", "random schedules", "forms", "diagnoses"}
    assert set(seconds) == asked
    assert len(seconds["plain, first"]) == 1 and len(seconds["plain"]) == 4  # i, j, k and the block
    printed = capsys.readouterr().out
    assert all(f"| {row} | {len(times)} |" in printed for row, times in seconds.items())


def test_a_shipped_schedule_is_asked_for_along_its_way():
    found = list(legality.subjects(["matmul_1024"], 1, 0))
    assert [group for group, _, _ in found] == ["plain", *["shipped schedules"] * 5]
    assert len(found[1][1].reports) == 17


def test_a_row_shows_percentiles_and_verdicts_for_an_answer():
    row = legality.table(
        {"plain": [0.001, 0.002, 0.003]},
        {"plain": {"applies": 6, "nothing": 0, "refused": 3, "elsewhere": 0}},
    )
    assert row.splitlines()[-1] == "| plain | 3 | 2.0 | 3.0 | 3.0 | 2.0 | 0.0 | 1.0 | 0.0 |"
