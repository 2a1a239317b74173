"""Operators computed by NumPy, whose products are its BLAS: what `R.call_dps_packed("env.numpy.…")` calls.

Each function takes TVM's tensors, the output last, and writes into it without a copy (destination passing).
Attributes come as whole numbers or shapes between inputs and output. Exported scripts carry the text of the
functions that they need, so that these use nothing but each other and `np`.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np


def numpy_view(tensor):
    """The tensor's memory as an array: what is written there is in the tensor."""
    return np.from_dlpack(tensor)


def numpy_matmul(a, b, out):
    np.matmul(numpy_view(a), numpy_view(b), out=numpy_view(out))


def numpy_linear(x, w, b, out):
    y = numpy_view(out)
    np.matmul(numpy_view(x), numpy_view(w), out=y)
    y += numpy_view(b)


def numpy_linear_relu(x, w, b, out):
    numpy_linear(x, w, b, out)
    numpy_relu(out, out)


def numpy_conv2d(x, w, strides, padding, dilation, groups, out):
    """NCHW. One product for each image and group: kernels × the windows that they see, as columns."""
    x, w, y = numpy_view(x), numpy_view(w), numpy_view(out)
    top, left, bottom, right = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation)]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(2, 3))
    windows = windows[:, :, :: strides[0], :: strides[1], :: dilation[0], :: dilation[1]]
    n, c, height, width, *kernel = windows.shape
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, groups, -1, height * width)
    kernels = w.reshape(groups, -1, c // groups * kernel[0] * kernel[1])
    np.matmul(kernels, columns, out=y.reshape(n, groups, -1, height * width))


def numpy_conv2d_bias(x, w, b, strides, padding, dilation, groups, out):
    numpy_conv2d(x, w, strides, padding, dilation, groups, out)
    y = numpy_view(out)
    y += numpy_view(b).reshape(1, -1, 1, 1)


def numpy_conv2d_bias_relu(x, w, b, strides, padding, dilation, groups, out):
    numpy_conv2d_bias(x, w, b, strides, padding, dilation, groups, out)
    numpy_relu(out, out)


def numpy_max_pool2d(x, size, strides, padding, out):
    """NCHW. The largest of all shifted views: as many passes as a window has elements."""
    x, y = numpy_view(x), numpy_view(out)
    top, left, bottom, right = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-np.inf)
    down, across = strides[0] * y.shape[2], strides[1] * y.shape[3]
    y[...] = -np.inf
    for i in range(size[0]):
        for j in range(size[1]):
            shifted = x[:, :, i : i + down : strides[0], j : j + across : strides[1]]
            np.maximum(y, shifted[:, :, : y.shape[2], : y.shape[3]], out=y)


def numpy_softmax(x, axis, out):
    x, y = numpy_view(x), numpy_view(out)
    np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)


def numpy_layer_norm(x, gamma, beta, epsilon, out):
    """Over the last axis."""
    x, y = numpy_view(x), numpy_view(out)
    np.subtract(x, x.mean(axis=-1, keepdims=True), out=y)
    y /= np.sqrt(np.square(y).mean(axis=-1, keepdims=True) + np.asarray(epsilon, y.dtype))
    y *= numpy_view(gamma)
    y += numpy_view(beta)


def numpy_batch_norm(x, gamma, beta, mean, variance, epsilon, out):
    """NCHW, with known statistics: a factor and a summand for each channel."""
    gamma, beta, mean, variance = map(numpy_view, (gamma, beta, mean, variance))
    factor = gamma / np.sqrt(variance + np.asarray(epsilon, variance.dtype))
    y = numpy_view(out)
    np.multiply(numpy_view(x), factor.reshape(1, -1, 1, 1), out=y)
    y += (beta - mean * factor).reshape(1, -1, 1, 1)


def numpy_mean(x, axes, out):
    x, y = numpy_view(x), numpy_view(out)
    np.mean(x, axis=tuple(axes), out=y, keepdims=x.ndim == y.ndim)


def numpy_relu(x, out):
    np.maximum(numpy_view(x), 0, out=numpy_view(out))


def numpy_add(a, b, out):
    np.add(numpy_view(a), numpy_view(b), out=numpy_view(out))


def numpy_multiply(a, b, out):
    np.multiply(numpy_view(a), numpy_view(b), out=numpy_view(out))


def numpy_divide(a, b, out):
    np.divide(numpy_view(a), numpy_view(b), out=numpy_view(out))


def numpy_reshape(x, out):
    y = numpy_view(out)
    y[...] = numpy_view(x).reshape(y.shape)


def numpy_permute_dims(x, axes, out):
    numpy_view(out)[...] = numpy_view(x).transpose(list(axes))
