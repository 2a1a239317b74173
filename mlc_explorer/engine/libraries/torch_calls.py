"""Operators computed by PyTorch: what `R.call_dps_packed("env.torch.…")` calls.

torch is imported where it is used, since it need not be installed. The contract is that of `numpy_calls`;
exported scripts carry this text as well.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import functools

import tvm


@functools.cache
def torch_module():
    """torch with the threads that TVM uses; by itself it takes one for each core that it sees."""
    import torch

    torch.set_num_threads(int(tvm.get_global_func("runtime.NumThreads")()))
    return torch


def torch_views(*tensors):
    """The tensors' memory as torch's tensors."""
    return [torch_module().from_dlpack(tensor) for tensor in tensors]


def torch_matmul(a, b, out):
    torch = torch_module()
    a, b, y = torch_views(a, b, out)
    torch.matmul(a, b, out=y)


def torch_linear(x, w, b, out):
    torch = torch_module()
    x, w, b, y = torch_views(x, w, b, out)
    torch.matmul(x, w, out=y)
    y.add_(b)


def torch_linear_relu(x, w, b, out):
    torch_linear(x, w, b, out)
    torch_views(out)[0].relu_()


def torch_convolved(x, w, b, strides, padding, dilation, groups):
    """NCHW. torch pads both sides alike; what is to be padded otherwise is padded before."""
    torch = torch_module()
    top, left, bottom, right = padding
    if (top, left) != (bottom, right):
        x, top, left = torch.nn.functional.pad(x, (left, right, top, bottom)), 0, 0
    conv2d = torch.nn.functional.conv2d
    return conv2d(x, w, b, list(strides), (top, left), list(dilation), int(groups))


def torch_conv2d(x, w, strides, padding, dilation, groups, out):
    x, w, y = torch_views(x, w, out)
    y.copy_(torch_convolved(x, w, None, strides, padding, dilation, groups))


def torch_conv2d_bias(x, w, b, strides, padding, dilation, groups, out):
    x, w, b, y = torch_views(x, w, b, out)
    y.copy_(torch_convolved(x, w, b.reshape(-1), strides, padding, dilation, groups))


def torch_conv2d_bias_relu(x, w, b, strides, padding, dilation, groups, out):
    torch_conv2d_bias(x, w, b, strides, padding, dilation, groups, out)
    torch_views(out)[0].relu_()


def torch_max_pool2d(x, size, strides, padding, out):
    torch = torch_module()
    x, y = torch_views(x, out)
    top, left, bottom, right = padding
    x = torch.nn.functional.pad(x, (left, right, top, bottom), value=float("-inf"))
    y.copy_(torch.nn.functional.max_pool2d(x, list(size), list(strides)))


def torch_softmax(x, axis, out):
    torch = torch_module()
    x, y = torch_views(x, out)
    torch.softmax(x, axis, out=y)


def torch_layer_norm(x, gamma, beta, epsilon, out):
    torch = torch_module()
    x, gamma, beta, y = torch_views(x, gamma, beta, out)
    y.copy_(torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, epsilon))


def torch_batch_norm(x, gamma, beta, mean, variance, epsilon, out):
    x, gamma, beta, mean, variance, y = torch_views(x, gamma, beta, mean, variance, out)
    batch_norm = torch_module().nn.functional.batch_norm
    y.copy_(batch_norm(x, mean, variance, gamma, beta, eps=epsilon))


def torch_mean(x, axes, out):
    x, y = torch_views(x, out)
    torch_module().mean(x, list(axes), keepdim=x.ndim == y.ndim, out=y)


def torch_relu(x, out):
    torch = torch_module()
    x, y = torch_views(x, out)
    torch.clamp(x, min=0, out=y)


def torch_add(a, b, out):
    torch = torch_module()
    a, b, y = torch_views(a, b, out)
    torch.add(a, b, out=y)


def torch_multiply(a, b, out):
    torch = torch_module()
    a, b, y = torch_views(a, b, out)
    torch.mul(a, b, out=y)


def torch_divide(a, b, out):
    torch = torch_module()
    a, b, y = torch_views(a, b, out)
    torch.div(a, b, out=y)


def torch_reshape(x, out):
    x, y = torch_views(x, out)
    y.copy_(x.reshape(y.shape))


def torch_permute_dims(x, axes, out):
    x, y = torch_views(x, out)
    y.copy_(x.permute(list(axes)))
