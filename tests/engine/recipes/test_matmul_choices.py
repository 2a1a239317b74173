"""Which functions are products to the recipes, and the numbers that they choose for a machine."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.recipes.explaining import explanation
from mlc_explorer.engine.recipes.gemv import GemvDot, GemvStreamed
from mlc_explorer.engine.recipes.matmul import MatmulTiled
from mlc_explorer.engine.recipes.matmul_product import product_of
from mlc_explorer.engine.recipes.matmul_tile import PACKED_ROWS, Tile, fits
from mlc_explorer.errors import Refused
from mlc_explorer.texts import LANGUAGES

from .convolutions import AVX2, AVX512, MACHINES, NEON, Conv, scheduled
from .convolutions import function as convolution
from .products import Product, function

SQUARE = Product(96, 128, 64, after=("bias", "relu"))
ROW = Product(1, 1000, 512, panel=32, after=("bias",))
ALONG = Product(1, 512, 1024, right=True)
RECIPES = {MatmulTiled: SQUARE, GemvStreamed: ROW, GemvDot: ALONG}


# -- what is a product


def extents(axes):
    return [axis.extent for axis in axes]


def test_a_product_is_known_by_what_its_block_computes():
    found = product_of(function(Product(6, 20, 5, batch=(2, 3), right=True, after=("bias", "relu"))))
    assert (found.left.name, found.right.name, found.after) == ("A", "B", ("add", "relu"))
    assert [extents(kind) for kind in (found.batch, found.rows, found.columns, found.sums)] == [
        [2, 3],
        [6],
        [20],
        [5],
    ]
    assert (found.column.out, found.column.right, found.sums[0].right) == (1, 5, 1)
    assert found.operations == 2 * 6 * 6 * 20 * 5


def test_the_operand_along_which_the_result_is_contiguous_is_read_in_vectors():
    @T.prim_func(s_tir=True)
    def turned(
        a: T.Buffer((8, 4), "float32"), b: T.Buffer((4, 6), "float32"), c: T.Buffer((6, 8), "float32")
    ):
        for i, j, k in T.grid(8, 6, 4):
            with T.sblock("C"):
                v_i, v_j, v_k = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    c[v_j, v_i] = T.float32(0)
                c[v_j, v_i] = c[v_j, v_i] + a[v_i, v_k] * b[v_k, v_j]

    found = product_of(turned)
    assert (found.left.name, found.right.name) == ("b", "a")
    assert (extents(found.rows), extents(found.columns)) == ([6], [8])


def test_panels_are_told_from_two_axes_of_columns():
    packed = product_of(function(Product(3, 100, 8, panel=32)))
    assert (packed.panels.extent, packed.column.extent) == (4, 32)
    assert packed.filled  # 128 columns, of which 100 count
    assert product_of(function(Product(3, 100, 8))).panels is None


def test_rows_of_several_matrices_that_were_made_one_axis_are_told():
    assert product_of(function(Product(6, 32, 8, batch=(3,), panel=32))).run == 6
    assert product_of(function(Product(18, 32, 8, panel=32))).run == 18


def test_a_result_that_is_used_twice_is_still_one_product():
    assert product_of(function(Product(4, 8, 3, after=("bias", "gate")))).after == ("add", "sigmoid", "gated")


def test_what_is_no_product_is_left_to_other_recipes():
    @T.prim_func(s_tir=True)
    def squares(x: T.Buffer((8, 16), "float32"), y: T.Buffer((8,), "float32")):
        for i, k in T.grid(8, 16):
            with T.sblock("sum"):
                v_i, v_k = T.axis.remap("SR", [i, k])
                with T.init():
                    y[v_i] = T.float32(0)
                y[v_i] = y[v_i] + x[v_i, v_k] * x[v_i, v_k]

    for other in (squares, convolution(Conv(16, 16, (6, 6)))):
        assert product_of(other) is None
        for recipe in (
            MatmulTiled(1, 1, 4, 1, False, 1, True),
            GemvStreamed(1, 4, 1, True),
            GemvDot(1, 4, True),
        ):
            assert type(recipe).fitting(other, AVX512) is None
            with pytest.raises(Refused) as caught:
                recipe.trace(other)
            assert caught.value.code == "recipe_unfit"


def test_what_is_scheduled_already_is_left_alone():
    for cls, product in RECIPES.items():
        func = function(product)
        assert product_of(scheduled(cls.fitting(func, AVX512), func)) is None


# -- which numbers


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize("rows, columns", [(1024, 1024), (96, 128), (37, 197)])
def test_a_tile_fits_the_registers_and_uses_most_of_them(machine, rows, columns):
    found = MatmulTiled.fitting(function(Product(rows, columns, 64)), MACHINES[machine])
    assert found.lanes == MACHINES[machine].lanes(4)
    assert fits(Tile(found.tile_rows, found.tile_vectors, found.lanes), MACHINES[machine].registers)
    assert found.tile_rows * found.tile_vectors >= MACHINES[machine].registers // 2


def test_lanes_are_those_of_the_machine():
    lanes = {m: MatmulTiled.fitting(function(SQUARE), m).lanes for m in (AVX512, AVX2, NEON)}
    assert list(lanes.values()) == [16, 8, 4]


def test_an_operand_is_copied_where_it_is_read_with_jumps_by_enough_rows():
    def packs(rows, columns, right=False):
        return MatmulTiled.fitting(function(Product(rows, columns, 64, right=right)), AVX512).pack

    assert packs(64, 1024)
    assert not packs(PACKED_ROWS - 1, 1024)
    assert not packs(64, 32)  # two vectors a row: as good as a panel
    assert packs(64, 32, right=True)
    assert packs(3, 17)  # no vector divides the columns


def test_small_products_stay_on_one_core_and_others_are_shared_evenly():
    assert not MatmulTiled.fitting(function(Product(8, 16, 16)), AVX512).parallel
    for rows, columns in [(128, 128), (64, 32), (30, 500)]:
        found = MatmulTiled.fitting(function(Product(rows, columns, 256)), AVX512)
        tiles = -(-columns // (found.tile_vectors * found.lanes)) * found.row_parts
        assert found.parallel
        assert tiles >= AVX512.cores


def test_one_row_keeps_several_sums_under_way():
    assert GemvStreamed.fitting(function(ROW), AVX512).tile_vectors == 8
    assert GemvDot.fitting(function(ALONG), AVX512).tile_columns == 8
    two = GemvDot.fitting(function(Product(2, 512, 1024, right=True)), AVX512)
    assert two.tile_columns == 4


def test_rows_along_the_sum_need_whole_vectors():
    assert GemvDot.fitting(function(Product(1, 64, 1023, right=True)), AVX512) is None
    assert GemvDot.fitting(function(Product(64, 64, 1024, right=True)), AVX512) is None


@pytest.mark.parametrize("cls", RECIPES)
def test_numbers_that_do_not_suit_are_refused(cls):
    func = function(RECIPES[cls])
    wrong = {
        MatmulTiled: MatmulTiled(5, 3, 7, 1, False, 1, True),
        GemvStreamed: GemvStreamed(1, 7, 1, True),
        GemvDot: GemvDot(7, 16, True),
    }
    with pytest.raises(Refused) as caught:
        wrong[cls].trace(func)
    assert caught.value.code == "recipe_unfit"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cls", RECIPES)
def test_every_number_has_a_reason(cls, language):
    func = function(RECIPES[cls])
    found = explanation(cls.fitting(func, AVX512), func, "main", AVX512, language)
    assert all(number.why and "{" not in number.why for number in found.numbers)
