"""The numbers that the recipes without products choose for a machine, and what they are not for."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.recipes.choosing import RECIPES, recipe_for, steps_for
from mlc_explorer.engine.recipes.elementwise import Elementwise
from mlc_explorer.engine.recipes.explaining import explanation
from mlc_explorer.engine.recipes.generic import Generic
from mlc_explorer.engine.recipes.rows import Rows
from mlc_explorer.engine.recipes.sums import Pooling, Reduction
from mlc_explorer.engine.recipes.transposing import Transposed
from mlc_explorer.texts import LANGUAGES

from . import plain
from .convolutions import AVX2, AVX512, MACHINES, NEON, scheduled

OURS = {
    Rows: plain.softmax((64, 1024)),
    Pooling: plain.pool("avg", (4, 16), (28, 28), (3, 3), 1, 1),
    Reduction: plain.mean((64, 256), (1,)),
    Transposed: plain.transposed((64, 48), (1, 0)),
    Elementwise: plain.scale_shift_relu((1, 64, 28, 28)),
    Generic: plain.softmax((8, 16, 32), 1),
}


@pytest.mark.parametrize("recipe", OURS, ids=lambda recipe: recipe.name)
def test_each_kind_of_function_gets_its_recipe(recipe):
    assert isinstance(recipe_for(OURS[recipe].func, AVX512), recipe)


@pytest.mark.parametrize("recipe", [cls for cls in OURS if cls not in (Generic, Elementwise)], ids=str)
def test_a_recipe_says_nothing_of_another_kind(recipe):
    others = [one.func for cls, one in OURS.items() if cls is not recipe and cls is not Pooling]
    assert all(recipe.fitting(func, AVX512) is None for func in others)


@pytest.mark.parametrize("recipe", OURS, ids=lambda recipe: recipe.name)
def test_nothing_is_scheduled_twice(recipe):
    func = scheduled(recipe.fitting(OURS[recipe].func, AVX512), OURS[recipe].func)
    assert all(cls.fitting(func, AVX512) is None for cls in RECIPES if cls is not Generic)


def test_a_vector_is_as_wide_as_the_machines():
    found = {name: Rows.fitting(OURS[Rows].func, machine) for name, machine in MACHINES.items()}
    assert {name: recipe.vector for name, recipe in found.items()} == {"AVX-512": 16, "AVX2": 8, "NEON": 4}
    assert all(recipe.parts == 4 * recipe.vector for recipe in found.values())


def test_a_pools_tile_divides_its_row_and_leaves_registers_for_what_is_loaded():
    assert Pooling.fitting(OURS[Pooling].func, AVX512).pixels == 7
    narrow = Pooling.fitting(OURS[Pooling].func, AVX2)
    assert narrow.pixels <= AVX2.registers // 2 and 28 % narrow.pixels == 0


def test_four_vectors_a_step_where_the_joined_loops_have_them():
    assert Elementwise.fitting(plain.scale_shift_relu((1, 4, 16, 16)).func, AVX512).vector == 64
    assert Elementwise.fitting(plain.scale_shift_relu((1, 4, 16, 16)).func, NEON).vector == 16


def test_no_vector_ends_in_the_middle_of_a_joined_loop():
    """14 × 14 × 16 in one run of 3136 = 49 · 64, and yet 64 would begin in one row and end in the next."""
    blocked = plain.scale_shift_relu((1, 16, 14, 14, 16))
    assert Elementwise.fitting(blocked.func, AVX512).vector == 32


def test_what_is_soon_done_is_left_to_one_core():
    assert Elementwise.fitting(plain.scale_shift_relu((1, 8, 8, 8)).func, AVX512).pieces == 1
    assert Elementwise.fitting(plain.scale_shift_relu((1, 64, 112, 112)).func, AVX512).pieces > AVX512.cores


def test_exponentials_are_written_out_before_a_recipe_is_chosen():
    first, second = steps_for(OURS[Rows].func, "softmax", AVX512, "fast_cpu")
    assert (first.transform, second.transform) == ("vector_math", "row_by_row")
    assert {step.function for step in (first, second)} == {"softmax"}
    assert {step.group for step in (first, second)} == {"fast_cpu"}


@T.prim_func(s_tir=True)
def nothing_to_do(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for i in T.parallel(4):
        with T.sblock("copy"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]


def test_a_function_that_is_scheduled_gets_no_step():
    assert steps_for(nothing_to_do, "copy", AVX512) == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("recipe", OURS, ids=lambda recipe: recipe.name)
def test_the_numbers_are_explained(recipe, language):
    func = OURS[recipe].func
    found = recipe.fitting(func, AVX512)
    told = explanation(found, func, "main", AVX512, language)
    assert told.chosen
    assert len(told.strategy) == len(recipe.strategy())
    for number in told.numbers:
        assert number.why and "{" not in number.why
