"""Graph passes: a small graph before and after each, and passes that find nothing to do."""

import pytest
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step


@I.ir_module
class Operators:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        with R.dataflow():
            y = R.exp(x)
            z = R.nn.relu(y)
            R.output(z)
        return z


@I.ir_module
class Legalised:
    @T.prim_func(private=True, s_tir=True)
    def tir_exp(x: T.Buffer((T.int64(4),), "float32"), out: T.Buffer((T.int64(4),), "float32")):
        T.func_attr({"tirx.noalias": True})
        for i in range(T.int64(4)):
            with T.sblock("compute"):
                v = T.axis.spatial(T.int64(4), i)
                out[v] = T.exp(x[v])

    @T.prim_func(private=True, s_tir=True)
    def relu(x: T.Buffer((T.int64(4),), "float32"), out: T.Buffer((T.int64(4),), "float32")):
        T.func_attr({"tirx.noalias": True})
        for i in range(T.int64(4)):
            with T.sblock("compute"):
                v = T.axis.spatial(T.int64(4), i)
                out[v] = T.max(x[v], T.float32(0))

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        cls = Legalised
        with R.dataflow():
            y = R.call_tir(cls.tir_exp, (x,), out_ty=R.Tensor((4,), "float32"))
            z = R.call_tir(cls.relu, (y,), out_ty=R.Tensor((4,), "float32"))
            R.output(z)
        return z


@I.ir_module
class Fused:
    @T.prim_func(private=True, s_tir=True)
    def fused_tir_exp_relu(x: T.Buffer((T.int64(4),), "float32"), out: T.Buffer((T.int64(4),), "float32")):
        T.func_attr({"tirx.noalias": True})
        y = T.sblock_alloc_buffer((T.int64(4),))
        for i in range(T.int64(4)):
            with T.sblock("compute"):
                v = T.axis.spatial(T.int64(4), i)
                y[v] = T.exp(x[v])
        for i in range(T.int64(4)):
            with T.sblock("compute_1"):
                v = T.axis.spatial(T.int64(4), i)
                out[v] = T.max(y[v], T.float32(0))

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        cls = Fused
        with R.dataflow():
            z = R.call_tir(cls.fused_tir_exp_relu, (x,), out_ty=R.Tensor((4,), "float32"))
            R.output(z)
        return z


def after(mod, *names):
    for name in names:
        mod = apply_step(mod, Step(name)).mod
    return mod


def test_legalizeops(check):
    check(Operators, Legalised, Step("LegalizeOps"))


def test_annotatetiroppattern(check):
    """0 stands for elementwise."""
    wanted = Legalised.clone()
    for name in ("tir_exp", "relu"):
        wanted[name] = wanted[name].with_attr("op_pattern", 0)
    check(Legalised, wanted, Step("AnnotateTIROpPattern"))


def test_fuseops_then_fusetir(check):
    annotated = after(Legalised, "AnnotateTIROpPattern")
    grouped = after(annotated, "FuseOps")
    check(annotated, grouped, Step("FuseOps"))
    names = {v.name_hint for v in grouped.get_global_vars()}
    assert names == {"tir_exp", "relu", "fused_tir_exp_relu", "main"}
    assert isinstance(grouped["fused_tir_exp_relu"], relax.Function)
    check(grouped, Fused, Step("FuseTIR"))


@pytest.mark.parametrize("name", ["FuseOps", "FuseTIR"])
def test_a_pass_without_its_forerunner_is_refused_and_names_it(refuse, name):
    refusal = refuse(Legalised, Step(name))
    assert refusal.code == "needs_annotated" and "AnnotateTIROpPattern" in refusal.hint


def test_zero(check):
    check(Operators, Fused, Step("zero"))


def test_default(check):
    """Nothing is fused; the graph becomes calls of the virtual machine; loops can still be scheduled."""
    lowered = after(Operators, "default")
    check(Operators, lowered, Step("default"))
    assert {v.name_hint for v in lowered.get_global_vars()} == {"tir_exp", "relu", "main"}
    assert "R.vm.alloc_storage" in lowered["main"].script()
    split = Step("split", "tir_exp", {"loop": "compute/i0", "factors": [None, 2]})
    assert "i0_1" in apply_step(lowered, split).mod["tir_exp"].script()


def test_foldconstant(check):
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
            with R.dataflow():
                y = R.add(R.const([1.0, 2.0], "float32"), R.const([3.0, 4.0], "float32"))
                z = R.add(x, y)
                R.output(z)
            return z

    @I.ir_module
    class After:
        @R.function
        def main(x: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
            with R.dataflow():
                z = R.add(x, R.const([4.0, 6.0], "float32"))
                R.output(z)
            return z

    check(Before, After, Step("FoldConstant"))


def test_deadcodeelimination(check):
    @I.ir_module
    class Before:
        @T.prim_func(private=True, s_tir=True)
        def never_called(x: T.Buffer((4,), "float32")):
            for i in range(4):
                with T.sblock("x"):
                    v = T.axis.spatial(4, i)
                    x[v] = T.float32(0)

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                unused = R.exp(x)  # noqa: F841
                z = R.nn.relu(x)
                R.output(z)
            return z

    @I.ir_module
    class After:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                z = R.nn.relu(x)
                R.output(z)
            return z

    check(Before, After, Step("DeadCodeElimination"))


def test_canonicalizebindings(check):
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                same = x
                z = R.add(same, same)
                R.output(z)
            return z

    @I.ir_module
    class After:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                z = R.add(x, x)
                R.output(z)
            return z

    check(Before, After, Step("CanonicalizeBindings"))


def test_eliminatecommonsubexpr(check):
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.exp(x)
                b = R.exp(x)
                z = R.add(a, b)
                R.output(z)
            return z

    @I.ir_module
    class After:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.exp(x)
                b = a  # noqa: F841
                z = R.add(a, a)
                R.output(z)
            return z

    check(Before, After, Step("EliminateCommonSubexpr"))


def test_converttodataflow(check):
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            y = R.exp(x)
            z = R.nn.relu(y)
            return z

    check(Before, Operators, Step("ConvertToDataflow"))
