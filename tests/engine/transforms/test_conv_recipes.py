"""The recipes of convolutions as steps: before, after, and what they refuse.

Shapes and numbers of all kinds are in tests/engine/recipes.
"""

from tvm.script import tirx as T

from mlc_explorer.schema.trace import Step
from tests.engine.recipes.convolutions import Conv, function

# A row of five pixels, three taps, four lanes; then bias and relu.
ROW = Conv(4, 8, (2, 5), (1, 3), padding=(0, 1, 0, 1), lanes=4, after=("bias", "relu"))
FIRST = Conv(1, 4, (6, 6), (3, 3), strides=(2, 2), padding=(0, 0, 0, 0), lanes=4, after=("relu",))
EACH = Conv(8, 8, (4, 4), (3, 3), padding=(0, 0, 0, 0), groups=8, lanes=4, after=())


@T.prim_func(s_tir=True)
def row_in_tiles(
    data: T.Buffer((1, 1, 2, 5, 4), "float32"),
    weight: T.Buffer((2, 1, 1, 3, 4, 4), "float32"),
    bias: T.Buffer((1, 2, 1, 1, 4), "float32"),
    relu: T.Buffer((1, 2, 2, 5, 4), "float32"),
):
    T.func_attr({"tirx.noalias": True})
    pad = T.sblock_alloc_buffer((1, 1, 2, 7, 4))
    conv = T.sblock_alloc_buffer((1, 2, 2, 5, 4))
    for rows in T.parallel(2):  # zeros left and right of each row
        for i3 in range(7):
            for i4 in T.vectorized(4):
                with T.sblock("pad"):
                    n = T.axis.spatial(1, 0)
                    c = T.axis.spatial(1, 0)
                    h, w, v = T.axis.remap("SSS", [rows, i3, i4])
                    T.reads(data[n, c, h, w - 1, v])
                    T.writes(pad[n, c, h, w, v])
                    pad[n, c, h, w, v] = T.if_then_else(
                        0 <= h and h < 2 and 1 <= w and w < 6,  # noqa: SIM300 (compared as it stands)
                        data[n, c, h, w - 1, v],
                        T.float32(0),
                    )
    for n_y in T.parallel(2):
        for x_0 in T.serial(3, annotations={"pragma_loop_partition_hint": 1}):  # two, two and one pixel
            for x_1_init in T.unroll(2):
                for o_init in T.unroll(2):
                    for v_init in T.vectorized(4):
                        with T.sblock("conv2d_blocked_init"):
                            n = T.axis.spatial(1, 0)
                            o, y = T.axis.remap("SS", [o_init, n_y])
                            x = T.axis.spatial(5, x_0 * 2 + x_1_init)
                            v = T.axis.spatial(4, v_init)
                            T.where(x_0 * 2 + x_1_init < 5)
                            T.reads()
                            T.writes(conv[n, o, y, x, v])
                            conv[n, o, y, x, v] = T.float32(0)
            for r, ky, kx, ri_0 in T.grid(1, 1, 3, 2):
                for ri_1 in T.unroll(2):
                    for x_1 in T.unroll(2):
                        for o_1 in T.unroll(2):
                            for v_1 in T.vectorized(4):
                                with T.sblock("conv2d_blocked_update"):
                                    n = T.axis.spatial(1, 0)
                                    o, y = T.axis.remap("SS", [o_1, n_y])
                                    x = T.axis.spatial(5, x_0 * 2 + x_1)
                                    v, rc, ry, rx = T.axis.remap("SRRR", [v_1, r, ky, kx])
                                    ri = T.axis.reduce(4, ri_0 * 2 + ri_1)
                                    T.where(x_0 * 2 + x_1 < 5)
                                    T.reads(
                                        conv[n, o, y, x, v],
                                        pad[n, rc, y + ry, x + rx, ri],
                                        weight[o, rc, ry, rx, ri, v],
                                    )
                                    T.writes(conv[n, o, y, x, v])
                                    conv[n, o, y, x, v] = (
                                        conv[n, o, y, x, v]
                                        + pad[n, rc, y + ry, x + rx, ri] * weight[o, rc, ry, rx, ri, v]
                                    )
            for ax0 in T.unroll(2):
                for ax1 in T.unroll(2):
                    for ax2 in T.vectorized(4):
                        with T.sblock("relu"):
                            n = T.axis.spatial(1, 0)
                            o, y = T.axis.remap("SS", [ax0, n_y])
                            x = T.axis.spatial(5, x_0 * 2 + ax1)
                            v = T.axis.spatial(4, ax2)
                            T.where(x_0 * 2 + ax1 < 5)
                            T.reads(conv[n, o, y, x, v], bias[n, o, 0, 0, v])
                            T.writes(relu[n, o, y, x, v])
                            relu[n, o, y, x, v] = T.max(
                                conv[n, o, y, x, v] + bias[n, o, 0, 0, v], T.float32(0)
                            )


@T.prim_func(s_tir=True)
def first_in_tiles(
    data: T.Buffer((1, 1, 6, 6), "float32"),
    weight: T.Buffer((1, 1, 3, 3, 4), "float32"),
    relu: T.Buffer((1, 1, 2, 2, 4), "float32"),
):
    T.func_attr({"tirx.noalias": True})
    conv = T.sblock_alloc_buffer((1, 1, 2, 2, 4))
    for n_y in T.parallel(2):
        for o_0 in range(1):
            for x_init in T.unroll(2):
                for v_init in T.vectorized(4):
                    with T.sblock("conv2d_stem_init"):
                        n = T.axis.spatial(1, 0)
                        o, y, x, v = T.axis.remap("SSSS", [o_0, n_y, x_init, v_init])
                        T.reads()
                        T.writes(conv[n, o, y, x, v])
                        conv[n, o, y, x, v] = T.float32(0)
            for r, ky in T.grid(1, 3):
                for kx in T.unroll(3):  # a row of the kernel
                    for x_1 in T.unroll(2):
                        for v_1 in T.vectorized(4):
                            with T.sblock("conv2d_stem_update"):
                                n = T.axis.spatial(1, 0)
                                o, y, x, v, rc, ry, rx = T.axis.remap(
                                    "SSSSRRR", [o_0, n_y, x_1, v_1, r, ky, kx]
                                )
                                T.reads(
                                    conv[n, o, y, x, v],
                                    data[n, rc, y * 2 + ry, x * 2 + rx],
                                    weight[o, rc, ry, rx, v],
                                )
                                T.writes(conv[n, o, y, x, v])
                                conv[n, o, y, x, v] = (
                                    conv[n, o, y, x, v]
                                    + data[n, rc, y * 2 + ry, x * 2 + rx] * weight[o, rc, ry, rx, v]
                                )
            for ax0 in T.unroll(2):
                for ax1 in T.vectorized(4):
                    with T.sblock("relu"):
                        n = T.axis.spatial(1, 0)
                        o = T.axis.spatial(1, 0)
                        y, x, v = T.axis.remap("SSS", [n_y, ax0, ax1])
                        T.reads(conv[n, o, y, x, v])
                        T.writes(relu[n, o, y, x, v])
                        relu[n, o, y, x, v] = T.max(conv[n, o, y, x, v], T.float32(0))


@T.prim_func(s_tir=True)
def each_in_tiles(
    data: T.Buffer((1, 2, 4, 4, 4), "float32"),
    weight: T.Buffer((2, 3, 3, 4), "float32"),
    out: T.Buffer((1, 2, 2, 2, 4), "float32"),
):
    T.func_attr({"tirx.noalias": True})
    sums = T.sblock_alloc_buffer((1, 2, 2, 2, 4))
    for n_c_y in T.parallel(4):
        for x_init in T.unroll(2):
            for v_init in T.vectorized(4):
                with T.sblock("conv2d_depthwise_init"):
                    n = T.axis.spatial(1, 0)
                    c = T.axis.spatial(2, n_c_y // 2)
                    y = T.axis.spatial(2, n_c_y % 2)
                    x, v = T.axis.remap("SS", [x_init, v_init])
                    T.reads()
                    T.writes(sums[n, c, y, x, v])
                    sums[n, c, y, x, v] = T.float32(0)
        for ky in range(3):
            for kx in T.unroll(3):
                for x_1 in T.unroll(2):
                    for v_1 in T.vectorized(4):
                        with T.sblock("conv2d_depthwise_update"):
                            n = T.axis.spatial(1, 0)
                            c = T.axis.spatial(2, n_c_y // 2)
                            y = T.axis.spatial(2, n_c_y % 2)
                            x, v, ry, rx = T.axis.remap("SSRR", [x_1, v_1, ky, kx])
                            T.reads(sums[n, c, y, x, v], data[n, c, y + ry, x + rx, v], weight[c, ry, rx, v])
                            T.writes(sums[n, c, y, x, v])
                            sums[n, c, y, x, v] = (
                                sums[n, c, y, x, v] + data[n, c, y + ry, x + rx, v] * weight[c, ry, rx, v]
                            )
        for ax0 in T.unroll(2):
            for ax1 in T.vectorized(4):
                with T.sblock("conv2d_depthwise_global"):
                    n = T.axis.spatial(1, 0)
                    c = T.axis.spatial(2, n_c_y // 2)
                    y = T.axis.spatial(2, n_c_y % 2)
                    x, v = T.axis.remap("SS", [ax0, ax1])
                    T.reads(sums[n, c, y, x, v])
                    T.writes(out[n, c, y, x, v])
                    out[n, c, y, x, v] = sums[n, c, y, x, v]


@T.prim_func(s_tir=True)
def scale(x: T.Buffer((64, 48), "float32"), y: T.Buffer((64, 48), "float32")):
    for i, j in T.grid(64, 48):
        with T.sblock("scale"):
            v_i, v_j = T.axis.remap("SS", [i, j])
            y[v_i, v_j] = x[v_i, v_j] * T.float32(2)


def test_conv2d_blocked(check, refuse):
    numbers = {"pixels": 2, "channel_blocks": 2, "unroll": 2, "outermost": "channels"}
    step = Step("conv2d_blocked", "main", numbers)
    check(function(ROW), row_in_tiles, step)
    assert refuse(scale, step).code == "recipe_unfit"


def test_conv2d_stem(check, refuse):
    step = Step("conv2d_stem", "main", {"pixels": 2, "channel_blocks": 1, "unroll": 3, "outermost": "rows"})
    check(function(FIRST), first_in_tiles, step)
    assert refuse(function(ROW), step).code == "recipe_unfit"


def test_conv2d_depthwise(check, refuse):
    step = Step("conv2d_depthwise", "main", {"pixels": 2})
    check(function(EACH), each_in_tiles, step)
    assert refuse(function(ROW), step).code == "recipe_unfit"
