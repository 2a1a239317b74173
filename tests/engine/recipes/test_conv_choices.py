"""Which functions are convolutions to the recipes, and the numbers that they choose for a machine."""

import pytest
from tvm import te
from tvm.script import tirx as T
from tvm.tirx import ForKind

from mlc_explorer.engine.recipes import conv_tile
from mlc_explorer.engine.recipes.base import Recipe
from mlc_explorer.engine.recipes.choosing import recipe_for
from mlc_explorer.engine.recipes.conv_blocked import CHANNELS, ROWS, ConvBlocked, ConvStem
from mlc_explorer.engine.recipes.conv_depthwise import ConvDepthwise
from mlc_explorer.engine.recipes.conv_layer import BLOCKED, DEPTHWISE, STEM, layer
from mlc_explorer.engine.recipes.explaining import explanation
from mlc_explorer.engine.transforms.scope import Scope, extent
from mlc_explorer.errors import Refused
from mlc_explorer.texts import LANGUAGES

from .convolutions import AVX2, AVX512, MACHINES, NEON, Conv, function, scheduled

SQUARE = Conv(64, 64, (56, 56))
STEM_7 = Conv(3, 64, (224, 224), (7, 7), (2, 2), (3, 3, 3, 3))
EACH = Conv(64, 64, (28, 28), groups=64)
RECIPES = {ConvBlocked: SQUARE, ConvStem: STEM_7, ConvDepthwise: EACH}


# -- what is a convolution


def test_a_convolution_is_known_by_what_its_block_computes():
    found = layer(function(Conv(32, 64, (20, 30), (3, 1), groups=2, after=("bias", "relu"))), BLOCKED)
    assert found is not None
    assert (found.block, found.copy, found.following) == ("conv2d_blocked", "pad", ("add", "relu"))
    assert found.spatial == (1, 4, 20, 32, 16)  # a border left and right of a kernel of one column
    assert found.reduction == (1, 3, 1, 16)
    assert (found.groups, found.blocks, found.columns) == (2, 2, 32)
    assert found.weights == 64 * 16 * 3


def test_the_kinds_are_told_apart():
    functions = {BLOCKED: SQUARE, STEM: STEM_7, DEPTHWISE: EACH}
    for kind, conv in functions.items():
        assert [other for other in functions if layer(function(conv), other)] == [kind]


def test_what_is_no_convolution_is_left_to_other_recipes():
    @T.prim_func(s_tir=True)
    def largest(x: T.Buffer((1, 4, 8, 8, 16), "float32"), y: T.Buffer((1, 4, 7, 7, 16), "float32")):
        for n, c, h, w, v, ry, rx in T.grid(1, 4, 7, 7, 16, 2, 2):
            with T.sblock("pool"):
                v_n, v_c, v_h, v_w, v_v, v_y, v_x = T.axis.remap("SSSSSRR", [n, c, h, w, v, ry, rx])
                with T.init():
                    y[v_n, v_c, v_h, v_w, v_v] = T.float32(0)
                y[v_n, v_c, v_h, v_w, v_v] = T.max(
                    y[v_n, v_c, v_h, v_w, v_v], x[v_n, v_c, v_h + v_y, v_w + v_x, v_v]
                )

    assert all(layer(largest, kind) is None for kind in (BLOCKED, STEM, DEPTHWISE))
    for cls in RECIPES:
        assert cls.fitting(largest, AVX512) is None
        with pytest.raises(Refused) as caught:
            cls(
                *[1] * (1 if cls is ConvDepthwise else 3), *([ROWS] if cls is not ConvDepthwise else [])
            ).trace(largest)
        assert caught.value.code == "recipe_unfit"


def test_what_is_scheduled_already_is_left_alone():
    func = function(SQUARE)
    assert recipe_for(scheduled(ConvBlocked.fitting(func, AVX512), func), AVX512) is None


def test_two_sums_in_one_function_are_not_one_convolution():
    x = te.placeholder((1, 4, 8, 8, 16), name="x")
    k, m = te.reduce_axis((0, 8), "k"), te.reduce_axis((0, 8), "m")
    rows = te.compute((1, 4, 8, 16), lambda n, c, w, v: te.sum(x[n, c, k, w, v], k), "rows")
    both = te.compute((1, 4, 16), lambda n, c, v: te.sum(rows[n, c, m, v], m), "both")
    assert layer(te.create_prim_func([x, both]), BLOCKED) is None


# -- the numbers


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("columns", [1, 7, 13, 17, 28, 55, 56, 111, 149, 224])
def test_the_sums_of_a_tile_fit_the_registers(name, columns):
    machine = MACHINES[name]
    lanes = machine.lanes(4)
    found = layer(function(Conv(lanes, 12 * lanes, (3, columns), lanes=lanes)), BLOCKED)
    pixels, blocks = conv_tile.tile(found, machine)
    assert pixels * blocks + blocks <= machine.registers - conv_tile.SPARE
    assert pixels <= columns and 12 % blocks == 0


@pytest.mark.parametrize(
    "conv, machine, tile",
    [
        (SQUARE, AVX512, (14, 2)),  # 28 sums, 2 vectors of weights, 2 to spare: all 32 registers
        (Conv(64, 64, (56, 56), lanes=8), AVX2, (6, 2)),  # 12 sums of 16 registers; 56 is 9 × 6 + 2
        (Conv(64, 64, (56, 56), lanes=4), NEON, (14, 2)),
        (SQUARE, AVX2, (6, 1)),  # blocks of 16 channels take two of its registers each
        (Conv(512, 512, (7, 7)), AVX512, (7, 2)),  # a whole row
        (Conv(64, 48, (7, 7)), AVX512, (7, 3)),
        (Conv(64, 64, (17, 17)), AVX512, (6, 4)),  # no divisor but 17: two tiles of six and one of five
    ],
)
def test_a_tile_for_a_machine(conv, machine, tile):
    chosen = ConvBlocked.fitting(function(conv), machine)
    assert (chosen.pixels, chosen.channel_blocks) == tile


def test_without_peeling_a_tile_divides_the_row():
    """TVM peels loops whose variables have 32 bits; others would keep a guard in the innermost loop."""
    narrow, wide = (function(Conv(64, 64, (15, 15)), index) for index in ("int32", "int64"))
    assert (layer(narrow, BLOCKED).peels, layer(wide, BLOCKED).peels) == (True, False)
    assert 17 % ConvBlocked.fitting(function(Conv(64, 64, (17, 17)), "int64"), AVX512).pixels == 0


def test_blocks_of_a_tile_stay_within_their_group():
    chosen = ConvBlocked.fitting(function(Conv(96, 96, (14, 14), groups=6)), AVX512)
    assert chosen.channel_blocks == 1


def test_a_body_that_is_written_out_stays_small():
    for conv in (SQUARE, Conv(64, 48, (7, 7)), Conv(16, 16, (5, 5), (1, 1), padding=(0, 0, 0, 0))):
        chosen = ConvBlocked.fitting(function(conv), AVX512)
        assert chosen.pixels * chosen.channel_blocks * chosen.unroll <= conv_tile.BODY


@pytest.mark.parametrize(
    "conv, chosen",
    [
        (Conv(512, 512, (7, 7)), CHANNELS),  # 9 MiB of weights, which each row would read
        (Conv(64, 64, (112, 112)), ROWS),  # 3 MiB of input, which each tile of channels would read
        (Conv(256, 256, (56, 56)), CHANNELS),  # neither fits: 56 times the weights or 8 times the input
        (Conv(64, 256, (28, 28), (1, 1), padding=(0, 0, 0, 0)), CHANNELS),  # all fits; the result is largest
        (Conv(512, 1024, (28, 28), (1, 1), (2, 2), (0, 0, 0, 0)), CHANNELS),  # a quarter of the input is read
    ],
)
def test_outermost_is_what_lets_the_least_be_read_again(conv, chosen):
    assert ConvBlocked.fitting(function(conv), AVX512).outermost == chosen


def test_a_first_layer_has_smaller_tiles_and_writes_out_a_short_kernel_row():
    assert ConvStem.fitting(function(Conv(3, 64, (224, 224))), AVX512) == ConvStem(8, 2, 3, ROWS)
    assert ConvStem.fitting(function(STEM_7), AVX512) == ConvStem(8, 2, 7, ROWS)
    large = Conv(3, 64, (227, 227), (11, 11), (4, 4), (0, 0, 0, 0))
    assert ConvStem.fitting(function(large), AVX512) == ConvStem(5, 2, 11, ROWS)


# -- the schedule, and what is said of it


def loops_of(func, block):
    scope = Scope(None, func)
    return [(p.name, extent(p), ForKind(int(p.node.kind)).name) for p in scope.nest(scope.at(block))]


def test_the_reduction_runs_around_a_tile_that_is_written_out():
    func = function(SQUARE)
    loops = loops_of(scheduled(ConvBlocked.fitting(func, AVX512), func), "conv2d_blocked_update")
    assert loops == [
        ("n_y_o_0_fused", 112, "PARALLEL"),
        ("x_0", 4, "SERIAL"),
        ("rc", 4, "SERIAL"),
        ("ry", 3, "SERIAL"),
        ("rx", 3, "SERIAL"),
        ("ri_0", 4, "SERIAL"),
        ("ri_1", 4, "UNROLLED"),
        ("x_1", 14, "UNROLLED"),
        ("o_1", 2, "UNROLLED"),
        ("v", 16, "VECTORIZED"),
    ]


def test_what_follows_is_computed_with_the_tile():
    func = function(Conv(64, 64, (56, 56), after=("bias", "residual", "relu")))
    done = scheduled(ConvBlocked.fitting(func, AVX512), func)
    assert [p.name for p in Scope(None, done).leaves] == [
        "pad",
        "conv2d_blocked_init",
        "conv2d_blocked_update",
        "relu",
    ]
    assert loops_of(done, "relu")[:2] == loops_of(done, "conv2d_blocked_update")[:2]


@pytest.mark.parametrize("cls", RECIPES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recipe_says_why_its_numbers_are_what_they_are(cls: type[Recipe], language):
    func = function(RECIPES[cls])
    recipe = cls.fitting(func, AVX512)
    said = explanation(recipe, func, "main", AVX512, language)
    assert len(said.strategy) == len(cls.strategy())
    assert [number.value for number in said.numbers] == list(recipe.step("main").params.values())
    assert all(str(number.value) in number.why and "{" not in number.why for number in said.numbers)
