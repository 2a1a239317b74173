"""Whatever the shape, and whatever the numbers: a scheduled convolution computes what its definition says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import IRModule, te, tirx

from mlc_explorer.engine.build import build
from mlc_explorer.engine.recipes.choosing import recipe_for
from mlc_explorer.engine.recipes.conv_blocked import CHANNELS, ROWS, ConvBlocked, ConvStem
from mlc_explorer.engine.recipes.conv_depthwise import ConvDepthwise
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import blocked_te
from mlc_explorer.engine.transforms.scope import Scope

from .convolutions import MACHINES, Conv, function, numbers, ran, scheduled

FEW = settings(max_examples=15, deadline=None, derandomize=True)
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
@given(
    conv=convolutions("blocked"),
    machine=st.sampled_from(sorted(MACHINES)),
    index=st.sampled_from(["int32", "int64"]),
)
def test_a_convolution_of_blocks_is_right_for_every_machine(conv, machine, index):
    func = function(conv, index)
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


# -- what stands around a convolution


def relu(x, name):
    return te.compute(x.shape, lambda *i: tirx.max(x[i], tirx.const(0, x.dtype)), name)


def assert_same(func):
    """The recipe changes nothing of what a function of several inputs and outputs computes. Gives the blocks
    that are left."""
    recipe = recipe_for(func, MACHINES["AVX-512"])
    assert isinstance(recipe, ConvBlocked)
    done = scheduled(recipe, func)
    before, after = (
        build(IRModule({"main": f.with_attr("global_symbol", "main")}), target("cpu")) for f in (func, done)
    )
    rng = np.random.default_rng(3)
    inputs = [rng.standard_normal(info.shape).astype(info.dtype) for info in before.signature.inputs]
    for expected, got in zip(before(inputs), after(inputs)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    return [place.name for place in Scope(None, done).leaves]


@pytest.mark.parametrize("border, kept", [(1, ["pad"]), (0, ["before"])])
def test_what_comes_before_is_computed_with_the_padding_or_once(border, kept):
    data = te.placeholder((2, 2, 6, 9, 8), name="data")  # a batch of two
    weight = te.placeholder((3, 2, 3, 3, 8, 8), name="weight")
    how = (1, 1), (border,) * 4, (1, 1)
    result = relu(blocked_te.conv2d_blocked(relu(data, "before"), weight, *how), "after")
    left = assert_same(te.create_prim_func([data, weight, result]))
    assert left == [*kept, "conv2d_blocked_init", "conv2d_blocked_update", "after"]


def test_a_function_may_return_more_than_one_result():
    data = te.placeholder((1, 2, 6, 9, 8), name="data")
    weight = te.placeholder((2, 2, 1, 1, 8, 8), name="weight")
    total = blocked_te.conv2d_blocked(data, weight, (1, 1), (0,) * 4, (1, 1))
    doubled = te.compute(total.shape, lambda *i: total[i] * 2, "doubled")
    left = assert_same(te.create_prim_func([data, weight, doubled, relu(doubled, "after")]))
    assert left == ["conv2d_blocked_init", "conv2d_blocked_update", "doubled", "after"]
