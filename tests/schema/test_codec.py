"""What the engine sends is what the screen gets, and a wrong message names the field."""

import pytest

from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.graph import Edge, GraphView, Node
from mlc_explorer.schema.loops import BufferInfo, LoopNode, LoopTree
from mlc_explorer.schema.report import FunctionInfo, Measurement, StateInfo, StepReport, TensorInfo
from mlc_explorer.schema.text import DiffRow, DiffView, Mark, TextView

OBJECTS = [
    GraphView(
        "main",
        (Node("lv", "matmul", "matmul", "(1, 200)", x=1.0),),
        (Edge("x", "lv", ((0.0, 1.5),)),),
        10.0,
        20.0,
    ),
    LoopTree(
        "main",
        (
            LoopNode(
                "C/i",
                "loop",
                "i",
                0,
                3,
                64,
                "spatial",
                "serial",
                children=(LoopNode("C", "block", "C", 1, reads=("A[i]",), annotations={"a": "1"}),),
            ),
        ),
        (BufferInfo("A", (64, "n"), "float32", "global", 256, "input"),),
        flops=2.0,
    ),
    TextView("main", "tir", ("def main():",), (Mark("C", "block", 1, 1),), (None, 3)),
    DiffView("main", ("a",), ("b",), (DiffRow("-", 1, None), DiffRow("+", None, 1))),
    StateInfo(
        "mlp",
        "main",
        (FunctionInfo("main", "graph"),),
        (TensorInfo("x", (1, 2), "float32"),),
        (),
        (StepReport(("main",), moved={"f:a/i": "a/i_1", "f:a/j": None}, seconds=1.0),),
    ),
    Measurement(
        "cpu",
        None,
        1.0,
        0.5,
        2.0,
        10,
        2,
        0.0,
        0.0,
        "untransformed",
        1.0,
        "2026-01-01T00:00:00+00:00",
        {"numpy": 2.0},
        {"numpy": 0.0},
    ),
]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda v: type(v).__name__)
def test_round_trip(value):
    assert decode(type(value), encode(value)) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "x", "shape": [1], "dtype": 3}, "dtype: str was expected"),
        ({"name": "x", "shape": 4, "dtype": "f"}, "shape: a list was expected"),
        ({"name": "x", "shape": ["a"], "dtype": "f"}, r"shape\[0\]: int was expected"),
        ({"name": "x", "shape": [1]}, "'dtype' is missing"),
        ({"name": "x", "shape": [1], "dtype": "f", "more": 1}, "no field 'more'"),
        ([], "an object was expected"),
    ],
)
def test_a_wrong_message_names_the_field(data, message):
    with pytest.raises(ValueError, match=message):
        decode(TensorInfo, data)


def test_whole_numbers_serve_as_floats_but_truth_values_do_not():
    assert decode(StepReport, {"seconds": 1}).seconds == 1.0
    with pytest.raises(ValueError, match="seconds"):
        decode(StepReport, {"seconds": True})
