"""Training of `mlp` and `cnn` in NumPy alone, so that anyone can repeat it.

Images run through as (batch, height, width, channels), which turns a convolution into one matrix product;
`weights` gives the trained arrays in ONNX's order (output channel, input channel, row, column).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .fashion_mnist import FashionMnist


class Layer:
    """A step of the network. `parameters` are trained; `gradients` stand beside them after `backward`."""

    def __init__(self) -> None:
        self.parameters: list[np.ndarray] = []
        self.gradients: list[np.ndarray] = []

    def forward(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class Linear(Layer):
    """x @ w + b, with `w` of shape (inputs, outputs)."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.parameters = [_he(rng, (inputs, outputs), inputs), np.zeros(outputs, np.float32)]

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = x
        return x @ self.parameters[0] + self.parameters[1]

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        self.gradients = [self._x.T @ gradient, gradient.sum(0)]
        return gradient @ self.parameters[0].T


class Conv3x3(Layer):
    """A 3×3 convolution with padding 1; `parameters[0]` has shape (inputs, 3, 3, outputs)."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator, first: bool = False) -> None:
        super().__init__()
        self.parameters = [_he(rng, (inputs, 3, 3, outputs), inputs * 9), np.zeros(outputs, np.float32)]
        self._first = first  # the image needs no gradient, which is the dearest part

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._shape = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        w, b = self.parameters
        self._windows = sliding_window_view(padded, (3, 3), axis=(1, 2)).reshape(-1, x.shape[3] * 9)
        return (self._windows @ w.reshape(-1, w.shape[3]) + b).reshape(*x.shape[:3], -1)

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        w = self.parameters[0]
        flat = gradient.reshape(-1, w.shape[3])
        self.gradients = [(self._windows.T @ flat).reshape(w.shape), flat.sum(0)]
        if self._first:
            return np.zeros(0, np.float32)
        n, height, width, channels = self._shape
        spread = (flat @ w.reshape(-1, w.shape[3]).T).reshape(n, height, width, channels, 3, 3)
        padded = np.zeros((n, height + 2, width + 2, channels), np.float32)
        for row in range(3):
            for column in range(3):
                padded[:, row : row + height, column : column + width] += spread[..., row, column]
        return padded[:, 1:-1, 1:-1]


class Relu(Layer):
    def forward(self, x: np.ndarray) -> np.ndarray:
        self._positive = x > 0
        return x * self._positive

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        return gradient * self._positive


class MaxPool2(Layer):
    """The largest of each 2×2 square; a tie sends the gradient to each of the largest."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        n, height, width, channels = x.shape
        squares = x.reshape(n, height // 2, 2, width // 2, 2, channels)
        best = squares.max((2, 4), keepdims=True)
        self._chosen = squares == best
        return best[:, :, 0, :, 0]

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        n, height, width, channels = gradient.shape
        spread = gradient[:, :, None, :, None] * self._chosen
        return spread.reshape(n, height * 2, width * 2, channels)


class Flatten(Layer):
    """To (batch, channels * height * width): ONNX's order, so that the next weight needs no shuffling."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._shape = x.shape
        return x.transpose(0, 3, 1, 2).reshape(len(x), -1)

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        n, height, width, channels = self._shape
        return gradient.reshape(n, channels, height, width).transpose(0, 2, 3, 1)


def mlp(rng: np.random.Generator) -> list[Layer]:
    return [Flatten(), Linear(784, 200, rng), Relu(), Linear(200, 10, rng)]


def cnn(rng: np.random.Generator) -> list[Layer]:
    return [
        *(Conv3x3(1, 16, rng, first=True), Relu(), MaxPool2()),
        *(Conv3x3(16, 32, rng), Relu(), MaxPool2()),
        *(Flatten(), Linear(32 * 7 * 7, 10, rng)),
    ]


def train(
    network: Callable[[np.random.Generator], list[Layer]],
    data: FashionMnist,
    epochs: int,
    seed: int = 0,
    batch: int = 128,
    peak_rate: float = 2e-3,
) -> tuple[dict[str, np.ndarray], float]:
    """The trained weights by name (w0, b0, w1, …) and the accuracy on the 10,000 test images.

    Adam, a learning rate that falls to zero along half a cosine, and images mirrored at random (a mirrored
    shirt is a shirt): the last epoch's weights are kept, never the best on the test set.
    """
    rng = np.random.default_rng(seed)
    layers = network(rng)
    adam = _Adam(layers)
    per_epoch = len(data.train_labels) // batch
    for epoch in range(epochs):
        start, losses = time.perf_counter(), []
        for i, (x, y) in enumerate(_batches(data, batch, rng)):
            losses.append(_backward(layers, x, y))
            progress = (epoch * per_epoch + i) / (epochs * per_epoch)
            adam.update(peak_rate * 0.5 * (1 + np.cos(np.pi * progress)))
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.4f}, {seconds:.1f} s", flush=True)
    return weights(layers), accuracy(layers, data.test_images, data.test_labels)


def accuracy(layers: list[Layer], images: np.ndarray, labels: np.ndarray) -> float:
    """The share of `images` (uint8) that the network names rightly."""
    chunks = range(0, len(images), 500)
    guesses = [_forward(layers, _scaled(images[i : i + 500])).argmax(1) for i in chunks]
    return float((np.concatenate(guesses) == labels).mean())


def weights(layers: list[Layer]) -> dict[str, np.ndarray]:
    """All parameters by name, convolutions as (output channel, input channel, row, column)."""
    named: dict[str, np.ndarray] = {}
    for i, layer in enumerate([layer for layer in layers if layer.parameters]):
        w, b = layer.parameters
        named[f"w{i}"] = np.ascontiguousarray(w.transpose(3, 0, 1, 2) if w.ndim == 4 else w)
        named[f"b{i}"] = b
    return named


def _he(rng: np.random.Generator, shape: tuple[int, ...], inputs: int) -> np.ndarray:
    """He initialisation: normal, variance 2 / inputs (He et al. 2015)."""
    return (rng.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)


def _scaled(images: np.ndarray) -> np.ndarray:
    return (images.astype(np.float32) / 255)[..., None]


def _batches(
    data: FashionMnist, batch: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    order = rng.permutation(len(data.train_labels))
    for i in range(0, len(order) - batch + 1, batch):
        chosen = order[i : i + batch]
        x = _scaled(data.train_images[chosen])
        mirrored = rng.random(batch) < 0.5
        x[mirrored] = x[mirrored, :, ::-1]
        yield x, data.train_labels[chosen]


def _forward(layers: list[Layer], x: np.ndarray) -> np.ndarray:
    for layer in layers:
        x = layer.forward(x)
    return x


def _backward(layers: list[Layer], x: np.ndarray, labels: np.ndarray) -> float:
    """Leaves each layer's gradients of the mean cross-entropy; gives that loss."""
    logits = _forward(layers, x)
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(probabilities[rows, labels] + 1e-12).mean()
    probabilities[rows, labels] -= 1
    gradient = probabilities / len(labels)
    for layer in reversed(layers):
        gradient = layer.backward(gradient)
    return float(loss)


class _Adam:
    """Kingma and Ba 2015, with the usual constants."""

    def __init__(self, layers: list[Layer]) -> None:
        self._layers = [layer for layer in layers if layer.parameters]
        self._moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in x.parameters] for x in self._layers]
        self._count = 0

    def update(self, rate: float) -> None:
        self._count += 1
        for layer, moments in zip(self._layers, self._moments, strict=True):
            for p, g, (mean, square) in zip(layer.parameters, layer.gradients, moments, strict=True):
                mean += 0.1 * (g - mean)
                square += 0.001 * (g * g - square)
                unbiased = np.sqrt(square / (1 - 0.999**self._count)) + 1e-8
                p -= (rate / (1 - 0.9**self._count) * mean / unbiased).astype(np.float32)
