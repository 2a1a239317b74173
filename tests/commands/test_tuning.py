"""`tune` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.trace import Trace
from mlc_explorer.schema.tuning import Tuning

pytest.importorskip("tvm", reason="candidates are compiled with TVM")


def test_tune_prints_what_was_tried_and_the_steps(data: Callable[..., Any], text: Callable[..., str]) -> None:
    found = decode(Tuning, data("tune", "matmul_128", "--function", "main", "--trials", "2", "--around"))
    assert [t.kind for t in found.trials] == ["recipe", "around", "search"]
    assert found.ended == "trials" and Trace.from_json(found.trace.to_json()) == found.trace
    printed = text("tune", "matmul_128", "--trials", "1")
    for word in ("recipe", "record", "search", "as it was", "best", "ended by trials"):
        assert word in printed


def test_a_graph_function_has_nothing_to_tune(refusal: Callable[..., dict[str, Any]]) -> None:
    assert refusal("tune", "mlp", "--function", "main")["code"] == "tune_no_loops"
