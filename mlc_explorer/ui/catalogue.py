"""The transforms as the page knows them: asked of the engine once, and sent to the browser by digest."""

from __future__ import annotations

import functools
import json
from typing import Any

from mlc_explorer import session as headless
from mlc_explorer.schema.codec import encode
from mlc_explorer.schema.transform import Shortcut, TransformSpec
from mlc_explorer.texts import has, say
from mlc_explorer.ui import blobs


@functools.cache
def _known() -> tuple[tuple[TransformSpec, ...], tuple[Shortcut, ...]]:
    return headless.transforms()


def transforms() -> tuple[TransformSpec, ...]:
    return _known()[0]


def shortcuts() -> tuple[Shortcut, ...]:
    return _known()[1]


@functools.cache
def for_component(language: str) -> dict[str, Any]:
    """The transforms, and what a person calls their families, as the components take them."""
    families = {spec.family for spec in transforms()}
    named = {family: say(f"family.{family}", language) for family in families if has(f"family.{family}")}
    return {"specs": encode(transforms()), "families": named}


def published(language: str) -> dict[str, Any]:
    """The same as an entry of `blobs`, without writing it as JSON again."""
    return blobs.entry(_as_json(language))


@functools.cache
def _as_json(language: str) -> bytes:
    return json.dumps(for_component(language), ensure_ascii=False).encode()
