"""Each rule: what it looks for, the numbers that it takes from the machine, and where it says nothing."""

from __future__ import annotations

import pytest

from mlc_explorer.engine import caches, targets
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.suggest import memory, placement, reductions, registers, threads
from mlc_explorer.engine.suggest.sight import divisors
from tests.engine.suggest.conftest import SSE


def transforms(plan) -> list[str]:
    return [step.transform for step in plan.draft.steps]


def marks(plan, block: str) -> dict[str, str]:
    """Loop → how it runs, around the block, for those that are not plain."""
    from mlc_explorer.engine.views.loops import loop_mark

    scope = plan.draft.scope
    nest = scope.nest(scope.at(block))
    return {loop.name: loop_mark(loop.node) for loop in nest if loop_mark(loop.node) != "serial"}


def test_the_machine_is_what_the_target_has():
    generic = Machine.of(targets.target("generic"))
    assert generic.vector_bytes == 16 and generic.registers >= 16
    assert (generic.l1, generic.l2) == tuple(cache.size for cache in caches.caches())
    assert Machine.of(targets.target("cpu")).vector_bytes >= generic.vector_bytes
    assert generic.lanes(4) == 4 and generic.lanes(2) == 8


def test_a_register_tile_fits_the_registers(sample, look):
    plan = registers.register_tile(look(sample("matmul_128")))
    assert plan.values["rows"] * plan.values["columns"] == plan.values["used"] * 16
    assert plan.values["used"] < plan.values["registers"]
    assert marks(plan, "matmul") == {"i_1": "unrolled", "j_1": "vectorized"}
    narrow = registers.register_tile(look(sample("matmul_128"), machine=SSE))
    assert narrow.values["used"] < 16 and narrow.values["lanes"] == 4


def test_a_tile_whose_vectors_are_no_power_of_two_is_unrolled_over_them(sample, look):
    plan = registers.register_tile(look(sample("conv2d")))
    assert plan.values["lanes"] == 8 and plan.values["columns"] == 24  # 16 does not divide 24
    assert list(marks(plan, "conv2d").values()) == ["unrolled", "unrolled", "vectorized"]


def test_what_follows_a_tile_is_computed_beside_it(sample, look):
    plan = registers.register_tile(look(sample("bmm_relu")))
    scope = plan.draft.scope
    assert scope.nest(scope.at("relu"))[0] is scope.nest(scope.at("bmm"))[0]
    assert "cache_write" not in transforms(plan)


def test_a_tile_keeps_its_threads(sample, look):
    sight = look(sample("matmul_128"))
    shared = threads.parallel_outer(sight)
    again = registers.register_tile(sight.after(shared.draft, "matmul"))
    assert "parallel" in marks(again, "matmul").values()


def test_packing_makes_panels_as_wide_as_the_vectors(sample, look):
    plan = memory.packed_tile(look(sample("matmul_128")))
    layout = next(step for step in plan.draft.steps if step.transform == "transform_layout")
    width = plan.values["columns"]
    assert layout.params["index_map"] == f"a0, a1 -> a1 // {width}, a0, a1 % {width}"
    batched = memory.packed_tile(look(sample("bmm_relu"), machine=SSE))
    layout = next(step for step in batched.draft.steps if step.transform == "transform_layout")
    assert layout.params["index_map"].startswith("a0, a1, a2 -> a0, a2 // ")  # the batch stays outermost


def test_an_operand_that_is_packed_is_not_packed_again(sample, look):
    packed = memory.packed_tile(look(sample("matmul_128")))
    assert memory.pack_columns(look(sample("matmul_128")).after(packed.draft, "matmul")) is None


def test_tiles_fit_half_of_the_cache(sample, look):
    plan = memory.tile_for_l1(look(sample("matmul_128")))
    assert plan.values["kib"] <= plan.values["cache"] / 2
    assert memory.tile_for_l2(look(sample("matmul_128"))) is None  # all of it fits


def test_threads_get_the_outer_loops(sample, look):
    plan = threads.parallel_outer(look(sample("bmm_relu")))
    assert transforms(plan) == ["fuse", "parallel"] and plan.values["extent"] == 8 * 32
    assert threads.parallel_outer(look(sample("bmm_relu"), machine=SSE)) is None  # one core
    assert threads.parallel_everywhere(look(sample("softmax"))).values["count"] == 4


def test_lanes_get_what_has_vector_instructions(sample, look):
    state = sample("softmax")
    assert marks(threads.vectorize_inner(look(state, "divide")), "divide") == {"j_1": "vectorized"}
    assert threads.vectorize_inner(look(state, "exp")) is None  # the exponential would be taken apart
    assert threads.vectorize_inner(look(state, "row_sum")) is None  # a sum is no lane
    assert threads.vectorize_everywhere(look(sample("layer_norm"))).values["count"] == 2


@pytest.mark.parametrize(
    ("extent", "lanes", "width"), [(1024, 16, 16), (24, 16, 12), (20, 16, 10), (7, 16, 7)]
)
def test_a_width_divides_the_loop(extent, lanes, width):
    assert threads.vector_width(extent, lanes) == width


def test_the_reduction_goes_outside(sample, look):
    plan = threads.reduction_outside(look(sample("matmul_128")))
    assert [p.name for p in plan.draft.scope.nest(plan.draft.scope.at("matmul"))] == ["i", "k", "j_0", "j_1"]


def test_a_long_reduction_gets_partial_results(sample, look):
    plan = reductions.partial_results(look(sample("softmax"), "row_max"))
    assert plan.values["parts"] == 64
    assert list(marks(plan, "row_max_rf_update").values()) == ["vectorized"]
    assert reductions.partial_results(look(sample("softmax"), "exp")) is None
    assert reductions.partial_results(look(sample("matmul_128"))) is None  # B is not contiguous along k


def test_an_initial_value_waits_for_the_threads(sample, look):
    """TVM makes no loop parallel any more when the reduction is in two parts."""
    sight = look(sample("matmul_128"))
    assert reductions.decompose(sight) is None
    shared = sight.after(threads.parallel_outer(sight).draft, "matmul")
    assert reductions.decompose(shared) is not None
    assert reductions.decompose(look(sample("matmul_128"), machine=SSE)) is not None


def test_blocks_are_inlined_and_moved(sample, look):
    state = sample("softmax")
    assert placement.inline_producers(look(state, "row_sum")).values["blocks"] == "exp"
    assert placement.inline_producers(look(state, "row_max")) is None
    assert placement.row_by_row(look(state)).values == {"loop": "i", "count": 3, "block": "divide"}
    beside = placement.epilogue_beside(look(sample("bmm_relu")))
    assert beside.values == {"consumer": "relu", "block": "bmm", "loop": "i"}


def test_short_loops_are_written_out(sample, look):
    assert registers.unroll_short(look(sample("conv2d"))).values == {"loops": "kh, kw", "copies": 9}
    assert registers.unroll_short(look(sample("matmul_128"))) is None
    assert registers.unroll_reduction(look(sample("matmul_128"))).values == {"loop": "k", "factor": 4}


def test_divisors_come_largest_first():
    assert divisors(12, 6) == [6, 4, 3, 2, 1]
    assert divisors(7, 4) == [1]
