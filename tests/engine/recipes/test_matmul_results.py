"""Whatever the shape, and whatever the numbers: a scheduled product computes what its definition says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_explorer.engine.recipes.choosing import recipe_for
from mlc_explorer.engine.recipes.gemv import GemvDot, GemvStreamed
from mlc_explorer.engine.recipes.matmul import MatmulTiled
from mlc_explorer.errors import Refused

from .convolutions import MACHINES
from .products import Product, assert_right, function

FEW = settings(max_examples=20, deadline=None, derandomize=True)
SIZES = st.sampled_from([1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 32, 50, 64])
AFTER = st.sampled_from(
    [(), ("relu",), ("bias",), ("bias", "relu"), ("bias", "residual"), ("scale",), ("bias", "gate")]
)
OURS = (MatmulTiled, GemvStreamed, GemvDot)


def assert_chosen_right(product, machine):
    """The recipe that is chosen for `machine` computes the product."""
    func = function(product)
    recipe = recipe_for(func, MACHINES[machine])
    assert isinstance(recipe, OURS)
    assert_right(product, recipe, func)


@FEW
@given(
    st.builds(
        Product,
        rows=SIZES,
        columns=SIZES,
        depth=SIZES,
        batch=st.sampled_from([(), (1,), (3,), (2, 2)]),
        left=st.booleans(),
        right=st.booleans(),
        after=AFTER,
        before=st.sampled_from([(), (), ("left",), ("right",), ("moved",), ("left", "moved")]),
    ),
    st.sampled_from(sorted(MACHINES)),
)
def test_a_product_is_right_for_every_machine(product, machine):
    """Operands transposed or made beforehand, in batches, of sizes that no vector and no tile divides."""
    assert_chosen_right(product, machine)


@FEW
@given(
    st.builds(
        Product,
        rows=SIZES,
        columns=st.sampled_from([1, 10, 16, 33, 100, 200]),
        depth=SIZES,
        batch=st.sampled_from([(), (1,), (3,)]),
        panel=st.sampled_from([4, 8, 16, 32]),
        after=AFTER,
    ),
    st.sampled_from(sorted(MACHINES)),
)
def test_a_product_with_panels_is_right_for_every_machine(product, machine):
    """Also panels that are as wide as several registers, or narrower than one."""
    assert_chosen_right(product, machine)


@FEW
@given(
    st.builds(
        MatmulTiled,
        tile_rows=st.integers(1, 7),
        tile_vectors=st.integers(1, 5),
        lanes=st.sampled_from([1, 4, 8, 16]),
        unroll=st.integers(1, 5),
        pack=st.booleans(),
        row_parts=st.integers(1, 4),
        parallel=st.booleans(),
    )
)
def test_any_numbers_are_right_or_refused_as_a_sweep_may_try_them(recipe):
    product = Product(12, 20, 6, after=("bias", "relu"))
    func = function(product)
    try:
        recipe.trace(func)
    except Refused:
        assert 20 % (recipe.lanes * recipe.tile_vectors) or -(-12 // recipe.tile_rows) % recipe.row_parts
    else:
        assert_right(product, recipe, func)


@pytest.mark.parametrize("rows, columns", [(40, 48), (1, 96), (5, 10)])
def test_other_types_have_as_many_lanes_as_fit(rows, columns):
    """Doubles are half as many a register."""
    product = Product(rows, columns, 24)
    func = function(product, "float64")
    recipe = recipe_for(func, MACHINES["AVX-512"])
    assert recipe.lanes <= 8
    recipe.trace(func)
