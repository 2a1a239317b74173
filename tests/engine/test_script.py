"""An exported script runs by itself, with TVM, NumPy and ONNX; nothing in a trace can become its code."""

import ast
import hashlib
import inspect
import re
import subprocess
import sys

import onnx
import pytest
from onnx import TensorProto, helper

from mlc_explorer.engine import loaders, script_parts
from mlc_explorer.engine import script as scripting
from mlc_explorer.engine.build import PIPELINE
from mlc_explorer.engine.script import script
from mlc_explorer.errors import BadTrace, JobFailed, NotFound, Refused
from mlc_explorer.schema.trace import Step, Trace

FOLD = tuple(Step(name) for name in ("FoldLinear", "LegalizeOps", "FuseTIR"))
FUSE = tuple(Step(n) for n in ("LegalizeOps", "AnnotateTIROpPattern", "FoldConstant", "FuseOps", "FuseTIR"))
PACKED = (
    Step("cache_read", "main", {"block": "matmul", "buffer": "B", "scope": "global"}),
    Step("transform_layout", "main", {
        "block": "B_global", "buffer": 0, "index_map": "k, j -> j // 16, k, j % 16"}),
    Step("split", "main", {"loop": "matmul/i", "factors": [None, 8]}),
    Step("split", "main", {"loop": "matmul/j", "factors": [None, 16]}),
    Step("reorder", "main", {"loops": ["matmul/i_0", "matmul/j_0", "matmul/k", "matmul/i_1", "matmul/j_1"]}),
    Step("vectorize", "main", {"loop": "matmul/j_1"}),
    Step("parallel", "main", {"loop": "matmul/i_0"}),
    Step("decompose_reduction", "main", {"block": "matmul", "loop": "matmul/k"}),
)  # fmt: skip
HOSTILE = 'x"); __import__("os").system("touch pwned"); ("\n__import__("os")\n"""\\'


def no_upload(digest):
    raise AssertionError("samples need no upload")


def exported(trace, folder, target="generic", model_data=no_upload):
    """The script and, beside it, the model file that it reads."""
    text, model_file = script(trace, target, model_data)
    (folder / "exported.py").write_text(text, encoding="utf-8")
    if model_file:
        (folder / model_file).write_bytes(loaders.load_cached(trace.model, model_data).onnx)
    return text


def executed(folder, *arguments):
    """The ended process. -I keeps this project out of the script's sight."""
    command = [sys.executable, "-I", str(folder / "exported.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def ran(folder, *arguments):
    """The script's output."""
    done = executed(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("model", "steps", "target"),
    [
        ("mlp", (*FOLD, Step("parallel", "linear_relu", {"loop": "matmul/i1"})), "cpu"),
        ("matmul_128", PACKED, "cpu"),
        ("cnn", FUSE, "generic"),
        ("softmax", (), "generic"),
    ],
)
def test_a_script_replays_checks_and_times(model, steps, target, tmp_path):
    text = exported(Trace(model, steps), tmp_path, target)
    output = ran(tmp_path)
    assert float(re.search(r"relative error +(\S+)", output)[1]) < 1e-3
    assert len(re.findall(r"[\d.]+ ms", output)) == 2
    assert "mlc_explorer" not in text
    assert all(pin in text for pin in scripting.PINS)
    assert [line[:7] for line in text.splitlines() if line.startswith("# Step")] == ["# Step "] * len(steps)


def test_the_model_file_may_stand_elsewhere(tmp_path):
    exported(Trace("mlp"), tmp_path)
    (tmp_path / "mlp.onnx").rename(tmp_path / "moved.onnx")
    assert "ms" in ran(tmp_path, "moved.onnx")


DOUBLED = """
from tvm import te
X = te.placeholder((64, 1024), name="X")
Y = te.compute((64, 1024), lambda i, j: X[i, j] * 2.0, name="Y")
mod = tvm.IRModule({"main": te.create_prim_func([X, Y]).with_attr("global_symbol", "main")})
"""


def test_a_script_that_computes_something_else_says_so(tmp_path):
    text = exported(Trace("softmax"), tmp_path)
    (tmp_path / "exported.py").write_text(text.replace("\n# The comparison", f"{DOUBLED}\n# The comparison"))
    done = executed(tmp_path)
    assert done.returncode == 1
    assert "computes something else" in done.stderr


def test_a_script_lowers_as_a_measurement_does():
    assert f'relax_pipeline="{PIPELINE}"' in inspect.getsource(script_parts.compiled)


@pytest.mark.parametrize(
    "step",
    [
        Step(HOSTILE),
        Step("LegalizeOps", HOSTILE),
        Step("LegalizeOps", None, {HOSTILE: 1}),
        Step("split", HOSTILE, {"loop": "matmul/i", "factors": [None, 8]}),
        Step("split", "main", {"loop": f"{HOSTILE}/i", "factors": [None, 8]}),
        Step("split", "main", {"loop": "matmul/i", "factors": [None, HOSTILE]}),
        Step("annotate", "main", {"place": "matmul/i", "key": HOSTILE, "value": 1}),
        Step("annotate", "main", {"place": "matmul/i", "key": "pragma_unroll_explicit", "value": HOSTILE}),
        Step("cache_read", "main", {"block": "matmul", "buffer": HOSTILE, "scope": "global"}),
        Step("cache_read", "main", {"block": "matmul", "buffer": "B", "scope": HOSTILE}),
        Step("bind", "main", {"loop": "matmul/i", "thread": HOSTILE}),
        Step("transform_layout", "main", {"block": "matmul", "buffer": 0, "index_map": f"i, j -> {HOSTILE}"}),
    ],
)
def test_a_hostile_step_is_refused_before_it_is_written(step):
    with pytest.raises((BadTrace, NotFound, Refused)):
        script(Trace("matmul_128", (step,)), "generic", no_upload)


def test_steps_on_buffers_are_written_as_calls_of_a_schedule():
    """A value of empty places is a number with its type; decompose_padding is ours, TVM can't print it."""
    panels = {"block": "pad", "buffer": "P", "index_map": "n, c, h, w -> n, c, h, w // 16, w % 16"}
    steps = (
        Step("decompose_padding", "main", {"block": "pad", "loop": "pad/h"}),
        Step("reindex_cache_read", "main", {
            "block": "conv2d", "buffer": "W", "index_map": "n, co, h, w, ci, kh, kw -> kh, kw, ci, co"}),
        Step("unsafe_set_dtype", "main", {"block": "W_global", "dtype": "float64"}),
        Step("transform_layout", "main", panels | {"pad_value": 0}),
    )  # fmt: skip
    text, _ = script(Trace("conv2d", steps), "generic", no_upload)
    assert re.search(r"sch.decompose_padding\(block=b0, loop=l\d\)", text)
    assert "T.float32(0.0)" in text


def test_code_in_a_string_that_tvm_prints_unescaped_is_found(monkeypatch):
    """Should a transform let a quotation mark through, its step's code would be more than schedule calls."""
    line = f'sch.annotate(block_or_loop=b0, ann_key="key", ann_val="{HOSTILE.splitlines()[0]}")'
    monkeypatch.setattr(scripting, "step_source", lambda state, step: line)
    with pytest.raises(JobFailed) as refusal:
        script(Trace("matmul_128", PACKED[2:3]), "generic", no_upload)
    assert refusal.value.code == "script_unsafe"


@pytest.mark.parametrize(
    "code",
    [
        "import os", "exec('1')", "sch.__class__()", "tvm.compile(mod)", "mod.script()", "np.load = sch.fuse",
        "compiled = lambda m, t: m", "sch.fuse(*[f() for f in g])", "open('x')", "def f(): pass", "f'{mod}'",
        "sch.get_loops()()", "(sch.annotate)(os.system('x'))",
    ],
)  # fmt: skip
def test_only_calls_of_a_schedule_are_let_through(code, monkeypatch):
    monkeypatch.setattr(scripting, "step_source", lambda state, step: code)
    with pytest.raises(JobFailed):
        script(Trace("matmul_128", PACKED[2:3]), "generic", no_upload)


def test_hostile_names_in_an_uploaded_model_stay_names(tmp_path):
    """An ONNX file may call its tensors, nodes and graph anything."""
    node = helper.make_node("Relu", [HOSTILE], [HOSTILE + "y"], name=HOSTILE)
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in (HOSTILE, HOSTILE + "y")]
    graph = helper.make_graph([node], HOSTILE, value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    trace = Trace("sha256:" + hashlib.sha256(data).hexdigest(), FUSE)
    text = exported(trace, tmp_path, model_data=lambda digest: data)
    assert "pwned" not in text
    assert not any(isinstance(n, ast.Name) and n.id == "__import__" for n in ast.walk(ast.parse(text)))
    assert "ms" in ran(tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_a_script_of_numpy_calls_needs_nothing_but_numpy(tmp_path):
    """Two dispatch steps share a definition, which the script carries once."""
    steps = tuple(
        Step("dispatch", params={"operation": name}) for name in ("linear_relu", "linear", "reshape")
    )
    text = exported(Trace("mlp", steps), tmp_path)
    assert text.count("def numpy_linear(") == text.count("def replace_by_calls(") == 1
    assert "onnxruntime" not in text
    assert "largest relative error" in ran(tmp_path)


def test_a_script_says_which_library_it_needs(tmp_path):
    pytest.importorskip("onnxruntime", reason="the script runs it")
    fold = (*FOLD, Step("dispatch_function", params={"callee": "linear_relu", "package": "onnxruntime"}))
    text = exported(Trace("mlp", fold), tmp_path)
    assert re.search(r"pip install .*numpy onnx onnxruntime$", text, re.MULTILINE)
    assert "largest relative error" in ran(tmp_path)


def test_a_script_repeats_rules_and_passes_of_one_function(tmp_path):
    steps = (
        Step("cpu_reduction", "main"),
        Step("function_pass", "main", {"tir_pass": "s_tir.LowerInitBlock"}),
    )
    text = exported(Trace("softmax", steps), tmp_path)
    assert "dlight.cpu.Reduction()" in text
    assert "times as fast" in ran(tmp_path)
