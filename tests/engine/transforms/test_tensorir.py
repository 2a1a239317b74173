"""The passes by which TVM lowers a function: one after another, and one at a time."""

import contextlib
import random

import pytest
import tvm
import tvm_ffi
from tvm.script import tirx as T

from mlc_explorer.engine import loaders, targets
from mlc_explorer.engine.build import build
from mlc_explorer.engine.measure import seeded_inputs
from mlc_explorer.engine.transforms import apply_step, tensorir
from mlc_explorer.engine.verify import agrees
from mlc_explorer.engine.views.loops import loops
from mlc_explorer.engine.views.schedule_flow import schedule_flow
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def row_sum(x: T.Buffer((4, 8), "float32"), y: T.Buffer((4,), "float32")):
    for i, k in T.grid(4, 8):
        with T.sblock("sum"):
            v_i, v_k = T.axis.remap("SR", [i, k])
            with T.init():
                y[v_i] = T.float32(0)
            y[v_i] = y[v_i] + x[v_i, v_k]


def lowered(mod, until):
    return apply_step(mod, Step("lower", "main", {"until": until})).mod


def test_lower_until_the_blocks_are_gone(check):
    @T.prim_func(s_tir=True)
    def after(x: T.Buffer((4, 8), "float32"), y: T.Buffer((4,), "float32")):
        for i, k in T.grid(4, 8):
            if k == 0:
                y[i] = T.float32(0)
            y[i] = y[i] + x[i, k]

    applied = check(row_sum, after, Step("lower", "main"))
    assert applied.moved == {"main:sum": None, "main:sum/i": None, "main:sum/k": None}


def test_function_pass(check):
    @T.prim_func(s_tir=True)
    def after(x: T.Buffer((4, 8), "float32"), y: T.Buffer((4,), "float32")):
        for i, k in T.grid(4, 8):
            with T.sblock("sum"):
                v_i, v_k = T.axis.remap("SR", [i, k])
                T.reads(x[v_i, v_k])
                T.writes(y[v_i])
                if v_k == 0:
                    y[v_i] = T.float32(0)
                y[v_i] = y[v_i] + x[v_i, v_k]

    check(row_sum, after, Step("function_pass", "main", {"tir_pass": "s_tir.LowerInitBlock"}))


def test_function_pass_refused_at_the_wrong_stage(refuse):
    """It needs blocks without axes of their own, which ConvertBlocksToOpaque makes."""
    refusal = refuse(row_sum, Step("function_pass", "main", {"tir_pass": "s_tir.LowerOpaqueBlock"}))
    assert "Non-opaque blocks are not allowed" in refusal.message


def test_lower_is_what_tvm_does():
    """The sequence is the beginning of TVM's own, pass by pass."""
    ran, within = [], []

    @tvm.ir.instrument.pass_instrument
    class Names:
        def run_before_pass(self, mod, info):
            if len(within) == 2:  # the pipeline, and the sequence that it runs
                ran.append(str(info.name))
            within.append(info.name)

        def run_after_pass(self, mod, info):
            within.pop()

    pipeline = tvm.tirx.get_tir_pipeline("s_tir")
    pipeline = pipeline[0] if isinstance(pipeline, tuple) else pipeline
    target = tvm.target.Target({"kind": "llvm"}, host={"kind": "llvm"})
    func = row_sum.with_attr({"target": target, "global_symbol": "main"})
    with tvm.transform.PassContext(instruments=[Names()]):
        pipeline(tvm.IRModule({"main": func}))
    assert ran[: len(tensorir.LOWERING)] == list(tensorir.LOWERING)


@pytest.mark.parametrize("name", ["softmax", "conv2d"])
def test_at_every_stage_a_function_can_be_looked_at_and_computes_the_same(name):
    mod = loaders.load_cached(name, None).mod
    plain = build(mod, targets.target("generic"))
    inputs = seeded_inputs(plain.signature.inputs)
    expected = plain(inputs)
    seen = []
    for until in tensorir.LOWERING:
        now = lowered(mod, until)
        if seen and tvm_ffi.structural_equal(now, seen[-1]):
            continue
        seen.append(now)
        assert loops(now, "main").roots
        assert text(now, "main", "tir").lines
        schedule_flow(now, "main")
        assert agrees(build(now, targets.target("generic"))(inputs), expected), until
    assert len(seen) > 5


@pytest.mark.parametrize("seed", range(6))
def test_passes_in_any_order_are_refused_or_compute_the_same(seed):
    chosen = random.Random(seed)
    mod = loaders.load_cached(chosen.choice(["softmax", "conv2d", "layer_norm"]), None).mod
    plain = build(mod, targets.target("generic"))
    inputs = seeded_inputs(plain.signature.inputs)
    if chosen.random() < 0.7:
        mod = lowered(mod, chosen.choice(tensorir.LOWERING))
    for _ in range(4):
        step = Step("function_pass", "main", {"tir_pass": chosen.choice(tensorir.ALONE)})
        with contextlib.suppress(Refused):
            mod = apply_step(mod, step).mod
    assert agrees(build(mod, targets.target("generic"))(inputs), plain(inputs))
