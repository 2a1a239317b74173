"""Layouts and precisions of a graph's tensors, chosen for the whole model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...errors import Refused
from ...schema.params import Choice, param
from .base import RelaxPass
from .wording import words

# The operators that can change their layout → the orders of their data, and of their kernels.
_LAYOUTS = {
    "relax.nn.conv1d": (("NCW", "NWC"), ("OIW", "WIO", "OWI")),
    "relax.nn.conv2d": (("NCHW", "NHWC", "NCHW4c", "NCHW16c"), ("OIHW", "OHWI", "HWIO", "OIHW4o", "OIHW16o")),
    "relax.nn.conv3d": (("NCDHW", "NDHWC"), ("OIDHW", "DHWIO", "ODHWI")),
    "relax.nn.conv2d_transpose": (("NCHW", "NHWC"), ("IOHW", "IHWO", "HWIO")),
}


def _every(argument: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(order for orders in _LAYOUTS.values() for order in orders[argument]))


@dataclass(frozen=True)
class ConvertLayout(RelaxPass):
    """Brings an operator and its neighbours to another order of axes; transposes appear where orders meet.

    TVM: ``relax.transform.ConvertLayout``; MLIR: layout propagation.

    operator: the operator whose layout is asked for.
    data_layout, kernel_layout: the orders of its arguments' axes; N batch, C, I, O channels, H, W image.

    ``R.nn.conv2d(x, w)`` in NCHW → ``R.nn.conv2d(R.permute_dims(x), R.permute_dims(w), data_layout="NHWC")``
    """

    name: ClassVar[str] = "ConvertLayout"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.ConvertLayout"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")

    operator: str = param(Choice(tuple(_LAYOUTS)), default="relax.nn.conv2d")
    data_layout: str = param(Choice(_every(0)), default="NHWC")
    kernel_layout: str = param(Choice(_every(1)), default="OHWI")

    def arguments(self) -> dict[str, object]:
        known = _LAYOUTS[self.operator]
        if self.data_layout not in known[0] or self.kernel_layout not in known[1]:
            raise Refused(
                **words(
                    "layout_of_another_operator",
                    operator=self.operator,
                    data=", ".join(known[0]),
                    kernel=", ".join(known[1]),
                ),
                place="data_layout" if self.data_layout not in known[0] else "kernel_layout",
            )
        return {"desired_layouts": {self.operator: [self.data_layout, self.kernel_layout]}}


@dataclass(frozen=True)
class OptimizeLayoutTransform(RelaxPass):
    """Removes changes of layout that undo each other.

    TVM: ``relax.transform.OptimizeLayoutTransform``.

    ``R.layout_transform(…)`` there and back again, as functions → nothing
    """

    name: ClassVar[str] = "OptimizeLayoutTransform"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.OptimizeLayoutTransform"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls", "dataflow")


@dataclass(frozen=True)
class RewriteDataflowReshape(RelaxPass):
    """Recognises functions with loops that only reshape, which then copy nothing.

    TVM: ``relax.transform.RewriteDataflowReshape``.

    ``R.call_tir(reshape, (x,))`` → ``R.reshape(x, …)``
    """

    name: ClassVar[str] = "RewriteDataflowReshape"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.RewriteDataflowReshape"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls", "dataflow")


@dataclass(frozen=True)
class AttachAttrLayoutFreeBuffers(RelaxPass):
    """Notes on functions which of their arguments are constants, whose layout is then free.

    TVM: ``relax.transform.AttachAttrLayoutFreeBuffers``.

    a PrimFunc called with a constant → the same with ``layout_free_buffers = [1]``
    """

    name: ClassVar[str] = "AttachAttrLayoutFreeBuffers"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.AttachAttrLayoutFreeBuffers"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls")


@dataclass(frozen=True)
class SplitLayoutRewritePreproc(RelaxPass):
    """Splits the block that rewrites a weight's layout off into a function of its own, to run once.

    TVM: ``relax.transform.SplitLayoutRewritePreproc``.

    ``matmul`` with a block ``T.sblock_attr({"meta_schedule.layout_rewrite_preproc": …})`` →
    ``matmul_weight_prepack`` and ``matmul``
    """

    name: ClassVar[str] = "SplitLayoutRewritePreproc"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.SplitLayoutRewritePreproc"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls")


@dataclass(frozen=True)
class SpecializePrimFuncBasedOnCallSite(RelaxPass):
    """Gives a function's buffers the memory in which its callers hold the arguments.

    TVM: ``relax.transform.SpecializePrimFuncBasedOnCallSite``.

    called with a tensor in texture memory → ``T.Buffer(…, scope="global.texture")``
    """

    name: ClassVar[str] = "SpecializePrimFuncBasedOnCallSite"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.SpecializePrimFuncBasedOnCallSite"
    needs: ClassVar[tuple[str, ...]] = ("graph", "loop_calls")


@dataclass(frozen=True)
class ToMixedPrecision(RelaxPass):
    """Computes products and convolutions from float16, and leaves in float32 what needs it.

    TVM: ``relax.transform.ToMixedPrecision``.

    out_dtype: the precision in which products sum up.

    ``R.matmul(x, w)`` → ``R.matmul(R.astype(x, "float16"), R.astype(w, "float16"), out_dtype="float32")``
    """

    name: ClassVar[str] = "ToMixedPrecision"
    family: ClassVar[str] = "precision"
    tvm: ClassVar[str] = "relax.transform.ToMixedPrecision"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")

    out_dtype: str = param(Choice(("float32", "float16")), default="float32")
