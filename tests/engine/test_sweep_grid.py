"""A sweep's grid: where ranges may stand, which points it has, what is sampled, and what is refused."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from mlc_explorer.engine import sweep
from mlc_explorer.engine.replay import State, replay
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step, Trace


@pytest.fixture
def matmul() -> State:
    return replay(Trace("matmul_1024"), lambda digest: b"")


def step(transform: str, **params: Any) -> dict[str, Any]:
    return {"transform": transform, "function": "main", "params": params}


def split(loop: str, *factors: Any) -> dict[str, Any]:
    return step("split", loop=f"matmul/{loop}", factors=list(factors))


def test_every_combination_is_a_point_and_the_last_range_runs_fastest(matmul: State) -> None:
    steps = [split("i", None, {"sweep": [4, 8]}), split("j", None, {"sweep": "16..64 *2"})]
    grid = sweep.grid(matmul, steps)
    assert grid.axes == ("i_1", "j_1")
    assert grid.values == ((4, 8), (16, 32, 64))
    assert [p.values for p in grid.points] == [(4, 16), (4, 32), (4, 64), (8, 16), (8, 32), (8, 64)]
    assert grid.points[1].steps == (split("i", None, 4), split("j", None, 32))
    assert grid.total == 6
    assert all(p.refusal is None for p in grid.points)


def test_a_point_that_is_refused_says_why_in_the_persons_language(matmul: State) -> None:
    steps = [split("j", {"sweep": [8, 16]}, 64)]
    fine, refused = reversed(sweep.grid(matmul, steps, language="zh").points)
    assert fine.refusal is None
    assert refused.values == (8,)
    assert refused.refusal is not None
    assert any("\u4e00" <= letter <= "\u9fff" for letter in refused.refusal.message)


def test_ranges_of_one_name_change_together(matmul: State) -> None:
    tile = {"sweep": [4, 8], "name": "tile"}
    grid = sweep.grid(matmul, [split("i", None, tile), split("j", None, tile)])
    assert grid.axes == ("tile",)
    assert [p.steps for p in grid.points] == [(split("i", None, n), split("j", None, n)) for n in (4, 8)]


def test_a_tile_may_be_a_layout_in_one_step_and_a_number_in_another(matmul: State) -> None:
    layouts = {"sweep": ["k, j -> j // 8, k, j % 8", "k, j -> j // 16, k, j % 16"], "name": "j_1"}
    steps = [
        step("cache_read", block="matmul", buffer="B"),
        step("transform_layout", block="B_global", buffer="B_global", index_map=layouts),
        split("j", None, {"sweep": [8, 16], "name": "j_1"}),
    ]
    grid = sweep.grid(matmul, steps)
    assert (grid.axes, grid.values) == (("j_1",), ((8, 16),))
    assert grid.points[1].steps[1]["params"]["index_map"] == "k, j -> j // 16, k, j % 16"
    assert grid.points[1].steps[2] == split("j", None, 16)


def test_a_whole_parameter_can_be_swept_and_equal_names_are_told_apart(matmul: State) -> None:
    marks = [step("annotate", place="matmul/i", key="pragma_auto_unroll_max_step", value={"sweep": [16, 64]})]
    assert sweep.grid(matmul, marks).axes == ("annotate value",)
    twice = [split("i", None, {"sweep": [4, 8]}), split("i_1", {"sweep": [2, 4]}, None)]
    twice += [split("i_0", None, {"sweep": [2]})]
    assert sweep.grid(matmul, [*twice, *marks]).axes == ("i_1", "i_1_0", "i_0_1", "annotate value")


def test_all_factors_of_a_split_can_be_one_range(matmul: State) -> None:
    whole = step("split", loop="matmul/i", factors={"sweep": [[16, 8], [32, 4]]})
    grid = sweep.grid(matmul, [whole])
    assert grid.axes == ("split factors",)
    assert [p.steps[0]["params"]["factors"] for p in grid.points] == [[16, 8], [32, 4]]


def test_an_optional_step_is_left_out_where_it_does_not_apply(matmul: State) -> None:
    """Two times two iterations hold a tile of 4 rows, and not one of 8."""
    later = split("i_1", 2, 2) | {"optional": True}
    small, large = sweep.grid(matmul, [split("i", None, {"sweep": [4, 8]}), later]).points
    assert small.steps == (split("i", None, 4), split("i_1", 2, 2))
    assert large.refusal is None and large.steps == (split("i", None, 8),)


def test_the_points_are_those_that_the_trace_replays(matmul: State) -> None:
    tiles = [split("i", None, {"sweep": [4, 8]}), split("k", None, {"sweep": [2, 4]})]
    for point in sweep.grid(matmul, [*tiles, step("unroll", loop="matmul/k_1")]).points:
        steps = tuple(Step.from_json(s) for s in point.steps)
        assert len(replay(Trace("matmul_1024", steps), lambda digest: b"").reports) == 3


@pytest.mark.parametrize("most", [64, 63])
def test_a_sample_is_spread_and_always_the_same(matmul: State, most: int) -> None:
    steps = [split("i", None, {"sweep": "1..16"}), split("j", None, {"sweep": "1..16"})]
    grid = sweep.grid(matmul, steps, most=most)
    assert (len(grid.points), grid.total) == (most, 256)
    assert len({p.values for p in grid.points}) == most
    assert grid.points == tuple(sorted(grid.points, key=lambda p: p.values))
    for axis in range(2):
        often = Counter(p.values[axis] for p in grid.points)
        assert len(often) == 16 and max(often.values()) <= 6
    assert sweep.grid(matmul, steps, most=most) == grid


def test_a_grid_of_ten_to_the_nineteen_points_is_sampled_at_once(matmul: State) -> None:
    """Ranges that differ in nothing that TVM sees, so that trying the points takes no time either."""
    values = {"sweep": list(range(240))}
    place = {"place": "matmul/i", "value": 1}
    steps = [step("annotate", key={"sweep": [f"k{n}_{i}" for i in range(240)]}, **place) for n in range(8)]
    started = time.perf_counter()
    grid = sweep.grid(matmul, steps, most=16)
    assert time.perf_counter() - started < 10
    assert grid.total == 240**8
    assert len(grid.points) == 16
    with pytest.raises(BadTrace, match="9 ranges"):
        sweep.grid(matmul, [split("i", *[dict(values) for _ in range(9)])])


def test_no_more_points_are_made_than_a_sweep_may_have(
    matmul: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points for which there is no time to try are given untried: measuring tells."""
    monkeypatch.setattr(sweep, "TRYING_SECONDS", 0.0)
    grid = sweep.grid(matmul, [split("i", {"sweep": "1..256"}, {"sweep": "1..256"})], most=10**9)
    assert len(grid.points) == sweep.MOST_POINTS
    assert grid.total == 256 * 256


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([], "sweep_no_steps"),
        ("split", "sweep_no_steps"),
        ([split("i", None, 4)], "sweep_no_range"),
        ([split("i", None, {"sweep": []})], "sweep_values"),
        ([split("i", None, {"sweep": 4})], "sweep_values"),
        ([split("i", None, {"sweep": [1] * 300})], "sweep_values"),
        ([split("i", None, {"sweep": "4..x"})], "range_bad"),
        ([split("i", {"sweep": [1], "name": "t"}, {"sweep": [2, 4], "name": "t"})], "sweep_names_differ"),
        ([{"transform": "split", "params": {"loop": {"sweep": ["a"]}}, "else": 1}], "trace_bad"),
    ],
)
def test_what_is_no_sweep_is_refused(matmul: State, steps: Any, code: str) -> None:
    with pytest.raises(BadTrace) as refused:
        sweep.grid(matmul, steps)
    assert refused.value.code == code
