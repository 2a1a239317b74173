"""blockize and tensorize; and the instructions that run here are run."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tvm
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from mlc_explorer.engine import paths
from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.transforms import apply_step, intrinsics, step_source
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import LANGUAGES, table
from tests.engine.transforms.conftest import run_source


def step(transform, **params):
    return Step(transform, "main", params)


def after_steps(mod, *steps):
    for one in steps:
        mod = apply_step(mod, one).mod
    return mod


@T.prim_func(s_tir=True)
def double(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i_0, i_1 in T.grid(4, 16):
        with T.sblock("B"):
            vi = T.axis.spatial(64, i_0 * 16 + i_1)
            B[vi] = A[vi] * T.float32(2)


@T.prim_func(s_tir=True)
def pair(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi]
    for i in range(8):
        with T.sblock("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[vi] * T.float32(2)


def bytes_product(left="uint8", right="int8", total="int32"):
    """A 16 × 32 by 32 × 32 product of bytes."""

    @T.prim_func(s_tir=True)
    def product(A: T.Buffer((16, 32), left), B: T.Buffer((32, 32), right), C: T.Buffer((16, 32), total)):
        for i, j, k in T.grid(16, 32, 32):
            with T.sblock("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.Cast(total, 0)
                C[vi, vj] = C[vi, vj] + T.Cast(total, A[vi, vk]) * T.Cast(total, B[vk, vj])

    return product


def dot_steps(lanes=16):
    """What brings a product of bytes to the form of a dot product instruction: B in panels of `lanes` columns
    and 4 rows, those loops innermost, and the sum begun before."""
    panels = f"k, j -> j // {lanes}, k // 4, j % {lanes}, k % 4"
    return (
        step("cache_read", block="C", buffer="B", scope="global"),
        step("transform_layout", block="C", buffer="B_global", index_map=panels),
        step("split", loop="C/j", factors=[None, lanes]),
        step("split", loop="C/k", factors=[None, 4]),
        step("reorder", loops=["C/k_0", "C/j_1", "C/k_1"]),
        step("decompose_reduction", block="C", loop="C/k_0"),
    )


def computed(mod, chip, most=256):
    rng = np.random.default_rng(0)
    limits = {"uint8": (0, most), "int8": (-most // 2, most // 2)}
    infos = signature(mod, "main").inputs
    inputs = [rng.integers(*limits[i.dtype], i.shape).astype(i.dtype) for i in infos]
    return inputs, build(mod, target(chip))(inputs)[0]


def features():
    known = tvm.get_global_func("target.llvm_get_cpu_features")(target("cpu"))
    return {str(name) for name in known}


def test_blockize(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i_0 in range(4):
            with T.sblock("B_o"):
                vi_o = T.axis.spatial(4, i_0)
                for i_1 in range(16):
                    with T.sblock("B"):
                        vi_i = T.axis.spatial(16, i_1)
                        B[vi_o * 16 + vi_i] = A[vi_o * 16 + vi_i] * T.float32(2)

    applied = check(double, after, step("blockize", place="B/i_1"))
    assert applied.moved == {"main:B/i_0": "main:B_o/i_0"}


def test_blockize_of_several_blocks(module):
    """TVM lists what the new block writes in any order, so that the texts are not compared."""
    applied = apply_step(module(pair), step("blockize", place="B", blocks=["C"]))
    found = [(p.path, p.parent) for p in paths.walk(applied.mod["main"])]
    assert found == [("outer_B_C_", None), ("B/i", 0), ("B", 1), ("C/i", 0), ("C", 3)]
    assert applied.moved == {}


def test_blockize_refused_where_the_loops_do_not_make_a_block(refuse):
    @T.prim_func(s_tir=True)
    def guarded(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
        for i_0, i_1 in T.grid(10, 7):
            with T.sblock("B"):
                vi = T.axis.spatial(64, i_0 * 7 + i_1)
                T.where(i_0 * 7 + i_1 < 64)
                B[vi] = A[vi]

    refusal = refuse(guarded, step("blockize", place="B/i_1"))
    assert (refusal.code, refusal.paths) == ("not_blockizable", ("B/i_1", "B"))


@pytest.mark.parametrize(
    "params, code",
    [
        ({"place": "B"}, "blockize_alone"),
        ({"place": "B", "blocks": ["B"]}, "blockize_alone"),
        ({"place": "B/i", "blocks": ["C"]}, "blockize_either"),
        ({"place": "B", "blocks": ["D"]}, "path_missing"),
    ],
)
def test_blockize_refused_for_what_is_neither_a_loop_nor_several_blocks(refuse, params, code):
    assert refuse(pair, step("blockize", **params)).code == code


def test_blockize_refused_for_sums_among_several_blocks(refuse, module):
    """TVM would lose the initial value."""
    mod = apply_step(module(bytes_product()), step("cache_read", block="C", buffer="A", scope="global")).mod
    refusal = refuse(mod, step("blockize", place="A_global", blocks=["C"]))
    assert (refusal.code, refusal.paths) == ("blockize_sum", ("C",))


def test_blockize_refused_for_blocks_in_blocks_over_which_tvm_crashes(refuse, module):
    mod = apply_step(module(pair), step("blockize", place="B/i")).mod
    refusal = refuse(mod, step("blockize", place="B_o", blocks=["C"]))
    assert (refusal.code, refusal.paths) == ("blockize_nested", ("B_o",))


def test_blockize_refused_for_a_block_with_company_that_tvm_would_lose(refuse, module):
    copied = step("cache_read", block="C", buffer="A", scope="global")
    mod = after_steps(module(bytes_product()), copied, step("decompose_reduction", block="C", loop="C/j"))
    refusal = refuse(mod, step("blockize", place="A_global", blocks=["C_init"]))
    assert (refusal.code, refusal.paths) == ("blockize_company", ("C_init", "C_init/i"))


def test_blockize_refused_where_axes_run_over_a_loop_outside_of_the_block_around(refuse, module):
    """TVM would take that loop's variable for 0."""
    pieces = step("loop_partition", loop="C/j", factors=[1, None])
    mod = apply_step(module(bytes_product()), pieces).mod
    for one in (
        step("blockize", place="C_j1/k"),
        step("tensorize", place="C_j1/k", intrinsic="dot_16x4_vnni"),
    ):
        refusal = refuse(mod, one)
        assert (refusal.code, refusal.paths) == ("axes_from_outside", ("C_j1", "C_j_common/i"))


def test_blockize_refused_for_blocks_that_share_a_loop(refuse, module):
    merged = apply_step(module(pair), step("merge", loops=["B/i", "C/i"])).mod
    refusal = refuse(merged, step("blockize", place="B", blocks=["C"]))
    assert (refusal.code, refusal.paths) == ("blocks_share_loop", ("B", "C"))


@pytest.mark.skipif("avx512vnni" not in features(), reason="the processor has no AVX512-VNNI")
def test_tensorize_with_vnni_runs_and_is_right(module):
    before = module(bytes_product())
    mod = after_steps(before, *dot_steps())
    applied = apply_step(mod, step("tensorize", place="C_update/j_1", intrinsic="dot_16x4_vnni"))
    assert applied.moved["main:C_update/j_1"] == applied.moved["main:C_update"] == "main:C_update_o"
    (a, b), got = computed(applied.mod, "cpu")
    assert np.array_equal(got, a.astype("int32") @ b.astype("int32"))
    assert "vpdpbusd" in assembly(applied.mod)


@pytest.mark.skipif("avx512bw" not in features(), reason="the processor has no AVX512BW")
def test_tensorize_with_avx512_is_right_for_numbers_of_seven_bits(module):
    mod = after_steps(module(bytes_product()), *dot_steps())
    mod = apply_step(mod, step("tensorize", place="C_update/j_1", intrinsic="dot_16x4_avx512")).mod
    (a, b), got = computed(mod, "cpu", most=128)
    assert np.array_equal(got, a.astype("int32") @ b.astype("int32"))


def assembly(mod):
    return tvm.compile(mod, target=target("cpu")).mod.inspect_source("asm")


def test_tensorize_with_arm_instructions_compiles_for_arm(module):
    """For another processor, so that it is compiled and not run."""
    arm = tvm.target.Target(
        {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+v8.2a", "+dotprod"], "mcpu": "generic"}
    )
    for types, name, instruction in [
        (("int8", "int8", "int32"), "dot_4x4_i8i8s32_sdot", "sdot"),
        (("uint8", "uint8", "uint32"), "dot_4x4_u8u8u32_udot", "udot"),
        (("int8", "int8", "int32"), "dot_4x4_i8i8s32_neon", "smull"),
    ]:
        mod = after_steps(module(bytes_product(*types)), *dot_steps(lanes=4))
        mod = apply_step(mod, step("tensorize", place="C_update/j_1", intrinsic=name)).mod
        assert instruction in tvm.compile(mod, target=arm).mod.inspect_source("asm")


def test_tensorize_round_trip(module):
    """The exported Python registers the instruction itself."""
    mod = after_steps(module(bytes_product()), *dot_steps())
    last = step("tensorize", place="C_update/j_1", intrinsic="dot_16x4_avx512")
    source = step_source(SimpleNamespace(mod=mod), last)
    loading = "import tvm.s_tir.tensor_intrin.x86"
    assert loading in source
    without_import = source.replace(loading, "pass")  # which would load all of TVM's, for ten seconds
    tvm.ir.assert_structural_equal(run_source(without_import, mod), apply_step(mod, last).mod)


def test_tensorize_of_a_block_that_blockize_made(module):
    mod = after_steps(module(bytes_product()), *dot_steps())
    blocked = apply_step(mod, step("blockize", place="C_update/j_1")).mod
    twice = apply_step(blocked, step("tensorize", place="C_update_o", intrinsic="dot_16x4_vnni"))
    once = apply_step(mod, step("tensorize", place="C_update/j_1", intrinsic="dot_16x4_vnni"))
    tvm.ir.assert_structural_equal(twice.mod, once.mod)


@pytest.mark.parametrize(
    "leave_out, types",
    [(-1, ()), (3, ()), (None, ("int8", "int8"))],
    ids=["not decomposed", "not split", "other types"],
)
def test_tensorize_refused_for_a_nest_that_computes_something_else(refuse, module, leave_out, types):
    steps = list(dot_steps())
    if leave_out is not None:
        del steps[leave_out]
    if leave_out == 3:
        steps[3] = step("reorder", loops=["C/k", "C/j_1"])
        steps[4] = step("decompose_reduction", block="C", loop="C/k")
    mod = after_steps(module(bytes_product(*types)), *steps)
    block = "C" if leave_out == -1 else "C_update"
    refusal = refuse(mod, step("tensorize", place=f"{block}/j_1", intrinsic="dot_16x4_vnni"))
    assert (refusal.code, refusal.paths) == ("intrinsic_differs", (f"{block}/j_1",))
    assert "decompose_reduction" in refusal.hint


def test_only_known_instructions_are_taken(module):
    with pytest.raises(BadTrace) as caught:
        apply_step(module(double), step("tensorize", place="B/i_1", intrinsic="system"))
    assert caught.value.place == "intrinsic"


def test_one_file_of_instructions_is_loaded_and_not_all():
    intrinsics.load("dot_16x4_vnni")
    assert "tvm.s_tir.tensor_intrin.x86" in sys.modules
    assert "tvm.s_tir.tensor_intrin" not in sys.modules, "who imports it later gets it whole"


def test_every_instruction_exists_in_tvm():
    from tvm.s_tir import TensorIntrin

    for name in intrinsics.NAMES:
        intrinsics.load(name)
        assert isinstance(TensorIntrin.get(name).impl, PrimFunc)


def test_every_group_of_instructions_says_what_it_needs():
    for language in LANGUAGES:
        assert all(f"intrinsic.{one.group}" in table(language) for one in intrinsics.INTRINSICS.values())


def test_proposed_are_instructions_of_the_same_types():
    assert intrinsics.fitting(["float32", "float32"], ["float32"], ["global"]) == []
    assert intrinsics.fitting(["uint8", "int8"], ["int32"], ["global"]) == [
        "dot_16x4_vnni",
        "dot_16x4_avx512",
    ]
    assert "wmma_sync_16x16x16_f16f16f32" in intrinsics.fitting(
        ["float16", "float16"], ["float32"], ["wmma.accumulator"]
    )
