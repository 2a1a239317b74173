"""Passes towards fast inference: what they make of a graph, and that its results stay the same."""

import numpy as np
import pytest
from tvm import relax

from mlc_explorer.engine.transforms import apply_step, blocked_te, packed_te
from mlc_explorer.schema.trace import Step

from .graph_text import graph

RNG = np.random.default_rng(0)
W = RNG.standard_normal((32, 3, 3, 3)).astype("float32")
W2 = RNG.standard_normal((16, 32, 1, 1)).astype("float32")
MATRIX = RNG.standard_normal((6, 20)).astype("float32")


def bound(text, **constants):
    """The graph with these parameters as constants."""
    return relax.transform.BindParams("main", constants)(graph(text))


def written(x, make):
    """The graph of one input whose result `make` emits, with a function for each tensor expression."""
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        with builder.dataflow():
            last = make(builder, lambda te, *args: builder.emit_te(te, *args, primfunc_name_hint=te.__name__))
            result = builder.emit_output(last)
        builder.emit_func_output(result)
    return relax.transform.CanonicalizeBindings()(builder.get())


def normalised():
    """Batch norm after a convolution, with dropout behind it."""
    statistics = {
        "gamma": RNG.uniform(0.5, 2, 32),
        "beta": RNG.standard_normal(32),
        "mean": RNG.standard_normal(32),
        "variance": RNG.uniform(0.5, 2, 32),
    }
    text = """
    main(x: F32[1, 3, 8, 8], w: F32[32, 3, 3, 3], gamma: V, beta: V, mean: V, variance: V)
    c = R.nn.conv2d(x, w)
    n = R.nn.batch_norm(c, gamma, beta, mean, variance, axis=1, training=False)
    y = n[0]
    d = R.nn.dropout(y, rate=0.5)
    e = d[0]
    z = R.nn.relu(e)
    """
    statistics = {name: array.astype("float32") for name, array in statistics.items()}
    return bound(text.replace("V", "F32[32]"), w=W, **statistics), statistics


def test_simplifyforinference(check):
    before, known = normalised()
    scale = known["gamma"].astype("float64") / np.sqrt(known["variance"].astype("float64") + 1e-5)
    shift = known["beta"] - known["mean"] * scale
    text = """
    main(x: F32[1, 3, 8, 8], w: F32[32, 3, 3, 3], b: F32[1, 32, 1, 1])
    c = R.nn.conv2d(x, w)
    a = R.add(c, b)
    z = R.nn.relu(a)
    """
    weight = (W * scale.reshape(-1, 1, 1, 1)).astype("float32")
    after = bound(text, w=weight, b=shift.reshape(1, 32, 1, 1).astype("float32"))
    check(before, after, Step("SimplifyForInference"))


def test_simplifyforinference_makes_a_sum_of_a_sum_over_a_stack(check):
    before = graph("""
    main(x: F32[1, 4], y: F32[1, 4], z: F32[1, 4])
    a = R.broadcast_to(x, R.shape([1, 4]))
    s = R.stack((a, y, z), axis=0)
    t = R.sum(s, axis=[0], keepdims=False)
    """)
    after = graph("""
    main(x: F32[1, 4], y: F32[1, 4], z: F32[1, 4])
    a = R.add(x, y)
    t = R.add(a, z)
    """)
    check(before, after, Step("SimplifyForInference"))


def test_simplifyforinference_keeps_a_batch_norm_that_is_learning(check):
    text = """
    main(x: F32[1, 2, 4, 4], gamma: F32[2], beta: F32[2], mean: F32[2], variance: F32[2])
    n = R.nn.batch_norm(x, gamma, beta, mean, variance, axis=1, training=True)
    y = n[0]
    """
    ones = np.ones(2, "float32")
    module = bound(text, gamma=ones, beta=ones, mean=ones, variance=ones)
    check(module, module, Step("SimplifyForInference"))


def test_simplifyforinference_refused_once_the_operators_are_gone(refuse):
    legal = apply_step(normalised()[0], Step("LegalizeOps")).mod
    assert refuse(legal, Step("SimplifyForInference")).code == "needs_operators"


def two_convolutions():
    return bound(
        """
    main(x: F32[1, 3, 8, 8], w: F32[32, 3, 3, 3], w2: F32[16, 32, 1, 1])
    c = R.nn.conv2d(x, w, padding=(1, 1, 1, 1))
    r = R.nn.relu(c)
    p = R.nn.max_pool2d(r, (2, 2), (2, 2))
    y = R.nn.conv2d(p, w2)
    """,
        w=W,
        w2=W2,
    )


def test_blockchannels(check):
    """The stem reads plain channels; everything after it stays blocked until the result is asked for."""
    x = relax.Var("x", relax.TensorType((1, 3, 8, 8), "float32"))
    stem = W.reshape(4, 8, 3, 3, 3).transpose(0, 2, 3, 4, 1)
    packed = W2.reshape(2, 8, 4, 8, 1, 1).transpose(0, 2, 4, 5, 3, 1)
    stem, packed = (relax.const(np.ascontiguousarray(array)) for array in (stem, packed))

    def after(builder, te):
        c = te(blocked_te.conv2d_stem, x, stem, [1, 1], [1, 1, 1, 1], [1, 1])
        r = builder.emit(relax.op.nn.relu(c))
        p = builder.emit(relax.op.nn.max_pool2d(r, (2, 2), (2, 2), layout="NCHW8c"))
        y = te(blocked_te.conv2d_blocked, p, packed, [1, 1], [0, 0, 0, 0], [1, 1], 1)
        return te(blocked_te.unblock, y, 16)

    check(two_convolutions(), written(x, after), Step("BlockChannels", params={"channels": 8}))


def test_blockchannels_refused_without_a_convolution_that_it_knows(refuse):
    """Weights that come at run time cannot be packed beforehand."""
    module = graph("""
    main(x: F32[1, 3, 8, 8], w: F32[32, 3, 3, 3])
    y = R.nn.conv2d(x, w)
    """)
    refusal = refuse(module, Step("BlockChannels"))
    assert refusal.code == "nothing_to_block" and "constants" in refusal.hint


@pytest.mark.parametrize("rows", [1, 5])
def test_packmatmul(check, rows):
    """Twenty columns are three panels of eight, four of them zeros; two of sixteen would have twelve."""
    before = bound(f"main(x: F32[{rows}, 6], w: F32[6, 20])\ny = R.matmul(x, w)", w=MATRIX)
    filled = np.pad(MATRIX, [(0, 0), (0, 4)])
    panels = relax.const(np.ascontiguousarray(filled.reshape(6, 3, 8).transpose(1, 0, 2)))
    x = relax.Var("x", relax.TensorType((rows, 6), "float32"))
    after = written(x, lambda builder, te: te(packed_te.matmul_packed, x, panels, 20))
    check(before, after, Step("PackMatmul", params={"columns": 16}))


def test_packmatmul_refused_where_both_operands_come_at_run_time(refuse):
    module = graph("main(x: F32[4, 6], w: F32[6, 20])\ny = R.matmul(x, w)")
    assert refuse(module, Step("PackMatmul")).code == "nothing_to_pack"


def test_after_all_of_them_an_operator_and_its_neighbours_are_one_function():
    """Convolution, bias, residual sum and ReLU share one nest of loops."""
    text = """
    main(x: F32[1, 16, 8, 8], w: F32[16, 16, 3, 3], b: F32[1, 16, 1, 1])
    c = R.nn.conv2d(x, w, padding=(1, 1, 1, 1))
    d = R.add(c, b)
    r = R.nn.relu(d)
    e = R.nn.conv2d(r, w, padding=(1, 1, 1, 1))
    f = R.add(e, b)
    s = R.add(f, r)
    y = R.nn.relu(s)
    """
    weight = RNG.standard_normal((16, 16, 3, 3)).astype("float32")
    mod = bound(text, w=weight, b=RNG.standard_normal((1, 16, 1, 1)).astype("float32"))
    for name in (
        "BlockChannels",
        "LegalizeOps",
        "AnnotateTIROpPattern",
        "FuseOps",
        "FuseTIR",
        "DeadCodeElimination",
    ):
        mod = apply_step(mod, Step(name)).mod
    assert {var.name_hint for var in mod.get_global_vars()} == {
        "main",
        "block",
        "fused_conv2d_blocked_add_relu",
        "fused_conv2d_blocked_add_add1_relu",
        "unblock",
    }


def test_a_shuffle_of_channels_moves_nothing():
    """The depthwise convolution after it has its weights in the order of the lanes."""
    text = """
    main(x: F32[1, 3, 8, 8], w: F32[32, 3, 3, 3], d: F32[32, 1, 3, 3], w2: F32[16, 32, 1, 1])
    c = R.nn.conv2d(x, w)
    s = R.reshape(c, R.shape([1, 4, 8, 6, 6]))
    t = R.permute_dims(s, axes=[0, 2, 1, 3, 4])
    r = R.reshape(t, R.shape([1, 32, 6, 6]))
    e = R.nn.conv2d(r, d, groups=32)
    y = R.nn.conv2d(e, w2)
    """
    depthwise = RNG.standard_normal((32, 1, 3, 3)).astype("float32")
    mod = apply_step(bound(text, w=W, d=depthwise, w2=W2), Step("BlockChannels")).mod
    names = {var.name_hint.rstrip("1") for var in mod.get_global_vars()}
    assert names == {"main", "conv2d_stem", "conv2d_depthwise", "conv2d_blocked", "unblock"}


def test_groups_that_fill_no_block_are_computed_as_one_or_laid_apart_as_is_cheaper():
    """Four groups of 8 make up two blocks of 16; four of 68 are filled up to 80 each."""

    def panels(channels):
        text = f"""
        main(x: F32[1, {channels}, 8, 8], w: F32[{channels}, {channels // 4}, 3, 3])
        y = R.nn.conv2d(x, w, groups=4)
        """
        weight = RNG.standard_normal((channels, channels // 4, 3, 3)).astype("float32")
        mod = apply_step(bound(text, w=weight), Step("BlockChannels", params={"channels": 16})).mod
        return tuple(int(n) for n in mod["conv2d_blocked"].params[1].ty.shape)

    assert panels(32) == (2, 1, 3, 3, 16, 16)
    assert panels(272) == (20, 5, 3, 3, 16, 16)
