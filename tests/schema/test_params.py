"""Each kind of parameter accepts what makes sense and says what it expected otherwise."""

import pytest

from mlc_explorer.errors import BadTrace
from mlc_explorer.schema import params as p

GOOD = [
    (p.Loop(), "matmul/k", "matmul/k"),
    (p.Loops(), ("a/i", "a/j"), ["a/i", "a/j"]),
    (p.Block(), "matmul", "matmul"),
    (p.Buffer(), 0, 0),
    (p.Buffer(), "A", "A"),
    (p.Factors(), (None, 8), [None, 8]),
    (p.Choice(("local", "global")), "local", "local"),
    (p.Integer(1, 4), 4, 4),
    (p.Flag(), True, True),
    (p.Text(), "pragma", "pragma"),
    (p.Scalar(), 2.5, 2.5),
    (p.IndexMap(), "i, j -> j, i", "i, j -> j, i"),
]
BAD = [
    (p.Loop(), "matmul"),
    (p.Loop(), 3),
    (p.Loops(), ["a/i"]),
    (p.Loops(), "a/i"),
    (p.Block(), "a/i"),
    (p.Buffer(), True),
    (p.Buffer(), None),
    (p.Factors(), [8]),
    (p.Factors(), [None, None]),
    (p.Factors(), [0, 8]),
    (p.Factors(), [True, 8]),
    (p.Factors(), "8"),
    (p.Choice(("a",)), "b"),
    (p.Choice(("a",)), ["a"]),
    (p.Integer(1, 4), 5),
    (p.Integer(1, 4), True),
    (p.Flag(), 1),
    (p.Text(), ""),
    (p.Scalar(), [1]),
    (p.IndexMap(), "i, j"),
    (p.IndexMap(), "i -> j -> k"),
]


@pytest.mark.parametrize(("kind", "value", "normal"), GOOD)
def test_accepts(kind, value, normal):
    assert p.checked(kind, "x", "t", value) == normal


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_refuses_and_names_the_parameter(kind, value):
    with pytest.raises(BadTrace) as caught:
        p.checked(kind, "loop", "split", value)
    assert caught.value.place == "loop"
    assert (
        "split" in caught.value.message and "expected" in caught.value.message
    ) or "factor" in caught.value.message


def test_a_kind_describes_itself_for_a_form():
    assert p.Integer(1, 4).describe() == {"least": 1, "most": 4}
    assert p.Choice(("a", "b")).describe() == {"options": ("a", "b")}
