"""When two results are the same."""

import ml_dtypes
import numpy as np
import pytest

from mlc_explorer.engine.verify import WRONG, Difference, agrees, compare


def array(*values, dtype="float32"):
    return np.array(values, dtype)


def test_errors_are_absolute_and_relative_to_the_largest_reference_value():
    assert compare([array(1, 2.5)], [array(1, 2)]) == Difference(0.5, 0.25)


def test_the_worst_output_counts():
    assert compare([array(1), array(8)], [array(1), array(4)]) == Difference(4, 1)


def test_equal_infinities_and_nans_agree():
    special = array(np.nan, np.inf, 1)
    assert compare([special], [special.copy()]) == Difference(0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_nan_or_infinity_on_one_side_is_as_wrong_as_can_be(bad):
    assert compare([array(bad, 1)], [array(0, 1)]) == Difference(WRONG, WRONG)
    assert compare([array(0, 1)], [array(bad, 1)]) == Difference(WRONG, WRONG)
    assert not agrees([array(bad, 1)], [array(0, 1)])


def test_another_shape_or_number_of_outputs_is_wrong():
    assert compare([np.zeros((2, 3))], [np.zeros((3, 2))]) == Difference(WRONG, WRONG)
    assert not agrees([array(1)], [array(1), array(1)])


def test_a_reference_of_zeros_leaves_the_absolute_error():
    assert compare([array(0.5)], [array(0)]) == Difference(0.5, 0.5)


@pytest.mark.parametrize(
    ("dtype", "off", "accepted"),
    [
        ("float64", 1e-6, False),
        ("float32", 1e-6, True),
        ("float32", 1e-2, False),
        ("float16", 5e-3, True),
        (ml_dtypes.bfloat16, 2e-2, True),
        ("int32", 1, False),
    ],
)
def test_the_tolerance_is_that_of_the_element_type(dtype, off, accepted):
    assert agrees([np.array([1 + off]).astype(dtype)], [np.array([1]).astype(dtype)]) is accepted


def test_integers_in_one_output_are_not_excused_by_floats_in_another():
    assert not agrees([array(1.0), array(1000, dtype="int32")], [array(1.0), array(1001, dtype="int32")])
