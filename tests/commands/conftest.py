"""Commands run in this process, with one engine for a file of tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlc_explorer import session
from mlc_explorer.__main__ import main
from mlc_explorer.commands import advising, tuning
from mlc_explorer.store import Store
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all commands that run in this process; a real command starts its own."""
    store = Store(tmp_path_factory.mktemp("command-line"))
    engine = Engine.local(fetch=store.get, settings=Settings(workers=1).resolved())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "default_engine", lambda: engine)
        for module in (session, advising, tuning):
            patch.setattr(module, "default_store", lambda: store)
        yield engine
    engine.close()


@pytest.fixture
def text(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints; it must succeed."""

    def run(*argv: str) -> str:
        assert main(list(argv)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def data(text: Callable[..., str]) -> Callable[..., Any]:
    """The same with --json, read."""
    return lambda *argv: json.loads(text(*argv, "--json"))


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """The error of a command that must fail with exit status 1."""

    def run(*argv: str) -> dict[str, Any]:
        assert main([*argv, "--json"]) == 1
        return json.loads(capsys.readouterr().out)

    return run
