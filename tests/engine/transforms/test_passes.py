"""Passes on a whole model: whichever it is, and at whichever stage, the model stays readable, and right."""

import dataclasses

import numpy as np
import pytest
import tvm
import tvm_ffi
from tvm.script import ir as I
from tvm.script import relax as R

from mlc_explorer.engine.build import build
from mlc_explorer.engine.replay import State, apply, replay
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.engine.transforms.base import GraphTransform
from mlc_explorer.engine.transforms.catalogue import TRANSFORMS
from mlc_explorer.engine.transforms.passes import NAMES
from mlc_explorer.engine.verify import compare, tolerance
from mlc_explorer.engine.views import describe
from mlc_explorer.engine.views.graph import graph
from mlc_explorer.engine.views.loops import loops
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import BadTrace, Refused
from mlc_explorer.schema.trace import Step, Trace

LOWERING = ("LegalizeOps", "ToNonDataflow", "RemovePurityChecking", "CallTIRRewrite", "StaticPlanBlockMemory")
STAGES = {
    "operators": Trace("mlp"),
    "loops": Trace("mlp", (Step("LegalizeOps"),)),
    "fused": Trace("mlp", (Step("zero"),)),
    "planned": Trace("mlp", tuple(map(Step, LOWERING))),
    "lowered": Trace("mlp", (Step("default"),)),
}
GRAPH_PASSES = [
    Step(name)
    for name, cls in TRANSFORMS.items()
    if issubclass(cls, GraphTransform)
    and cls.family not in ("libraries", "rules")
    and all(field.default is not dataclasses.MISSING for field, _ in cls.kinds())
]


@I.ir_module
class Dataflow:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        with R.dataflow():
            y = R.exp(x)
            z = R.nn.relu(y)
            R.output(z)
        return z


@I.ir_module
class Plain:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        y = R.exp(x)
        z = R.nn.relu(y)
        return z


def run(name):
    return Step("run_pass", None, {"pass_name": name})


def at(stage) -> State:
    return replay(STAGES[stage], lambda digest: b"")


def outputs(state):
    runnable = build(state.mod, tvm.target.Target("llvm"), state.entry)
    draw = np.random.default_rng(0)
    return runnable([draw.random(t.shape, "float32") for t in runnable.signature.inputs])


def look_at_all(state):
    """Every function in every view that it has."""
    for name in describe.function_names(state.mod):
        level = describe.own_level(state.mod, name)
        assert text(state.mod, name, level).lines
        (loops if level == "tir" else graph)(state.mod, name)


def test_run_pass(check):
    check(Dataflow, Plain, run("relax.ToNonDataflow"))


def test_run_pass_refused_by_tvm_keeps_its_reason(refuse):
    """Blocks must be initialised before they become opaque: LowerInitBlock goes before."""
    mod = at("loops").mod
    assert "init" in refuse(mod, run("s_tir.ConvertBlocksToOpaque")).detail
    after = apply_step(mod, run("s_tir.LowerInitBlock")).mod
    apply_step(after, run("s_tir.ConvertBlocksToOpaque"))


@pytest.mark.parametrize("name", ["relax.FuseOpsByPattern", "tirx.MakePackedAPI", "relax.RunCodegen"])
def test_a_pass_that_needs_more_than_the_module_is_not_offered(name):
    with pytest.raises(BadTrace) as caught:
        apply_step(Dataflow, run(name))
    assert caught.value.place == "pass_name"


@pytest.mark.parametrize("stage", STAGES)
def test_whatever_pass_runs_the_model_stays_readable_and_right(stage):
    before = at(stage)
    wanted, changed = outputs(before), []
    for step in (*GRAPH_PASSES, *map(run, NAMES)):
        name = step.params.get("pass_name", step.transform)
        try:
            after = apply(before, step)
        except Refused as refusal:
            assert refusal.hint, name
            continue
        if tvm_ffi.structural_equal(before.mod, after.mod):
            continue
        changed.append(name)
        look_at_all(after)
        precision = "float16" if name == "ToMixedPrecision" else "float32"
        assert compare(outputs(after), wanted).max_rel < tolerance(precision), name
    assert len(changed) >= 5, changed


def test_a_trace_from_before_the_graph_passes_had_names_of_their_own_is_still_read():
    former = Trace("mlp", (run("relax.ToNonDataflow"), run("relax.RemovePurityChecking")))
    now = Trace("mlp", (Step("ToNonDataflow"), Step("RemovePurityChecking")))
    one, other = (replay(trace, lambda digest: b"").mod for trace in (former, now))
    assert tvm_ffi.structural_equal(one, other)


def test_every_name_is_a_pass_of_this_tvm():
    for name in NAMES:
        room, _, short = name.partition(".")
        made = getattr(getattr(tvm, room).transform, short)()
        assert isinstance(made, tvm.ir.transform.Pass), name
