"""Steps that TVM accepts and that random schedules, drawn from what forms propose, showed to be no use: what
TVM makes of each does not compile, or computes nothing."""

from __future__ import annotations

import pytest

from mlc_explorer.engine.replay import State, apply
from mlc_explorer.errors import MlcError, Refused
from mlc_explorer.schema.trace import Step


def refused(state: State, transform: str, **params) -> MlcError:
    with pytest.raises(Refused) as caught:
        apply(state, Step(transform, "main", params))
    assert caught.value.hint
    return caught.value


def test_blocks_beneath_the_loop_of_a_padding_are_not_dropped(sample):
    state = sample("conv2d", ("compute_at", {"block": "pad", "loop": "conv2d/co"}))
    refusal = refused(state, "decompose_padding", block="pad", loop="pad/co")
    assert (refusal.code, refusal.params) == ("output_lost", {"buffer": "Y"})


def test_a_loop_that_runs_once_is_not_vectorized(sample):
    refusal = refused(sample("conv2d"), "vectorize", loop="conv2d/n")
    assert (refusal.code, refusal.paths) == ("one_lane", ("conv2d/n",))


def test_a_sum_that_is_added_to_is_not_copied_for_reading(sample):
    state = sample("matmul_128", ("decompose_reduction", {"block": "matmul", "loop": "matmul/k"}))
    refusal = refused(state, "cache_read", block="matmul_update", buffer="C")
    assert (refusal.code, refusal.place) == ("reads_own_result", "buffer")


def test_a_scatter_does_not_hide_what_is_wrong_elsewhere(sample):
    """`cache_index` leaves a block that writes where data say; a guard that is dropped then still shows."""
    state = sample(
        "matmul_128",
        ("reindex_cache_write", {"block": "matmul", "index_map": "v_i, v_j, v_k -> v_j // 8, v_i, v_j % 8"}),
        ("split", {"loop": "C_global/j", "factors": [None, 7]}),
        ("cache_index", {"block": "matmul"}),
    )
    index_map = "v_j, v_i -> v_i // 4, v_j, v_i % 4"
    refusal = refused(state, "reindex_cache_read", block="C_global", buffer="C_global", index_map=index_map)
    assert refusal.code == "guard_missing"


def test_a_hint_for_a_buffer_that_is_not_written(sample):
    hint = {"place": "matmul", "key": "double_buffer_scope", "value": 1}
    refusal = refused(sample("matmul_128"), "annotate", **hint)
    assert (refusal.code, refusal.place) == ("buffer_not_written", "value")
