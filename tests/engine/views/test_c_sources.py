"""A function as the source text of other languages, each line linked to the loop nest."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
import tvm
from tvm.s_tir import Schedule

from mlc_explorer.engine import loaders
from mlc_explorer.engine.build import build
from mlc_explorer.engine.loaders.functions import FUNCTIONS, TensorFunction
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.c_sources import c_source
from mlc_explorer.engine.views.line_markers import without_markers
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound, Refused

DEVICES = ("cuda", "opencl", "metal", "webgpu")
KERNEL = {"cuda": "__global__", "opencl": "__kernel", "metal": "kernel void", "webgpu": "@compute"}
SCHEDULED = "// No loop is bound to a thread: dlight's default GPU schedule was applied for this view"


@pytest.fixture
def bound():
    """matmul_128 on 8 × 11 blocks of 16 × 12 threads: 12 does not divide 128."""
    sch = Schedule(loaders.load("matmul_128").mod)
    i, j, k = sch.get_loops(sch.get_sblock("matmul"))
    (i_0, i_1), (j_0, j_1) = sch.split(i, [None, 16]), sch.split(j, [None, 12])
    sch.reorder(i_0, j_0, i_1, j_1, k)
    for loop, thread in (
        (i_0, "blockIdx.y"),
        (j_0, "blockIdx.x"),
        (i_1, "threadIdx.y"),
        (j_1, "threadIdx.x"),
    ):
        sch.bind(loop, thread)
    return sch.mod


def pairs(mod, level, function="main"):
    """Each line with the line of the loop nest that it came from (or None)."""
    tir, view = text(mod, function, "tir").lines, c_source(mod, function, level)
    assert len(view.lines) == len(view.links) and view.level == level
    return [(line.strip(), tir[k - 1].strip() if k else None) for line, k in zip(view.lines, view.links)]


def linked(mod, level, function="main"):
    """The share of linked lines among those that are more than a brace or a comment."""
    code = [p for p in pairs(mod, level, function) if re.search(r"\w", p[0].removeprefix("} else {"))]
    code = [(line, source) for line, source in code if not line.startswith("//")]
    return sum(source is not None for _, source in code) / len(code)


# -- C


def test_golden_c(golden, scheduled):
    golden("views/matmul_128_scheduled.c.txt", "\n".join(c_source(scheduled, "main", "c").lines) + "\n")


@pytest.mark.skipif(shutil.which("gcc") is None, reason="a C compiler builds the text")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_c_compiles_and_computes_what_the_function_computes(name, tmp_path):
    """With two lines of our own in place of TVM's headers: what is shown is all of the kernel."""
    whole = FUNCTIONS[name]
    sizes = {"matmul_1024": {"A": (48, 48), "B": (48, 48)}}.get(name, whole.inputs)
    mod = TensorFunction(sizes, whole.declare, whole.blocks, whole.numpy, whole.operators).module()
    head = """#include <math.h>\n#include <stdint.h>\n#include <stdlib.h>\n#define TVM_DLL
              #define TVMBackendAllocWorkspace(type, device, size, code, bits) malloc(size)
              #define TVMBackendFreeWorkspace(type, device, what) (free(what), 0)\n#define main kernel\n"""
    source, library = tmp_path / "kernel.c", tmp_path / "kernel.so"
    source.write_text(head + "\n".join(c_source(mod, "main", "c").lines))
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
    random = np.random.default_rng(0)
    inputs = [random.standard_normal(shape).astype("float32") for shape in sizes.values()]
    (expected,) = build(mod, target("generic"))(inputs)
    output = np.full(expected.shape, np.nan, "float32")
    arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (*inputs, output)]
    assert ctypes.CDLL(str(library)).kernel(*arrays) == 0
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_line_of_c_is_linked(name):
    """All but the end of the function."""
    unlinked = {line for line, source in pairs(FUNCTIONS[name].module(), "c") if not source}
    ends = ("", "}", "return 0;", "return -1;", "if (TVMBackendFreeWorkspace")
    assert not [line for line in unlinked if not line.startswith(("//", *ends[1:])) and line]


def test_c_says_what_it_does_not_do(scheduled):
    notes = [line for line, _ in pairs(scheduled, "c") if line.startswith("//")]
    assert [note for note in notes if "Parallel loops are serial" in note]
    assert [note for note in notes if "Vectorized loops are plain" in note]
    assert [note for note in notes if note.startswith("// Left out: ")]


def test_c_has_no_threads(bound):
    with pytest.raises(Refused) as refused:
        c_source(bound, "main", "c")
    assert refused.value.code == "view_threads_not_c"
    assert "matmul/i_0" in refused.value.paths


# -- devices


@pytest.mark.parametrize("level", DEVICES)
def test_golden_device_source(golden, bound, level):
    golden(f"views/matmul_128_bound.{level}.txt", "\n".join(c_source(bound, "main", level).lines) + "\n")


@pytest.mark.parametrize("level", DEVICES)
def test_a_bound_function_is_taken_as_it_is(bound, level):
    lines = pairs(bound, level)
    assert SCHEDULED not in dict(lines)
    assert "// main_kernel is launched on 11 × 8 × 1 blocks of 12 × 16 × 1 threads" in dict(lines)
    assert any(KERNEL[level] in line for line, _ in lines)
    (loop,) = [source for line, source in lines if line.startswith("for (")]
    assert loop == "for k in range(128):"
    (guard,) = [
        source for line, source in lines if line.startswith("if (") and "k == 0" not in line and source
    ]
    assert guard == "T.where(j_0 * 12 + j_1 < 128)"


@pytest.mark.parametrize("level", DEVICES)
@pytest.mark.parametrize("model", ["matmul_128", "conv2d", "softmax", "layer_norm"])
def test_a_function_without_threads_gets_the_default_schedule(model, level):
    """Its stores are still linked to the text that is shown, which is the one before that schedule."""
    mod = loaders.load(model).mod
    lines = pairs(mod, level)
    assert lines[0] == (SCHEDULED, None)
    assert any(" blocks of " in line for line, _ in lines)
    assert linked(mod, level) > 0.8
    updates = {"matmul_128": "C[v_i", "conv2d": "Y[v_n", "softmax": "Y[v_i", "layer_norm": "Y[v_i"}
    assert any(source and source.startswith(updates[model]) for _, source in lines)


@pytest.mark.parametrize("level", DEVICES)
def test_a_reduction_that_was_split_over_threads_is_linked(level):
    """A vector times a matrix: dlight makes partial sums (rfactor), and TVM adds them across threads."""
    shapes = {"A": (1, 512), "B": (512, 256)}
    whole = FUNCTIONS["matmul_128"]
    mod = TensorFunction(shapes, whole.declare, whole.blocks, whole.numpy, whole.operators).module()
    stores = [source for line, source in pairs(mod, level) if re.match(r"(C_rf|C_ptr)\w*\[", line)]
    assert stores and all(source and source.startswith("C[v_i, v_j] = ") for source in stores)


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_function_of_a_network(stage, model):
    mod = stage(model, "fused")
    for function in names(mod):
        if isinstance(mod[function], tvm.tirx.PrimFunc):
            for level in ("c", *DEVICES):
                assert linked(mod, level, function) > 0.5, (function, level)


@pytest.mark.parametrize("level", DEVICES)
def test_a_schedule_for_a_cpu_is_no_schedule_for_a_gpu(scheduled, level):
    with pytest.raises(Refused) as refused:
        c_source(scheduled, "main", level)
    assert refused.value.code == "view_no_threads"


def test_a_graph_function_has_no_kernel(stage):
    with pytest.raises(NotFound):
        c_source(stage("mlp", "raw"), "main", "cuda")


# -- markers


def test_markers_give_their_lines_and_go():
    printed = "\n".join(
        [
            "int32_t a = 0;",
            "  __mlc_line(7);",
            "  x[0] = 1;",
            "  __mlc_line(0);",
            "}",
            "  __mlc_line(9i);",
            "  y",
        ]
    )
    assert without_markers(printed) == [("int32_t a = 0;", None), ("  x[0] = 1;", 7), ("}", None), ("  y", 9)]
