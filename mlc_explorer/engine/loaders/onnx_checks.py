"""What is wrong with an ONNX file, found before TVM's importer meets it and says it less well."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto, helper, inliner
from tvm.relax.frontend.onnx import onnx_frontend

from ...schema.report import TensorInfo
from .messages import bad_model

OLDEST_OPSET = 7  # the first with today's broadcasting rules; below it results may be silently wrong
NEWEST_OPSET = onnx.defs.onnx_opset_version()
_DEFAULT_DOMAINS = ("", "ai.onnx")
_IMPORTED_DOMAINS = (*_DEFAULT_DOMAINS, "com.microsoft")
_HANDLED_APART = {"If", "Constant"}  # by the importer itself, not through its table of converters


def read(data: bytes) -> onnx.ModelProto:
    """The file parsed, its model-local functions inlined, which TVM's importer does not know.

    Protobuf has no signature and skips what it does not know: no graph means no model."""
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as e:
        raise bad_model("model_not_onnx", detail=str(e)) from e
    if not model.graph.node or not all(isinstance(name, str) for name in _names(model.graph)):
        raise bad_model("model_not_onnx")
    return inliner.inline_local_functions(model) if model.functions else model


def check(model: onnx.ModelProto) -> None:
    """Opset, weights kept elsewhere, operators that TVM lacks, then all that ONNX's own checker knows."""
    _check_opset(model)
    _check_external_data(model)
    _check_operators(model.graph)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as e:
        lines = [line for line in str(e).splitlines() if line.strip()] or [type(e).__name__]
        raise bad_model("model_check_failed", detail=str(e), reason=lines[0][:300]) from e


def checked_inputs(model: onnx.ModelProto) -> tuple[TensorInfo, ...]:
    """The inputs that are not weights, in order; BadModel for one without a fixed shape."""
    weights = {w.name for w in model.graph.initializer}
    return tuple(_checked_input(i) for i in model.graph.input if i.name not in weights)


def check_output(output: TensorInfo, declaration: onnx.ValueInfoProto) -> None:
    """BadModel if the file says another shape or type than the import gave.

    TVM's importer gets some of both wrong without a word, e.g. the later outputs of LayerNormalization."""
    tensor = declaration.type.tensor_type
    declared = tuple(dim.dim_value for dim in tensor.shape.dim)
    known = tensor.HasField("shape") and all(extent > 0 for extent in declared)
    dtype = _dtype(tensor)
    if (known and declared != output.shape) or dtype != output.dtype:
        said, given = f"{dtype}{list(declared)}", f"{output.dtype}{list(output.shape)}"
        raise bad_model(
            "model_output_mismatch", place=output.name, output=output.name, declared=said, imported=given
        )


def operator_and_name(node: onnx.NodeProto) -> tuple[str, str]:
    """The operator, with its domain unless that is ONNX's own; the node's name or else its first output."""
    domain = "" if node.domain in _DEFAULT_DOMAINS else f"{node.domain}."
    return domain + node.op_type, node.name or next(iter(node.output), "?")


def opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that the file is written in."""
    return next((o.version for o in model.opset_import if o.domain in _DEFAULT_DOMAINS), 1)


def _check_opset(model: onnx.ModelProto) -> None:
    version = opset(model)
    if not OLDEST_OPSET <= version <= NEWEST_OPSET:
        raise bad_model(
            "model_opset", place=f"opset {version}", version=version, oldest=OLDEST_OPSET, newest=NEWEST_OPSET
        )


def _check_external_data(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            files = {entry.key: entry.value for entry in tensor.external_data}
            file = files.get("location", "?")
            raise bad_model("model_external_data", place=tensor.name, weight=tensor.name, file=file)


def _check_operators(graph: onnx.GraphProto) -> None:
    known = set(onnx_frontend._get_convert_map()) | _HANDLED_APART  # TVM offers no public list
    missing = [n for n in _nodes(graph) if n.domain not in _IMPORTED_DOMAINS or n.op_type not in known]
    if missing:
        operator, label = operator_and_name(missing[0])
        every = ", ".join(sorted({operator_and_name(n)[0] for n in missing}))
        raise bad_model(
            "model_operator_missing", place=f"{operator}/{label}", operator=operator, node=label, all=every
        )


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in branches and loop bodies too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _names(graph: onnx.GraphProto) -> Iterator[str | bytes]:
    """All names in the graph: Python's protobuf gives bytes for one that is no UTF-8, hence damaged."""
    for node in _nodes(graph):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for named in (*graph.input, *graph.output, *graph.initializer):
        yield named.name


def _checked_input(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    dtype = _dtype(tensor)
    if dtype is None:
        kind = value.type.WhichOneof("value") or "untyped"
        raise bad_model("model_input_kind", place=value.name, input=value.name, kind=kind)
    if not tensor.HasField("shape"):
        raise bad_model("model_input_rank", place=value.name, input=value.name)
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.dim_value <= 0:
            size = dim.dim_param or (str(dim.dim_value) if dim.HasField("dim_value") else "?")
            fixed = ",".join(str(max(d.dim_value, 1)) for d in tensor.shape.dim)
            place = f"{value.name}[{axis}]"
            raise bad_model(
                "model_symbolic_shape", place=place, input=value.name, axis=axis, size=size, fixed=fixed
            )
    return TensorInfo(value.name, tuple(dim.dim_value for dim in tensor.shape.dim), dtype)


def _dtype(tensor: onnx.TypeProto.Tensor) -> str | None:
    """The element type as NumPy spells it; None for strings, no type at all, or one that does not exist."""
    known = tensor.elem_type in TensorProto.DataType.values()
    if not known or tensor.elem_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        return None
    return helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
