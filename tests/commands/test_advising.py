"""The commands that advise: palette, offer, why-not, suggest, steps, repeat, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tvm", reason="the command line asks an engine that compiles with TVM")

PARALLEL_K = json.dumps({"transform": "parallel", "function": "main", "params": {"loop": "matmul/k"}})
MATMUL_K = ("matmul_128", "--path", "matmul/k")


def test_palette_has_a_verdict_for_every_transform_in_both_languages(data, text) -> None:
    verdicts = {v["transform"]: v for v in data("palette", *MATMUL_K)["verdicts"]}
    assert set(verdicts) == {t["name"] for t in data("transforms")}
    assert verdicts["split"]["state"] == "applies"
    assert verdicts["parallel"]["state"] == "refused"
    assert verdicts["parallel"]["refusal"]["paths"][0] == "matmul/k"
    chinese = {v["transform"]: v for v in data("palette", *MATMUL_K, "--language", "zh")["verdicts"]}
    assert chinese["parallel"]["refusal"]["message"] != verdicts["parallel"]["refusal"]["message"]
    printed = text("palette", *MATMUL_K).splitlines()
    assert any(line.startswith("+ split ") for line in printed)
    assert any(line.startswith("- parallel ") for line in printed)


def test_offer_has_a_form_and_a_diff(data, text) -> None:
    params = json.dumps({"factors": [None, 8]})
    offer = data("offer", *MATMUL_K, "--transform", "split", "--params", params)
    assert offer["step"]["params"] == {"loop": "matmul/k", "factors": [None, 8]}
    assert [field["name"] for field in offer["fields"]][:2] == ["loop", "factors"]
    assert any("k_1" in line for line in offer["diff"]["after"])
    assert "+ " in text("offer", *MATMUL_K, "--transform", "split")


def test_why_not_names_the_lines_and_what_helps(data, text) -> None:
    why = data("why-not", "matmul_128", "--step", PARALLEL_K)
    assert why["refusal"]["code"] == "reduction_axis"
    assert why["text"]["lines"][why["lines"][0] - 1].strip().startswith("for k in")
    assert any(s["transform"] == "rfactor" for remedy in why["remedies"] for s in remedy["steps"])
    assert "for k in range(128):" in text("why-not", "matmul_128", "--step", PARALLEL_K)
    legal = PARALLEL_K.replace("matmul/k", "matmul/i")
    assert text("why-not", "matmul_128", "--step", legal).strip() == "It applies."


def test_suggest_measures_and_the_best_comes_first(data, text) -> None:
    advice = data("suggest", "softmax")
    times = [s["measurement"]["median_ms"] for s in advice["suggestions"] if s["measurement"]]
    assert times and times == sorted(times)
    assert advice["now"]["max_rel_error"] == 0


def test_sweep_measures_each_point_and_says_what_is_refused(data, text) -> None:
    step = {"transform": "split", "function": "main", "params": {"loop": "matmul/k"}}
    step["params"]["factors"] = [None, {"sweep": [8, 16]}]
    sweep = data("sweep", "matmul_128", "--step", json.dumps(step))
    assert [p["values"] for p in sweep["grid"]["points"]] == [[8], [16]]
    assert all(m["median_ms"] > 0 for m in sweep["measurements"])
    rows = text("sweep", "matmul_128", "--step", json.dumps(step)).splitlines()
    assert len(rows) == 4 and sum(" * " in row for row in rows) == 1


def test_suggest_names_steps_that_apply(data) -> None:
    found = data("suggest", "matmul_128", "--quick")["candidates"]
    assert 3 <= len(found) <= 10
    steps = [part for step in found[0]["steps"] for part in ("--step", json.dumps(step))]
    assert data("apply", "matmul_128", *steps)["steps"]


def test_steps_of_a_schedule_in_a_file(data, text, tmp_path: Path) -> None:
    file = tmp_path / "schedule.py"
    file.write_text("i, j, k = sch.get_loops('matmul')\nsch.parallel(i)\nsch.vectorize(j)\n")
    steps = data("steps", "matmul_128", str(file))
    assert [s["transform"] for s in steps] == ["parallel", "vectorize"]
    assert text("steps", "matmul_128", str(file)).splitlines()[0] == "main: parallel(loop=matmul/i)"


def test_repeat_lists_where_else_a_step_applies(data, text) -> None:
    step = json.dumps({"transform": "vectorize", "function": "add", "params": {"loop": "T_add/ax1"}})
    trace = json.dumps({"version": 1, "model": "mlp", "steps": [{"transform": "LegalizeOps", "params": {}}]})
    with pytest.MonkeyPatch.context() as patch:
        import io
        import sys

        patch.setattr(sys, "stdin", io.StringIO(trace))
        points = data("repeat", "mlp", "--trace", "-", "--step", step)
    assert ["add1", ""] in [p["values"] for p in points if p["refusal"] is None]
    assert [p["refusal"]["hint"] for p in points if p["refusal"]]
