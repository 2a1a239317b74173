"""Whatever the shape, and whatever the machine: a scheduled function computes what its definition says."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from . import plain
from .convolutions import MACHINES

FEW = settings(max_examples=12, deadline=None, derandomize=True)
SIZES = st.sampled_from([1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 32, 50, 64, 128])
SHAPES = st.lists(SIZES.filter(lambda n: n <= 32), min_size=2, max_size=4)
ANY = st.sampled_from(sorted(MACHINES))


@FEW
@given(SHAPES, ANY)
def test_a_scale_and_shift_is_right(shape, machine):
    assert plain.assert_right(plain.scale_shift_relu(shape), MACHINES[machine]) == ["elementwise"]


@FEW
@given(st.lists(SIZES, min_size=1, max_size=4), st.lists(SIZES, max_size=2), ANY)
def test_a_concatenation_is_right(parts, trailing, machine):
    one = plain.concatenation(2, parts, [min(n, 17) for n in trailing])
    assert plain.assert_right(one, MACHINES[machine]) == ["elementwise"]


@FEW
@given(SHAPES, st.integers(0, 2), st.integers(0, 2), ANY)
def test_a_border_is_right(shape, before, after, machine):
    plain.assert_right(plain.padded([min(n, 9) for n in shape], before, after), MACHINES[machine])


@FEW
@given(SHAPES, st.randoms(use_true_random=False), ANY)
def test_a_transposition_is_right(shape, random, machine):
    order = list(range(len(shape)))
    random.shuffle(order)
    plain.assert_right(plain.transposed(shape, order), MACHINES[machine])


@FEW
@given(SHAPES, st.sets(st.integers(0, 3), min_size=1), st.sampled_from([plain.mean, plain.largest]), ANY)
def test_a_sum_along_any_axes_is_right(shape, axes, made, machine):
    chosen = sorted(axis for axis in axes if axis < len(shape))
    assume(chosen)
    plain.assert_right(made(shape, chosen), MACHINES[machine])


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_a_sum_of_everything_and_the_position_of_the_largest_are_right(machine):
    plain.assert_right(plain.mean((6, 64), (0, 1)), MACHINES[machine])
    plain.assert_right(plain.position((5, 48), 1), MACHINES[machine])
    plain.assert_right(plain.position((5, 48), 0), MACHINES[machine])


@FEW
@given(SIZES, SIZES, ANY)
def test_a_softmax_is_right(rows, columns, machine):
    steps = plain.assert_right(plain.softmax((rows, columns)), MACHINES[machine])
    assert steps[0] == "vector_math" and steps[-1] in ("row_by_row", "generic")


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize("axis", [0, 1])
def test_a_softmax_over_another_axis_is_right(machine, axis):
    assert plain.assert_right(plain.softmax((6, 12, 16), axis), MACHINES[machine])


@FEW
@given(SIZES, SIZES, ANY)
def test_a_layer_norm_is_right(rows, columns, machine):
    assert plain.assert_right(plain.layer_norm((1, rows, columns)), MACHINES[machine])


@FEW
@given(
    st.sampled_from(["max", "avg"]),
    st.tuples(st.integers(1, 3), st.sampled_from([4, 8, 16])),
    st.tuples(st.integers(3, 15), st.integers(3, 15)),
    st.tuples(st.integers(1, 3), st.integers(2, 3)),
    st.integers(1, 3),
    st.integers(0, 1),
    ANY,
)
def test_pooling_is_right(kind, channels, size, window, stride, pad, machine):
    """Also windows that are not square, with a border, over rows of which no tile is a divisor."""
    assume(pad < min(window))
    plain.assert_right(plain.pool(kind, channels, size, window, stride, pad), MACHINES[machine])
