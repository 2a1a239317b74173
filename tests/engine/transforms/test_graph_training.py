"""Parameters and the training graph: losses, gradients that agree with finite differences, weights."""

import numpy as np
import pytest
import tvm
from tvm import relax

from mlc_explorer.engine.replay import replay
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.trace import Step, Trace

from .graph_text import graph

PRODUCT = "main(x: F32[4], w: F32[4]) -> F32[]\ny = R.multiply(x, w)\nz = R.sum(y)"
EXP = "main(x: F32[4]) -> F32[4]\nz = R.exp(x)"


def append(loss, function="main"):
    return Step("append_loss", None, {"func_name": function, "loss": loss})


def gradient(function="main", **params):
    return Step("Gradient", None, {"func_name": function, **params})


def run(mod, name, inputs):
    machine = relax.VirtualMachine(tvm.compile(mod, tvm.target.Target("llvm")), tvm.cpu())
    return machine[name](*map(tvm.runtime.tensor, inputs))


def test_append_loss(check):
    after = graph(EXP, "main_loss(x: F32[4]) -> F32[]\nz = R.exp(x)\nt = R.sum(z)")
    check(graph(EXP), after, append("sum"))


@pytest.mark.parametrize("loss", ["sum", "mean_squared_error", "cross_entropy"])
def test_a_model_gets_its_weights_as_parameters(loss):
    mod = replay(Trace("mlp", (append(loss),)), lambda digest: b"").mod
    names = [p.name for p in mod["main_loss"].params]
    assert names[:5] == ["image", "weight_0", "weight_1", "weight_2", "weight_3"]
    assert len(names) == (5 if loss == "sum" else 6)
    assert [p.name for p in mod["main"].params] == ["image"], "the model's own function stays"


def test_append_loss_refused(refuse):
    refusal = refuse(graph(EXP), append("cross_entropy"))
    assert (refusal.code, refusal.place) == ("loss_of_another_shape", "loss")
    twice = apply_step(graph(EXP), append("sum")).mod
    assert refuse(twice, append("sum")).code == "loss_is_there"
    with pytest.raises(NotFound):
        apply_step(graph(EXP), append("sum", "other"))


def test_gradient(check):
    """d(x · w)/dw = x"""
    before = graph(PRODUCT)
    after = apply_step(before, gradient(require_grads="w")).mod
    check(before, after, gradient(require_grads="w"))
    x, w = np.arange(4, dtype="float32"), np.ones(4, "float32")
    loss, (by_w,) = run(after, "main_adjoint", [x, w])
    assert float(loss.numpy()) == 6
    assert np.array_equal(by_w.numpy(), x)


def test_the_gradient_of_the_mlp_agrees_with_finite_differences():
    mod = replay(Trace("mlp", (append("cross_entropy"), gradient("main_loss"))), lambda digest: b"").mod
    draw = np.random.default_rng(0)
    shapes = [tuple(int(n) for n in p.ty.shape) for p in mod["main_loss"].params[:-1]]
    inputs = [0.1 * draw.standard_normal(shape).astype("float32") for shape in shapes]
    label = np.array([3], "int64")
    machine = relax.VirtualMachine(tvm.compile(mod, tvm.target.Target("llvm")), tvm.cpu())

    def loss(values):
        return float(machine["main_loss"](*map(tvm.runtime.tensor, [*values, label])).numpy())

    _, gradients = machine["main_loss_adjoint"](*map(tvm.runtime.tensor, [*inputs, label]))
    for n, (value, by) in enumerate(zip(inputs, gradients)):
        direction = draw.standard_normal(value.shape).astype("float32")
        direction /= np.linalg.norm(direction)
        step = 1e-2
        ahead, back = ([*inputs[:n], value + s * direction, *inputs[n + 1 :]] for s in (step, -step))
        measured = (loss(ahead) - loss(back)) / (2 * step)
        assert measured == pytest.approx(float((by.numpy() * direction).sum()), abs=2e-3), n
    assert max(float(np.abs(g.numpy()).max()) for g in gradients) > 0.01


def test_gradient_refused(refuse):
    assert refuse(graph(EXP), gradient()).code == "gradient_of_no_number"
    unknown = refuse(graph(PRODUCT), gradient(require_grads="w, b"))
    assert (unknown.code, unknown.place) == ("no_gradient_by", "require_grads")
    erf = graph("main(x: F32[4]) -> F32[]\ny = R.erf(x)\nz = R.sum(y)")
    assert refuse(erf, gradient()).code == "no_derivative_of"


def test_bindparams(check, refuse):
    before = graph("main(x: F32[4], w: F32[4]) -> F32[4]\nz = R.add(x, w)")
    step = Step("BindParams", None, {"func_name": "main", "parameter": "w", "seed": 7})
    after = check(before, apply_step(before, step).mod, step).mod
    assert [p.name for p in after["main"].params] == ["x"]
    drawn = np.random.default_rng(7).standard_normal(4).astype("float32")
    x = np.zeros(4, "float32")
    assert np.array_equal(run(after, "main", [x]).numpy(), drawn)
    wrong = refuse(before, Step("BindParams", None, {"func_name": "main", "parameter": "v"}))
    assert wrong.code == "parameter_missing" and "x, w" in wrong.hint


def test_bindsymbolicvars(check, refuse):
    before = graph('main(x: F32["n", 4]) -> F32["n", 4]\nz = R.exp(x)')
    step = Step("BindSymbolicVars", None, {"func_name": "main", "symbol": "n", "size": 32})
    check(before, graph("main(x: F32[32, 4]) -> F32[32, 4]\nz = R.exp(x)"), step)
    other = refuse(before, Step("BindSymbolicVars", None, {"func_name": "main", "symbol": "m"}))
    assert other.code == "symbol_missing" and "n" in other.hint


def test_bundlemodelparams(check, refuse):
    head = 'attrs {"num_input": 1}'
    before = graph(f"main(x: F32[4], w: F32[4]) -> F32[4]\n{head}\nz = R.add(x, w)")
    after = graph(f"main(x: F32[4], ps: R.Tuple(F32[4])) -> F32[4]\n{head}\nw = ps[0]\nz = R.add(x, w)")
    check(before, after, Step("BundleModelParams", None, {"param_tuple_name": "ps"}))
    assert refuse(graph(EXP), Step("BundleModelParams")).code == "needs_weights"


def test_lifttransformparams(check):
    head = 'attrs {"num_input": 1}'
    before = graph(
        f"main(x: F32[4, 8], w: F32[4, 8]) -> F32[4, 4]\n{head}\nt = R.permute_dims(w)\nz = R.matmul(x, t)"
    )
    after = check(
        before, apply_step(before, Step("LiftTransformParams")).mod, Step("LiftTransformParams")
    ).mod
    assert "permute_dims" in after["main_transform_params"].script()
    assert "permute_dims" not in after["main"].script()
