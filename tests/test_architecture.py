"""The house's walls (docs/architecture.md, "Rooms"): who may import whom, read from the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES = 400

# Which rooms a room may import; everybody above them may import the free ones as well.
FREE = {"schema", "errors", "texts"}
MAY_IMPORT = {
    "app": FREE | {"pages", "ui", "session", "store", "workers"},
    "pages": FREE | {"ui", "session", "store", "workers"},
    "ui": FREE | {"session", "store", "tuning", "workers"},
    "face": FREE | {"commands", "session", "store", "workers"},  # mlc_explorer/__init__.py and __main__.py
    "commands": FREE | {"session"},
    "session": FREE | {"questions", "store", "workers"},
    "questions": FREE | {"store", "sweeps", "tuning", "workers"},
    "sweeps": FREE | {"store", "workers"},
    "tuning": FREE | {"store", "workers"},
    "workers": FREE | {"engine"},
    "store": FREE,
    "engine": FREE,
    "schema": {"errors"},
    "texts": set(),
    "errors": set(),
}
# Below the screen's process lies TVM: only what runs inside the forked worker may reach it.
IMPORT_ENGINE = {"mlc_explorer/workers/child.py", "mlc_explorer/workers/jobs.py"}
ONLY_IN = {"tvm": {"engine"}, "streamlit": {"app", "pages", "ui"}}
STANDARD_LIBRARY_ONLY = {"schema", "errors", "texts"}

SOURCES = sorted([ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("mlc_explorer/**/*.py")])


def room_of(module: str) -> str | None:
    """The room of a dotted module name; None for what is not ours."""
    top, *rest = module.split(".")
    if top in ("app", "pages"):
        return top
    if top != "mlc_explorer":
        return None
    return rest[0] if rest and rest[0] != "__main__" else "face"


def module_of(file: Path) -> str:
    """`mlc_explorer/ui/blobs.py` is `mlc_explorer.ui.blobs`."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, module: str, *, is_package: bool, at_import_time: bool = False) -> Iterator[str]:
    """The modules that a file imports, as dotted names; `at_import_time`: only what runs at import."""
    for node in _statements(tree, at_import_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*kept, base] if base else kept)
            # `from package import name` may name a module of the package
            yield from (f"{base}.{a.name}" if _exists(f"{base}.{a.name}") else base for a in node.names)


def _statements(tree: ast.AST, at_import_time: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if at_import_time and (later or typing_only):
            continue
        yield node
        yield from _statements(node, at_import_time)


def _exists(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def complaint(importer: str, imported: str) -> str | None:
    """Why the file `importer` (a path from the root) may not import the module `imported`; None if it may."""
    file = ROOT / importer
    room, other = room_of(module_of(file)), room_of(imported)
    top = imported.split(".")[0]
    if top in ONLY_IN and room not in ONLY_IN[top]:
        return f"only {' and '.join(sorted(ONLY_IN[top]))} may import {top}"
    if room in STANDARD_LIBRARY_ONLY and other is None and top not in sys.stdlib_module_names:
        return f"{room} imports the standard library only"
    if other is None or other == room:
        return None
    if other == "engine" and importer not in IMPORT_ENGINE:
        return f"only {' and '.join(sorted(IMPORT_ENGINE))} may import engine"
    if other not in MAY_IMPORT[room]:
        return f"{room} may not import {other}"
    return None


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def _imports_of(file: Path, at_import_time: bool = False) -> Iterator[str]:
    is_package = file.name == "__init__.py"
    return imports(_parsed(file), module_of(file), is_package=is_package, at_import_time=at_import_time)


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_run_one_way(file: Path) -> None:
    name = str(file.relative_to(ROOT))
    found = {imported: complaint(name, imported) for imported in _imports_of(file)}
    assert {imported: why for imported, why in found.items() if why} == {}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("mlc_explorer/session.py", "tvm.relax"),
        ("mlc_explorer/workers/child.py", "tvm"),
        ("mlc_explorer/session.py", "streamlit"),
        ("mlc_explorer/workers/client.py", "mlc_explorer.engine.replay"),
        ("mlc_explorer/ui/views.py", "mlc_explorer.engine"),
        ("mlc_explorer/engine/replay.py", "mlc_explorer.workers"),
        ("mlc_explorer/schema/graph.py", "numpy"),
        ("mlc_explorer/schema/graph.py", "mlc_explorer.texts"),
        ("mlc_explorer/session.py", "mlc_explorer.ui.language"),
        ("mlc_explorer/errors.py", "mlc_explorer.schema"),
    ],
)
def test_a_forbidden_arrow_is_found(importer: str, imported: str) -> None:
    assert complaint(importer, imported)


def test_imports_have_no_cycle() -> None:
    graph = {module_of(f): set(filter(room_of, _imports_of(f, at_import_time=True))) for f in SOURCES}
    assert _cycle(graph) == []


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of the graph as a path, or []."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for following in sorted(graph.get(node, ())):
            if found := walk(following, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := walk(node, []))), [])


def test_a_cycle_is_found() -> None:
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_the_screens_process_never_loads_tvm() -> None:
    """Whatever the arrows say: importing the app and all of the screen leaves tvm unloaded."""
    screen = [module_of(f) for f in SOURCES if room_of(module_of(f)) in ("app", "ui", "session", "store")]
    code = f"""
        import importlib, sys
        for name in {screen}:
            importlib.import_module(name)
        sys.exit("tvm was imported" if "tvm" in sys.modules else 0)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_files_can_be_read_in_one_sitting() -> None:
    folders = ("pages", "mlc_explorer", "sample_models", "tests", "benchmarks", "scripts")
    files = [ROOT / "app.py"] + [f for folder in folders for f in (ROOT / folder).rglob("*")]
    lengths = {
        str(f.relative_to(ROOT)): len(f.read_text(encoding="utf-8").splitlines())
        for f in files
        if f.suffix in (".py", ".js", ".css")
    }
    assert {name: n for name, n in lengths.items() if n > LINES} == {}
