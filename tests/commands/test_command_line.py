"""The command line: the same face, as text and as JSON, with an exit status that scripts can trust."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlc_explorer import Session
from mlc_explorer.__main__ import main

pytest.importorskip("tvm", reason="the command line asks an engine that compiles with TVM")

ROOT = Path(__file__).resolve().parents[2]
TRACES = sorted((ROOT / "sample_models" / "traces").glob("*.json"))
SHIPPED = str(ROOT / "sample_models" / "traces" / "mlp.json")
PARALLEL_K = json.dumps({"transform": "parallel", "function": "main", "params": {"loop": "matmul/k"}})


def command(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A real `python -m mlc_explorer`, with an engine of its own."""
    line = [sys.executable, "-m", "mlc_explorer", *argv]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, **options)


# -- as a process: what only a process can show


def test_a_trace_from_standard_input() -> None:
    trace = json.dumps({"version": 1, "model": "mlp", "steps": [{"transform": "LegalizeOps", "params": {}}]})
    done = command("apply", "mlp", "--trace", "-", "--json", input=trace)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert "matmul" in answer["steps"][0]["added"]
    assert answer["trace"] == json.loads(trace)


def test_a_refusal_is_said_on_standard_error_with_status_1() -> None:
    done = command("apply", "matmul_128", "--step", PARALLEL_K)
    assert (done.returncode, done.stdout) == (1, "")
    assert "reduction" in done.stderr and "rfactor" in done.stderr, "the reason, then the hint"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("argv", [(), ("fly", "mlp"), ("view", "mlp", "--level", "wasm"), ("open",)])
def test_wrong_usage_is_status_2(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as e:
        main(list(argv))
    assert e.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_exported_script_runs(text: Callable[..., str], tmp_path: Path) -> None:
    script = tmp_path / "mlp.py"
    script.write_text(text("script", "mlp", "--trace", SHIPPED), encoding="utf-8")
    line = [sys.executable, str(script), str(ROOT / "sample_models" / "mlp.onnx")]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "error" in done.stdout and "ms" in done.stdout


# -- as text


def test_samples_and_transforms_are_listed(text: Callable[..., str]) -> None:
    assert text("samples").splitlines()[0].startswith("mlp ")
    listed = text("transforms")
    assert "loop, factors" in next(line for line in listed.splitlines() if line.startswith("split "))


def test_open_says_last_where_to_look(text: Callable[..., str]) -> None:
    last = text("open", "mlp").splitlines()[-1]
    prefix, _, link = last.partition("/?w=")
    assert prefix.endswith("http://127.0.0.1:8501")
    assert Session.from_link(link).trace.model == "mlp"


def test_the_address_of_a_file_is_its_digest(text: Callable[..., str]) -> None:
    last = text("open", str(ROOT / "sample_models" / "mlp.onnx")).splitlines()[-1]
    assert Session.from_link(last.partition("/?w=")[2]).trace.model.startswith("sha256:")


def test_views_as_text(text: Callable[..., str]) -> None:
    assert "matmul" in text("view", "mlp")
    loops = text("view", "matmul_128", "--level", "loops")
    assert [line.split()[-1] for line in loops.splitlines()] == ["matmul/i", "matmul/j", "matmul/k", "matmul"]
    assert "T.prim_func" in text("view", "matmul_128", "--level", "tir")


def test_a_pipeline_as_text(text: Callable[..., str]) -> None:
    lines = text("pipeline", "mlp", "--pipeline", "zero").splitlines()
    fuse = next(line for line in lines if "FuseOps" in line)
    assert " * " in fuse and "2 added" in fuse
    number = fuse.split()[0]
    assert "+ " in text("pipeline", "mlp", "--pipeline", "zero", "--pass", number)
    assert lines[-1].startswith("16 passes, 8 changed something; ")


def test_a_measurement_as_text(text: Callable[..., str]) -> None:
    out = text("measure", "matmul_128", "--seconds", "0.1", "--target", "generic")
    assert "median" in out and "largest error against untransformed" in out


# -- as JSON


def test_samples(data: Callable[..., Any]) -> None:
    assert {"name", "kind", "summary"} <= set(data("samples")[0])


def test_transforms(data: Callable[..., Any]) -> None:
    split = next(s for s in data("transforms") if s["name"] == "split")
    assert [p["name"] for p in split["params"]] == ["loop", "factors"]
    assert set(split["text"]) == {"en", "zh"}


def test_open(data: Callable[..., Any]) -> None:
    info = data("open", "mlp")
    assert (info["model"], info["entry"], info["steps"]) == ("mlp", "main", [])


@pytest.mark.parametrize("trace", TRACES, ids=lambda f: f.stem)
def test_shipped_traces_apply(data: Callable[..., Any], trace: Path) -> None:
    steps = json.loads(trace.read_text(encoding="utf-8"))["steps"]
    assert len(data("apply", trace.stem, "--trace", str(trace))["steps"]) == len(steps) > 5


def test_steps_follow_the_trace(data: Callable[..., Any]) -> None:
    step = {"transform": "split", "function": "linear", "params": {"loop": "T_add/ax0", "factors": [1, 1]}}
    answer = data("apply", "mlp", "--trace", SHIPPED, "--step", json.dumps(step))
    assert answer["trace"]["steps"][-1] == step


def test_level_graph(data: Callable[..., Any]) -> None:
    assert {"id", "op", "x", "y"} <= set(data("view", "mlp", "--level", "graph")["nodes"][0])


def test_level_diff(data: Callable[..., Any], text: Callable[..., str], tmp_path: Path) -> None:
    split = {"transform": "split", "function": "main", "params": {"loop": "matmul/k", "factors": [None, 8]}}
    trace = {"version": 1, "model": "matmul_128", "steps": [split]}
    file = tmp_path / "split.json"
    file.write_text(json.dumps(trace), encoding="utf-8")
    words = ("view", "matmul_128", "--function", "main", "--level", "diff", "--trace", str(file))
    view, lines = data(*words), text(*words).splitlines()
    assert len(view["rows"]) == len(lines)
    assert [row["op"] for row in view["rows"]] == [line[0] for line in lines]
    assert any(line.startswith("+") and "k_0" in line for line in lines)
    assert any(line.startswith("-") and "for k in" in line for line in lines)
    assert data(*words, "--since", "0") == view
    assert {row["op"] for row in data(*words, "--since", "1")["rows"]} == {" "}


def test_level_dataflow(data: Callable[..., Any]) -> None:
    view = data("view", "matmul_128", "--level", "dataflow")
    arrows = {(edge["source"], edge["target"]) for edge in view["edges"]}
    assert arrows == {("buffer:A", "matmul"), ("buffer:B", "matmul"), ("matmul", "buffer:C")}


def test_a_block_in_motion_and_its_simulated_caches(
    text: Callable[..., str], data: Callable[..., Any]
) -> None:
    """What the pane shows: where an iteration reads and writes, and how often that misses."""
    view = data("view", "matmul_128", "--level", "motion", "--block", "matmul/j")
    assert (view["block"], view["iterations"]) == ("matmul", 128**3)
    assert [a["indices"] for a in view["accesses"]][1:4] == [["i", "j"], ["i", "k"], ["k", "j"]]
    assert 'read             A["i", "k"]' in text("view", "matmul_128", "--level", "motion")
    words = ("view", "matmul_128", "--level", "cache", "--accesses", "5000")
    report = data(*words)
    assert 5000 <= report["accesses"] < 5005
    assert sum(b["accesses"] for b in report["buffers"]) == report["accesses"]
    assert text(*words).startswith(f"simulated: {report['iterations']} of {128**3} iterations of matmul")


def test_level_loops(data: Callable[..., Any]) -> None:
    node = data("view", "matmul_128", "--function", "main", "--level", "loops")["roots"][0]
    found = []
    while node:
        found.append((node["path"], node["kind"], node["extent"]))
        node = next(iter(node["children"]), None)
    loops = [(f"matmul/{name}", "loop", 128) for name in "ijk"]
    assert found == [*loops, ("matmul", "block", None)]


@pytest.mark.parametrize(("level", "sign"), [("tir", "T.sblock"), ("relax", "R.function")])
def test_levels_that_are_tvmscript(data: Callable[..., Any], level: str, sign: str) -> None:
    function = ("--function", "main") if level == "relax" else ("--function", "linear_relu")
    view = data("view", "mlp", "--trace", SHIPPED, *function, "--level", level)
    assert view["level"] == level
    assert any(sign in line for line in view["lines"])


@pytest.mark.parametrize(
    ("level", "sign"),
    [
        ("python", "matmul_intermediate"),
        ("lowered", "matmul_intermediate"),
        ("llvm", "fmul"),
        ("asm", "mul"),
        ("c", "matmul_intermediate"),
    ],
)
def test_levels_whose_lines_come_from_it(data: Callable[..., Any], level: str, sign: str) -> None:
    words = ("view", "mlp", "--trace", SHIPPED, "--function", "linear_relu", "--level")
    tir, view = data(*words, "tir")["lines"], data(*words, level)
    assert (view["function"], view["level"]) == ("linear_relu", level)
    assert all(set(line) == {"text", "tir_line", "kind"} and line["kind"] for line in view["lines"])
    assert {line["tir_line"] for line in view["lines"]} <= {None, *range(1, len(tir) + 1)}
    found = [line for line in view["lines"] if sign in line["text"] or line["kind"] == "fma"]
    assert any("matmul_intermediate" in tir[line["tir_line"] - 1] for line in found if line["tir_line"])


@pytest.mark.parametrize(
    ("level", "sign"),
    [("cuda", "__global__"), ("opencl", "__kernel"), ("metal", "kernel void"), ("webgpu", "@compute")],
)
def test_levels_without_the_hardware(data: Callable[..., Any], level: str, sign: str) -> None:
    view = data("view", "matmul_128", "--level", level)
    assert any(sign in line["text"] for line in view["lines"])
    assert any(line["tir_line"] for line in view["lines"])


def test_the_text_of_such_a_level_is_its_lines(data: Callable[..., Any], text: Callable[..., str]) -> None:
    words = ("view", "matmul_128", "--level", "python")
    assert text(*words).splitlines() == [line["text"] for line in data(*words)["lines"]]


def test_pipeline(data: Callable[..., Any]) -> None:
    view = data("pipeline", "mlp", "--target", "generic")
    assert (view["pipeline"], view["target"]) == ("compile", "generic")
    legalize = next(p for p in view["passes"] if p["name"] == "LegalizeOps")
    assert legalize["changed_anything"] and legalize["step"]["transform"] == "LegalizeOps"
    shown = data("pipeline", "mlp", "--pass", str(legalize["index"]), "--function", "matmul")
    assert shown["diff"]["before"] == [] and shown["level"] == "tir"


def test_measure(data: Callable[..., Any]) -> None:
    m = data("measure", "mlp", "--trace", SHIPPED, "--seconds", "0.1")
    assert {
        "median_ms", "p10_ms", "p90_ms", "runs", "threads", "max_abs_error", "max_rel_error", "reference",
        "target", "compile_s", "taken_at",
    } <= set(m)  # fmt: skip
    assert m["target"] == "cpu" and m["median_ms"] > 0 and m["max_rel_error"] < 1e-4


# -- what goes wrong


def test_a_refusal(refusal: Callable[..., dict[str, Any]]) -> None:
    error = refusal("apply", "matmul_128", "--step", PARALLEL_K)
    assert error["error"] == "Refused"
    assert error["message"] and error["hint"]
    assert error["place"] == "step 1" and "matmul/k" in error["paths"]


@pytest.mark.parametrize(
    ("argv", "kind", "place"),
    [
        (("open", "nope"), "NotFound", "nope"),
        (("apply", "mlp", "--trace", "no/such.json"), "BadTrace", "--trace"),
        (("apply", "mlp", "--step", "{split"), "BadTrace", "--step"),
        (("apply", "mlp", "--step", '{"transform": "splat"}'), "NotFound", "step 1"),
        (("view", "mlp", "--function", "nope"), "NotFound", "function"),
        (("view", "mlp", "--level", "tir"), "NotFound", "level"),
        (("measure", "mlp", "--target", "abacus"), "NotFound", "target"),
    ],
)
def test_errors_say_what_and_where(
    refusal: Callable[..., dict[str, Any]], argv: tuple[str, ...], kind: str, place: str
) -> None:
    error = refusal(*argv)
    assert (error["error"], error["place"]) == (kind, place)
    assert error["message"] and error["hint"]


def test_a_trace_of_another_version(
    refusal: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"version": 7, "model": "mlp", "steps": []}'))
    error = refusal("apply", "mlp", "--trace", "-")
    assert (error["error"], error["place"]) == ("BadTrace", "version")
