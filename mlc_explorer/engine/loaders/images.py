"""The twenty held-out Fashion-MNIST images that `mlp` and `cnn` are shown."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...texts import say

SAMPLE_MODELS = Path(__file__).resolve().parents[3] / "sample_models"


class Images(NamedTuple):
    """`pixels` float32 (20, 1, 28, 28) in [0, 1], `labels` int64 (20,), `names` the ten classes in English
    (the texts hold them as ``fashion_mnist.class_<label>`` in each language)."""

    pixels: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]


@functools.cache
def shipped_images() -> Images:
    """Two images of each class, class by class: the first two of the test set."""
    with np.load(SAMPLE_MODELS / "images.npz") as stored:
        pixels = stored["images"].astype(np.float32)[:, None] / 255
        labels = stored["labels"].astype(np.int64)
    pixels.setflags(write=False)
    return Images(pixels, labels, tuple(say(f"fashion_mnist.class_{i}") for i in range(10)))
