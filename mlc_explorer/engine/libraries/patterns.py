"""What in a graph a library can compute: a pattern of operators for each operation, and the call's arguments.

Each function gives the pattern, and a function from what the pattern found to the arguments of the call,
which says None where the match is not what it seems (another layout, a sum that is no bias). Exported scripts
carry the text of what they use, so that this uses nothing but TVM.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import inspect
from collections.abc import Iterable

from tvm import relax
from tvm.relax.dpl import is_op, is_tuple_get_item, wildcard


def with_relu(pattern, relu):
    return is_op("relax.nn.relu")(pattern) if relu else pattern


def plus(a, b):
    return is_op("relax.add")(a, b) | is_op("relax.add")(b, a)


def matmul_pattern():
    product = is_op("relax.matmul")(wildcard(), wildcard())
    return product, lambda found: list(found[product].args)


def linear_pattern(relu):
    """x @ w + b (+ relu) with a matrix w and a vector b."""
    bias = wildcard()
    product = is_op("relax.matmul")(wildcard(), wildcard())

    def arguments(found):
        x, w = found[product].args
        is_layer = w.ty.ndim == 2 and found[bias].ty.ndim == 1
        return [x, w, found[bias]] if is_layer else None

    return with_relu(plus(product, bias), relu), arguments


def conv2d_pattern(bias, relu):
    """A convolution NCHW, OIHW, with a bias for each channel, which importers reshape to (1, C, 1, 1)."""
    convolution, b = is_op("relax.nn.conv2d")(wildcard(), wildcard()), wildcard()
    reshaped = is_op("relax.reshape")(b, wildcard())
    total = plus(convolution, reshaped) | plus(convolution, b)

    def arguments(found):
        x, w = found[convolution].args
        attrs = found[convolution].attrs
        if (attrs.data_layout, attrs.kernel_layout, attrs.out_layout) != ("NCHW", "OIHW", "NCHW"):
            return None
        values = [x, w]
        if bias:
            shapes = [list(found[p].ty.shape.values) for p in (b, reshaped) if p in found]
            channels = w.ty.shape.values[0]
            if any(shape not in ([channels], [1, channels, 1, 1]) for shape in shapes):
                return None
            values.append(found[b])
        lists = [relax.ShapeExpr(list(v)) for v in (attrs.strides, attrs.padding, attrs.dilation)]
        return [*values, *lists, relax.prim_value(int(attrs.groups))]

    return with_relu(total if bias else convolution, relu), arguments


def max_pool2d_pattern():
    pool = is_op("relax.nn.max_pool2d")(wildcard())

    def arguments(found):
        attrs = found[pool].attrs
        plain = attrs.layout == attrs.out_layout == "NCHW" and not attrs.ceil_mode
        if not plain or any(int(d) != 1 for d in attrs.dilation):
            return None
        lists = [relax.ShapeExpr(list(v)) for v in (attrs.pool_size, attrs.strides, attrs.padding)]
        return [found[pool].args[0], *lists]

    return pool, arguments


def softmax_pattern():
    softmax = is_op("relax.nn.softmax")(wildcard())
    return softmax, lambda found: [found[softmax].args[0], relax.prim_value(int(found[softmax].attrs.axis))]


def layer_norm_pattern():
    norm = is_op("relax.nn.layer_norm")(wildcard(), wildcard(), wildcard())

    def arguments(found):
        attrs, last = found[norm].attrs, found[norm].args[0].ty.ndim - 1
        over_last = [int(a) for a in attrs.axes] in ([-1], [last])
        scaled = attrs.center and attrs.scale
        values = [*found[norm].args, relax.prim_value(float(attrs.epsilon))]
        return values if over_last and scaled else None

    return norm, arguments


def batch_norm_pattern():
    """With the statistics of the training, over the channels of NCHW; of its three results the first."""
    norm = is_op("relax.nn.batch_norm")(*(wildcard() for _ in range(5)))
    result = is_tuple_get_item(norm, 0)

    def arguments(found):
        attrs, x = found[norm].attrs, found[norm].args[0]
        usual = (
            x.ty.ndim == 4 and int(attrs.axis) == 1 and attrs.center and attrs.scale and not attrs.training
        )
        return [*found[norm].args, relax.prim_value(float(attrs.epsilon))] if usual else None

    return result, arguments


def mean_pattern():
    mean = is_op("relax.mean")(wildcard())

    def arguments(found):
        call = found[mean]
        axes = call.attrs.axis if call.attrs.axis is not None else range(call.args[0].ty.ndim)
        return [call.args[0], relax.ShapeExpr([int(a) % call.args[0].ty.ndim for a in axes])]

    return mean, arguments


def elementwise_pattern(operator, count):
    """An operator of `count` tensors without attributes."""
    call = is_op(operator)(*(wildcard() for _ in range(count)))
    return call, lambda found: list(found[call].args)


def permute_dims_pattern():
    transpose = is_op("relax.permute_dims")(wildcard())

    def arguments(found):
        call = found[transpose]
        axes = call.attrs.axes if call.attrs.axes is not None else reversed(range(call.args[0].ty.ndim))
        return [call.args[0], relax.ShapeExpr([int(a) % call.args[0].ty.ndim for a in axes])]

    return transpose, arguments


def reshape_pattern():
    reshape = is_op("relax.reshape")(wildcard(), wildcard())
    return reshape, lambda found: [found[reshape].args[0]]


# Operation → the Python that makes its pattern, as an exported script says it.
PATTERNS = {
    "linear_relu": "linear_pattern(relu=True)",
    "linear": "linear_pattern(relu=False)",
    "matmul": "matmul_pattern()",
    "conv2d_bias_relu": "conv2d_pattern(bias=True, relu=True)",
    "conv2d_bias": "conv2d_pattern(bias=True, relu=False)",
    "conv2d": "conv2d_pattern(bias=False, relu=False)",
    "max_pool2d": "max_pool2d_pattern()",
    "softmax": "softmax_pattern()",
    "layer_norm": "layer_norm_pattern()",
    "batch_norm": "batch_norm_pattern()",
    "mean": "mean_pattern()",
    "relu": 'elementwise_pattern("relax.nn.relu", 1)',
    "add": 'elementwise_pattern("relax.add", 2)',
    "multiply": 'elementwise_pattern("relax.multiply", 2)',
    "divide": 'elementwise_pattern("relax.divide", 2)',
    "permute_dims": "permute_dims_pattern()",
    "reshape": "reshape_pattern()",
}


def made(operation):
    """The pattern of `operation`, and the function that gives a call's arguments."""
    return eval(PATTERNS[operation], globals())  # our own text above, never a trace's


def texts(operations: Iterable[str]) -> tuple[str, ...]:
    """The source of the functions that `operations` need, in the file's order."""
    needed = {PATTERNS[operation].partition("(")[0] for operation in operations}
    if needed & {"linear_pattern", "conv2d_pattern"}:
        needed |= {"with_relu", "plus"}
    return tuple(inspect.getsource(value) for name, value in globals().items() if name in needed)
