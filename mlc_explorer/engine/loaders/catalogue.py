"""The models that ship, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tvm

from ...errors import NotFound
from ...schema.report import SampleInfo, TensorInfo
from ...texts import say
from . import networks
from .functions import FUNCTIONS
from .images import SAMPLE_MODELS
from .messages import message
from .model import LoadedModel
from .onnx import load_onnx


@dataclass(frozen=True)
class _Network:
    """`data` gives the ONNX file's bytes."""

    data: Callable[[], bytes]
    has_images: bool = False


def _shipped(name: str) -> Callable[[], bytes]:
    return lambda: (SAMPLE_MODELS / f"{name}.onnx").read_bytes()


def _resnet18() -> bytes:
    # 47 MB of seeded weights are not worth shipping: they are made in half a second.
    return networks.resnet18().SerializeToString(deterministic=True)


_NETWORKS = {
    "mlp": _Network(_shipped("mlp"), has_images=True),
    "cnn": _Network(_shipped("cnn"), has_images=True),
    "transformer": _Network(_shipped("transformer")),
    "resnet18": _Network(_resnet18),
}


def samples() -> tuple[SampleInfo, ...]:
    """All samples: networks first, then single functions."""
    networks_ = [_info(name, "network", sample.has_images) for name, sample in _NETWORKS.items()]
    return (*networks_, *(_info(name, "function") for name in FUNCTIONS))


def load_sample(name: str) -> LoadedModel:
    """The sample `name`; NotFound lists those there are."""
    if name in _NETWORKS:
        return load_onnx(name, _NETWORKS[name].data(), _NETWORKS[name].has_images)
    if name in FUNCTIONS:
        return _load_function(name)
    known = ", ".join([*_NETWORKS, *FUNCTIONS])
    raise NotFound(**message("sample_unknown", name=name, known=known), place=name)


def _load_function(name: str) -> LoadedModel:
    function = FUNCTIONS[name]
    mod = function.module()
    *inputs, output = (_tensor(parameter) for parameter in mod["main"].params)
    return LoadedModel(
        name=name,
        mod=mod,
        entry="main",
        inputs=tuple(inputs),
        outputs=(output,),
        onnx=function.twin(name, output),
        numpy_reference=function.reference,
    )


def _info(name: str, kind: str, has_images: bool = False) -> SampleInfo:
    return SampleInfo(name, kind, say(f"sample.{name}.summary"), has_images)


def _tensor(parameter: tvm.ir.Var) -> TensorInfo:
    """A PrimFunc's buffer parameter as data."""
    buffer = parameter.ty
    return TensorInfo(parameter.name, tuple(int(extent) for extent in buffer.shape), str(buffer.dtype))
