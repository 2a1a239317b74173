"""Ranges as a person types them."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_explorer.errors import BadTrace
from mlc_explorer.schema import ranges


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4, 8, 16", (4, 8, 16)),
        ("1..4", (1, 2, 3, 4)),
        ("4..64 *2", (4, 8, 16, 32, 64)),
        ("4..100*3", (4, 12, 36)),
        ("0..64 +16", (0, 16, 32, 48, 64)),
        ("8", (8,)),
        ("4, 1..3, 4,", (4, 1, 2, 3)),
        ("true, false, none", (True, False, None)),
        ("1, true", (1, True)),
        ("0.5, local", (0.5, "local")),
        ("-2..0", (-2, -1, 0)),
    ],
)
def test_a_range_is_read(text: str, values: tuple[Any, ...]) -> None:
    read = ranges.values(text)
    assert read == values
    assert [type(v) for v in read] == [type(v) for v in values]


@pytest.mark.parametrize(
    "text", ["", " , ", "4..", "8..4", "4..64 *1", "0..8 *2", "1..8 +0", "a..b", "1..2..3"]
)
def test_what_is_no_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadTrace, match="can't be read") as refused:
        ranges.values(text)
    assert refused.value.code == "range_bad"
    assert "4..64 *2" in refused.value.hint


@pytest.mark.parametrize("text", ["1..1000000000", "1..200, 201..400"])
def test_a_range_of_a_billion_is_refused_at_once(text: str) -> None:
    with pytest.raises(BadTrace) as refused:
        ranges.values(text)
    assert refused.value.code == "range_too_long"
