"""What ended a job, told from an exit status and the last words; and that every error can be said."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from mlc_explorer import texts
from mlc_explorer.errors import Crashed, OutOfMemory
from mlc_explorer.workers import limits

PACKAGE = Path(limits.__file__).parents[1]


@pytest.mark.parametrize(
    ("exitcode", "name"),
    [(-11, "SIGSEGV"), (-8, "SIGFPE"), (-9, "SIGKILL"), (3, "exit 3"), (None, "exit None")],
)
def test_a_death_is_named_by_its_signal_or_status(exitcode: int | None, name: str) -> None:
    error = limits.death(exitcode, b"", 100, kernel_killed=False)
    assert isinstance(error, Crashed)
    assert error.params == {"signal": name}


@pytest.mark.parametrize(
    "words",
    [
        b"LLVM ERROR: out of memory\nAllocation failed",
        b"terminate called after throwing an instance of 'std::bad_alloc'",
        b"fatal: Cannot allocate memory",
    ],
)
def test_an_abort_for_want_of_memory_is_out_of_memory(words: bytes) -> None:
    error = limits.death(-signal.SIGABRT, words, 100, kernel_killed=False)
    assert isinstance(error, OutOfMemory)
    assert error.params == {"limit_mib": 100}


def test_the_kernel_s_kill_is_out_of_memory_and_somebody_else_s_is_not() -> None:
    assert isinstance(limits.death(-signal.SIGKILL, b"", 100, kernel_killed=True), OutOfMemory)
    assert isinstance(limits.death(-signal.SIGKILL, b"", 100, kernel_killed=False), Crashed)
    assert isinstance(limits.death(-signal.SIGSEGV, b"", 100, kernel_killed=True), Crashed)


def test_last_lines_are_few_short_and_harmless() -> None:
    noise = b"\x1b[2J\x00" + b"y" * 5000 + b"\n" + b"line\n" * 1000 + "末行 \xff".encode("latin-1", "ignore")
    words = limits.last_lines(noise)
    assert len(words.splitlines()) <= 40
    assert "\x1b" not in words and "\x00" not in words
    assert max(map(len, words.splitlines())) <= 400


def test_every_error_of_this_room_has_its_texts() -> None:
    files = [*PACKAGE.glob("workers/*.py"), PACKAGE / "store.py"]
    codes = {code for file in files for code in re.findall(r'code="(\w+)"', file.read_text(encoding="utf-8"))}
    assert len(codes) >= 15
    wanted = {f"errors.{code}.{part}" for code in codes for part in ("message", "hint")}
    assert {key for key in wanted if not texts.has(key)} == set()
