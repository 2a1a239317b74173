"""A function as it goes into the code generators, and where each of its statements came from."""

import re

import pytest
import tvm
from tvm.s_tir import Schedule
from tvm.target import Target

from mlc_explorer.engine import loaders
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.lowered_tir import lowered_tir
from mlc_explorer.engine.views.lowering import generate, lower
from mlc_explorer.engine.views.spans import spanned
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound, Refused

X86 = Target({"kind": "llvm", "mtriple": "x86_64-linux-gnu", "mcpu": "skylake-avx512"})


def pairs(mod, function="main", cpu=X86):
    """Each line with the line of the loop nest that it came from (or None)."""
    tir, view = text(mod, function, "tir").lines, lowered_tir(mod, function, cpu)
    assert len(view.lines) == len(view.links)
    return [(line.strip(), tir[k - 1].strip() if k else None) for line, k in zip(view.lines, view.links)]


def test_golden(golden, scheduled):
    lines = "\n".join(lowered_tir(scheduled, "main", X86).lines)
    golden("views/matmul_128_scheduled.lowered.txt", lines + "\n")


def test_no_block_is_left_and_vectors_are_ramps(scheduled):
    lines = [line for line, _ in pairs(scheduled)]
    assert not [line for line in lines if "T.sblock" in line or "T.vectorized" in line]
    assert any("T.Ramp(" in line and "T.Broadcast(" in line for line in lines)


@pytest.mark.parametrize("model", ["matmul_128", "bmm_relu", "conv2d", "softmax", "layer_norm"])
def test_every_statement_of_a_sample_is_linked(model):
    """All but the decorator and the attributes."""
    unlinked = [line for line, source in pairs(loaders.load(model).mod) if source is None]
    assert [line.partition("(")[0] for line in unlinked] == ["@T.prim_func", "T.func_attr"]


def test_every_statement_of_a_schedule_is_linked(scheduled):
    assert [
        line for line, source in pairs(scheduled) if source is None and not line.startswith(("@", "T."))
    ] == []


@pytest.mark.parametrize("model", ["mlp", "cnn", "transformer"])
def test_every_store_of_a_network_is_linked(stage, model):
    mod = stage(model, "fused")
    for function in names(mod):
        if isinstance(mod[function], tvm.tirx.PrimFunc):
            assert [line for line, source in pairs(mod, function) if "] = " in line and not source] == []


def test_links_are_to_the_same_loop_and_buffer(scheduled):
    loops = 0
    for line, source in pairs(scheduled):
        if line.startswith("for "):
            loops += 1
            assert line.split()[1] == source.split()[1]
        elif line.startswith("C_1["):
            assert source.startswith("C[")
    assert loops == 3  # i, j_0, k: the vectorised ones are gone


def test_conditions_come_from_init_and_where():
    sch = Schedule(loaders.load("matmul_128").mod)
    i, *_ = sch.get_loops(sch.get_sblock("matmul"))
    sch.split(i, [None, 48])
    sources = {line: source for line, source in pairs(sch.mod) if line.startswith("if ")}
    assert len(sources) == 2
    assert sources["if k == 0:"] == "with T.init():"
    assert next(s for line, s in sources.items() if "k == 0" not in line).startswith("T.where(")


def test_a_vector_that_became_a_loop_again_is_the_vectorised_loop():
    """A guard makes lanes differ, so that TVM takes them one by one."""
    sch = Schedule(loaders.load("matmul_128").mod)
    i, *_ = sch.get_loops(sch.get_sblock("matmul"))
    _, inner = sch.split(i, [None, 48])
    sch.vectorize(inner)
    loops = [(line, source) for line, source in pairs(sch.mod) if line.startswith("for ")]
    assert ("for i_1_s in range(48):", "for i_1 in T.vectorized(48):") in loops
    assert all(source for _, source in loops)


def test_threads_come_from_the_loops_that_were_bound_to_them():
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, _ = sch.get_loops(sch.get_sblock("matmul"))
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    launched = [(line, source) for line, source in pairs(sch.mod) if "launch_thread" in line]
    assert len(launched) == 2
    for line, source in launched:
        assert re.search(r'"(\w+\.x)"', line)[1] in source


def test_it_is_what_the_compiler_goes_on_with(scheduled):
    """Compiled from the cut on, it gives the LLVM IR that the whole pipeline gives."""
    host = X86.with_host(X86)
    cut = generate(lower(spanned(scheduled, "main", "lowered"), host), host).inspect_source("ll")
    whole = tvm.tirx.build(scheduled, host).inspect_source("ll")
    assert _code(cut) == _code(whole)


def _code(source):
    """LLVM IR without debug information, which says where and not what."""
    lines = (re.sub(r",? ?![\w.]+( !\d+)?|#\d+", "", line).strip() for line in source.splitlines())
    return [line for line in lines if line and not line.startswith(("!", ";", "=", "attributes", "source_"))]


def test_the_local_cpu(scheduled):
    assert any(source for _, source in pairs(scheduled, cpu=target("cpu")))


def test_what_can_not_be_lowered_is_refused_in_tvms_words():
    """A reduction between threads must be the innermost loop."""
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, k = sch.get_loops(sch.get_sblock("matmul"))
    sch.reorder(i, k, j)
    sch.bind(k, "threadIdx.x")
    with pytest.raises(Refused) as refused:
        lowered_tir(sch.mod, "main", X86)
    assert refused.value.code == "view_not_compiled"
    assert refused.value.params["reason"].startswith("Cross-thread reduction requires")
    assert "^^^^" in refused.value.detail


def test_a_graph_function_has_no_such_text(stage):
    with pytest.raises(NotFound):
        lowered_tir(stage("mlp", "raw"), "main", X86)
