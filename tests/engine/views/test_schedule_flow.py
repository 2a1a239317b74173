"""The dataflow of a schedule: what a person sees of a cached copy, an accumulator, a fused function."""

from itertools import pairwise

import pytest
import tvm
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine import loaders
from mlc_explorer.engine.views.schedule_flow import schedule_flow
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.graph import GraphView


def listing(view: GraphView) -> str:
    """Boxes, then arrows: what the golden files hold."""
    boxes = [f"{n.id} [{n.family}] {n.op} {n.shape} {n.dtype}".rstrip() for n in view.nodes]
    return "\n".join([*boxes, *(f"{e.source} → {e.target}" for e in view.edges), ""])


def arrows(view: GraphView) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in view.edges}


@pytest.fixture
def cached() -> tvm.IRModule:
    """matmul_128 that works on a copy of A in shared memory and starts its sums outside k."""
    sch = Schedule(loaders.load("matmul_128").mod)
    block = sch.get_sblock("matmul")
    sch.cache_read(block, 0, "shared")
    sch.decompose_reduction(block, sch.get_loops(block)[2])
    return sch.mod


def test_a_cached_matrix_product(cached, golden):
    golden("views/matmul_128_cached.dataflow.txt", listing(schedule_flow(cached, "main")))


def test_a_fused_layer(stage, golden):
    view = schedule_flow(stage("mlp", "fused"), "fused_matmul_add_relu")
    golden("views/mlp_fused_matmul_add_relu.dataflow.txt", listing(view))


def test_a_cached_copy_stands_between_buffer_and_block(cached):
    view = schedule_flow(cached, "main")
    chain = ["buffer:A", "A_shared", "buffer:A_shared", "matmul_update", "buffer:C"]
    assert arrows(view) >= set(pairwise(chain))
    copy = next(n for n in view.nodes if n.id == "buffer:A_shared")
    assert (copy.label, copy.op, copy.family) == ("A_shared", "local", "buffer")
    assert copy.shape == "(128, 128) · shared"


def test_an_update_reads_and_writes_its_buffer(cached):
    found = arrows(schedule_flow(cached, "main"))
    assert {
        ("matmul_init", "buffer:C"),
        ("buffer:C", "matmul_update"),
        ("matmul_update", "buffer:C"),
    } <= found


def test_boxes_have_places_and_domains(cached):
    view = schedule_flow(cached, "main")
    assert all(n.w > 0 and n.h > 0 and n.x > 0 for n in view.nodes)
    assert all(len(e.points) >= 4 for e in view.edges)
    assert {n.shape for n in view.nodes if n.id == "matmul_update"} == {"128 × 128 × 128"}


def test_code_without_blocks_is_one_box():
    @T.prim_func(s_tir=True)
    def plain(a: T.Buffer((8,), "float32"), b: T.Buffer((8,), "float32")):
        for i in range(8):
            b[i] = a[i]

    view = schedule_flow(tvm.IRModule({"plain": plain}), "plain")
    assert arrows(view) == {("buffer:a", "plain"), ("plain", "buffer:b")}


def test_a_graph_function_has_no_schedule(stage):
    with pytest.raises(NotFound):
        schedule_flow(stage("mlp", "raw"), "main")
