"""LLVM IR and assembly of a function, each instruction linked to the loop nest's line that it came from."""

import re
from collections import Counter

import pytest
import tvm
from tvm.s_tir import Schedule
from tvm.target import Target

from mlc_explorer.engine import loaders
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.instructions import Kinds
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.lowered import lowered
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound, Refused

X86 = Target({"kind": "llvm", "mtriple": "x86_64-linux-gnu", "mcpu": "skylake-avx512"})
ARM = Target({"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+neon"]})
APPLE = Target({"kind": "llvm", "mtriple": "arm64-apple-macos", "mcpu": "apple-m1"})
RISCV = Target({"kind": "llvm", "mtriple": "riscv64-unknown-linux-gnu", "mcpu": "generic-rv64",
                "mattr": ["+64bit", "+m", "+a", "+f", "+d", "+v"]})  # fmt: skip
CROSS = {"x86": X86, "aarch64": ARM, "apple": APPLE, "riscv": RISCV}


def linked(view, kind):
    """The TVMScript lines that instructions of `kind` come from."""
    return {link for link, found in zip(view.links, view.kinds) if found == kind}


def line_of(mod, start):
    return next(
        i for i, line in enumerate(text(mod, "main", "tir").lines, 1) if line.strip().startswith(start)
    )


@pytest.mark.parametrize("level", ["llvm", "asm"])
def test_every_line_has_a_link_and_a_kind(scheduled, level):
    view = lowered(scheduled, "main", level, X86)
    assert len(view.lines) == len(view.links) == len(view.kinds) > 20
    assert view.level == level
    count = len(text(scheduled, "main", "tir").lines)
    assert all(link is None or 1 <= link <= count for link in view.links)


@pytest.mark.parametrize("level", ["llvm", "asm"])
def test_golden_machine_code(golden, scheduled, level):
    """For one named CPU: each line with its kind and the line of TVMScript that it came from."""
    view = lowered(scheduled, "main", level, X86)
    rows = (
        f"{link or '':>4} {kind:8} {line}".rstrip()
        for line, link, kind in zip(view.lines, view.links, view.kinds)
    )
    golden(f"views/matmul_128_scheduled.{level}.txt", "\n".join(rows) + "\n")


@pytest.mark.parametrize("level", ["llvm", "asm"])
def test_multiply_adds_come_from_the_update(scheduled, level):
    """Also beneath a parallel loop, whose body TVM moves to a function without a debug scope."""
    update = line_of(scheduled, "C[v_i, v_j] = C[v_i, v_j] +")
    assert linked(lowered(scheduled, "main", level, X86), "fma") == {update}


@pytest.mark.parametrize("name", CROSS)
def test_cross_targets(scheduled, name):
    view = lowered(scheduled, "main", "asm", CROSS[name])
    update = line_of(scheduled, "C[v_i, v_j] = C[v_i, v_j] +")
    assert update in linked(view, "fma")
    assert {"load", "store", "branch"} <= set(view.kinds)


def test_vector_registers_of_the_local_cpu(scheduled):
    view = lowered(scheduled, "main", "asm", target("cpu"))
    assert any(view.links)


@pytest.mark.parametrize("name", CROSS)
def test_no_directives_and_no_idle_labels(scheduled, name):
    view = lowered(scheduled, "main", "asm", CROSS[name])
    code = "\n".join(line for line in view.lines if not line.endswith(":"))
    labels = [line[:-1] for line in view.lines if line.endswith(":")]
    routines = [i for i, line in enumerate(view.lines) if i == 0 or not view.lines[i - 1]]
    assert all(
        label in code for i, label in enumerate(labels) if view.lines.index(label + ":") not in routines
    )
    assert not [line for line in view.lines if line.strip().startswith(".") and not line.endswith(":")]


def test_argument_checks_are_left_out(scheduled):
    view = lowered(scheduled, "main", "asm", X86)
    heads = [line for i, line in enumerate(view.lines) if i == 0 or not view.lines[i - 1]]
    assert heads == ["main_compute_:", ".L__tvm_parallel_lambda:"]
    assert view.left_out > 100


def test_llvm_ir_is_without_metadata(scheduled):
    view = lowered(scheduled, "main", "llvm", X86)
    assert not [line for line in view.lines if "!dbg" in line or "!tbaa" in line or "#dbg_" in line]
    assert any("@llvm.fmuladd.v16f32" in line for line in view.lines)


def mnemonics(assembly):
    """How often each instruction occurs, with its operands but for the names of labels."""
    code = (line.split("#")[0].strip() for line in assembly)
    code = (line for line in code if line and not line.startswith(".") and not line.endswith(":"))
    return Counter(re.sub(r"\.L\w+", ".L", " ".join(line.split())) for line in code)


@pytest.mark.parametrize("model", ["scheduled", "softmax", "conv2d", "layer_norm"])
def test_lines_change_no_instruction(model, scheduled):
    """The assembly with links is the assembly that runs, parallel parts included."""
    mod = scheduled if model == "scheduled" else loaders.load(model).mod
    func = mod["main"].with_attr("global_symbol", "main")
    runs = tvm.compile(tvm.IRModule({"main": func}), target=X86).mod.inspect_source("asm")
    view = lowered(mod, "main", "asm", X86)
    shown, whole = mnemonics(view.lines), mnemonics(runs.splitlines())
    assert shown <= whole
    assert whole.total() - shown.total() == view.left_out


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_function_of_a_network_compiles_with_links(stage, model):
    mod = stage(model, "fused")
    for function in names(mod):
        if isinstance(mod[function], tvm.tirx.PrimFunc):
            assert any(lowered(mod, function, "asm", X86).links), function


def test_loops_of_a_gpus_threads_are_refused_with_the_loops():
    """TVM would say "not implemented"."""
    sch = Schedule(loaders.load("matmul_128").mod)
    i, *_ = sch.get_loops(sch.get_sblock("matmul"))
    sch.bind(i, "blockIdx.x")
    with pytest.raises(Refused) as refused:
        lowered(sch.mod, "main", "asm", X86)
    assert refused.value.code == "view_threads_not_cpu"
    assert refused.value.paths == ("matmul/i",)


def test_a_graph_function_has_no_assembly(stage):
    with pytest.raises(NotFound):
        lowered(stage("mlp", "raw"), "main", "asm", X86)


@pytest.mark.parametrize(
    ("language", "line", "kind"),
    [
        ("llvm", "  %5 = load <16 x float>, ptr %4, align 64", "load"),
        ("llvm", "  store float %5, ptr %4, align 4", "store"),
        ("llvm", "  %6 = tail call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %1)", "fma"),
        ("llvm", "  %7 = fadd <4 x float> %1, %2", "vector"),
        ("llvm", "  %7 = fadd float %1, %2", "scalar"),
        ("llvm", "  br i1 %8, label %a, label %b", "branch"),
        ("llvm", "  %9 = call i32 %3(ptr %1)", "call"),
        ("llvm", "  %10 = tail call i32 @llvm.smin.i32(i32 %8, i32 128)", "other"),
        ("x86_64", "    vfmadd231ps     -28(%r8), %zmm0, %zmm1", "fma"),
        ("x86_64", "    vmovups         (%rax), %ymm0", "load"),
        ("x86_64", "    vmovups         %zmm0, 64(%rax,%rcx)", "store"),
        ("x86_64", "    vaddps          %zmm0, %zmm1, %zmm2", "vector"),
        ("x86_64", "    vaddss          %xmm0, %xmm1, %xmm2", "scalar"),
        ("x86_64", "    jne             .LBB0_3", "branch"),
        ("x86_64", "    callq           *(%rax)", "call"),
        ("x86_64", "    movl            $128, %edx", "other"),
        ("aarch64", "    fmla            v7.4s, v4.4s, v0.s[0]", "fma"),
        ("aarch64", "    ldp             q2, q6, [x16, #16]", "load"),
        ("aarch64", "    stp             q6, q1, [x14]", "store"),
        ("aarch64", "    b.ne            .LBB4_3", "branch"),
        ("aarch64", "    bl              expf", "call"),
        ("aarch64", "    fadd            v0.4s, v1.4s, v2.4s", "vector"),
        ("aarch64", "    fmaxnm          s0, s1, s2", "scalar"),
        ("riscv64", "    vfmacc.vf       v8, fa5, v10", "fma"),
        ("riscv64", "    vle32.v         v8, (a0)", "load"),
        ("riscv64", "    bne             a0, a1, .LBB0_2", "branch"),
        ("riscv64", "    fadd.s          fa0, fa1, fa2", "scalar"),
    ],
)
def test_kinds(language, line, kind):
    assert Kinds(language).of(line) == kind
