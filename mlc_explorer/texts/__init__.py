"""What a person reads, one folder a language: `en/`, `zh/`.

`say("toolbar.undo", "zh")` looks a text up; `{name}` in it is filled from keyword arguments. A test
holds the folders to the same keys and placeholders. Keys are dotted paths of TOML tables.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LANGUAGES = {"en": "English", "zh": "中文"}


@functools.cache
def table(language: str) -> dict[str, str]:
    """All texts of a language by dotted key."""
    flat: dict[str, str] = {}

    def walk(prefix: str, node: dict[str, Any]) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            else:
                flat[prefix + key] = value

    for file in sorted((Path(__file__).parent / language).glob("*.toml")):
        walk("", tomllib.loads(file.read_text(encoding="utf-8")))
    return flat


def say(key: str, language: str = "en", /, **values: Any) -> str:
    """The text `key` in `language`, filled. A missing key is a programming error: KeyError."""
    text = table(language)[key]
    return text.format(**values) if values else text


def say_error(part: str, own: str, code: str, params: Mapping[str, Any], language: str) -> str:
    """The `part` (``message`` or ``hint``) of an error in `language`: the text ``errors.<code>.<part>``
    filled from `params`, or the error's `own` words where there is no such text."""
    key = f"errors.{code}.{part}"
    if not code or not has(key):
        return own
    try:
        return say(key, language).format(**params)
    except (KeyError, IndexError, ValueError):  # params that don't fill the text must not hide the error
        return own


def has(key: str) -> bool:
    """Whether there is such a text."""
    return key in table("en")
