"""Refusals that a person understands, where TVM would quote its own source."""

import pytest
from tvm.s_tir import Schedule
from tvm.target import Target

from mlc_explorer.engine import loaders
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.c_sources import c_source
from mlc_explorer.engine.views.lowered import lowered
from mlc_explorer.engine.views.lowered_tir import lowered_tir
from mlc_explorer.engine.views.lowering import refused
from mlc_explorer.errors import Refused


@pytest.fixture
def product():
    sch = Schedule(loaders.load("matmul_128").mod)
    return sch, sch.get_loops(sch.get_sblock("matmul"))


@pytest.mark.parametrize("level", ["lowered", "cuda", "webgpu"])
def test_parallel_loops_and_bound_ones_do_not_mix(product, level):
    sch, (i, j, _) = product
    sch.parallel(i)
    sch.bind(j, "blockIdx.x")
    with pytest.raises(Refused) as mixed:
        lowered_tir(sch.mod, "main", target("cpu")) if level == "lowered" else c_source(
            sch.mod, "main", level
        )
    assert mixed.value.code == "view_threads_mixed"
    assert mixed.value.paths == ("matmul/i", "matmul/j")


def test_virtual_threads_are_no_threads_of_a_gpu(product):
    sch, (i, *_) = product
    outer, _ = sch.split(i, [2, None])
    sch.bind(outer, "vthread.x")
    assert lowered(sch.mod, "main", "llvm", target("generic")).lines


@pytest.mark.parametrize("level", ["cuda", "metal"])
def test_a_rule_that_breaks_says_what_it_needs(product, level):
    """dlight's rule for matrix products takes it that no loop was fused yet, and fails in the middle."""
    sch, (i, j, k) = product
    sch.decompose_reduction(sch.get_sblock("matmul"), k)
    sch.fuse(i, j)
    with pytest.raises(Refused) as none:
        c_source(sch.mod, "main", level)
    assert none.value.code == "view_no_threads"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("Check failed: (n == 1) is false: only one is allowed\n  |  for i", "only one is allowed"),
        ("Check failed: undefined.size() == 0 (1 vs. 0) : x is used", "x is used"),
        (
            "Check failed: (outer->body.get() == inner) is false: ",
            "TVM's own check fails: (outer->body.get() == inner)",
        ),
        ("Cannot convert type float32x56", "Cannot convert type float32x56"),
    ],
)
def test_the_reason_is_tvms_first_line_without_its_condition(told, reason):
    error = refused("main", Target({"kind": "llvm"}), RuntimeError(told))
    assert error.params["reason"] == reason and error.detail == told.strip()
