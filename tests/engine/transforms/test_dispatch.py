"""Library dispatch: operators and functions that become calls of NumPy, ONNX Runtime or PyTorch."""

import importlib.util
import random
import subprocess

import pytest
from tvm.script import ir as I
from tvm.script import relax as R

from mlc_explorer.engine import libraries, loaders, targets
from mlc_explorer.engine.build import build
from mlc_explorer.engine.libraries import patterns
from mlc_explorer.engine.measure import measure
from mlc_explorer.engine.transforms import apply_step, catalogue
from mlc_explorer.engine.transforms.scope import Scope
from mlc_explorer.engine.verify import agrees
from mlc_explorer.engine.views.graph import graph
from mlc_explorer.errors import NotFound, NotInstalled, Refused
from mlc_explorer.schema.trace import Step, Trace


@I.ir_module
class Layer:
    @R.function
    def main(
        x: R.Tensor((1, 8), "float32"), w: R.Tensor((8, 6), "float32"), b: R.Tensor((6,), "float32")
    ) -> R.Tensor((1, 6), "float32"):
        with R.dataflow():
            lv = R.matmul(x, w)
            lv1 = R.add(lv, b)
            lv2 = R.nn.relu(lv1)
            R.output(lv2)
        return lv2


def dispatched(call, name):
    """Layer, one call of NumPy in the place of its operators (and of the function `name`)."""

    @I.ir_module
    class After:
        @R.function
        def main(
            x: R.Tensor((1, 8), "float32"), w: R.Tensor((8, 6), "float32"), b: R.Tensor((6,), "float32")
        ) -> R.Tensor((1, 6), "float32"):
            with R.dataflow():
                lv2 = R.call_dps_packed(call, (x, w, b), out_ty=R.Tensor((1, 6), "float32"))
                R.output(lv2)
            return lv2

    return After


def after(mod, *steps):
    for step in steps:
        mod = apply_step(mod, step if isinstance(step, Step) else Step(step)).mod
    return mod


def called(mod):
    """The library functions that `main` calls, in order."""
    calls = [b.value for block in mod["main"].body.blocks for b in block.bindings]
    return [str(c.args[0].global_symbol) for c in calls if c.op.name == "relax.call_dps_packed"]


@pytest.mark.parametrize("operation", ["linear_relu", "all"])
def test_dispatch(check, operation):
    check(
        Layer, dispatched("env.numpy.linear_relu", "main"), Step("dispatch", params={"operation": operation})
    )


def test_dispatch_to_onnxruntime(check):
    pytest.importorskip("onnxruntime", reason="the script's definitions import it where they run")
    step = Step("dispatch", params={"operation": "linear_relu", "package": "onnxruntime"})
    check(Layer, dispatched("env.onnxruntime.linear_relu", "main"), step)


def test_dispatch_of_one_binding_leaves_the_others():
    mod = loaders.load_cached("mlp", None).mod
    one = after(mod, Step("dispatch", params={"operation": "matmul", "binding": "lv4"}))
    assert called(one) == ["env.numpy.matmul"]
    assert called(after(mod, Step("dispatch", params={"operation": "matmul"}))) == ["env.numpy.matmul"] * 2


def test_dispatch_keeps_what_another_call_needs():
    """x @ w is needed by exp as well, so that a call of the whole layer would compute it twice."""

    @I.ir_module
    class Shared:
        @R.function
        def main(
            x: R.Tensor((1, 8), "float32"), w: R.Tensor((8, 6), "float32"), b: R.Tensor((6,), "float32")
        ):
            with R.dataflow():
                lv = R.matmul(x, w)
                lv1 = R.add(lv, b)
                lv2 = R.nn.relu(lv1)
                lv3 = R.exp(lv)
                R.output(lv2, lv3)
            return lv2, lv3

    names = called(after(Shared, "dispatch"))
    assert names == ["env.numpy.matmul", "env.numpy.add", "env.numpy.relu"]


def test_dispatch_refused_where_nothing_matches(refuse):
    refusal = refuse(Layer, Step("dispatch", params={"operation": "conv2d"}))
    assert refusal.code == "dispatch_nothing"
    assert "relax.matmul" in refusal.hint


def test_dispatch_refused_once_the_operators_are_gone(refuse):
    refusal = refuse(after(Layer, "LegalizeOps"), Step("dispatch", params={"operation": "matmul"}))
    assert refusal.code == "dispatch_legalised"
    assert "dispatch_function" in refusal.hint


def test_dispatch_refused_for_a_binding_that_does_not_match(refuse):
    refusal = refuse(Layer, Step("dispatch", params={"operation": "matmul", "binding": "lv2"}))
    assert (refusal.code, refusal.place) == ("dispatch_not_here", "binding")


def test_dispatch_says_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "torch" else found(n, *a))
    with pytest.raises(NotInstalled) as caught:
        apply_step(Layer, Step("dispatch", params={"package": "torch"}))
    assert "pip install torch" in caught.value.hint


@pytest.mark.parametrize(
    "made", [("FoldLinear",), ("FoldLinear", "LegalizeOps", "FuseTIR")], ids=["group", "loops"]
)
def test_dispatch_function(check, made):
    """The course's way: linear_relu is a function of the model first, and then the library's."""
    before = after(Layer, *made)
    expected = dispatched("env.numpy.linear_relu", "linear_relu")
    check(before, expected, Step("dispatch_function", params={"callee": "linear_relu"}))


def test_dispatch_function_refused_after_a_schedule_step(refuse):
    mod = after(Layer, "FoldLinear", "LegalizeOps", "FuseTIR")
    split = Step("split", "linear_relu", {"loop": "matmul/i1", "factors": [None, 2]})
    refusal = refuse(after(mod, split), Step("dispatch_function", params={"callee": "linear_relu"}))
    assert refusal.code == "dispatch_unknown"


def test_dispatch_function_refused_for_a_name_that_promises_too_much(refuse):
    """Called linear_relu, but without the relu: loops are compared, not names."""
    other = after(Layer, "FoldLinear", "LegalizeOps", "FuseTIR")
    without = loaders.load_cached("softmax", None).mod["main"]
    other = other.clone()
    other.update_func(other.get_global_var("linear_relu"), without.without_attr("global_symbol"))
    assert (
        refuse(other, Step("dispatch_function", params={"callee": "linear_relu"})).code == "dispatch_unknown"
    )


def test_dispatch_function_of_an_unknown_name():
    with pytest.raises(NotFound) as caught:
        apply_step(Layer, Step("dispatch_function", params={"callee": "nobody"}))
    assert caught.value.place == "callee"


@pytest.mark.parametrize("library", ["numpy", "onnxruntime", "torch"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_a_dispatched_network_computes_the_same(library, name):
    for package in libraries.LIBRARIES[library].imports:
        pytest.importorskip(package, reason=f"{library} is not installed")
    model = loaders.load_cached(name, None)
    inputs = model.example_inputs(0)
    mod = after(model.mod, Step("dispatch", params={"package": library}))
    plain = build(model.mod, targets.target("generic"))(inputs)
    assert agrees(build(mod, targets.target("generic"))(inputs), plain)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_network_may_be_nothing_but_library_calls(name):
    mod = after(loaders.load_cached(name, None).mod, "dispatch")
    bindings = [b for block in mod["main"].body.blocks for b in block.bindings]
    assert len(called(mod)) == len(bindings)


def test_a_network_without_any_loops_needs_no_compiler(monkeypatch):
    """A confined worker may start no program, and TVM would start a C compiler for such a module."""

    def start(*args, **kwargs):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    model = loaders.load_cached("mlp", None)
    build(after(model.mod, "dispatch"), targets.target("generic"))(model.example_inputs(0))


@pytest.mark.parametrize(
    "steps", [("LegalizeOps",), ("LegalizeOps", "AnnotateTIROpPattern", "FuseOps", "FuseTIR")]
)
def test_functions_of_the_cnn_are_recognised_by_their_loops(steps):
    model = loaders.load_cached("cnn", None)
    mod = after(model.mod, *steps)
    names = [
        v.name_hint
        for v in mod.get_global_vars()
        if v.name_hint.startswith(("conv2d", "fused_matmul", "max"))
    ]
    for name in names:
        mod = after(mod, Step("dispatch_function", params={"callee": name}))
    assert len(called(mod)) == len(names) > 0
    inputs = model.example_inputs(0)
    plain = build(model.mod, targets.target("generic"))(inputs)
    assert agrees(build(mod, targets.target("generic"))(inputs), plain)


def test_every_operation_has_a_pattern_and_a_function_in_every_library():
    assert set(patterns.PATTERNS) == set(libraries.OPERATIONS)
    for library in libraries.LIBRARIES.values():
        for operation in libraries.OPERATIONS:
            assert callable(getattr(library.calls, libraries.function_name(library.name, operation)))


@pytest.mark.parametrize("more", [(), ("default",)], ids=["as it is", "lowered to calls of the machine"])
def test_the_graph_shows_a_call_of_a_library_as_a_box_of_its_own_kind(more):
    view = graph(after(loaders.load_cached("mlp", None).mod, "dispatch", *more), "main")
    boxes = [(n.op, n.label) for n in view.nodes if n.family == "library"]
    assert boxes == [
        ("env.numpy.reshape", "numpy.reshape"),
        ("env.numpy.linear_relu", "numpy.linear_relu"),
        ("env.numpy.linear", "numpy.linear"),
    ]
    assert all(any(edge.target == n.id for edge in view.edges) for n in view.nodes if n.family == "library")


@pytest.mark.parametrize("library", ["numpy", "onnxruntime"])
def test_measure_checks_and_times_a_network_of_library_calls(library):
    for package in libraries.LIBRARIES[library].imports:
        pytest.importorskip(package, reason=f"{library} is not installed")
    trace = Trace("mlp", (Step("dispatch", params={"package": library}),))
    result = measure(trace, None, "generic", 0.05, lambda stage, fraction: None, None)
    assert result.max_rel_error < 1e-4
    assert result.median_ms > 0


def test_forms_propose_what_can_be_replaced():
    propose = catalogue.TRANSFORMS["dispatch"].proposes["binding"]
    assert list(propose(Scope(Layer), {})) == ["lv", "lv1", "lv2"]

    mod = after(loaders.load_cached("mlp", None).mod, "FoldLinear", "LegalizeOps", "FuseTIR")
    propose = catalogue.TRANSFORMS["dispatch_function"].proposes["callee"]
    assert next(iter(propose(Scope(mod, mod["linear_relu"]), {}))) == "linear_relu"
    assert set(propose(Scope(mod), {})) == {"linear", "linear_relu", "reshape"}


@pytest.mark.parametrize("seed", range(4))
def test_random_dispatch_steps_compute_the_same(seed):
    """In any order, with any library that is there; a step that finds nothing is refused, and that is all."""
    chosen = random.Random(seed)
    there = [library.name for library in libraries.LIBRARIES.values() if not library.missing()]
    model = loaders.load_cached(chosen.choice(["cnn", "transformer"]), None)
    mod, applied = model.mod, 0
    for operation in chosen.sample(libraries.OPERATIONS, 6):
        step = Step("dispatch", params={"operation": operation, "package": chosen.choice(there)})
        try:
            mod, applied = apply_step(mod, step).mod, applied + 1
        except Refused as refusal:
            assert refusal.code == "dispatch_nothing"
    inputs = model.example_inputs(0)
    plain = build(model.mod, targets.target("generic"))(inputs)
    assert applied
    assert agrees(build(after(mod, "LegalizeOps"), targets.target("generic"))(inputs), plain)
