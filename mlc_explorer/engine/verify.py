"""Whether two results are the same result.

Transforms reorder floating-point sums, so "the same" is a tolerance by element type. An error is reported
as a number in any case: nothing here hides a wrong result.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WRONG = sys.float_info.max  # stands for "not comparable" (NaN on one side): JSON has no infinity
_TOLERANCES = {"float64": 1e-9, "float32": 1e-3, "float16": 1e-2, "bfloat16": 5e-2}


@dataclass(frozen=True)
class Difference:
    """`max_abs` = max |a - b|, `max_rel` = max |a - b| / max |b|, over all elements; both are `WRONG` if one
    side has a NaN or an infinity where the other has none, or if a shape differs."""

    max_abs: float
    max_rel: float


def compare(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Difference:
    """The largest difference of any output of ours (a) from theirs (b)."""
    if len(ours) != len(theirs):
        return Difference(WRONG, WRONG)
    pairs = [_compare(a, b) for a, b in zip(ours, theirs)]
    return Difference(
        max((d.max_abs for d in pairs), default=0.0), max((d.max_rel for d in pairs), default=0.0)
    )


def tolerance(dtype: str) -> float:
    """The largest relative error that still counts as agreement; 0 for integers and truth values."""
    return _TOLERANCES.get(dtype, 0.0)


def agrees(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> bool:
    """Whether every output is within the tolerance of its own element type."""
    return len(ours) == len(theirs) and all(
        _compare(a, b).max_rel <= tolerance(str(b.dtype)) for a, b in zip(ours, theirs)
    )


def _compare(a: np.ndarray, b: np.ndarray) -> Difference:
    if a.shape != b.shape:
        return Difference(WRONG, WRONG)
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    same = (wide_a == wide_b) | (np.isnan(wide_a) & np.isnan(wide_b))
    if same.all():
        return Difference(0.0, 0.0)
    apart = wide_a[~same], wide_b[~same]
    if not (np.isfinite(apart[0]).all() and np.isfinite(apart[1]).all()):
        return Difference(WRONG, WRONG)
    largest = float(np.abs(apart[0] - apart[1]).max())
    scale = float(np.abs(wide_b[np.isfinite(wide_b)]).max())
    return Difference(largest, largest / scale if scale else largest)
