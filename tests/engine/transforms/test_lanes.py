"""Orders of lanes, and weights packed for them, by their definitions."""

import numpy as np
import pytest

from mlc_explorer.engine.transforms import lanes

RNG = np.random.default_rng(0)


def in_lane(blocked, lane):
    """What a blocked array (N, L / b, H, W, b) holds in a lane."""
    width = blocked.shape[-1]
    return blocked[:, lane // width, :, :, lane % width]


@pytest.mark.parametrize("channels", [1, 5, 8, 13])
def test_channel_after_channel_lies_in_the_lanes_and_zeros_after_the_last(channels):
    order = lanes.plain_order(channels, 8)
    assert len(order) == -(-channels // 8) * 8 and lanes.is_plain(order, channels)
    array = RNG.standard_normal((2, channels, 3, 4))
    blocked = lanes.blocked_array(array, order, 8)
    for lane, channel in enumerate(order):
        expected = array[:, channel] if channel >= 0 else np.zeros((2, 3, 4))
        assert np.array_equal(in_lane(blocked, lane), expected)
    for channel, lane in enumerate(lanes.lane_of(order, channels)):
        assert order[lane] == channel


def test_parts_are_filled_up_one_by_one():
    order = lanes.parts_order(6, 2, 4)
    assert order.tolist() == [0, 1, 2, -1, 3, 4, 5, -1]
    assert lanes.part_order(order, 6, 2, 4).tolist() == [0, 1, 2, -1]
    assert lanes.part_order(order, 6, 1, 4).tolist() == order.tolist()


@pytest.mark.parametrize(
    "order, why",
    [
        ([0, 1, 3, -1, 2, 4, 5, -1], "channels of the other part"),
        ([0, 1, 2, -1, 3, 5, 4, -1], "another order in the second"),
        ([0, 1, 2, 3, 4, 5, -1, -1], "the second begins within a block"),
    ],
)
def test_parts_that_do_not_stand_alone_are_none(order, why):
    assert lanes.part_order(np.array(order), 6, 2, 4) is None, why


def test_a_shuffle_renames_lanes():
    """Channels as a matrix of two rows, read by columns: 0 3 1 4 2 5."""
    assert lanes.shuffled(np.array([0, 1, 2, 3, 4, 5, -1]), 2).tolist() == [0, 2, 4, 1, 3, 5, -1]


def test_merged_groups_are_zero_where_they_would_cross():
    weight = RNG.standard_normal((8, 2, 1, 1))
    dense = lanes.dense_weight(weight, groups=4, merged=2)
    data = RNG.standard_normal(8)
    grouped = [weight[o, :, 0, 0] @ data[o // 2 * 2 :][:2] for o in range(8)]
    merged = [dense[o, :, 0, 0] @ data[o // 4 * 4 :][:4] for o in range(8)]
    assert dense.shape == (8, 4, 1, 1) and np.allclose(grouped, merged)


def test_weights_are_packed_for_the_lanes_of_what_they_read_and_write():
    weight = RNG.standard_normal((5, 3, 2, 2))
    order_in, order_out = np.array([2, -1, 0, 1]), lanes.plain_order(5, 4)
    packed = lanes.blocked_weight(weight, order_out, order_in, 4)
    assert packed.shape == (2, 1, 2, 2, 4, 4)
    for lane_out, output in enumerate(order_out):
        for lane_in, channel in enumerate(order_in):
            filled = output < 0 or channel < 0
            expected = np.zeros((2, 2)) if filled else weight[output, channel]
            assert np.array_equal(packed[lane_out // 4, 0, :, :, lane_in, lane_out % 4], expected)
