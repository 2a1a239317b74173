"""Each library computes each operation as TVM does, with the attributes that the graph hands on."""

import numpy as np
import pytest
import tvm
from tvm import relax

from mlc_explorer.engine import libraries
from mlc_explorer.engine.build import build
from mlc_explorer.engine.libraries import patterns, replace
from mlc_explorer.engine.measure import seeded_inputs
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.verify import agrees

op = relax.op

VARIANCE = relax.const(np.array([0.5, 1.0, 2.0], "float32"))

# operation → shapes of the inputs, and what computes it in a graph
CASES = {
    "matmul": ([(3, 4, 5), (3, 5, 6)], op.matmul),
    "linear": ([(2, 8), (8, 6), (6,)], lambda x, w, b: op.add(op.matmul(x, w), b)),
    "linear, bias first": ([(2, 8), (8, 6), (6,)], lambda x, w, b: op.add(b, op.matmul(x, w))),
    "linear_relu": ([(2, 8), (8, 6), (6,)], lambda x, w, b: op.nn.relu(op.add(op.matmul(x, w), b))),
    "conv2d": ([(2, 3, 9, 8), (4, 3, 3, 2)], lambda x, w: op.nn.conv2d(x, w, (2, 1), (1, 0, 2, 1))),
    "conv2d, dilated": ([(1, 2, 9, 9), (2, 2, 3, 3)], lambda x, w: op.nn.conv2d(x, w, 1, 1, (2, 1))),
    "conv2d, in groups": ([(1, 4, 6, 6), (6, 2, 3, 3)], lambda x, w: op.nn.conv2d(x, w, 1, 1, 1, 2)),
    "conv2d_bias": (
        [(1, 3, 6, 6), (4, 3, 3, 3), (1, 4, 1, 1)],
        lambda x, w, b: op.add(op.nn.conv2d(x, w, 1, 1), b),
    ),
    "conv2d_bias_relu": (
        [(1, 3, 6, 6), (4, 3, 3, 3), (4,)],
        lambda x, w, b: op.nn.relu(op.add(op.nn.conv2d(x, w, 1, 1), op.reshape(b, (1, 4, 1, 1)))),
    ),
    "max_pool2d": ([(1, 2, 8, 8)], lambda x: op.nn.max_pool2d(x, (2, 2), (2, 2))),
    "max_pool2d, padded": ([(1, 2, 9, 7)], lambda x: op.nn.max_pool2d(x, (3, 3), (2, 2), (1, 1, 1, 1))),
    "softmax": ([(3, 5, 7)], lambda x: op.nn.softmax(x, -1)),
    "softmax, another axis": ([(3, 5, 7)], lambda x: op.nn.softmax(x, 1)),
    "layer_norm": ([(2, 3, 8), (8,), (8,)], lambda x, g, b: op.nn.layer_norm(x, g, b, [-1], 1e-5)),
    "batch_norm": (
        [(2, 3, 4, 4), (3,), (3,), (3,)],
        lambda x, g, b, m: relax.TupleGetItem(op.nn.batch_norm(x, g, b, m, VARIANCE, 1, training=False), 0),
    ),
    "mean": ([(2, 3, 4, 5)], lambda x: op.mean(x, [2, 3], True)),
    "mean, of all": ([(3, 4)], lambda x: op.mean(x)),
    "relu": ([(3, 4)], op.nn.relu),
    "add": ([(3, 4), (4,)], op.add),
    "multiply": ([(2, 3, 4), (3, 1)], op.multiply),
    "divide": ([(3, 4), (3, 4)], op.divide),
    "permute_dims": ([(2, 3, 4)], lambda x: op.permute_dims(x, (2, 0, 1))),
    "permute_dims, all": ([(2, 3, 4)], op.permute_dims),
    "reshape": ([(2, 3, 4)], lambda x: op.reshape(x, (6, 4))),
}


def graph(shapes, compute, dtype="float32"):
    builder = relax.BlockBuilder()
    params = [relax.Var(f"x{i}", relax.TensorType(shape, dtype)) for i, shape in enumerate(shapes)]
    with builder.function("main", params):
        with builder.dataflow():
            result = builder.emit_output(compute(*params))
        builder.emit_func_output(result)
    return builder.get()


def test_every_operation_is_tried():
    assert {case.partition(",")[0] for case in CASES} == set(libraries.OPERATIONS)


@pytest.mark.parametrize("library", list(libraries.LIBRARIES))
@pytest.mark.parametrize("case", list(CASES))
def test_a_library_computes_what_the_graph_says(case, library):
    for package in libraries.LIBRARIES[library].imports:
        pytest.importorskip(package, reason=f"{library} is not installed")
    operation = case.partition(",")[0]
    before = graph(*CASES[case])
    name = libraries.global_name(library, operation)
    after = replace.replace_by_calls(before, name, *patterns.made(operation))
    bindings = [b.value for block in after["main"].body.blocks for b in block.bindings]
    assert [str(call.args[0].global_symbol) for call in bindings] == [name], "one call, and nothing besides"

    plain, ours = build(before, target("generic")), build(after, target("generic"))
    inputs = seeded_inputs(plain.signature.inputs)
    assert agrees(ours(inputs), plain(inputs))


@pytest.mark.parametrize("dtype", ["int32", "float16", "float64"])
def test_other_element_types_are_left_to_tvm(dtype):
    before = graph([(3, 4), (4,)], op.add, dtype)
    after = replace.replace_by_calls(before, "env.numpy.add", *patterns.made("add"))
    tvm.ir.assert_structural_equal(after, before)


def test_a_sum_that_is_no_bias_is_no_convolution_with_a_bias():
    before = graph([(1, 3, 6, 6), (4, 3, 3, 3), (1, 1, 6, 6)], CASES["conv2d_bias"][1])
    after = replace.replace_by_calls(before, "env.numpy.conv2d_bias", *patterns.made("conv2d_bias"))
    tvm.ir.assert_structural_equal(after, before)


def test_a_nan_goes_through():
    before = graph([(2, 8), (8, 6), (6,)], CASES["linear"][1])
    after = replace.replace_by_calls(before, "env.numpy.linear", *patterns.made("linear"))
    inputs = seeded_inputs(build(before, target("generic")).signature.inputs)
    inputs[0][0, 0] = np.nan
    result = build(after, target("generic"))(inputs)[0]
    assert np.isnan(result[0]).all() and not np.isnan(result[1]).any()
