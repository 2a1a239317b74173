"""The same steps elsewhere: other functions of a kind, other blocks of the same function."""

import pytest

from mlc_explorer.engine.repeat import repeats
from mlc_explorer.engine.replay import replay
from mlc_explorer.errors import BadTrace, NotFound
from mlc_explorer.schema.palette import Point
from mlc_explorer.schema.trace import Step, Trace


def no_data(digest: str) -> bytes:
    raise AssertionError(digest)


def applying(points: list[Point]) -> dict[tuple[str, str], tuple]:
    return {p.values: p.steps for p in points if p.refusal is None}


def test_the_convolutions_of_a_network_take_the_steps_of_the_first():
    steps = [
        Step("split", "conv2d", {"loop": "conv2d_nchw/xx", "factors": [None, 7]}),
        Step("unroll", "conv2d", {"loop": "conv2d_nchw/xx_1"}),
    ]
    trace = Trace("resnet18", (Step("LegalizeOps"), *steps))
    points = repeats(trace, steps, no_data)
    found = applying(points)
    assert {name for name, _ in found} >= {"conv2d1", "conv2d2", "conv2d3"}
    together = [Step.from_json(s) for steps in found.values() for s in steps]
    after = replay(Trace("resnet18", (*trace.steps, *together)), no_data)
    assert "T.unroll(" in after.mod["conv2d3"].script()
    refused = {p.values[0]: p.refusal for p in points if p.refusal}
    assert "conv2d_nchw" in refused["relu"].message or refused["relu"].hint


def test_blocks_that_are_named_otherwise_correspond_by_their_order():
    trace = Trace("mlp", (Step("LegalizeOps"),))
    points = repeats(trace, [Step("vectorize", "add", {"loop": "T_add/ax1"})], no_data)
    steps = applying(points)[("add1", "")]
    assert steps[0]["params"] == {"loop": "T_add/ax1"} and steps[0]["function"] == "add1"
    relu = next(p for p in points if p.values == ("relu", ""))
    assert relu.steps[0]["params"]["loop"].startswith("compute/")


def test_one_step_for_the_other_blocks_of_its_function():
    points = repeats(Trace("softmax"), [Step("parallel", "main", _outer("softmax"))], no_data)
    blocks = {block for (name, block) in applying(points) if name == "main"}
    assert len(blocks) >= 3


def _outer(model: str) -> dict[str, str]:
    from mlc_explorer.engine import paths

    return {
        "loop": next(p.path for p in paths.walk(replay(Trace(model), no_data).mod["main"]) if p.depth == 0)
    }


def test_steps_of_several_functions_or_of_none_are_not_repeated():
    trace = Trace("mlp", (Step("LegalizeOps"),))
    with pytest.raises(BadTrace) as caught:
        repeats(trace, [Step("LegalizeOps")], no_data)
    assert caught.value.code == "repeat_one_function"
    with pytest.raises(NotFound):
        repeats(trace, [Step("vectorize", "gone", {"loop": "x/y"})], no_data)
