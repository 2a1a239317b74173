"""Models at every stage that a person can bring them to, and a scheduled matrix product."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import tvm
from tvm import IRModule, relax
from tvm.s_tir import Schedule

from mlc_explorer.engine import loaders
from mlc_explorer.engine.views.dot import stop_helper
from mlc_explorer.engine.views.layout import forget

STAGES = ("raw", "legalised", "annotated", "grouped", "fused", "zero", "default")


@cache
def _stages(model: str) -> dict[str, IRModule]:
    raw = loaders.load(model).mod
    passes = relax.transform
    legalised = passes.LegalizeOps()(raw)
    annotated = passes.FoldConstant()(passes.AnnotateTIROpPattern()(legalised))
    grouped = passes.FuseOps()(annotated)
    with tvm.target.Target({"kind": "llvm"}) as target:
        zero = relax.get_pipeline("zero")(raw)
        default = relax.get_default_pipeline(target)(raw)
    return dict(zip(STAGES, (raw, legalised, annotated, grouped, passes.FuseTIR()(grouped), zero, default)))


@pytest.fixture(scope="session")
def stage() -> Callable[[str, str], IRModule]:
    """`stage(model, name)`: a sample's module at one of `STAGES`."""
    return lambda model, name: _stages(model)[name]


@pytest.fixture
def scheduled() -> IRModule:
    """matmul_128 with j split by 16 and vectorised, i parallel, and the initialisation taken out of k."""
    sch = Schedule(loaders.load("matmul_128").mod)
    block = sch.get_sblock("matmul")
    i, j, k = sch.get_loops(block)
    outer, inner = sch.split(j, [None, 16])
    sch.reorder(i, outer, k, inner)
    sch.vectorize(inner)
    sch.parallel(i)
    sch.annotate(k, "pragma_auto_unroll_max_step", 16)
    sch.decompose_reduction(block, k)
    return sch.mod


@pytest.fixture
def afresh():
    """No layout is remembered and no helper runs, before and after."""
    forget()
    yield
    forget()
    stop_helper()
