"""The formats that open, one entry a format: a new one adds its file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .messages import bad_model
from .model import LoadedModel
from .onnx import load_onnx


@dataclass(frozen=True)
class Format:
    """`recognises` looks at a file's bytes; `load` takes the model's name and the bytes."""

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    load: Callable[[str, bytes], LoadedModel]


def _anything(data: bytes) -> bool:
    """ONNX comes last: a protobuf message starts with no signature, so that it is what remains."""
    return True


FORMATS: tuple[Format, ...] = (Format("ONNX", (".onnx",), _anything, load_onnx),)

_NOT_MODELS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "PDF"),
    (b"\x7fELF", "ELF"),
    (b"\x89HDF", "HDF5"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x93NUMPY", "NPY"),
    (b"version https://git-lfs", "Git LFS"),
)


def load_file(name: str, data: bytes) -> LoadedModel:
    """The model in a file's bytes, whatever its format; BadModel if it is none."""
    if not data:
        raise bad_model("model_empty")
    kind = _wrong_kind(data)
    if kind is not None:
        raise bad_model("model_wrong_file", kind=kind)
    return next(f for f in FORMATS if f.recognises(data)).load(name, data)


def _wrong_kind(data: bytes) -> str | None:
    """What the file is instead, where its first bytes tell."""
    for signature, kind in _NOT_MODELS:
        if data.startswith(signature):
            return kind
    if data[4:8] == b"TFL3":
        return "TensorFlow Lite"
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    if head.startswith((b"{", b"[", b"<?xml")):
        return "JSON / XML"
    return None
