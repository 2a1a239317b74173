"""What all tests share: a home of their own, golden text files, and a loud word about what was skipped."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# TVM would pin this process to one core at its first parallel kernel, and with it every server and browser
# that the tests start from then on.
os.environ.setdefault("TVM_BIND_THREADS", "0")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the tests see to tests/golden/ instead of comparing with it",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: they are the slowest, and Playwright keeps an event loop in this thread,
    under which no other test could call `asyncio.run`."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_configure(config: pytest.Config) -> None:
    """A fresh MLC_EXPLORER_HOME, so that no test reads or writes what belongs to the person. It is set before
    tests are collected, because some ask the engine, and with it the store, while they are imported."""
    folder = tempfile.mkdtemp(prefix="mlc-explorer-home-")
    patch = pytest.MonkeyPatch()
    patch.setenv("MLC_EXPLORER_HOME", folder)
    config.add_cleanup(patch.undo)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def home() -> Path:
    return Path(os.environ["MLC_EXPLORER_HOME"])


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def golden(update_golden: bool) -> Callable[[str, str], None]:
    """`golden(name, text)`: `text` must be what tests/golden/`name` holds.

    `pytest --update-golden` writes the file; look at the change before you commit it.
    """

    def check(name: str, text: str) -> None:
        file = GOLDEN / name
        if update_golden:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        assert file.is_file(), f"there is no tests/golden/{name}: run pytest with --update-golden to write it"
        expected = file.read_text(encoding="utf-8")
        if text != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), f"tests/golden/{name}", "this run", lineterm=""
            )
            pytest.fail("\n".join(lines), pytrace=False)

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Skipped browser tests must not pass for run ones."""
    skipped = [r for r in terminalreporter.getreports("skipped") if "tests/browser/" in r.nodeid]
    if not skipped:
        return
    terminalreporter.write_sep("!", f"{len(skipped)} BROWSER TESTS DID NOT RUN", red=True, bold=True)
    for reason in sorted({r.longrepr[2] for r in skipped if isinstance(r.longrepr, tuple)}):
        terminalreporter.write_line(reason.removeprefix("Skipped: ").replace(os.linesep, " "))
