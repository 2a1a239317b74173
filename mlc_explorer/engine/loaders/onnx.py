"""ONNX → Relax, by TVM's own importer, with errors that say which node is to blame."""

from __future__ import annotations

import contextlib
import functools
import io
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import TracebackType

import numpy as np
import onnx
import tvm
from onnx.reference import ReferenceEvaluator
from tvm import relax
from tvm.relax.frontend.onnx.onnx_frontend import ONNXGraphImporter

from ...schema.report import TensorInfo
from .messages import bad_model
from .model import LoadedModel
from .onnx_checks import check, check_output, checked_inputs, operator_and_name, opset, read

_DETAIL_LIMIT = 20_000  # characters of TVM's own text: some errors print the whole function


def load_onnx(name: str, data: bytes, has_images: bool = False) -> LoadedModel:
    """The model in the ONNX file `data`; weights become constants of the module.

    Raises BadModel, whose `place` is the input, the output or ``Operator/node``."""
    model = read(data)
    check(model)
    inputs = checked_inputs(model)
    _keep_only_inputs(model, {tensor.name for tensor in inputs})
    mod, names = _import(model)
    return LoadedModel(
        name=name,
        mod=mod,
        entry="main",
        inputs=inputs,
        outputs=_outputs(model, mod),
        onnx=data,
        numpy_reference=_NumpyReference(data, [tensor.name for tensor in inputs]),
        has_images=has_images,
        names=names,
    )


class _NumpyReference:
    """ONNX's own evaluator in NumPy, made when first asked: it parses the file again."""

    def __init__(self, data: bytes, names: list[str]) -> None:
        self._data = data
        self._names = names

    @functools.cached_property
    def _evaluator(self) -> ReferenceEvaluator:
        return ReferenceEvaluator(self._data)

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self._evaluator.run(None, dict(zip(self._names, inputs, strict=True)))


def _keep_only_inputs(model: onnx.ModelProto, names: set[str]) -> None:
    """Old files list weights as inputs too, which the importer would take for parameters."""
    kept = [i for i in model.graph.input if i.name in names]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _import(model: onnx.ModelProto) -> tuple[tvm.IRModule, dict[str, str]]:
    """The module, and for each variable of ``main`` the node that it comes from (see `LoadedModel.names`)."""
    # What `from_onnx` does; only the importer itself knows which variable a node has become.
    importer = ONNXGraphImporter({}, "float32", sanitize=True)
    try:
        with _quiet():
            mod = importer.from_onnx(model.graph, opset(model))
            return mod, _names(model, importer, mod)
    except Exception as e:  # the importer raises whatever its converters meet
        reason = _reason(e)
        detail = "".join(traceback.format_exception_only(e))[-_DETAIL_LIMIT:]
        node = _node_at_fault(e.__traceback__)
        if node is None:
            raise bad_model("model_import_failed", detail=detail, reason=reason) from e
        operator, label = operator_and_name(node)
        place = f"{operator}/{label}"
        raise bad_model(
            "model_node_failed", place=place, detail=detail, operator=operator, node=label, reason=reason
        ) from e


def _names(model: onnx.ModelProto, importer: ONNXGraphImporter, mod: tvm.IRModule) -> dict[str, str]:
    """A node becomes one or more bindings; the importer has noted the last of them as its output."""
    if not any("/" in node.name for node in model.graph.node):  # other names tell of no structure
        return {}
    nodes = {
        importer._nodes[out]: n.name for n in model.graph.node for out in n.output if out in importer._nodes
    }
    names: dict[str, str] = {}
    waiting: list[str] = []
    for block in mod["main"].body.blocks:
        for binding in block.bindings:
            waiting.append(binding.var.name)
            if name := nodes.get(binding.value) or nodes.get(binding.var):
                names |= dict.fromkeys(waiting, name)
                waiting = []
    return names


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The importer prints and warns; what matters of it comes as an exception anyway."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _node_at_fault(trace: TracebackType | None) -> onnx.NodeProto | None:
    """The innermost ONNX node that the importer was at: it does not tell, but its stack frames do."""
    node = None
    while trace is not None:
        held = trace.tb_frame.f_locals.get("node")
        node = held if isinstance(held, onnx.NodeProto) else node
        trace = trace.tb_next
    return node


def _reason(error: Exception) -> str:
    """The first line of the message that says something, without C++ file names."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


def _outputs(model: onnx.ModelProto, mod: tvm.IRModule) -> tuple[TensorInfo, ...]:
    """Name by ONNX, shape and dtype by Relax, which must know them: later steps compile for fixed shapes."""
    result = mod["main"].ret_ty
    types = list(result.fields) if isinstance(result, relax.TupleType) else [result]
    outputs = tuple(_output(o.name, t) for o, t in zip(model.graph.output, types, strict=True))
    for output, declaration in zip(outputs, model.graph.output, strict=True):
        check_output(output, declaration)
    return outputs


def _output(name: str, kind: tvm.ir.Type) -> TensorInfo:
    shape = kind.shape if isinstance(kind, relax.TensorType) else None
    extents = list(shape.values) if isinstance(shape, relax.ShapeExpr) else [None]
    if not all(isinstance(extent, tvm.tirx.IntImm) for extent in extents):
        raise bad_model("model_output_dynamic", place=name, output=name, type=str(kind))
    return TensorInfo(name, tuple(int(extent) for extent in extents), str(kind.dtype))
