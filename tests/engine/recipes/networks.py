"""Small convolutional networks at random: channels that no vector divides, groups, odd paddings, shuffles."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from tvm import relax

CHANNELS = (1, 3, 5, 12, 16, 24, 33)
PAD = st.integers(0, 2)


class Network:
    """A graph that grows by layers; `x` is the last one's result."""

    def __init__(self, draw, seed):
        self.draw, self.rng = draw, np.random.default_rng(seed)
        self.builder = relax.BlockBuilder()
        sizes = (
            draw(st.integers(1, 2)),
            draw(st.sampled_from(CHANNELS)),
            *draw(st.tuples(*[st.integers(5, 9)] * 2)),
        )
        self.image = relax.Var("image", relax.TensorType(sizes, "float32"))

    def module(self):
        layers = {
            name.removeprefix("add_"): getattr(self, name) for name in dir(self) if name.startswith("add_")
        }
        with self.builder.function("main", [self.image]):
            with self.builder.dataflow():
                self.x = self.image
                for name in self.draw(st.lists(st.sampled_from(sorted(layers)), min_size=2, max_size=5)):
                    layers[name]()
                self.finish()
                result = self.builder.emit_output(self.x)
            self.builder.emit_func_output(result)
        return self.builder.get()

    @property
    def shape(self):
        return tuple(int(n) for n in self.x.ty.shape.values)

    def emit(self, expr):
        return self.builder.emit(expr)

    def weight(self, *sizes):
        scale = max(1, int(np.prod(sizes[1:]))) ** -0.5
        return relax.const((self.rng.standard_normal(sizes) * scale).astype("float32"))

    def convolved(self, outputs, groups, padding=None, strides=(1, 1)):
        _, channels, height, width = self.shape
        kernel = [self.draw(st.integers(1, 3)) for _ in range(2)]
        dilation = [self.draw(st.integers(1, 2)) if height > 4 and width > 4 else 1 for _ in range(2)]
        if padding is None:
            padding = [self.draw(PAD) for _ in range(4)]
        else:  # the size stays
            kernel, dilation = [3, 3], [1, 1]
        reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        for axis, extent in enumerate((height, width)):
            missing = reach[axis] + 1 - (extent + padding[axis] + padding[axis + 2])
            padding[axis] += max(0, missing)
        w = self.weight(outputs, channels // groups, *kernel)
        return self.emit(
            relax.op.nn.conv2d(
                self.x, w, strides=list(strides), padding=padding, dilation=dilation, groups=groups
            )
        )

    # -- layers

    def add_conv(self):
        channels = self.shape[1]
        groups = self.draw(st.sampled_from([g for g in (1, 1, 2, 3, 4) if channels % g == 0]))
        outputs = self.draw(st.sampled_from(CHANNELS)) * groups
        strides = [self.draw(st.integers(1, 2)) for _ in range(2)]
        self.x = self.convolved(outputs, groups, strides=strides)
        self.x = self.emit(relax.op.add(self.x, self.weight(1, outputs, 1, 1)))

    def add_depthwise(self):
        channels = self.shape[1]
        self.x = self.convolved(channels * self.draw(st.integers(1, 2)), channels)

    def add_residual(self):
        channels = self.shape[1]
        self.x = self.emit(relax.op.add(self.convolved(channels, 1, [1, 1, 1, 1]), self.x))

    def add_dense(self):
        """DenseNet's way: what was there, and new channels."""
        new = self.convolved(self.draw(st.sampled_from(CHANNELS)), 1, [1, 1, 1, 1])
        parts = [self.x, new] if self.draw(st.booleans()) else [new, self.x]
        self.x = self.emit(relax.op.concat(parts, axis=1))

    def add_scale_and_shift(self):
        channels = self.shape[1]
        scaled = self.emit(relax.op.multiply(self.x, self.weight(1, channels, 1, 1)))
        self.x = self.emit(relax.op.add(scaled, self.weight(1, channels, 1, 1)))

    def add_activation(self):
        op = self.draw(st.sampled_from([relax.op.nn.relu, relax.op.sigmoid, relax.op.nn.silu, relax.op.tanh]))
        self.x = self.emit(op(self.x))

    def add_pool(self):
        op = self.draw(st.sampled_from([relax.op.nn.max_pool2d, relax.op.nn.avg_pool2d]))
        self.x = self.emit(op(self.x, (2, 2), (self.draw(st.integers(1, 2)),) * 2, (0, 1, 1, 0)))

    def add_gate(self):
        """Channels times a number each that depends on the whole picture (squeeze and excitation)."""
        mean = self.emit(relax.op.mean(self.x, [2, 3], keepdims=True))
        self.x = self.emit(relax.op.multiply(self.x, self.emit(relax.op.sigmoid(mean))))

    def add_shuffle(self):
        n, channels, *pixels = self.shape
        groups = self.draw(st.sampled_from([g for g in (1, 2, 3, 4) if channels % g == 0]))
        split = self.emit(relax.op.reshape(self.x, (n, groups, channels // groups, *pixels)))
        turned = self.emit(relax.op.permute_dims(split, [0, 2, 1, 3, 4]))
        self.x = self.emit(relax.op.reshape(turned, (n, channels, *pixels)))

    def add_response_norm(self):
        """ONNX's LRN as the importer writes it."""
        size = self.draw(st.integers(1, 4))
        before = (size - 1) // 2
        squares = self.emit(relax.op.expand_dims(self.emit(relax.op.multiply(self.x, self.x)), [1]))
        padding = (before, 0, 0, size - 1 - before, 0, 0)
        mean = self.emit(
            relax.op.nn.avg_pool3d(squares, (size, 1, 1), padding=padding, count_include_pad=True)
        )
        mean = self.emit(relax.op.add(self.emit(relax.op.squeeze(mean, [1])), relax.const(1.0, "float32")))
        self.x = self.emit(
            relax.op.divide(self.x, self.emit(relax.op.power(mean, relax.const(0.75, "float32"))))
        )

    def finish(self):
        """A classifier, or the picture as it is."""
        if self.draw(st.booleans()):
            flat = int(np.prod(self.shape[1:]))
            self.x = self.emit(relax.op.reshape(self.x, (self.shape[0], flat)))
            self.x = self.emit(relax.op.matmul(self.x, self.weight(flat, 10)))


@st.composite
def random_networks(draw):
    """A module whose ``main`` takes one image."""
    return Network(draw, draw(st.integers(0, 99))).module()
