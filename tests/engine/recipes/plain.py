"""Functions without products, as TVM makes them of operators, and what NumPy makes of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tvm import te, tirx, topi
from tvm.tirx import PrimFunc

from mlc_explorer.engine.draft import Draft
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.recipes.choosing import steps_for

from .convolutions import ran


@dataclass(frozen=True)
class Case:
    """`func` and the NumPy twin of it, which takes the same arrays."""

    func: PrimFunc
    shapes: tuple[tuple[int, ...], ...]
    twin: object

    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(5)
        return [rng.standard_normal(shape).astype("float32") for shape in self.shapes]


def case(shapes: Sequence[Sequence[int]], declare: object, twin: object) -> Case:
    """The function that `declare` makes of placeholders of these shapes."""
    tensors = [te.placeholder(tuple(shape), name=f"in{n}") for n, shape in enumerate(shapes)]
    func = te.create_prim_func([*tensors, declare(*tensors)]).with_attr("tirx.noalias", True)
    return Case(func, tuple(tuple(shape) for shape in shapes), twin)


def assert_right(one: Case, machine: Machine) -> list[str]:
    """The steps for `one` on `machine` leave it right. Gives their names."""
    draft = Draft(one.func, "main")
    steps = steps_for(one.func, "main", machine)
    assert steps, "no recipe fits"
    for step in steps:
        draft.do(step.transform, **step.params)
    inputs = one.inputs()
    result, expected = ran(draft.finished(), inputs), one.twin(*inputs)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    return [step.transform for step in steps]


# -- what there is


def scale_shift_relu(shape: Sequence[int]) -> Case:
    """Batch norm as it is when nothing is learned any more: a factor and a shift for each channel."""
    each = (1, shape[1], *(1 for _ in shape[2:]))
    return case(
        [shape, each, each],
        lambda x, s, t: topi.nn.relu(topi.add(topi.multiply(x, s), t)),
        lambda x, s, t: np.maximum(x * s + t, 0),
    )


def concatenation(leading: int, parts: Sequence[int], trailing: Sequence[int]) -> Case:
    return case(
        [(leading, part, *trailing) for part in parts],
        lambda *xs: topi.concatenate(xs, axis=1),
        lambda *xs: np.concatenate(xs, axis=1),
    )


def padded(shape: Sequence[int], before: int, after: int) -> Case:
    widths = [before] * len(shape), [after] * len(shape)
    return case(
        [shape],
        lambda x: topi.nn.pad(x, *widths),
        lambda x: np.pad(x, list(zip(*widths))),
    )


def transposed(shape: Sequence[int], order: Sequence[int]) -> Case:
    return case([shape], lambda x: topi.transpose(x, list(order)), lambda x: np.transpose(x, order))


def mean(shape: Sequence[int], axes: Sequence[int]) -> Case:
    """The mean, then twice it."""
    return case(
        [shape],
        lambda x: topi.multiply(
            topi.divide(topi.sum(x, axis=list(axes)), float(np.prod([shape[a] for a in axes]))),
            tirx.const(2, "float32"),
        ),
        lambda x: np.mean(x, axis=tuple(axes)) * 2,
    )


def largest(shape: Sequence[int], axes: Sequence[int]) -> Case:
    return case([shape], lambda x: topi.max(x, axis=list(axes)), lambda x: np.max(x, axis=tuple(axes)))


def position(shape: Sequence[int], axis: int) -> Case:
    """Of the largest: a reduction that carries two values along."""
    return case([shape], lambda x: topi.argmax(x, axis=axis), lambda x: np.argmax(x, axis=axis))


def softmax(shape: Sequence[int], axis: int = -1) -> Case:
    def twin(x: np.ndarray) -> np.ndarray:
        power = np.exp(x.astype("float64") - x.max(axis, keepdims=True))
        return power / power.sum(axis, keepdims=True)

    return case([shape], lambda x: topi.nn.softmax(x, axis=axis), twin)


def layer_norm(shape: Sequence[int]) -> Case:
    width = (shape[-1],)

    def twin(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
        wide = x.astype("float64")
        centred = wide - wide.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + shift

    return case(
        [shape, width, width],
        lambda x, s, t: topi.nn.layer_norm(x, s, t, [len(shape) - 1], 1e-5),
        twin,
    )


def pool(
    kind: str,
    channels: tuple[int, int],
    size: tuple[int, int],
    window: tuple[int, int],
    stride: int,
    pad: int,
) -> Case:
    """``max`` or ``avg`` over windows of ``NCHW{b}c`` data; the mean leaves the border out."""
    blocks, lanes = channels

    def declare(x: te.Tensor) -> te.Tensor:
        layout = f"NCHW{lanes}c"
        return topi.nn.pool2d(
            x, list(window), [stride, stride], [1, 1], [pad] * 4, kind, False, layout, count_include_pad=False
        )

    def twin(x: np.ndarray) -> np.ndarray:
        outside = np.nan
        wide = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad), (0, 0)], constant_values=outside)
        seen = np.lib.stride_tricks.sliding_window_view(wide, window, axis=(2, 3))[:, :, ::stride, ::stride]
        return (np.nanmax if kind == "max" else np.nanmean)(seen, axis=(-2, -1))

    return case([(1, blocks, *size, lanes)], declare, twin)
