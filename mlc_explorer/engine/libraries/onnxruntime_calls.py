"""Operators computed by ONNX Runtime: what `R.call_dps_packed("env.onnxruntime.…")` calls.

For each operator and shape a small ONNX model is written and loaded once; a call binds the tensors' memory to
its inputs and output, so that nothing is copied. onnx and onnxruntime are imported where they are used, since
neither need be installed. The contract is that of `numpy_calls`; exported scripts carry this text as well.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import functools

import numpy as np
import tvm


@functools.lru_cache(maxsize=512)
def onnxruntime_session(nodes, names, shapes):
    """A session of `nodes` with the threads that TVM uses, its binding, and a list of the addresses bound."""
    import onnx.parser
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(tvm.get_global_func("runtime.NumThreads")())
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.force_spinning_stop", "1")  # leaves the cores to the next call
    *given, result = (f"float{list(shape)} {name}" for name, shape in zip((*names, "y"), shapes))
    header = '<ir_version: 10, opset_import: ["" : 20]>'
    model = onnx.parser.parse_model(f"{header} call ({', '.join(given)}) => ({result}) {{{nodes}}}")
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    return session, session.io_binding(), []


def onnxruntime_run(nodes, inputs, out):
    """Runs `nodes` (``y = Relu(x)`` in ONNX's notation) from the named `inputs` to ``y``, which is `out`."""
    arrays = [np.from_dlpack(tensor) for tensor in (*inputs.values(), out)]
    names, shapes = tuple(inputs), tuple(a.shape for a in arrays)
    session, binding, bound = onnxruntime_session(nodes, names, shapes)
    addresses = [a.ctypes.data for a in arrays]
    if addresses != bound:
        for name, address, shape in zip(names, addresses, shapes):
            binding.bind_input(name, "cpu", 0, np.float32, shape, address)
        binding.bind_output("y", "cpu", 0, np.float32, shapes[-1], addresses[-1])
        bound[:] = addresses
    session.run_with_iobinding(binding)


def onnxruntime_matmul(a, b, out):
    onnxruntime_run("y = MatMul(a, b)", {"a": a, "b": b}, out)


def onnxruntime_linear(x, w, b, out):
    onnxruntime_run("m = MatMul(x, w) y = Add(m, b)", {"x": x, "w": w, "b": b}, out)


def onnxruntime_linear_relu(x, w, b, out):
    onnxruntime_run("m = MatMul(x, w) s = Add(m, b) y = Relu(s)", {"x": x, "w": w, "b": b}, out)


def onnxruntime_conv(strides, padding, dilation, groups):
    """The operator with its attributes, without its arguments."""
    attributes = {"strides": strides, "pads": padding, "dilations": dilation}
    written = ", ".join(f"{name} = {list(value)}" for name, value in attributes.items())
    return f"Conv<{written}, group = {groups}>"


def onnxruntime_conv2d(x, w, strides, padding, dilation, groups, out):
    nodes = f"y = {onnxruntime_conv(strides, padding, dilation, groups)}(x, w)"
    onnxruntime_run(nodes, {"x": x, "w": w}, out)


def onnxruntime_conv2d_bias(x, w, b, strides, padding, dilation, groups, out):
    nodes = f"y = {onnxruntime_conv(strides, padding, dilation, groups)}(x, w, b)"
    onnxruntime_run(nodes, {"x": x, "w": w, "b": np.from_dlpack(b).reshape(-1)}, out)


def onnxruntime_conv2d_bias_relu(x, w, b, strides, padding, dilation, groups, out):
    nodes = f"c = {onnxruntime_conv(strides, padding, dilation, groups)}(x, w, b) y = Relu(c)"
    onnxruntime_run(nodes, {"x": x, "w": w, "b": np.from_dlpack(b).reshape(-1)}, out)


def onnxruntime_max_pool2d(x, size, strides, padding, out):
    written = f"kernel_shape = {list(size)}, strides = {list(strides)}, pads = {list(padding)}"
    onnxruntime_run(f"y = MaxPool<{written}>(x)", {"x": x}, out)


def onnxruntime_softmax(x, axis, out):
    onnxruntime_run(f"y = Softmax<axis = {axis}>(x)", {"x": x}, out)


def onnxruntime_layer_norm(x, gamma, beta, epsilon, out):
    nodes = f"y = LayerNormalization<axis = -1, epsilon = {epsilon:.12f}>(x, gamma, beta)"
    onnxruntime_run(nodes, {"x": x, "gamma": gamma, "beta": beta}, out)


def onnxruntime_batch_norm(x, gamma, beta, mean, variance, epsilon, out):
    nodes = f"y = BatchNormalization<epsilon = {epsilon:.12f}>(x, gamma, beta, mean, variance)"
    inputs = {"x": x, "gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    onnxruntime_run(nodes, inputs, out)


def onnxruntime_mean(x, axes, out):
    keep = int(np.from_dlpack(x).ndim == np.from_dlpack(out).ndim)
    nodes = f"a = Constant<value_ints = {list(axes)}>() y = ReduceMean<keepdims = {keep}>(x, a)"
    onnxruntime_run(nodes, {"x": x}, out)


def onnxruntime_relu(x, out):
    onnxruntime_run("y = Relu(x)", {"x": x}, out)


def onnxruntime_add(a, b, out):
    onnxruntime_run("y = Add(a, b)", {"a": a, "b": b}, out)


def onnxruntime_multiply(a, b, out):
    onnxruntime_run("y = Mul(a, b)", {"a": a, "b": b}, out)


def onnxruntime_divide(a, b, out):
    onnxruntime_run("y = Div(a, b)", {"a": a, "b": b}, out)


def onnxruntime_reshape(x, out):
    """A view: the elements do not move, so that ONNX Runtime only copies them."""
    onnxruntime_run("y = Identity(x)", {"x": np.from_dlpack(x).reshape(np.from_dlpack(out).shape)}, out)


def onnxruntime_permute_dims(x, axes, out):
    onnxruntime_run(f"y = Transpose<perm = {list(axes)}>(x)", {"x": x}, out)
