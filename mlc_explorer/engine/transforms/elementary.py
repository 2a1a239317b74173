"""Writing out what the processor has no vector instruction for."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import ClassVar

from tvm import IRModule
from tvm_ffi import structural_equal

from ...errors import Refused
from . import polynomials
from .base import FunctionTransform
from .wording import words


@dataclass(frozen=True)
class VectorMath(FunctionTransform):
    """Writes exponentials, sigmoid, tanh and erf out as polynomials, so that they run in vector registers.

    TVM: a pass of our own (``topi.fast_exp`` is the same idea for one operator); Halide: ``fast_exp``;
    MLIR: ``math-polynomial-approximation``; elsewhere the compiler calls a vector library such as SLEEF.

    ``B = T.exp(A)`` →
    ``n = T.floor(A / ln 2 + 0.5)`` / ``r = A - n * ln 2`` / ``B = 2 ** n * (1 + r + r * r * …)``
    """

    name: ClassVar[str] = "vector_math"
    family: ClassVar[str] = "tensorir"

    def run(self, mod: IRModule, function: str) -> IRModule:
        before = mod[function]
        after = polynomials.with_polynomials(before)
        if structural_equal(before, after):
            raise Refused(**words("no_elementary", function=function), place="function")
        return IRModule({function: after})

    def source(self, function: str) -> str:
        text = inspect.getsource(polynomials)
        return f"{text}\n\none = tvm.IRModule({{{function!r}: with_polynomials(one[{function!r}])}})"
