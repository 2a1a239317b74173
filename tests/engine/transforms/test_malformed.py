"""Programs that TVM makes and can't go on with: variables outside of their loops, buffers of unknown size."""

import pytest

from mlc_explorer.engine.build import build
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.trace import Step
from tests.engine.random_schedules import SIZES
from tests.engine.transforms.test_hazards import after, step, unchecked
from tests.engine.views.interpreter import at_size


def reindexed(transform: str, block: str, buffer: str, text: str) -> Step:
    return step(transform, block=block, buffer=buffer, index_map=text)


# sample, the steps before, the step that TVM takes
UNSIZED = {
    "panels of panels that do not divide them": (
        "softmax",
        [reindexed("reindex_cache_read", "row_sum", "E", "i, k -> k // 16, i, k % 16")],
        step(
            "transform_layout",
            block="row_sum",
            buffer="E_global",
            index_map="a, b, c -> c // 5, a, b, c % 5",
            pad_value=9,
        ),
    ),
    "a panel wider than a fused axis": (
        "conv2d",
        [
            step("cache_read", block="conv2d", buffer="W"),
            step("fuse", loops=["W_global/ax2", "W_global/ax3"]),
        ],
        reindexed("reindex_cache_read", "W_global", "W", "a, b, c, d -> d // 16, a, b, c, d % 16"),
    ),
}


@pytest.mark.parametrize("name", UNSIZED)
def test_a_buffer_whose_size_tvm_can_t_tell_is_refused(name, refuse):
    sample, before, last = UNSIZED[name]
    mod = after(at_size(sample, SIZES[sample]), before)
    with pytest.raises(MlcError, match="does not compile"):
        build(unchecked(mod, last), target("generic"))
    refusal = refuse(mod, last)
    assert refusal.code == "unsized"
    assert "undefined variable" in refusal.detail


def test_panels_of_panels_that_divide_them_are_taken():
    mod = at_size("softmax", SIZES["softmax"])
    before = reindexed("reindex_cache_read", "row_sum", "E", "i, k -> k // 8, i, k % 8")
    text = "a, b, c -> c // 4, a, b, c % 4"
    last = step("transform_layout", block="row_sum", buffer="E_global", index_map=text)
    build(after(mod, [before, last]), target("generic"))


def test_a_copy_stays_a_copy(refuse):
    """What read_at and write_at make is lowered by a pass of its own, which finds nothing else."""
    mod = after(at_size("softmax", SIZES["softmax"]), [step("write_at", block="divide", loop="divide/i")])
    refusal = refuse(mod, step("compute_inline", block="divide"))
    assert (refusal.code, refusal.paths) == ("copy_no_more", ("Y_global",))
    hidden = step("unsafe_hide_buffer_access", block="Y_global", positions=[0])
    assert refuse(mod, hidden).code == "copy_no_more"


def test_a_block_that_writes_the_result_is_not_dropped(refuse):
    """TVM makes the producer's loops anew, with the empty places, and forgets who else stands in them."""
    mod = after(at_size("bmm_relu", SIZES["bmm_relu"]), [step("compute_at", block="bmm", loop="relu/i")])
    text = "n, i, j -> j // 5, n, i, j % 5"
    last = step("transform_layout", block="bmm", buffer="Y", index_map=text, pad_value=0)
    assert "relu" not in unchecked(mod, last).script()
    refusal = refuse(mod, last)
    assert (refusal.code, refusal.params["buffer"]) == ("output_lost", "C")


def test_a_variable_outside_of_its_loop_is_refused(refuse):
    """`reindex` forgets that a copy which read_at or write_at made has loops within the block."""
    mod = after(
        at_size("matmul_128", SIZES["matmul_128"]),
        [
            step("decompose_reduction", block="matmul", loop="matmul/k"),
            step("write_at", block="matmul_update", loop="matmul_update/j"),
        ],
    )
    refusal = refuse(mod, step("reindex", block="C_global", buffer="C"))
    assert refusal.code == "ill_formed"
    assert "ax0" in refusal.message
    assert apply_step(mod, step("cache_read", block="matmul_update", buffer="A")).mod
