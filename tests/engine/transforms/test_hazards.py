"""Schedules that TVM accepts and that compute something wrong: each is shown to be wrong by the Python level,
which runs what TVM made of it, and is then refused with its place."""

import numpy as np
import pytest
from tvm.s_tir import Schedule
from tvm.script import tirx as T

from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step, lookup
from mlc_explorer.engine.transforms.hazards import first_hazard
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import LANGUAGES, say
from tests.engine.random_schedules import SIZES
from tests.engine.views.interpreter import at_size, called


def step(transform, **params):
    return Step(transform, "main", params)


def after(mod, steps):
    for one in steps:
        mod = apply_step(mod, one).mod
    return mod


def unchecked(mod, last):
    """What TVM makes of the step `last`."""
    sch = Schedule(mod)
    lookup.make(last).run(sch, "main")
    return sch.mod


def computed(mod):
    """What the Python level computes; None if it leaves a buffer, or reads one that is not there. What is not
    initialised holds a number, so that it shows."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(i.shape).astype(i.dtype) for i in signature(mod, "main").inputs]
    empty, np.empty = np.empty, lambda shape, dtype=None: np.full(shape, 1e3, dtype)
    try:
        return called(mod, "main", inputs)[0]
    except (IndexError, NameError):
        return None
    finally:
        np.empty = empty


def is_wrong(mod, scheduled):
    got = computed(scheduled)
    return got is None or not np.allclose(got, computed(mod), rtol=1e-4, atol=1e-4)


# sample, the steps before, the step that is wrong, the refusal's code and paths
WRONG = {
    "a guard of the rows is lost by the sum over partial sums": (
        "conv2d",
        [step("split", loop="conv2d/co", factors=[None, 7])],
        step("rfactor", loop="conv2d/kw"),
        "guard_missing",
        ("conv2d", "conv2d/kw"),
    ),
    "the copy of a result has no guard": (
        "bmm_relu",
        [
            step("split", loop="relu/i", factors=[None, 11]),
            step("compute_at", block="bmm", loop="relu/i_1"),
        ],
        step("cache_write", block="bmm", buffer=0),
        "guard_missing",
        ("Y_global", "Y_global/ax2"),
    ),
    "a partial sum that no iteration reaches": (
        "softmax",
        [step("split", loop="row_sum/k", factors=[7, 4])],
        step("rfactor", loop="row_sum/k_0"),
        "never_written",
        ("row_sum",),
    ),
    "the frame of zeros is not written": (
        "conv2d",
        [step("cache_read", block="pad", buffer="X")],
        step("reverse_compute_at", block="pad", loop="X_global/ax2"),
        "never_written",
        ("conv2d",),
    ),
    "the producer that another block reads is inlined away": (
        "layer_norm",
        [step("rfactor", loop="square_sum/k")],
        step("reverse_compute_inline", block="square_sum_rf"),
        "never_written",
        ("normalise",),
    ),
    "a loop repeats a sum whose initial value stands outside": (
        "layer_norm",
        [
            step("compute_at", block="square_sum", loop="normalise/j"),
        ],
        step("decompose_reduction", block="square_sum", loop="square_sum/i"),
        "summed_twice",
        ("square_sum_update", "square_sum_update/ax0"),
    ),
    "a loop repeats each term": (
        "layer_norm",
        [
            step("compute_at", block="row_sum", loop="centre/j"),
            step("compute_inline", block="centre"),
        ],
        step("reorder", loops=["row_sum/ax0", "row_sum/j"]),
        "summed_twice",
        ("row_sum", "row_sum/j"),
    ),
    "the first term is not the first to come": (
        "matmul_128",
        [
            step("fuse", loops=["matmul/i", "matmul/j", "matmul/k"]),
            step("split", loop="matmul/i_j_k_fused", factors=[None, 7]),
        ],
        step("reorder", loops=["matmul/i_j_k_fused_1", "matmul/i_j_k_fused_0"]),
        "begun_again",
        ("matmul", "matmul/i_j_k_fused_0"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_tvm_makes_is_wrong_and_is_refused(name, refuse):
    sample, before, last, code, where = WRONG[name]
    mod = after(at_size(sample, SIZES[sample]), before)
    assert is_wrong(mod, unchecked(mod, last))
    refusal = refuse(mod, last)
    assert (refusal.code, refusal.paths) == (code, where)
    assert refusal.params["what"] in refusal.message
    for language in LANGUAGES:
        assert refusal.paths[0] in say(f"errors.{code}.message", language, **refusal.params)


def test_a_consumer_within_the_reduction_reads_unfinished_sums(refuse):
    """The last iteration repeats what the others did wrong, so that the result comes out right; what the
    block reads until then are parts of sums, and it does its work once for each of them."""
    mod = at_size("bmm_relu", SIZES["bmm_relu"])
    refusal = refuse(mod, step("reverse_compute_at", block="relu", loop="bmm/k"))
    assert (refusal.code, refusal.paths) == ("read_too_early", ("relu", "bmm"))


def test_lanes_do_not_add_to_one_sum(refuse):
    """Seen in compiled code only: the Python level runs lane after lane."""
    mod = at_size("layer_norm", SIZES["layer_norm"])
    before = [step("fuse", loops=["normalise/i", "normalise/j"]), step("vectorize", loop="centre/j")]
    last = step("reverse_compute_at", block="square_sum", loop="centre/j")
    scheduled = unchecked(after(mod, before), last)
    inputs = [np.ones(i.shape, i.dtype) * 3 for i in signature(mod, "main").inputs]
    inputs[0] = np.random.default_rng(0).standard_normal((4, 24)).astype("float32")
    expected = build(mod, target("generic"))(inputs)[0]
    assert not np.allclose(build(scheduled, target("generic"))(inputs)[0], expected, rtol=1e-4)
    refusal = refuse(after(mod, before), last)
    assert (refusal.code, refusal.paths) == ("sum_at_once", ("square_sum", "centre/j"))


@T.prim_func(s_tir=True)
def stencil(A: T.Buffer((16,), "float32"), C: T.Buffer((16,), "float32")):
    B = T.sblock_alloc_buffer((16,))
    for i in range(16):
        with T.sblock("B"):
            vi = T.axis.spatial(16, i)
            B[vi] = A[vi] + T.float32(1)
        with T.sblock("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[T.max(vi - 1, 0)] * T.float32(2)


def test_a_value_of_another_iteration(module):
    """`B` is used only in the loop, so each iteration has a `B` of its own, and the one before is gone."""
    hazard = first_hazard(stencil)
    assert (hazard.code, hazard.node.name_hint, hazard.other.loop_var.name) == ("read_across", "C", "i")


def test_a_block_that_reads_nothing_there_is_not_moved_there(refuse):
    mod = at_size("softmax", SIZES["softmax"])
    refusal = refuse(mod, step("reverse_compute_at", block="row_max", loop="divide/i"))
    assert refusal.code == "no_producer_there"
    assert refusal.paths == ("row_max", "divide/i")


def test_what_was_wrong_before_is_not_blamed_on_the_step(module):
    """A function that somebody wrote so may still be scheduled."""
    mod = module(stencil)
    assert apply_step(mod, step("unroll", loop="B/i")).mod["main"] is not None


RIGHT = {
    "a guarded split": ("matmul_128", [step("split", loop="matmul/j", factors=[None, 5])]),
    "a packed operand in tiles": (
        "matmul_128",
        [
            step("split", loop="matmul/j", factors=[None, 4]),
            step("reorder", loops=["matmul/j_0", "matmul/i", "matmul/k", "matmul/j_1"]),
            step("cache_read", block="matmul", buffer="B"),
            step("compute_at", block="B_global", loop="matmul/j_0"),
            step("parallel", loop="B_global/j_0"),
            step("vectorize", loop="matmul/j_1"),
            step("decompose_reduction", block="matmul", loop="matmul/k"),
        ],
    ),
    "a frame made as it is needed": ("conv2d", [step("compute_at", block="pad", loop="conv2d/h")]),
    "a copy of an image that is read within a frame": (
        "conv2d",
        [step("cache_read", block="pad", buffer="X")],
    ),
    "sums in parts that all begin": (
        "softmax",
        [
            step("split", loop="row_sum/k", factors=[None, 7]),
            step("rfactor", loop="row_sum/k_1"),
            step("vectorize", loop="divide/j"),
        ],
    ),
    "a consumer beside its finished sums": (
        "bmm_relu",
        [step("parallel", loop="bmm/n"), step("reverse_compute_at", block="relu", loop="bmm/i")],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_refused(name):
    sample, steps = RIGHT[name]
    mod = at_size(sample, SIZES[sample])
    assert not is_wrong(mod, after(mod, steps))


def test_a_step_on_a_thousand_million_iterations_is_checked():
    """The cost depends on how many instances touch one element: 1024 terms of a sum."""
    steps = [
        step("split", loop="matmul/i", factors=[None, 32]),
        step("split", loop="matmul/j", factors=[None, 24]),
        step("reorder", loops=["matmul/j_0", "matmul/i_1"]),
    ]
    mod = after(at_size("matmul_1024", {"A": (1024, 1024), "B": (1024, 1024)}), steps)
    mod = after(mod, [step("cache_write", block="matmul", buffer=0)])
    with pytest.raises(Refused, match="before ‘matmul’ has finished it"):
        apply_step(mod, step("reverse_compute_at", block="C_global", loop="matmul/k"))
    apply_step(mod, step("reverse_compute_at", block="C_global", loop="matmul/i_0"))
