"""Rewriting operators by the laws of algebra: fewer or cheaper ones that compute the same.

Results may differ in the last bits, as sums are taken in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...schema.params import Function, param
from .base import RelaxPass


@dataclass(frozen=True)
class AdjustMatmulOrder(RelaxPass):
    """Multiplies a chain of matrices in the order that costs least.

    TVM: ``relax.transform.AdjustMatmulOrder``.

    ``(A @ B) @ v`` → ``A @ (B @ v)``
    """

    name: ClassVar[str] = "AdjustMatmulOrder"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.AdjustMatmulOrder"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")


@dataclass(frozen=True)
class CombineParallelMatmul(RelaxPass):
    """Makes one product of several that share their left matrix, as for queries, keys and values.

    TVM: ``relax.transform.CombineParallelMatmul``.

    ``x @ w1, x @ w2`` → ``R.split(x @ R.concat((w1, w2)))``
    """

    name: ClassVar[str] = "CombineParallelMatmul"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.CombineParallelMatmul"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")


@dataclass(frozen=True)
class ExpandMatmulOfSum(RelaxPass):
    """Multiplies a sum out, as for the weights of LoRA.

    TVM: ``relax.transform.ExpandMatmulOfSum``.

    ``x @ (a + b)`` → ``x @ a + x @ b``
    """

    name: ClassVar[str] = "ExpandMatmulOfSum"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.ExpandMatmulOfSum"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")


@dataclass(frozen=True)
class FuseTransposeMatmul(RelaxPass):
    """Makes one function of a product with a transposed matrix, which then is never written down.

    TVM: ``relax.transform.FuseTransposeMatmul``.

    ``R.matmul(x, R.permute_dims(w))`` → ``NT_matmul(x, w)``
    """

    name: ClassVar[str] = "FuseTransposeMatmul"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.FuseTransposeMatmul"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")


@dataclass(frozen=True)
class ReorderPermuteDimsAfterConcat(RelaxPass):
    """Transposes once, after concatenating, instead of each part before.

    TVM: ``relax.transform.ReorderPermuteDimsAfterConcat``.

    ``R.concat((a.T, b.T), axis=1)`` → ``R.concat((a, b), axis=0).T``
    """

    name: ClassVar[str] = "ReorderPermuteDimsAfterConcat"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.ReorderPermuteDimsAfterConcat"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")


@dataclass(frozen=True)
class ReorderTakeAfterMatmul(RelaxPass):
    """Multiplies before it picks rows or columns, as for several LoRA adapters.

    TVM: ``relax.transform.ReorderTakeAfterMatmul``.

    ``x @ R.take(w, i, axis=1)`` → ``R.take(x @ w, i, axis=1)``
    """

    name: ClassVar[str] = "ReorderTakeAfterMatmul"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.ReorderTakeAfterMatmul"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")


@dataclass(frozen=True)
class FastMathTransform(RelaxPass):
    """Computes exp, tanh and erf by faster, less exact formulas.

    TVM: ``relax.transform.FastMathTransform``.

    ``R.exp(x)`` → ``R.call_tir(fast_exp, (x,))``
    """

    name: ClassVar[str] = "FastMathTransform"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.FastMathTransform"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "no_calls")


@dataclass(frozen=True)
class FoldBatchnormToConv2D(RelaxPass):
    """Multiplies the scale of a batch normalisation into the weights of the convolution before it.

    TVM: ``relax.transform.FoldBatchnormToConv2D``.

    ``R.nn.batch_norm(R.nn.conv2d(x, w), …)[0]`` → ``R.nn.conv2d(x, w') + b'``
    """

    name: ClassVar[str] = "FoldBatchnormToConv2D"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.FoldBatchnormToConv2D"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")


@dataclass(frozen=True)
class DecomposeOpsForInference(RelaxPass):
    """Takes composed operators apart as inference needs them, such as batch normalisation.

    TVM: ``relax.transform.DecomposeOpsForInference``.

    func_name: the one function to work on; else all.

    ``R.nn.batch_norm(x, …)`` → ``R.divide(R.subtract(x, mean), R.sqrt(variance + eps))``, …
    """

    name: ClassVar[str] = "DecomposeOpsForInference"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.DecomposeOpsForInference"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")

    func_name: str | None = param(Function(), default=None)


@dataclass(frozen=True)
class DecomposeOpsForTraining(RelaxPass):
    """Takes composed operators apart as training needs them: layer and batch norms, which also update
    their statistics.

    TVM: ``relax.transform.DecomposeOpsForTraining``.

    func_name: the one function to work on; else all.

    ``R.nn.batch_norm(x, …)`` → the mean and variance of ``x`` itself, and new running ones
    """

    name: ClassVar[str] = "DecomposeOpsForTraining"
    family: ClassVar[str] = "algebra"
    tvm: ClassVar[str] = "relax.transform.DecomposeOpsForTraining"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators")

    func_name: str | None = param(Function(), default=None)
