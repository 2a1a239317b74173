"""`fast` and `explain`: the recipes on the command line."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tvm", reason="the command line asks an engine that compiles with TVM")


def test_fast_gives_a_trace_of_one_group_that_other_commands_read(data, tmp_path) -> None:
    trace = data("fast", "cnn")
    assert {step["group"] for step in trace["steps"]} == {"fast_cpu"}
    passes = [step["transform"] for step in trace["steps"] if "function" not in step]
    assert passes[0] == "SimplifyForInference" and {"BlockChannels", "FuseTIR"} <= set(passes)
    recipes = {step["transform"] for step in trace["steps"] if "function" in step}
    assert {"conv2d_blocked", "conv2d_stem"} <= recipes
    file = tmp_path / "fast.json"
    file.write_text(json.dumps(trace))
    measured = data("measure", "cnn", "--trace", str(file), "--seconds", "0.1")
    assert measured["max_rel_error"] < 1e-4


def test_unfolded_it_holds_primitives_in_groups_of_their_own(data) -> None:
    steps = data("fast", "cnn", "--unfold")["steps"]
    inner = [step for step in steps if step["group"].startswith("fast_cpu/conv2d_stem")]
    assert {"split", "reorder", "vectorize", "parallel"} <= {step["transform"] for step in inner}


def test_one_function_gets_one_recipe(data, text) -> None:
    (step,) = data("fast", "matmul_128", "--function", "main")["steps"]
    assert step["function"] == "main" and "group" not in step
    assert step["transform"] in text("fast", "matmul_128", "--function", "main")


@pytest.mark.parametrize("target", ["cpu", "aarch64"])
def test_explain_says_strategy_numbers_and_reasons(data, text, target) -> None:
    found = data("explain", "cnn", "--target", target)
    conv = next(e for e in found if e["recipe"] == "conv2d_blocked")
    assert len(conv["strategy"]) >= 4 and conv["chosen"]
    numbers = {n["name"]: n for n in conv["numbers"]}
    assert str(numbers["pixels"]["value"]) in numbers["pixels"]["why"]
    printed = text("explain", "cnn", "--target", target, "--language", "zh")
    assert "寄存器" in printed
