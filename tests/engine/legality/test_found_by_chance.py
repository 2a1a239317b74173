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
