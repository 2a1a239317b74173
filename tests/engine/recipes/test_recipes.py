"""What holds of every recipe: its strategy is said in both languages, each of its numbers has a reason."""

import string

import pytest

from mlc_explorer.engine import loaders
from mlc_explorer.engine.draft import Draft
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.base import Recipe
from mlc_explorer.engine.recipes.choosing import RECIPES
from mlc_explorer.engine.recipes.generic import Generic
from mlc_explorer.engine.transforms.catalogue import TRANSFORMS
from mlc_explorer.texts import LANGUAGES, say, table

from . import convolutions, plain, products
from .convolutions import Conv
from .products import Product

IN_CATALOGUE = {name: cls for name, cls in TRANSFORMS.items() if issubclass(cls, Recipe)}

EXAMPLES = {
    "conv2d_blocked": convolutions.function(Conv(16, 32, (6, 6), (3, 3), after=("bias", "relu"))),
    "conv2d_stem": convolutions.function(Conv(3, 16, (8, 8), (3, 3), strides=(2, 2), after=("relu",))),
    "conv2d_depthwise": convolutions.function(Conv(16, 16, (6, 6), (3, 3), groups=16)),
    "conv2d_plain": loaders.load("conv2d").mod["main"],
    "matmul_tiled": products.function(Product(48, 64, 32, after=("bias", "relu"))),
    "gemv_streamed": products.function(Product(1, 96, 64, panel=32)),
    "gemv_dot": products.function(Product(1, 64, 128, right=True)),
    "row_by_row": plain.softmax((8, 64)).func,
    "pooling": plain.pool("max", (2, 16), (8, 8), (3, 3), 2, 1).func,
    "reduction": plain.mean((4, 6, 64), (2,)).func,
    "transpose_tiled": plain.transposed((24, 16), (1, 0)).func,
    "elementwise": plain.scale_shift_relu((1, 8, 6, 6)).func,
    "generic": plain.softmax((4, 8, 16), 1).func,
}


@pytest.fixture
def examples():
    assert set(EXAMPLES) == set(IN_CATALOGUE), "a function for each recipe"
    return EXAMPLES


def numbers(recipe):
    return [field.name for field, _ in recipe.kinds()]


def sentences(recipe, language):
    return tuple(say(f"recipe.{recipe.name}.strategy", language).strip().splitlines())


def test_every_recipe_that_is_asked_is_in_the_catalogue_and_the_generic_one_is_last():
    assert {recipe.name for recipe in RECIPES} == set(IN_CATALOGUE)
    assert RECIPES[-1] is Generic


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_strategy_on_the_screen_is_the_one_in_the_code(recipe):
    assert len(recipe.strategy()) > 1
    assert sentences(recipe, "en") == recipe.strategy()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_strategy_has_as_many_sentences_in_every_language(recipe):
    assert {len(sentences(recipe, language)) for language in LANGUAGES} == {len(recipe.strategy())}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_number_has_a_reason_and_no_reason_is_left_over(recipe):
    start = f"recipe.{recipe.name}.why."
    for language in LANGUAGES:
        assert {key for key in table(language) if key.startswith(start)} == {
            start + name for name in numbers(recipe)
        }


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_reason_speaks_of_nothing_that_the_recipe_does_not_fill_in(recipe, examples):
    """By the recipe as it is chosen for one of its functions."""
    machine = Machine(64, 32, 48 << 10, 2 << 20, 2)
    func = examples[recipe.name]
    found = recipe.fitting(func, machine)
    known = set(numbers(recipe)) | set(found.reasons(func, machine))
    for name in numbers(recipe):
        for language in LANGUAGES:
            text = say(f"recipe.{recipe.name}.why.{name}", language)
            assert {field for _, field, _, _ in string.Formatter().parse(text) if field} <= known


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_writes_itself_as_primitives_without_changing_what_it_was_given(recipe, examples):
    func = examples[recipe.name]
    found = recipe.fitting(func, Machine(32, 16, 32 << 10, 1 << 20, 2))
    draft = Draft(func, "main")
    found.write(draft)
    assert draft.steps and not {step.transform for step in draft.steps} & set(IN_CATALOGUE)
    assert draft.finished() is not None
