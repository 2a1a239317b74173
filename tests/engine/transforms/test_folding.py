"""FoldLinear: one function a linear layer, by the name that a person expects."""

import numpy as np
import tvm
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step


@I.ir_module
class Network:
    @R.function
    def main(
        x: R.Tensor((1, 8), "float32"),
        w0: R.Tensor((8, 6), "float32"),
        b0: R.Tensor((6,), "float32"),
        w1: R.Tensor((6, 5), "float32"),
        b1: R.Tensor((5,), "float32"),
        w2: R.Tensor((5, 4), "float32"),
        b2: R.Tensor((4,), "float32"),
    ) -> R.Tensor((1, 4), "float32"):
        with R.dataflow():
            lv0 = R.matmul(x, w0)
            lv1 = R.add(lv0, b0)
            lv2 = R.nn.relu(lv1)
            lv3 = R.matmul(lv2, w1)
            lv4 = R.add(lv3, b1)
            lv5 = R.nn.relu(lv4)
            lv6 = R.matmul(lv5, w2)
            z = R.add(lv6, b2)
            R.output(z)
        return z


@I.ir_module
class Folded:
    @R.function(private=True)
    def linear_relu(
        x: R.Tensor((1, 8), "float32"), w: R.Tensor((8, 6), "float32"), b: R.Tensor((6,), "float32")
    ) -> R.Tensor((1, 6), "float32"):
        R.func_attr({"Composite": "linear_relu", "Primitive": True})
        with R.dataflow():
            y0 = R.matmul(x, w)
            y1 = R.add(y0, b)
            z = R.nn.relu(y1)
            R.output(z)
        return z

    @R.function(private=True)
    def linear_relu_1(
        x: R.Tensor((1, 6), "float32"), w: R.Tensor((6, 5), "float32"), b: R.Tensor((5,), "float32")
    ) -> R.Tensor((1, 5), "float32"):
        R.func_attr({"Composite": "linear_relu", "Primitive": True})
        with R.dataflow():
            y0 = R.matmul(x, w)
            y1 = R.add(y0, b)
            z = R.nn.relu(y1)
            R.output(z)
        return z

    @R.function(private=True)
    def linear(
        x: R.Tensor((1, 5), "float32"), w: R.Tensor((5, 4), "float32"), b: R.Tensor((4,), "float32")
    ) -> R.Tensor((1, 4), "float32"):
        R.func_attr({"Composite": "linear", "Primitive": True})
        with R.dataflow():
            y0 = R.matmul(x, w)
            z = R.add(y0, b)
            R.output(z)
        return z

    @R.function
    def main(
        x: R.Tensor((1, 8), "float32"),
        w0: R.Tensor((8, 6), "float32"),
        b0: R.Tensor((6,), "float32"),
        w1: R.Tensor((6, 5), "float32"),
        b1: R.Tensor((5,), "float32"),
        w2: R.Tensor((5, 4), "float32"),
        b2: R.Tensor((4,), "float32"),
    ) -> R.Tensor((1, 4), "float32"):
        cls = Folded
        with R.dataflow():
            lv0 = cls.linear_relu(x, w0, b0)
            lv1 = cls.linear_relu_1(lv0, w1, b1)
            z = cls.linear(lv1, w2, b2)
            R.output(z)
        return z


def after(mod, *names):
    for name in names:
        mod = apply_step(mod, Step(name)).mod
    return mod


def test_foldlinear(check):
    check(Network, Folded, Step("FoldLinear"))


def test_foldlinear_finds_the_bias_on_either_side():
    @I.ir_module
    class BiasFirst:
        @R.function
        def main(
            x: R.Tensor((1, 8), "float32"), w: R.Tensor((8, 6), "float32"), b: R.Tensor((6,), "float32")
        ) -> R.Tensor((1, 6), "float32"):
            with R.dataflow():
                lv = R.matmul(x, w)
                z = R.add(b, lv)
                R.output(z)
            return z

    assert {v.name_hint for v in after(BiasFirst, "FoldLinear").get_global_vars()} == {"main", "linear"}


def test_foldlinear_leaves_a_product_that_is_no_layer(check):
    """The sum of a product and a matrix, as around attention, has no weights and no bias."""

    @I.ir_module
    class Residual:
        @R.function
        def main(
            x: R.Tensor((4, 8), "float32"), w: R.Tensor((8, 6), "float32"), r: R.Tensor((4, 6), "float32")
        ) -> R.Tensor((4, 6), "float32"):
            with R.dataflow():
                lv = R.matmul(x, w)
                z = R.add(lv, r)
                R.output(z)
            return z

    check(Residual, Residual, Step("FoldLinear"))


def test_foldlinear_again_changes_nothing(check):
    check(Folded, Folded, Step("FoldLinear"))


def test_foldlinear_refused_once_the_operators_are_gone(refuse):
    refusal = refuse(after(Network, "LegalizeOps"), Step("FoldLinear"))
    assert refusal.code == "linear_legalised"
    assert "before LegalizeOps" in refusal.hint


def test_the_folded_functions_become_primfuncs_and_nothing_is_left_over():
    mod = after(Network, "FoldLinear", "LegalizeOps", "FuseTIR")
    names = {v.name_hint for v in mod.get_global_vars()}
    assert names == {"main", "linear", "linear_relu", "linear_relu_1"}
    assert all(isinstance(mod[name], tvm.tirx.PrimFunc) for name in names - {"main"})


def test_the_folded_network_computes_the_same():
    rng = np.random.default_rng(0)
    shapes = [(1, 8), (8, 6), (6,), (6, 5), (5,), (5, 4), (4,)]
    values = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    x, w0, b0, w1, b1, w2, b2 = values
    wanted = np.maximum(np.maximum(x @ w0 + b0, 0) @ w1 + b1, 0) @ w2 + b2

    compiled = tvm.compile(after(Network, "FoldLinear", "LegalizeOps", "FuseTIR"), target="llvm")
    machine = relax.VirtualMachine(compiled, tvm.cpu())
    got = machine["main"](*(tvm.runtime.tensor(v) for v in values)).numpy()
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
