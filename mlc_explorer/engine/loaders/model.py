"""What opening a model gives: the module to transform, and everything needed to check what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import tvm

from ...errors import NotFound
from ...schema.report import TensorInfo
from .images import Images, shipped_images
from .messages import message

Reference = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class LoadedModel:
    """A model as it was before any step.

    `mod` holds `entry`, a Relax function or a PrimFunc. For a PrimFunc the outputs are its last parameters.
    `inputs` and `outputs` are in call order, by the names of the ONNX file where there is one. `onnx` is that
    file (for a single function: its twin), `numpy_reference` computes the outputs with NumPy alone. `names`
    say for a variable of `entry` by its name which node of the file it is, e.g. ``/layer1/conv1/Conv``.
    """

    name: str
    mod: tvm.IRModule
    entry: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    onnx: bytes | None = None
    numpy_reference: Reference | None = None
    has_images: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    def example_inputs(self, seed: int = 0) -> list[np.ndarray]:
        """Seeded inputs: normal for floats; 0 or 1 for integers, which may index an axis of any length."""
        rng = np.random.default_rng(seed)
        return [_example(rng, tensor) for tensor in self.inputs]

    def images(self) -> Images:
        """The shipped images for this model; NotFound if it does not look at such images."""
        if not self.has_images:
            raise NotFound(**message("model_without_images", model=self.name), place=self.name)
        return shipped_images()


def _example(rng: np.random.Generator, tensor: TensorInfo) -> np.ndarray:
    if tensor.dtype.startswith(("int", "uint", "bool")):
        return rng.integers(0, 2, tensor.shape).astype(tensor.dtype)
    return rng.standard_normal(tensor.shape).astype(tensor.dtype)
