"""Arrays as JSON: what a job computed once and another may use again (see `measure.reference`)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import ml_dtypes  # noqa: F401 - teaches NumPy the names bfloat16, float8_…
import numpy as np

LIMIT = 16 << 20  # bytes of all arrays together; larger results are cheaper to compute again than to carry


def dump(arrays: Sequence[np.ndarray]) -> list[dict[str, Any]] | None:
    """Each array as {"shape", "dtype", "base64"} in C order; None if they are larger than `LIMIT`."""
    if sum(a.nbytes for a in arrays) > LIMIT:
        return None
    return [
        {
            "shape": list(a.shape),
            "dtype": str(a.dtype),
            "base64": base64.b64encode(np.ascontiguousarray(a)).decode(),
        }
        for a in arrays
    ]


def load(data: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """What `dump` was given; ValueError, KeyError or TypeError if it is not that."""
    return [
        np.frombuffer(base64.b64decode(a["base64"]), np.dtype(a["dtype"])).reshape(a["shape"]) for a in data
    ]
