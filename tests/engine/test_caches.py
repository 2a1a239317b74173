"""The machine's caches are read where Linux tells them; a usual pair stands in for what it does not tell."""

from __future__ import annotations

from pathlib import Path

from mlc_explorer.engine.caches import USUAL, caches, read
from mlc_explorer.schema.motion import Cache


def index(folder: Path, number: int, **said: str) -> None:
    place = folder / f"index{number}"
    place.mkdir(parents=True)
    for name, text in said.items():
        (place / name).write_text(f"{text}\n")


def test_a_machine_that_tells(tmp_path):
    common = {"coherency_line_size": "64"}
    index(tmp_path, 0, level="1", type="Data", size="48K", ways_of_associativity="12", **common)
    index(tmp_path, 1, level="1", type="Instruction", size="32K", ways_of_associativity="8", **common)
    index(tmp_path, 2, level="2", type="Unified", size="2M", ways_of_associativity="16", **common)
    assert read(tmp_path) == (Cache(1, 49152, 12, 64), Cache(2, 2097152, 16, 64))


def test_what_is_missing_or_makes_no_sense_is_the_usual(tmp_path):
    index(
        tmp_path, 0, level="1", type="Data", size="48K", ways_of_associativity="0", coherency_line_size="64"
    )
    index(tmp_path, 2, level="2", type="Unified", size="lots")
    assert read(tmp_path) == USUAL
    assert read(tmp_path / "nowhere") == USUAL


def test_this_machine_has_two():
    first, second = caches()
    assert (first.level, second.level) == (1, 2)
    assert 0 < first.size <= second.size
    assert first.sets * first.ways * first.line <= first.size
