"""Ready-made sweeps, as data: for a block by its loops, and of the numbers in a history."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_explorer.schema.loops import LoopNode, LoopTree
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.ui import sweep_offers


def nest(block: str, *loops: tuple[str, int, str, str]) -> LoopNode:
    """Loops as (name, extent, axis, mark), outermost first, around a block."""
    node = LoopNode(block, "block", block, len(loops), iterations=1)
    for name, extent, axis, mark in reversed(loops):
        node = LoopNode(
            f"{block}/{name}", "loop", name, 0, extent=extent, axis=axis, mark=mark, children=(node,)
        )
    return node


MATMUL = nest(
    "matmul",
    ("i", 64, "spatial", "serial"),
    ("j", 48, "spatial", "serial"),
    ("k", 32, "reduction", "serial"),
)
RELU = nest("relu", ("x", 64, "spatial", "parallel"), ("y", 4, "spatial", "serial"))


def offers(*roots: LoopNode, path: str | None = None) -> dict[str, Any]:
    tree = LoopTree("main", roots)
    return {offer.name: offer for offer in sweep_offers.for_block(tree, path)}


def test_a_matmul_is_offered_tiles_vectors_chunks_and_unrolling() -> None:
    found = offers(MATMUL)
    assert list(found) == ["tile", "vector", "chunks", "unroll"]
    split_i, split_j, reorder, vectorize = found["tile"].steps
    assert split_i["params"] == {"loop": "matmul/i", "factors": [None, {"sweep": [2, 4, 8, 16]}]}
    assert split_j["params"]["factors"] == [None, {"sweep": [8, 16, 32]}]
    loops = ["matmul/i_0", "matmul/j_0", "matmul/k", "matmul/i_1", "matmul/j_1"]
    assert reorder["params"] == {"loops": loops}
    assert vectorize["params"] == {"loop": "matmul/j_1"}
    assert found["unroll"].words == {"loop": "k"}


def test_only_plain_loops_are_swept_and_the_chosen_block_counts() -> None:
    found = offers(MATMUL, RELU, path="relu/y")
    assert list(found) == ["vector", "chunks", "unroll"]
    assert found["vector"].steps[0]["params"]["loop"] == "relu/y"
    assert [s["transform"] for s in found["vector"].steps] == ["split", "vectorize"]


def test_loops_that_hold_two_blocks_are_not_split() -> None:
    shared = LoopNode("a/i", "loop", "i", 0, extent=8, axis="spatial", mark="serial",
                      children=(nest("a", ("j", 8, "spatial", "serial")), nest("b")))  # fmt: skip
    assert offers(shared, path="a")["chunks"].words == {"loop": "j"}
    assert offers() == {}


def step(transform: str, **params: Any) -> Step:
    return Step(transform, "main", params)


HISTORY = Trace(
    "matmul",
    (
        step("cache_read", block="matmul", buffer=1),
        step("split", loop="matmul/i", factors=[None, 4]),
        step("split", loop="matmul/j", factors=[None, 64]),
        step("unroll", loop="matmul/i_1"),
        step("annotate", place="matmul/i_0", key="unroll", value=16),
    ),
)


def test_the_numbers_of_a_history_are_sizes_and_no_positions() -> None:
    found = sweep_offers.numbers(HISTORY)
    assert [(n.label, n.value, n.step) for n in found] == [("i_1", 4, 1), ("j_1", 64, 2), ("5: value", 16, 4)]


def test_chosen_numbers_become_ranges_and_later_steps_may_be_left_out() -> None:
    i, j, _ = sweep_offers.numbers(HISTORY)
    base, steps = sweep_offers.of_history(HISTORY, [j])
    assert base == HISTORY.upto(2)
    assert steps[0]["params"]["factors"] == [None, {"sweep": [16, 32, 64, 128, 256]}]
    assert [s.get("optional", False) for s in steps] == [False, True, True]
    base, steps = sweep_offers.of_history(HISTORY, [i, j])
    assert base == HISTORY.upto(1)
    assert steps[0]["params"]["factors"] == [None, {"sweep": [1, 2, 4, 8, 16]}]
    assert [s.get("optional", False) for s in steps] == [False, False, True, True]
    assert HISTORY.steps[1].params["factors"] == [None, 4]


PACKED = Trace(
    "matmul",
    (
        step("transform_layout", block="B", buffer="B", index_map="k, j -> j // 64, k, j % 64"),
        step("split", loop="matmul/j", factors=[None, 64]),
        step("parallel", loop="matmul/j_0"),
    ),
)


def test_a_layout_keeps_to_the_tile_that_it_was_packed_for() -> None:
    (number,) = sweep_offers.numbers(PACKED)
    base, steps = sweep_offers.of_history(PACKED, [number])
    assert base == PACKED.upto(0)
    layout, split, later = steps
    assert layout["params"]["index_map"]["sweep"][0] == "k, j -> j // 16, k, j % 16"
    assert layout["params"]["index_map"]["name"] == split["params"]["factors"][1]["name"] == "j_1"
    assert later["optional"] and "optional" not in layout

    retyped = sweep_offers.retyped(steps, 0, (8, 32))
    assert retyped[0]["params"]["index_map"]["sweep"] == [
        "k, j -> j // 8, k, j % 8",
        "k, j -> j // 32, k, j % 32",
    ]
    assert retyped[1]["params"]["factors"] == [None, {"sweep": [8, 32], "name": "j_1"}]


def test_a_range_of_its_own_is_typed_anew_alone() -> None:
    _, steps = sweep_offers.of_history(HISTORY, sweep_offers.numbers(HISTORY)[:2])
    retyped = sweep_offers.retyped(steps, 1, (8, None))
    assert retyped[1]["params"]["factors"] == [None, {"sweep": [8, None]}]
    assert retyped[0] == steps[0]


def test_numbers_rise_along_a_map_and_what_belongs_together_stays_together() -> None:
    steps = [step("split", factors=[None, {"sweep": [16, 8, 32]}]).to_json()]
    steps += [step("annotate", value={"sweep": [4, 2], "name": "t"}, key={"sweep": ["b", "a"]}).to_json()]
    split, annotate = sweep_offers.ordered(steps)
    assert split["params"]["factors"] == [None, {"sweep": [8, 16, 32]}]
    assert annotate == steps[1]


@pytest.mark.parametrize(
    ("values", "text", "can_be_typed"),
    [
        ([4, 8, None], "4, 8, none", True),
        ("4..64 *2", "4..64 *2", True),
        (["local", "global"], "local, global", True),
        ([[2, 4], [4, 2]], "[2, 4]; [4, 2]", False),
        (["i, j -> j, i", "i, j -> i, j"], "i, j -> j, i; i, j -> i, j", False),
    ],
)
def test_values_that_commas_would_tear_apart_are_shown_only(
    values: Any, text: str, can_be_typed: bool
) -> None:
    assert sweep_offers.typed(values) == (text, can_be_typed)


@pytest.mark.parametrize("value", [True, "16", 0, 5000, 2.5, None])
def test_what_is_no_size_is_not_offered(value: Any) -> None:
    assert sweep_offers.numbers(Trace("m", (step("annotate", key="k", value=value),))) == []
