"""What a function of the model computes, where that is something a library can compute too.

A tensor function is not trusted by its name. For each operation that takes as many inputs, TVM makes the
function anew from operators of the same shapes, and the two are compared. So a function is recognised for as
long as its loops are as LegalizeOps and FuseTIR left them. A group of operators that FoldLinear made is
matched as a graph is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tvm
import tvm_ffi
from tvm import relax
from tvm.tirx import IntImm, PrimFunc

from . import OPERATIONS, patterns


@dataclass(frozen=True)
class Known:
    """`operation` of the arguments at the positions `order`, with further arguments as Python (`more`)."""

    operation: str
    order: tuple[int, ...]
    more: tuple[str, ...] = ()

    def arguments(self) -> list[Any]:
        """The further arguments themselves."""
        return [eval(text, {"relax": relax}) for text in self.more]  # texts that are made below


def recognised(func: PrimFunc | relax.Function) -> Known | None:
    """The operation that `func` is, or None."""
    return _tensor_function(func) if isinstance(func, PrimFunc) else _group(func)


# -- a group of operators


def _group(func: relax.Function) -> Known | None:
    values = relax.analysis.get_var2val(func)
    result = values.get(func.body.body)
    bound = {value: var for var, value in values.items()}
    for operation in OPERATIONS if result is not None else ():
        pattern, arguments = patterns.made(operation)
        found = pattern.extract_matched_expr(result, values)
        given = arguments(found) if found else None
        if given is not None and len(set(found.values()) & bound.keys()) == len(values):
            params = list(func.params)
            tensors = [a for a in given if a in params]
            return Known(
                operation, tuple(map(params.index, tensors)), tuple(map(_python, given[len(tensors) :]))
            )
    return None


def _python(argument: Any) -> str:
    if isinstance(argument, relax.ShapeExpr):
        return f"relax.ShapeExpr({[int(n) for n in argument.values]})"
    return f"relax.prim_value({argument.value!r})"


# -- a tensor function

Shape = tuple[int, ...]


@dataclass(frozen=True)
class _Candidate:
    """An operation, how a graph computes it (from `do`, which binds a call, and the inputs), and its
    attributes as Python."""

    operation: str
    make: Callable[..., Any]
    more: tuple[str, ...] = ()


def _tensor_function(func: PrimFunc) -> Known | None:
    kinds = [_tensor(param) for param in func.params]
    if len(kinds) < 2 or not all(kinds) or len({dtype for _, dtype in kinds}) > 1:
        return None
    *inputs, output = (shape for shape, _ in kinds)
    own = _bare(func)
    for candidate in _candidates(inputs, output):
        reference = _reference(candidate, inputs, kinds[0][1])
        if reference is not None and tvm_ffi.structural_equal(reference, own, map_free_vars=True):
            return Known(candidate.operation, tuple(range(len(inputs))), candidate.more)
    return None


def _tensor(param: Any) -> tuple[Shape, str] | tuple[()]:
    """Shape and dtype of a parameter; nothing for what is no tensor of known size."""
    shape = getattr(param.ty, "shape", None)
    if shape is None or not all(isinstance(n, (int, IntImm)) for n in shape):
        return ()
    return tuple(int(n) for n in shape), str(param.dtype)


def _bare(func: PrimFunc) -> PrimFunc:
    """`func` without what does not belong to its loops: its name, and the notes of passes."""
    return PrimFunc(func.params, func.body, func.ret_type)


def _candidates(inputs: list[Shape], output: Shape) -> Iterator[_Candidate]:
    """The operations that take such inputs to such an output."""
    op, ranks = relax.op, [len(shape) for shape in inputs]
    if len(inputs) == 3 and ranks[1:] == [2, 1]:
        yield _Candidate("linear_relu", lambda do, x, w, b: do(op.nn.relu(_layer(do, x, w, b))))
        yield _Candidate("linear", _layer)
    if len(inputs) >= 2 and ranks[:2] == [4, 4] and len(output) == 4:
        yield from _convolutions(inputs, output)
    if len(inputs) == 2:
        yield _Candidate("matmul", lambda do, a, b: do(op.matmul(a, b)))
        yield _Candidate("add", lambda do, a, b: do(op.add(a, b)))
        yield _Candidate("multiply", lambda do, a, b: do(op.multiply(a, b)))
    if len(inputs) == 1:
        yield _Candidate("relu", lambda do, x: do(op.nn.relu(x)))
        yield _Candidate("softmax", lambda do, x: do(op.nn.softmax(x, -1)), ("relax.prim_value(-1)",))
        yield _Candidate("reshape", lambda do, x: do(op.reshape(x, output)))
        yield from _pools(inputs[0], output)


def _layer(do: Any, x: Any, w: Any, b: Any) -> Any:
    return do(relax.op.add(do(relax.op.matmul(x, w)), b))


def _convolutions(inputs: list[Shape], output: Shape) -> Iterator[_Candidate]:
    """With the one stride and padding that give this output, and no dilation."""
    (_, channels, *size), (_, each, *kernel), *bias = inputs
    strides = [max(1, n // o) for n, o in zip(size, output[2:])]
    pads = [(max(0, (o - 1) * s + k - n) + 1) // 2 for n, k, s, o in zip(size, kernel, strides, output[2:])]
    groups = channels // each
    more = (_shape(strides), _shape([*pads, *pads]), _shape([1, 1]), f"relax.prim_value({groups})")

    def convolved(do: Any, x: Any, w: Any) -> Any:
        return do(relax.op.nn.conv2d(x, w, strides=strides, padding=[*pads, *pads], groups=groups))

    def with_bias(do: Any, x: Any, w: Any, b: Any) -> Any:
        return do(relax.op.add(convolved(do, x, w), b))

    def with_relu(do: Any, x: Any, w: Any, b: Any) -> Any:
        return do(relax.op.nn.relu(with_bias(do, x, w, b)))

    if not bias:
        yield _Candidate("conv2d", convolved, more)
    elif bias == [(1, inputs[1][0], 1, 1)]:
        yield _Candidate("conv2d_bias_relu", with_relu, more)
        yield _Candidate("conv2d_bias", with_bias, more)


def _pools(shape: Shape, output: Shape) -> Iterator[_Candidate]:
    """Windows side by side, and the usual ones of 3 × 3 with stride 2."""
    if len(shape) != 4 or len(output) != 4:
        return
    beside = [n // o for n, o in zip(shape[2:], output[2:])]
    for size, strides, pads in ((beside, beside, [0] * 4), ([3, 3], [2, 2], [1] * 4)):

        def pooled(do: Any, x: Any, size: Any = size, strides: Any = strides, pads: Any = pads) -> Any:
            return do(relax.op.nn.max_pool2d(x, size, strides, pads))

        yield _Candidate("max_pool2d", pooled, (_shape(size), _shape(strides), _shape(pads)))


def _shape(values: list[int]) -> str:
    return f"relax.ShapeExpr({values})"


def _reference(candidate: _Candidate, inputs: list[Shape], dtype: str) -> PrimFunc | None:
    """The tensor function that TVM makes of the candidate; None if it takes no such inputs."""
    params = [relax.Var(f"x{i}", relax.TensorType(shape, dtype)) for i, shape in enumerate(inputs)]
    builder, bindings = relax.BlockBuilder(), []

    def emit(call: Any) -> Any:
        typed = builder.normalize(call)
        bindings.append(relax.VarBinding(relax.DataflowVar(f"lv{len(bindings)}", typed.ty), typed))
        return bindings[-1].var

    try:
        last = candidate.make(emit, *params)
    except Exception:  # TVM raises many classes for shapes that do not fit; it is then another operation
        return None
    result = relax.Var("result", last.ty)
    block = relax.DataflowBlock([*bindings, relax.VarBinding(result, last)])
    main = relax.Function(params, relax.SeqExpr([block], result), last.ty).with_attr("global_symbol", "main")
    made = tvm.ir.transform.Sequential(_FUSED)(tvm.IRModule({"main": main}))
    functions = [f for _, f in made.functions_items() if isinstance(f, PrimFunc)]
    return _bare(functions[0]) if len(functions) == 1 else None


_FUSED = [
    relax.transform.CanonicalizeBindings(),
    relax.transform.LegalizeOps(),
    relax.transform.AnnotateTIROpPattern(),
    relax.transform.FuseOps(),
    relax.transform.FuseTIR(),
    relax.transform.DeadCodeElimination(),
]
