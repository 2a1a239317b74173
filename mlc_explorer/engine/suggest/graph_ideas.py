"""What to try on a computational graph: passes and short sequences of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import MlcError
from ...schema.trace import Step
from ..replay import State, apply

# name → (family, steps with their parameters). The most promising first; what is refused or changes nothing
# is left out.
_Steps = tuple[tuple[str, Mapping[str, Any]], ...]
IDEAS: dict[str, tuple[str, _Steps]] = {
    "graph_fold_linear": ("fusion", (("FoldLinear", {}), ("LegalizeOps", {}), ("FuseTIR", {}))),
    "graph_fuse": (
        "fusion",
        (
            ("LegalizeOps", {}),
            ("AnnotateTIROpPattern", {}),
            ("FoldConstant", {}),
            ("FuseOps", {}),
            ("FuseTIR", {}),
            ("DeadCodeElimination", {}),
        ),
    ),
    "graph_layout": (
        "layout",
        (
            ("ConvertLayout", {"data_layout": "NHWC", "kernel_layout": "OHWI"}),
            ("FoldConstant", {}),
            ("LegalizeOps", {}),
        ),
    ),
    "graph_numpy": ("libraries", (("dispatch", {"package": "numpy"}), ("LegalizeOps", {}))),
    "graph_onnxruntime": ("libraries", (("dispatch", {"package": "onnxruntime"}), ("LegalizeOps", {}))),
    "graph_fold_constants": ("cleaning", (("FoldConstant", {}),)),
    "graph_common": ("cleaning", (("EliminateCommonSubexpr", {}), ("DeadCodeElimination", {}))),
    "graph_legalize": ("lowering", (("LegalizeOps", {}),)),
    "graph_default_schedule": ("rules", (("ApplyDefaultSchedule", {}),)),
}


def tried(state: State) -> Iterator[tuple[str, str, tuple[Step, ...], State]]:
    """(name, family, steps, state after them) of every idea that applies and changes something."""
    for name, (family, sequence) in IDEAS.items():
        steps, now = [], state
        try:
            for transform, params in sequence:
                step = Step(transform, None, params)
                after = apply(now, step)
                report = after.reports[-1]
                if report.changed or report.added or report.removed:
                    steps.append(step)
                    now = after
        except MlcError:
            continue
        if steps:
            yield name, family, tuple(steps), now
