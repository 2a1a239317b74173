"""Opened models, kept: importing one takes from milliseconds to seconds, and every job begins with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .model import LoadedModel

MOST_MODELS = 6  # a model's weights can be a hundred megabytes

_models: OrderedDict[str, LoadedModel] = OrderedDict()


def cached(
    model: str, model_data: Callable[[str], bytes], load: Callable[[str, bytes | None], LoadedModel]
) -> LoadedModel:
    """The model as `load` gives it, at most once while it stays among the last few; `model_data` is asked for
    the bytes of an uploaded file (``sha256:…``). One worker does one job at a time; this is not made for
    threads."""
    if model not in _models:
        data = model_data(model) if model.startswith("sha256:") else None
        _models[model] = load(model, data)
        while len(_models) > MOST_MODELS:
            _models.popitem(last=False)
    _models.move_to_end(model)
    return _models[model]
