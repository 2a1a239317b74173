"""The recipe for a convolution on plain channels: right for any shape, with the numbers of any machine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import IRModule, te, tirx
from tvm.tirx import PrimFunc

from mlc_explorer.engine import loaders
from mlc_explorer.engine.build import build
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.choosing import recipe_for
from mlc_explorer.engine.recipes.conv_plain import ConvPlain
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms.blocked_te import pad_blocked
from mlc_explorer.schema.trace import Step
from tests.engine.recipes.convolutions import scheduled

AVX512, NEON = Machine(64, 32, 48 << 10, 2 << 20, 2), Machine(16, 32, 48 << 10, 2 << 20, 4)
SAMPLE = loaders.load("conv2d").mod["main"]


def conv(
    channels: int, outputs: int, size: tuple[int, int], kernel: int, stride: int, pad: int, relu: bool
) -> PrimFunc:
    """A convolution in NCHW, as LegalizeOps writes it, maybe with an activation."""
    data = te.placeholder((1, channels, *size), name="data")
    weight = te.placeholder((outputs, channels, kernel, kernel), name="weight")
    framed = pad_blocked(data, (pad,) * 4)
    rc, ry, rx = (te.reduce_axis((0, e), n) for e, n in ((channels, "rc"), (kernel, "ry"), (kernel, "rx")))
    rows, columns = ((int(framed.shape[a]) - kernel) // stride + 1 for a in (2, 3))

    def element(n: tirx.Var, o: tirx.Var, y: tirx.Var, x: tirx.Var) -> te.Tensor:
        read = framed[n, rc, y * stride + ry, x * stride + rx]
        return te.sum(read * weight[o, rc, ry, rx], axis=[rc, ry, rx])

    total = te.compute((1, outputs, rows, columns), element, name="conv2d")
    result = (
        te.compute(total.shape, lambda *i: tirx.max(total[i], tirx.const(0, "float32")), "relu")
        if relu
        else total
    )
    return te.create_prim_func([data, weight, result])


def test_the_sample_gets_it(holds) -> None:
    assert isinstance(recipe_for(SAMPLE, AVX512), ConvPlain)
    text = holds(SAMPLE, "conv2d_plain").script()
    assert "T.parallel(56)" in text and "T.vectorized(" in text


def test_numbers_follow_the_machine() -> None:
    wide, narrow = ConvPlain.fitting(SAMPLE, AVX512), ConvPlain.fitting(SAMPLE, NEON)
    assert (wide.lanes, narrow.lanes) == (16, 4)
    assert wide.pixels * wide.channel_blocks <= AVX512.registers


def test_a_product_is_no_convolution(refuse) -> None:
    matmul = loaders.load("matmul_128").mod["main"]
    assert ConvPlain.fitting(matmul, AVX512) is None
    refuse(matmul, Step("conv2d_plain", "main", {"pixels": 8, "channel_blocks": 2, "lanes": 16, "unroll": 3}))


@pytest.mark.parametrize("machine", [AVX512, NEON], ids=["AVX-512", "NEON"])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    channels=st.integers(1, 5),
    blocks=st.integers(1, 3),
    size=st.tuples(st.integers(3, 13), st.integers(3, 17)),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    pad=st.integers(0, 2),
    relu=st.booleans(),
)
def test_it_computes_the_same(machine, channels, blocks, size, kernel, stride, pad, relu) -> None:
    func = conv(channels, blocks * machine.lanes(4), size, kernel, stride, pad, relu)
    recipe = ConvPlain.fitting(func, machine)
    assert recipe is not None
    done = scheduled(recipe, func)
    rng = np.random.default_rng(0)
    before, after = (
        build(IRModule({"main": f.with_attr("global_symbol", "main")}), target("cpu")) for f in (func, done)
    )
    inputs = [rng.standard_normal(info.shape).astype(info.dtype) for info in before.signature.inputs]
    np.testing.assert_allclose(after(inputs)[0], before(inputs)[0], rtol=1e-5, atol=1e-5)
