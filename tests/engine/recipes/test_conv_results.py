"""Whatever the shape, and whatever the numbers: a scheduled convolution computes what its definition says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_explorer.engine.recipes.choosing import recipe_for
from mlc_explorer.engine.recipes.conv_blocked import CHANNELS, ROWS, ConvBlocked, ConvStem
from mlc_explorer.engine.recipes.conv_depthwise import ConvDepthwise

from .convolutions import MACHINES, Conv, function, numbers, ran, scheduled

FEW = settings(max_examples=20, deadline=None, derandomize=True)
SMALL = st.integers(1, 3)
AFTER = [(), ("relu",), ("bias",), ("bias", "relu"), ("bias", "residual", "relu"), ("bias", "swish")]


@st.composite
def convolutions(draw, kind):
    """Kernels up to 3 × 3 with any stride, dilation and padding, on images that are just large enough, or
    of awkward widths; groups of one to three blocks; with and without operators that follow."""
    lanes = draw(st.sampled_from([4, 8, 16]))
    kernel, strides, dilation = (draw(st.tuples(SMALL, SMALL)) for _ in range(3))
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    rows, columns = ((k - 1) * d + 1 for k, d in zip(kernel, dilation))
    size = rows + draw(st.integers(0, 3)), columns + draw(st.integers(0, 37))
    groups = draw(SMALL) if kind == "blocked" else 1
    outputs = lanes * draw(SMALL) * groups
    inputs = {"blocked": lanes * draw(SMALL) * groups, "stem": draw(SMALL), "depthwise": outputs}[kind]
    groups = outputs if kind == "depthwise" else groups
    after = draw(st.sampled_from(AFTER))
    return Conv(inputs, outputs, size, kernel, strides, padding, dilation, groups, lanes, after)


def assert_right(conv, recipe, func):
    *inputs, expected = numbers(conv, func)
    assert np.abs(ran(scheduled(recipe, func), inputs) - expected).max() <= 1e-5 * np.abs(expected).max()


@FEW
@given(conv=convolutions("blocked"), machine=st.sampled_from(sorted(MACHINES)))
def test_a_convolution_of_blocks_is_right_for_every_machine(conv, machine):
    func = function(conv)
    recipe = recipe_for(func, MACHINES[machine])
    assert isinstance(recipe, ConvBlocked)
    assert_right(conv, recipe, func)


@FEW
@given(conv=convolutions("stem"), machine=st.sampled_from(sorted(MACHINES)))
def test_a_first_layer_is_right_for_every_machine(conv, machine):
    func = function(conv)
    recipe = recipe_for(func, MACHINES[machine])
    assert isinstance(recipe, ConvStem)
    assert_right(conv, recipe, func)


@FEW
@given(conv=convolutions("depthwise"), machine=st.sampled_from(sorted(MACHINES)))
def test_a_depthwise_convolution_is_right_for_every_machine(conv, machine):
    func = function(conv)
    recipe = recipe_for(func, MACHINES[machine])
    assert isinstance(recipe, ConvDepthwise)
    assert_right(conv, recipe, func)


@FEW
@given(
    pixels=st.integers(1, 12),
    blocks=st.integers(1, 4),
    unroll=st.integers(1, 8),
    outermost=st.sampled_from([CHANNELS, ROWS]),
)
def test_any_numbers_are_right_as_a_sweep_may_try_them(pixels, blocks, unroll, outermost):
    """Also tiles that divide neither the row of 11 pixels nor the three blocks, and loops of 8 in parts."""
    conv = Conv(16, 24, (5, 11), lanes=8, after=("bias", "relu"))
    assert_right(conv, ConvBlocked(pixels, blocks, unroll, outermost), function(conv))


@pytest.mark.parametrize("width", [7, 13, 17, 27, 35, 55, 111, 149])
def test_awkward_widths_are_right(width):
    conv = Conv(16, 32, (2, width), after=("bias", "relu"))
    func = function(conv)
    assert_right(conv, ConvBlocked.fitting(func, MACHINES["AVX-512"]), func)
