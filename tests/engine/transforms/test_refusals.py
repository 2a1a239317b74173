"""What becomes of TVM's errors: reason without noise, places, carets, texts in every language."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pytest
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.engine.transforms.base import GraphTransform
from mlc_explorer.engine.transforms.reasons import OTHER, REASONS, code_for
from mlc_explorer.engine.transforms.refusals import explained, refusal
from mlc_explorer.errors import NotFound, Refused
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import LANGUAGES, table


@dataclass(frozen=True)
class Broken(GraphTransform):
    name: ClassVar[str] = "broken"
    family: ClassVar[str] = "test"


@T.prim_func(s_tir=True)
def two_sums(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i, k in T.grid(8, 8):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = T.float32(0)
            B[vi] = B[vi] + A[vi, vk]
    for i, k in T.grid(8, 8):
        with T.sblock("sum"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = T.float32(1)
            C[vi] = C[vi] + A[vi, vk]


def test_the_place_is_the_second_of_two_blocks_with_one_name(refuse):
    refusal = refuse(two_sums, Step("parallel", "main", {"loop": "sum#2/k"}))
    assert refusal.paths == ("sum#2/k", "sum#2")
    assert "sum#2/k" in refusal.message


def test_the_detail_has_carets_under_the_offending_lines_only(refuse):
    detail = refuse(two_sums, Step("fuse", "main", {"loops": ["sum/i", "sum#2/k"]})).detail
    lines = detail.splitlines()
    under = [lines[i - 1].strip() for i, line in enumerate(lines) if set(line.strip()) == {"^"}]
    assert under == ["for i in range(8):", "for k in range(8):"]
    assert "Access path" not in detail and "# from tvm" not in detail


def test_a_path_that_is_not_there_is_refused_with_those_that_are(refuse):
    refusal = refuse(two_sums, Step("unroll", "main", {"loop": "sum/m"}))
    assert refusal.code == "path_missing"
    assert "sum/k" in refusal.hint


def test_a_graph_has_no_loops(refuse):
    @I.ir_module
    class Graph:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            return x

    refusal = refuse(Graph, Step("unroll", "main", {"loop": "sum/k"}))
    assert refusal.code == "function_has_no_loops"
    assert "LegalizeOps" in refusal.hint


def test_a_function_that_is_not_there_is_not_found(module):
    with pytest.raises(NotFound) as caught:
        apply_step(module(two_sums), Step("unroll", "other", {"loop": "sum/k"}))
    assert caught.value.place == "function"
    assert "main" in caught.value.hint


def test_a_function_without_blocks_is_refused_not_a_traceback(refuse):
    @T.prim_func
    def lowered(A: T.Buffer((8,), "float32")):
        for i in range(8):
            A[i] = T.float32(0)

    assert isinstance(refuse(lowered, Step("unroll", "main", {"loop": "_/i"})), Refused)


def test_whatever_a_pass_raises_is_a_refusal_with_its_words():
    with pytest.raises(Refused, match="the graph is upside down") as caught, explained(Broken()):
        raise RuntimeError("InternalError: Check failed: (x == y) is false: the graph is upside down")
    assert caught.value.code == OTHER
    assert caught.value.params["transform"] == "broken"
    assert "Check failed" not in caught.value.message


def test_the_first_line_is_the_message_and_the_rest_is_detail():
    refused = refusal(Broken(), "ValueError: too bad\nbecause of this\nand that")
    assert "too bad." in refused.message and "because" not in refused.message
    assert "because of this" in refused.detail


@pytest.mark.parametrize("code", [*REASONS, OTHER])
def test_every_reason_is_said_in_every_language(code):
    for language in LANGUAGES:
        for part in ("message", "hint"):
            text = table(language)[f"errors.{code}.{part}"]
            assert set(re.findall(r"{(\w+)}", text)) <= {"transform", "where", "reason"}


@pytest.mark.parametrize(
    "said, code",
    [
        (
            "The loops can't be fused because the inner loop 'a' is not the only child of outer loop 'b'.",
            "nest_imperfect",
        ),
        ("The loops are not in a chain because they are not under the same scope.", "loops_not_nested"),
        ("Something that nobody foresaw", OTHER),
    ],
)
def test_reasons_are_told_by_tvm_s_words(said, code):
    assert code_for(said) == code
