"""Opening a model: a sample by name, or a file by digest and bytes.

>>> model = load("mlp")
>>> [tensor.name for tensor in model.inputs]
['image']
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ...errors import NotFound
from .cache import cached
from .catalogue import load_sample, samples
from .formats import FORMATS, Format, load_file
from .images import Images, shipped_images
from .messages import bad_model, message
from .model import LoadedModel

__all__ = [
    "FORMATS",
    "Format",
    "Images",
    "LoadedModel",
    "load",
    "load_cached",
    "load_file",
    "samples",
    "shipped_images",
]

_DIGEST = "sha256:"


def load(model: str, data: bytes | None = None) -> LoadedModel:
    """The model that a trace names: a sample, or ``sha256:<hex>`` whose file is `data`.

    Raises NotFound (no such sample, no such file) or BadModel (see `load_file`)."""
    if not model.startswith(_DIGEST):
        return load_sample(model)
    if data is None:
        raise NotFound(**message("model_file_missing", model=model), place=model)
    if hashlib.sha256(data).hexdigest() != model.removeprefix(_DIGEST):
        # Caches are shared and go by digest: a file under another's name would poison them.
        raise bad_model("model_digest", place=model, model=model)
    return load_file(model, data)


def load_cached(model: str, model_data: Callable[[str], bytes]) -> LoadedModel:
    """`load`, remembered for the last few models; `model_data` gives a file's bytes by its ``sha256:…``."""
    return cached(model, model_data, load)
