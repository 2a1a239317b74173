"""Groups of operators by patterns that a person writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tvm import IRModule, relax

from ...schema.params import Flag, Text, param
from .base import GraphTransform
from .patterns import parsed

_SAMPLE = "linear_relu = relax.nn.relu(relax.add(relax.matmul(x, w), b))"


@dataclass(frozen=True)
class FuseOpsByPattern(GraphTransform):
    """Groups operators that match a pattern into a function, for LegalizeOps and FuseTIR or for a library.

    TVM: ``relax.transform.FuseOpsByPattern``, ``relax.dpl``; MLIR: PDL.

    patterns: a line each, the first that matches wins. Names stand for any value, ``const(w)`` for a
        constant, ``a | b`` for either.
    bind_constants: keep constants inside the group, rather than pass them to it.
    annotate_codegen: wrap each group for another compiler, whose name is what stands before the dot.

    ``R.nn.relu(R.add(R.matmul(x, w), b))`` → ``fused_relax_matmul_relax_add_relax_nn_relu(x, w, b)``, a
    function with ``Composite = "linear_relu"``
    """

    name: ClassVar[str] = "FuseOpsByPattern"
    family: ClassVar[str] = "fusion"
    tvm: ClassVar[str] = "relax.transform.FuseOpsByPattern"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")

    patterns: str = param(Text(r"(?s).{1,4000}"), default=_SAMPLE)
    bind_constants: bool = param(Flag(), default=False)
    annotate_codegen: bool = param(Flag(), default=False)

    def run(self, mod: IRModule) -> IRModule:
        found = [(one.name, one.pattern) for one in parsed(self.patterns)]
        return relax.transform.FuseOpsByPattern(found, self.bind_constants, self.annotate_codegen)(mod)

    def source(self) -> str:
        settings = f"bind_constants={self.bind_constants}, annotate_codegen={self.annotate_codegen}"
        lines = ["from tvm.relax.dpl import is_const, is_op, wildcard", "", "patterns = []"]
        for one in parsed(self.patterns):
            lines += [*one.source, f"patterns.append(({one.name!r}, pattern))"]
        return "\n".join([*lines, f"mod = relax.transform.FuseOpsByPattern(patterns, {settings})(mod)"])
