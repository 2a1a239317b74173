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

# Names that are the same in every language. A Chinese text may consist of these and placeholders alone.
NAMES = {
    "CPU", "CUDA", "GFLOP", "GiB", "LLVM", "IR", "KiB", "MiB", "MLC Explorer", "NumPy", "ONNX Runtime",
    "Relax", "ResNet-18", "Softmax", "TVMScript", "TensorIR", "Metal", "OpenCL", "Python", "WebGPU",
}  # fmt: skip


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
    assert {
        key: text for key, text in table.items() if not CHINESE.search(text) and not is_a_name(text)
    } == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [("TensorIR", True), ("{n} GFLOP/s", True), ("→ {path}", True), ("Undo", False), ("IRs", False)],
)
def test_a_name_needs_no_translation_and_a_word_does(text: str, name: bool) -> None:
    assert is_a_name(text) == name


def test_english_holds_no_chinese() -> None:
    assert [key for key, text in texts.table("en").items() if CHINESE.search(text)] == []


def is_a_name(text: str) -> bool:
    """Nothing to translate: only names, placeholders, signs and single letters."""
    rest = re.sub(r"{.*?}", " ", text)
    for name in NAMES:
        rest = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", " ", rest)
    return not re.search("[A-Za-z]{2}", rest)


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
