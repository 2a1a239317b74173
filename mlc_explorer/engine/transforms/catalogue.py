"""The catalogue: every transform by name, and the clicks that apply several."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ...schema.trace import Step
from ...schema.transform import ParamSpec, Shortcut, TransformSpec
from ...texts import LANGUAGES, say
from ..recipes import (
    conv_blocked,
    conv_depthwise,
    conv_plain,
    elementwise,
    gemv,
    generic,
    matmul,
    rows,
    sums,
    transposing,
)
from . import (
    algebra,
    annotate,
    axes,
    caching,
    calling,
    cleaning,
    compute,
    conversion,
    copies,
    dispatch,
    elementary,
    epilogue,
    folding,
    functions,
    graph,
    grouping,
    inference,
    layout,
    mapping,
    memory,
    nests,
    padding,
    parameters,
    passes,
    pipelines,
    reduction,
    regions,
    reindexing,
    sampling,
    storage,
    tensorir,
    tensorizing,
    tiling,
    training,
)
from .base import Transform

# The files of the palette, in its order. A transform declared in one of them is in the catalogue.
_FAMILIES = (
    folding,
    graph,
    grouping,
    pipelines,
    cleaning,
    calling,
    algebra,
    conversion,
    inference,
    parameters,
    training,
    memory,
    passes,
    tiling,
    nests,
    axes,
    mapping,
    compute,
    caching,
    reindexing,
    copies,
    layout,
    storage,
    padding,
    reduction,
    epilogue,
    tensorizing,
    sampling,
    annotate,
    regions,
    functions,
    tensorir,
    elementary,
    dispatch,
    conv_blocked,
    conv_depthwise,
    conv_plain,
    matmul,
    gemv,
    rows,
    sums,
    transposing,
    elementwise,
    generic,
)


def _declared(family: ModuleType) -> Iterator[type[Transform]]:
    """The transforms that a file declares itself, in the order of the file."""
    for value in vars(family).values():
        own = isinstance(value, type) and issubclass(value, Transform) and value.__module__ == family.__name__
        if own and "name" in vars(value):
            yield value


TRANSFORMS: dict[str, type[Transform]] = {cls.name: cls for f in _FAMILIES for cls in _declared(f)}

_SHORTCUTS: dict[str, tuple[str, ...]] = {
    "fold_linear_relu": ("FoldLinear", "LegalizeOps", "FuseTIR"),
    "fuse": (
        "LegalizeOps",
        "AnnotateTIROpPattern",
        "FoldConstant",
        "FuseOps",
        "FuseTIR",
        "DeadCodeElimination",
    ),
}


def specs() -> tuple[TransformSpec, ...]:
    """What a screen or a command line knows of each transform, in the palette's order."""
    return tuple(_spec(cls) for cls in TRANSFORMS.values())


def shortcuts() -> tuple[Shortcut, ...]:
    """Clicks that apply several graph passes."""
    return tuple(
        Shortcut(
            name,
            tuple(Step(s).to_json() for s in steps),
            _texts(f"shortcut.{name}.title"),
            _texts(f"shortcut.{name}.text"),
        )
        for name, steps in _SHORTCUTS.items()
    )


def _spec(cls: type[Transform]) -> TransformSpec:
    return TransformSpec(
        cls.name,
        cls.level,
        cls.family,
        cls.target,
        cls.tvm,
        tuple(_param_spec(field, kind) for field, kind in cls.kinds()),
        _texts(f"transform.{cls.name}.title"),
        _texts(f"transform.{cls.name}.text"),
        *_documented(cls),
    )


def _documented(cls: type[Transform]) -> tuple[str, str]:
    """The names in other systems and the before → after that the docstring gives."""
    paragraphs = [" ".join(p.split()) for p in (inspect.getdoc(cls) or "").split("\n\n")]
    names = next((p for p in paragraphs if p.startswith("TVM:")), "").partition("; ")[2]
    example = next((p for p in reversed(paragraphs) if "→" in p), "")
    return names.partition(". ")[0].rstrip("."), example


def _param_spec(field: Any, kind: Any) -> ParamSpec:
    required = field.default is dataclasses.MISSING
    return ParamSpec(field.name, kind.name, required, None if required else field.default, kind.describe())


def _texts(key: str) -> dict[str, str]:
    return {language: say(key, language) for language in LANGUAGES}
