"""transform_layout, and the text form of index maps."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import index_map
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def through_b(A: T.Buffer((4, 32), "float32"), C: T.Buffer((4, 32), "float32")):
    B = T.sblock_alloc_buffer((4, 32))
    for i, j in T.grid(4, 32):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)
    for i, j in T.grid(4, 32):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] * T.float32(2)


@T.prim_func(s_tir=True)
def in_panels(A: T.Buffer((4, 32), "float32"), C: T.Buffer((4, 32), "float32")):
    B = T.sblock_alloc_buffer((2, 4, 16))
    for i, j in T.grid(4, 32):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vj // 16, vi, vj % 16] = A[vi, vj] + T.float32(1)
    for i, j in T.grid(4, 32):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vj // 16, vi, vj % 16] * T.float32(2)


def layout(block: str, buffer: str | int, text: str) -> Step:
    return Step("transform_layout", "main", {"block": block, "buffer": buffer, "index_map": text})


@pytest.mark.parametrize("block, buffer", [("B", "B"), ("B", 0), ("C", "B")])
def test_transform_layout(check, block, buffer):
    """The writer or a reader may name the buffer; a position counts what the block writes."""
    applied = check(through_b, in_panels, layout(block, buffer, "i, j -> j // 16, i, j % 16"))
    assert applied.moved == {}


@pytest.mark.parametrize(
    "text", ["i, j -> i // 2, j", "i, j -> i // 3, j, i % 3", "i, j -> i + j, j", "i, j -> i, 0"]
)
def test_transform_layout_refused_unless_one_to_one(refuse, text):
    """TVM takes the first of these without a word, and the program is then wrong."""
    refusal = refuse(through_b, layout("B", "B", text))
    assert refusal.code == "layout_not_one_to_one"
    assert refusal.place == "index_map"
    assert refusal.paths == ("B",)


def padded(text: str, value: float) -> Step:
    params = {"block": "B", "buffer": "B", "index_map": text, "pad_value": value}
    return Step("transform_layout", "main", params)


def test_transform_layout_with_empty_places(check):
    """32 columns in panels of 24: the second is filled up, and its block goes through all of it."""

    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((4, 32), "float32"), C: T.Buffer((4, 32), "float32")):
        B = T.sblock_alloc_buffer((2, 4, 24))
        for axis0, i, axis2 in T.grid(2, 4, 24):
            with T.sblock("B"):
                v0, vi, v2 = T.axis.remap("SSS", [axis0, i, axis2])
                B[v0, vi, v2] = T.if_then_else(
                    v0 == 1 and 8 <= v2,  # noqa: SIM300 (as TVM writes it)
                    T.float32(7),
                    A[vi, v0 * 24 + v2] + T.float32(1),
                )
        for i, j in T.grid(4, 32):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = B[vj // 24, vi, vj % 24] * T.float32(2)

    check(through_b, after, padded("i, j -> j // 24, i, j % 24", 7))


@pytest.mark.parametrize(
    "text, value, code",
    [
        ("i, j -> i // 3, j", 0, "layout_not_one_to_one"),
        ("i, j -> i, i", 0, "layout_not_one_to_one"),
        ("i, j -> j // 24, i, j % 24", float("inf"), "pad_value_type"),
        ("i, j -> j // 24, i, j % 24", "zero", "pad_value_type"),
        ("i, j -> j // 24, i, j % 24", True, "pad_value_type"),
        ("i, j -> i // 90000000, j, i % 90000000", 0, "buffer_too_large"),
    ],
)
def test_transform_layout_refused_with_empty_places(refuse, text, value, code):
    """TVM's inverse takes the first of these for one to one."""
    assert refuse(through_b, padded(text, value)).code == code


@pytest.mark.parametrize("block, buffer", [("B", "A"), ("C", "C")])
def test_transform_layout_refused_for_inputs_and_outputs(refuse, block, buffer):
    """It would change the function's signature under its callers."""
    refusal = refuse(through_b, layout(block, buffer, "i, j -> j, i"))
    assert refusal.code == "layout_of_parameter"
    assert "cache_read" in refusal.hint


def test_transform_layout_refused_for_a_wrong_number_of_axes(refuse):
    assert refuse(through_b, layout("B", "B", "i -> i")).code == "layout_axes"


def test_an_index_map_is_arithmetic_of_its_names():
    mapping = index_map.parse("i, j -> (j + 1) // 4, i * 2 - j, j % 4")
    assert mapping(10, 7) == [2, 13, 3]
    assert index_map.parse("n -> n // 8")(17) == [2]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("i, i -> i", "each axis once"),
        (" -> 1", "each axis once"),
        ("i, 2 -> i", "'2' is no name"),
        ("if -> if", "'if' is no name"),
        ("i -> j", "not on the left side"),
        ("i -> i +", "can't be read"),
        ("i -> ", "can't be read"),
        ("i -> i, i) + (i", "must list"),
        ("i -> i // 0", "above 0"),
        ("i -> i % i", "above 0"),
        ("i -> i ** 2", "only names"),
        ("i -> __import__('os').system('true')", "only names"),
        ("i -> i.real", "only names"),
        ("i -> [i]", "only names"),
        ("i -> 1.5", "no whole number"),
        ("i -> True", "no whole number"),
        ("i -> 99999999999", "no whole number"),
        ("i -> " + "(" * 60 + "i" + "+1)" * 60, "nested too deeply"),
    ],
)
def test_anything_else_is_no_index_map(text, reason):
    with pytest.raises(BadTrace, match=reason) as caught:
        index_map.parse(text)
    assert caught.value.place == "index_map"
