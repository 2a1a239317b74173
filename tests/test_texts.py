"""Both languages are whole: the same keys, the same placeholders, nothing empty, nothing left in English."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path

import pytest

from mlc_explorer import texts

OTHERS = [code for code in texts.LANGUAGES if code != "en"]
CHINESE = re.compile("[\u4e00-\u9fff]")

# Texts that are the same in every language: names, units and symbols. A key, or a prefix ending in a dot.
NO_TRANSLATION = {"sample.resnet18.title", "sample.softmax.title"}


def placeholders(text: str) -> set[str]:
    """The names in braces that `say` fills."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_the_same_keys(language: str) -> None:
    assert set(texts.table(language)) ^ set(texts.table("en")) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_the_same_placeholders(language: str) -> None:
    english, other = texts.table("en"), texts.table(language)
    shared = english.keys() & other.keys()
    assert [k for k in sorted(shared) if placeholders(english[k]) != placeholders(other[k])] == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_nothing_is_empty(language: str) -> None:
    assert [key for key, text in texts.table(language).items() if not str(text).strip()] == []


def test_chinese_is_chinese() -> None:
    table = texts.table("zh")
    assert [k for k, text in table.items() if not CHINESE.search(text) and not _is_a_name(k, text)] == []


def test_english_holds_no_chinese() -> None:
    assert [key for key, text in texts.table("en").items() if CHINESE.search(text)] == []


def test_the_list_of_untranslated_texts_is_not_stale() -> None:
    assert [k for k in NO_TRANSLATION if not any(_covers(k, key) for key in texts.table("zh"))] == []


def _is_a_name(key: str, text: str) -> bool:
    """Listed, or nothing to translate at all: no word of letters outside the placeholders."""
    if any(_covers(entry, key) for entry in NO_TRANSLATION):
        return True
    return not re.search("[A-Za-z]{2}", re.sub(r"{.*?}", "", text))


def _covers(entry: str, key: str) -> bool:
    return key == entry or (entry.endswith(".") and key.startswith(entry))


def test_a_key_stands_in_one_file_only() -> None:
    """Two files that define one key would hide each other's text, by the order of their names."""
    folder = Path(texts.__file__).parent
    for language in texts.LANGUAGES:
        keys = [
            key
            for file in sorted((folder / language).glob("*.toml"))
            for key in _flat(tomllib.loads(file.read_text(encoding="utf-8")))
        ]
        assert sorted({key for key in keys if keys.count(key) > 1}) == [], language


def _flat(node: dict, prefix: str = "") -> list[str]:
    return [
        name
        for key, value in node.items()
        for name in (_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key])
    ]
