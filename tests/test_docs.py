"""The documents say what is there: every setting, transform, sample, command and file that they name."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlc_explorer import session
from mlc_explorer.__main__ import arguments
from mlc_explorer.session import Session, samples, shipped_trace
from mlc_explorer.texts import LANGUAGES
from mlc_explorer.workers import jobs
from mlc_explorer.workers.client import Engine
from mlc_explorer.workers.settings import Settings
from scripts import transforms_doc

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    ROOT / name
    for name in (
        "README.md", "README.zh.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/benchmarks.md",
        "docs/coverage.md", "docs/settings.md", "docs/transforms.md", "sample_models/README.md",
    )
]  # fmt: skip
README = DOCUMENTS[0].read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
VARIABLE = re.compile(r"MLC_EXPLORER_[A-Z]+(?:_[A-Z]+)*\b(?!_)")


def documents() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", DOCUMENTS, ids=lambda f: str(f.relative_to(ROOT)))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    pytest.importorskip("tvm", reason="the catalogue is the engine's, which needs TVM")
    engine = Engine.local(settings=Settings(workers=1).resolved())
    yield engine
    engine.close()


def rows(markdown: str) -> dict[str, list[str]]:
    """The rows of all tables by what their first cell holds in backquotes; the other cells as they are."""
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line]
    return {first.strip("`"): rest for first, *rest in cells if first.startswith("`")}


# -- settings


def test_every_setting_of_the_workers_is_documented_with_its_default() -> None:
    documented = rows(SETTINGS)
    for field in dataclasses.fields(Settings):
        default, meaning = documented[f"MLC_EXPLORER_{field.name.upper()}"]
        assert meaning
        if field.default:
            assert float(default) == float(field.default), field.name


def test_the_documented_variables_are_those_that_are_read() -> None:
    """Where the sources name a variable, and what `Settings` derives from its fields."""
    sources = [
        ROOT / "app.py",
        ROOT / "Makefile",
        *ROOT.glob("mlc_explorer/**/*.py"),
        *ROOT.glob("tests/**/*.py"),
    ]
    named = {v for f in sources for v in VARIABLE.findall(f.read_text(encoding="utf-8"))}
    derived = {f"MLC_EXPLORER_{f.name.upper()}" for f in dataclasses.fields(Settings)}
    assert set(VARIABLE.findall(SETTINGS)) == named | derived


# -- transforms


def test_the_list_of_transforms_is_current(engine: Engine) -> None:
    current = transforms_doc.document(*session.transforms(engine))
    written = transforms_doc.DOCUMENT.read_text(encoding="utf-8")
    assert written == current, "write it anew: python -m scripts.transforms_doc"


def test_every_transform_has_its_texts(engine: Engine) -> None:
    specs, shortcuts = session.transforms(engine)
    for spec in (*specs, *shortcuts):
        for texts in (spec.title, spec.text):
            assert set(texts) == set(LANGUAGES) and all(texts.values()), spec.name


def test_every_level_of_a_transform_has_a_section(engine: Engine) -> None:
    assert {s.level for s in session.transforms(engine)[0]} <= set(transforms_doc.LEVELS)


# -- samples


def test_every_sample_is_described(engine: Engine) -> None:
    described = (ROOT / "sample_models" / "README.md").read_text(encoding="utf-8")
    for sample in samples(engine):
        assert f"`{sample.name}`" in README
        assert f"`{sample.name}`" in described


def test_the_readme_names_the_schedules_that_ship(engine: Engine) -> None:
    shipped = [f"`{s.name}`" for s in samples(engine) if shipped_trace(s.name)]
    said = README.partition("schedules ship:")[2].partition(".\n")[0]
    assert sorted(re.findall("`[^`]+`", said)) == sorted(shipped)


# -- commands, files, names


@documents()
def test_what_make_is_asked_for_is_in_the_makefile(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = re.findall(r"(?:^|`|=1 )make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(asked) <= targets


def test_the_readme_has_the_two_commands() -> None:
    assert {"run", "test"} <= set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))


@documents()
def test_modules_that_are_to_be_run_exist(document: Path) -> None:
    for name in re.findall(r"python -m ([\w.]+)", document.read_text(encoding="utf-8")):
        path = ROOT.joinpath(*name.split("."))
        known = path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
        assert known or name in ("venv", "pip"), name


@documents()
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [to for to in links if "://" not in to and not (document.parent / to).exists()]
    assert missing == []


@documents()
def test_commands_of_the_command_line_are_well_formed(document: Path) -> None:
    """Every `python -m mlc_explorer …` line parses as it stands."""
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^(?:\$ )?python -m mlc_explorer (.*)$", text, re.MULTILINE):
        words = re.findall(r"'[^']*'|\S+", line)
        assert arguments().parse_args([w.strip("'") for w in words]).run


def test_the_readme_names_every_command_of_the_command_line() -> None:
    said = README.partition("The commands are ")[2].partition(";")[0]
    listed = re.findall(r"^    ([a-z]+)(?:  |$)", arguments().format_help(), re.MULTILINE)
    assert re.findall("`([a-z]+)`", said) == listed


def test_the_readmes_python_is_the_headless_face() -> None:
    """It compiles, and every method that it calls on a session exists."""
    source = README.partition("```python\n")[2].partition("```")[0]
    names = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "s"
    }
    assert len(names) > 5
    assert [n for n in names if not hasattr(Session, n)] == []


def test_the_picture_is_small_enough_for_a_page() -> None:
    assert (ROOT / "docs" / "picture.png").stat().st_size < 400 << 10


def test_the_architecture_lists_every_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLC_EXPLORER_TEST_JOBS", raising=False)
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert set(rows(architecture)) == set(jobs.lanes())


def test_the_architecture_names_every_room() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [p.name for p in (ROOT / "mlc_explorer").iterdir() if p.is_dir() and p.name != "__pycache__"]
    assert [r for r in rooms if f"  {r}/" not in architecture] == []
