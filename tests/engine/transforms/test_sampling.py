"""sample_perfect_tile, sample_partitioned_tile, sample_categorical, sample_compute_location."""

from types import SimpleNamespace

import pytest
from tvm.ir import assert_structural_equal
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step, catalogue, step_source
from mlc_explorer.engine.transforms.scope import Scope
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step
from tests.engine.transforms.conftest import run_source


def step(transform, **params):
    return Step(transform, "main", params)


@T.prim_func(s_tir=True)
def copy(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(64):
        with T.sblock("B"):
            vi = T.axis.spatial(64, i)
            B[vi] = A[vi]


@T.prim_func(s_tir=True)
def chain(A: T.Buffer((8, 4), "float32"), C: T.Buffer((8, 4), "float32")):
    B = T.sblock_alloc_buffer((8, 4))
    for i, j in T.grid(8, 4):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)
    for i, j in T.grid(8, 4):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] * T.float32(2)


@T.prim_func(s_tir=True)
def tiled(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i_0, i_1 in T.grid(4, 16):
        with T.sblock("B"):
            vi = T.axis.spatial(64, i_0 * 16 + i_1)
            B[vi] = A[vi]


def trips(mod):
    """The trip counts of the nest of ``B``, from its text: ``T.grid(4, 16)``."""
    line = next(line for line in mod["main"].script().splitlines() if "T.grid" in line)
    return [int(n) for n in line[line.index("(") + 1 : line.rindex(")")].split(", ")]


def test_sample_perfect_tile(check):
    applied = check(copy, tiled, step("sample_perfect_tile", loop="B/i", decision=[4, 16]))
    assert applied.moved == {"main:B/i": "main:B/i_1"}


def test_sample_perfect_tile_draws_the_same_from_the_same_seed(module):
    drawn = [
        trips(apply_step(module(copy), step("sample_perfect_tile", loop="B/i", n=3, seed=seed)).mod)
        for seed in (7, 7, 8, 9, 10, 11)
    ]
    assert drawn[0] == drawn[1]
    assert len({tuple(d) for d in drawn}) > 1
    assert all(a * b * c == 64 and c <= 16 for a, b, c in drawn)


def test_the_exported_script_keeps_what_was_drawn(module):
    mod = module(copy)
    source = step_source(SimpleNamespace(mod=mod), step("sample_perfect_tile", loop="B/i", seed=7))
    after = apply_step(mod, step("sample_perfect_tile", loop="B/i", seed=7)).mod
    assert f"decision={trips(after)}" in source


def test_a_form_proposes_what_chance_would_draw(module):
    mod = module(copy)
    chosen = {"loop": "B/i", "n": 3, "seed": 1}
    for name in ("sample_perfect_tile", "sample_partitioned_tile"):
        propose = catalogue.TRANSFORMS[name].proposes["decision"]
        drawn = propose(Scope(mod, mod["main"], "B/i"), chosen)
        assert len(drawn) > 1
        for decision in drawn:
            assert trips(apply_step(mod, step(name, **chosen, decision=decision)).mod) == decision


@pytest.mark.parametrize("decision", [[4, 8], [64], [2, 2, 16]])
def test_sample_perfect_tile_refused_for_a_decision_that_tvm_would_quietly_change(refuse, decision):
    refusal = refuse(copy, step("sample_perfect_tile", loop="B/i", decision=decision))
    assert (refusal.code, refusal.place, refusal.paths) == ("decision_no_tiling", "decision", ("B/i",))


def test_sample_perfect_tile_refused_for_an_innermost_loop_that_is_too_long(refuse):
    refusal = refuse(copy, step("sample_perfect_tile", loop="B/i", decision=[2, 32]))
    assert (refusal.code, refusal.paths) == ("decision_too_long", ("B/i",))


def test_sample_perfect_tile_refused_for_a_trip_count_that_is_not_known(refuse):
    @T.prim_func(s_tir=True)
    def symbolic(a: T.handle, b: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            with T.sblock("B"):
                vi = T.axis.spatial(n, i)
                B[vi] = A[vi]

    assert refuse(symbolic, step("sample_perfect_tile", loop="B/i")).code == "trip_count_unknown"


def test_sample_partitioned_tile(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i_0, i_1, i_2 in T.grid(8, 2, 4):
            with T.sblock("B"):
                vi = T.axis.spatial(64, i_0 * 8 + i_1 * 4 + i_2)
                B[vi] = A[vi]

    drawn = step("sample_partitioned_tile", loop="B/i", innerpart_factor=8, decision=[8, 2, 4])
    assert check(copy, after, drawn).moved == {"main:B/i": "main:B/i_2"}


def test_sample_partitioned_tile_keeps_to_its_inner_part(module):
    for seed in range(1, 12):
        drawn = step("sample_partitioned_tile", loop="B/i", innerpart_factor=16, seed=seed)
        a, b, c = trips(apply_step(module(copy), drawn).mod)
        assert a * b * c == 64 and b * c % 16 == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"innerpart_factor": 5},
        {"innerpart_factor": 8, "decision": [16, 2, 2]},
        {"n": 2, "partition_pos": 3},
    ],
)
def test_sample_partitioned_tile_refused_for_an_inner_part_that_does_not_fit(refuse, settings):
    refusal = refuse(copy, step("sample_partitioned_tile", loop="B/i", **settings))
    assert (refusal.code, refusal.paths) == ("inner_part", ("B/i",))


def test_sample_categorical(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i in T.serial(64, annotations={"pragma_auto_unroll_max_step": 16}):
            with T.sblock("B"):
                vi = T.axis.spatial(64, i)
                B[vi] = A[vi]

    check(copy, after, step("sample_categorical", loop="B/i", decision=1))


def test_sample_categorical_draws_what_is_likely(module):
    likely = step("sample_categorical", loop="B/i", candidates=[0, 16], weights=[1, 1_000_000])
    mod = apply_step(module(copy), likely).mod
    assert mod["main"].body.block.body.annotations["pragma_auto_unroll_max_step"] == 16


@pytest.mark.parametrize("settings", [{"decision": 3}, {"weights": [1, 2]}])
def test_sample_categorical_refused_for_what_can_not_be_drawn(refuse, settings):
    refusal = refuse(copy, step("sample_categorical", loop="B/i", **settings))
    assert (refusal.code, refusal.paths) == ("candidates_wrong", ("B/i",))


def test_sample_compute_location(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 4), "float32"), C: T.Buffer((8, 4), "float32")):
        B = T.sblock_alloc_buffer((8, 4))
        for i in range(8):
            for ax0 in range(4):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, ax0])
                    B[vi, vj] = A[vi, vj] + T.float32(1)
            for j in range(4):
                with T.sblock("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vi, vj] * T.float32(2)

    check(chain, after, step("sample_compute_location", block="B", decision=0))


def test_sample_compute_location_may_inline_or_leave(module):
    @T.prim_func(s_tir=True)
    def inlined(A: T.Buffer((8, 4), "float32"), C: T.Buffer((8, 4), "float32")):
        for i, j in T.grid(8, 4):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = (A[vi, vj] + T.float32(1)) * T.float32(2)

    for decision, after in ((-2, inlined), (-1, chain)):
        drawn = step("sample_compute_location", block="B", decision=decision)
        mod = apply_step(module(chain), drawn).mod
        assert_structural_equal(mod, module(after))
        source = step_source(SimpleNamespace(mod=module(chain)), drawn)
        assert_structural_equal(run_source(source, module(chain)), mod)


def test_sample_compute_location_refused_where_tvm_would_take_another_place(refuse):
    refusal = refuse(chain, step("sample_compute_location", block="B", decision=5))
    assert (refusal.code, refusal.place, refusal.paths) == ("decision_not_legal", "decision", ("B",))


@pytest.mark.parametrize(
    "name, params, place",
    [
        ("sample_perfect_tile", {"n": 100}, "n"),
        ("sample_perfect_tile", {"seed": 1 << 40}, "seed"),
        ("sample_perfect_tile", {"decision": [0, 64]}, "decision"),
        ("sample_categorical", {"candidates": [0, 1 << 20]}, "candidates"),
        ("sample_categorical", {"weights": [0, 1, 1]}, "weights"),
    ],
)
def test_numbers_are_bounded(module, name, params, place):
    with pytest.raises(BadTrace) as caught:
        apply_step(module(copy), step(name, loop="B/i", **params))
    assert caught.value.place == place
