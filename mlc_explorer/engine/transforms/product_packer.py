"""Products with constant matrices, whose columns are put into panels beforehand."""

from __future__ import annotations

import numpy as np
from tvm import relax

from . import packed_te
from .rewriting import Rewriter, array, operator, shape


class ProductPacker(Rewriter):
    """Gives ``matmul`` by a constant matrix its loops, which read it in panels of `columns` columns."""

    def __init__(self, mod, columns):  # type: ignore[no-untyped-def]
        super().__init__(mod)
        self.columns = columns

    def call(self, var, call):  # type: ignore[no-untyped-def]
        weight = array(self.value(call.args[1])) if operator(call) == "matmul" else None
        if weight is None or weight.ndim != 2 or 0 in weight.shape or str(weight.dtype) != "float32":
            return None
        data = self.value(call.args[0])
        sizes = shape(data)
        if sizes is None or 0 in sizes or str(data.ty.dtype) != "float32" or str(call.ty.dtype) != "float32":
            return None
        panels = relax.const(in_panels(weight, panel_width(weight.shape[1], self.columns)))
        compute, columns = packed_te.matmul_packed, weight.shape[1]
        return self.emit(
            self.builder.call_te(compute, data, panels, columns, primfunc_name_hint="matmul_packed")
        )


def panel_width(count, widest):  # type: ignore[no-untyped-def]
    """How wide panels of `count` columns are: `widest`, or half of it if that leaves less to be filled up."""
    return min((widest, max(1, widest // 2)), key=lambda width: -count % width)


def in_panels(weight, width):  # type: ignore[no-untyped-def]
    """(K, N) → (N / width, K, width); columns of zeros fill the last panel."""
    depth, count = weight.shape
    filled = np.zeros((-(-count // width), depth, width), weight.dtype)
    for panel, columns in enumerate(np.split(weight, range(width, count, width), axis=1)):
        filled[panel, :, : columns.shape[1]] = columns
    return filled
