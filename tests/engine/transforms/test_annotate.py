"""annotate: hints from a list, never code."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def copy(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi]


def annotate(place: str, key: str, value: object) -> Step:
    return Step("annotate", "main", {"place": place, "key": key, "value": value})


def test_annotate_a_loop(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in T.serial(8, annotations={"pragma_auto_unroll_max_step": 16}):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]

    check(copy, after, annotate("B/i", "pragma_auto_unroll_max_step", 16))


def test_annotate_a_block(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                T.sblock_attr({"double_buffer_scope": 0})
                B[vi] = A[vi]

    check(copy, after, annotate("B", "double_buffer_scope", 0))


def test_annotate_refused_on_the_wrong_kind_of_place(refuse):
    refusal = refuse(copy, annotate("B", "pragma_unroll_explicit", 1))
    assert refusal.code == "annotate_wants_loop"
    assert refusal.paths == ("B",)
    assert refuse(copy, annotate("B/i", "double_buffer_scope", 0)).code == "annotate_wants_block"


@pytest.mark.parametrize("key", ["pragma_import_c", "pragma_import_llvm"])
def test_annotate_takes_no_key_that_compiles_given_code(module, key):
    with pytest.raises(BadTrace) as caught:
        apply_step(module(copy), annotate("B/i", key, "int f() { return 1; }"))
    assert caught.value.place == "key"


@pytest.mark.parametrize("value", [1 << 20, -1, "16", 0.5])
def test_annotate_bounds_the_value(module, value):
    with pytest.raises(BadTrace) as caught:
        apply_step(module(copy), annotate("B/i", "pragma_auto_unroll_max_step", value))
    assert caught.value.place == "value"


@T.prim_func(s_tir=True)
def row_sum(A: T.Buffer((8, 32), "float32"), B: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 32):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]


def test_annotate_refused_for_a_hint_that_lowering_follows_to_where_it_is_wrong(refuse, module):
    hint = "pragma_loop_partition_hint"
    refusal = refuse(row_sum, annotate("sum/k", hint, 1))
    assert (refusal.code, refusal.paths) == ("hint_on_sum", ("sum/k", "sum"))
    hinted = apply_step(module(row_sum), annotate("sum/i", hint, 1)).mod
    refusal = refuse(hinted, Step("unroll", "main", {"loop": "sum/i"}))
    assert (refusal.code, refusal.paths) == ("hint_not_serial", ("sum/i",))


def test_unannotate(check):
    @T.prim_func(s_tir=True)
    def before(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in T.serial(8, annotations={"pragma_unroll_explicit": 1}):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi]

    check(before, copy, Step("unannotate", "main", {"place": "B/i", "key": "pragma_unroll_explicit"}))


def test_unannotate_of_a_block(check):
    @T.prim_func(s_tir=True)
    def before(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                T.sblock_attr({"double_buffer_scope": 0})
                B[vi] = A[vi]

    check(before, copy, Step("unannotate", "main", {"place": "B", "key": "double_buffer_scope"}))


def test_unannotate_refused_where_there_is_no_such_annotation(refuse):
    refusal = refuse(copy, Step("unannotate", "main", {"place": "B/i", "key": "pragma_unroll_explicit"}))
    assert (refusal.code, refusal.place, refusal.paths) == ("annotation_missing", "key", ("B/i",))
