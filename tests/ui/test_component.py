"""The components without a browser: the texts they need, the bundle, and what Streamlit is given."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mlc_explorer import texts
from mlc_explorer.schema import levels
from mlc_explorer.ui import blobs, component

FILES = sorted(p for p in component.HERE.rglob("*.*") if p.suffix in {".js", ".css", ".html"})
SAID = re.compile(
    r'data-say(?:-title)?="([\w.]+)"|\bsay\(\w+(?:\.\w+)*, "([\w.]+)"|labels\["([\w.]+)"\]'
    r'|\bname\("[^"]+", "([\w.]+)"'
)
CHOSEN = re.compile(r'say\(\w+, ok \? "([\w.]+)" : "([\w.]+)"')
KEYS = re.findall(r'\["[^"]+", "(\w+)"\]', component._source("keys.js").partition("const LIST")[2])
VIEWS = {"graph", "loops", "dataflow", "motion", "program", *levels.NAMES} - {"relax", "tir"}
PRESETS = {"course", "kernel", "compare", "motion"}
TABLES = {  # keys that are put together from a schema's values
    "view": VIEWS,
    "views": {"structure", "program", "machine", "source"},
    "preset": PRESETS | {f"{name}_about" for name in PRESETS},
    "pane": {"close", "left", "right", "up", "down"},
    "unlinked": {"label", "frame", "call", "load", "store", "spill", "other"},
    "keys": set(KEYS) | set(re.findall(r'"keys\.(\w+)"', component._source("keys.js"))),
    "key": {"click"},
    "graph": {"in", "out", "fit", "open_all", "close_all", "next", "previous", "close_search"}
    | {f"export_{kind}" for kind in ("svg", "png")}
    | {f"{what}_count" for what in ("appeared", "vanished", "changed")},
    "functions": {"graph", "loops"},
    "axis": {"spatial", "reduction", "mixed", "none"},
    "mark": {"parallel", "vectorized", "unrolled"},
    "buffers": {"input", "output", "local", "title", "written_by", "read_by"},
    "cost": {"title", "iterations", "flops", "intensity", "touched", "runs", "instructions", "own"}
    | {f"fits_{cache}" for cache in (1, 2, 3)},
    "instruction": {"fma", "vector", "scalar", "load", "store", "spill", "call", "branch", "control"}
    | {"frame", "other"},
    "line": {"numpy", "onnxruntime"},
    "trace": {"acts", "edit", "why", "number", "value", "reason"}
    | {f"unfold{which}" for which in ("", "_help", "_all")}
    | {f"measure{which}" for which in ("", "_help", "_both")}
    | {f"remove{which}" for which in ("", "_help")},
    "motion": {"start", "back", "play", "pause", "forward", "end", "ahead", "cancel", "first", "whole"}
    | {"reads", "writes", "initialises", "hit", "memory", "skipped", "unknown"}
    | {f"legend_{what}" for what in ("read", "write", "held", "line")},
    "pipeline": {"did_change", "did_nothing", "attributes_only", "nothing", "changed", "added", "removed"}
    | {f"kind_{kind}" for kind in ("module", "function", "sequence")}
    | {f"no_step_{why}" for why in ("sequence", "inner", "arguments", "stage")},
    "tuning": {f"kind_{kind}" for kind in ("start", "recipe", "around", "search", "record", "failed")}
    | {f"ended_{why}" for why in ("minutes", "cancelled", "exhausted")}
    | {f"{what}_{way}" for what in ("way", "take") for way in ("tuned", "recipe")}
    | {f"head_{head}" for head in ("number", "function", "calls", "start", "recipe", "best", "kind", "time")},
    "totals": {"loops", "iterations", "flops", "bytes"},
}


def needed() -> set[str]:
    """The keys of all texts that markup and code ask for."""
    source = "\n".join(f.read_text(encoding="utf-8") for f in FILES)
    asked = {key for match in SAID.findall(source) + CHOSEN.findall(source) for key in match if key}
    return asked | {f"{table}.{name}" for table, names in TABLES.items() for name in names}


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_text_that_is_asked_for_exists_and_none_is_idle(language: str) -> None:
    assert set(component.labels(language)) ^ needed() == set()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_files_can_be_read_in_one_sitting(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400
    assert file.suffix == ".html" or lines[0].startswith(("//", "/*"))


def test_no_two_modules_export_the_same_name() -> None:
    modules = [component._source(f.name) for f in FILES if f.suffix == ".js"]
    names = [name for source in modules for _, name in component._EXPORT.findall(source)]
    assert sorted(names) == sorted(set(names))


def test_the_bundle_is_one_module_that_holds_every_file(tmp_path: Path) -> None:
    code = component.bundle()
    assert not re.search(r"^import ", code, re.MULTILINE)
    assert code.count("export {") == 1
    for file in FILES:
        comment = file.read_text(encoding="utf-8").splitlines()[0]
        assert file.suffix == ".html" or comment in code, file.name
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the browser tests run the bundle, this only parses it")
    (tmp_path / "bundle.mjs").write_text(code, encoding="utf-8")
    subprocess.run([node, "--check", tmp_path / "bundle.mjs"], check=True)


def one_view() -> None:
    """A page with one linked view that shows nothing yet."""
    import streamlit as st

    from mlc_explorer.ui import component

    def heard() -> None:
        st.session_state.heard = component.event("view")

    data = {"states": [], "labels": component.labels("zh"), "levels": []}
    component.linked_view(data, key="view", on_event_change=heard)


@pytest.mark.parametrize("served", [True, False])
def test_code_and_texts_go_by_digest_where_the_route_is_served(
    monkeypatch: pytest.MonkeyPatch, served: bool
) -> None:
    monkeypatch.setattr(blobs._store, "served", served)
    page = AppTest.from_function(one_view).run()
    assert not page.exception
    proto = page.get("bidi_component")[0].proto
    labels = json.loads(proto.json)["labels"]
    assert ("inline" in labels) is not served
    assert json.loads(blobs.get(labels["digest"]))["view.graph"] == "计算图"
    assert (len(proto.js_content) < 1000) is served
    code = component.bundle().encode()
    if served:
        assert blobs.get(re.search(r"[0-9a-f]{64}", proto.js_content)[0]) == code


def test_markup_names_its_texts_instead_of_holding_them() -> None:
    for file in FILES:
        if file.suffix == ".html":
            between_tags = re.sub(r"<[^>]*>", "", file.read_text(encoding="utf-8"))
            assert between_tags.strip() == ""
