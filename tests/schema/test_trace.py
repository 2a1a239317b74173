"""A trace is the only state there is: it must survive every journey, and say where it is broken."""

import json

import pytest

from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step, Trace, pack, unpack

SPLIT = Step("split", "matmul", {"loop": "matmul/k", "factors": [None, 8]})
TRACE = Trace("mlp", (Step("LegalizeOps"), SPLIT))


def test_json_form_is_the_documented_one():
    assert TRACE.to_json() == {
        "version": 1,
        "model": "mlp",
        "steps": [
            {"transform": "LegalizeOps", "params": {}},
            {
                "transform": "split",
                "function": "matmul",
                "params": {"loop": "matmul/k", "factors": [None, 8]},
            },
        ],
    }


def test_round_trips():
    assert Trace.loads(TRACE.dumps()) == TRACE
    assert Trace.from_json(unpack(pack(TRACE.to_json()))) == TRACE


def test_a_link_is_short():
    assert len(pack(TRACE.to_json())) < 200


def test_key_names_the_state():
    assert TRACE.key() == Trace.loads(TRACE.dumps()).key()
    assert len({TRACE.key(), TRACE.upto(1).key(), TRACE.upto(0).key(), Trace("cnn").key()}) == 4
    assert TRACE.upto(1).then(SPLIT) == TRACE


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "trace"),
        ("[]", "trace"),
        ('{"version": 2, "model": "mlp", "steps": []}', "version"),
        ('{"version": 1, "steps": []}', "model"),
        ('{"version": 1, "model": "mlp"}', "steps"),
        ('{"version": 1, "model": "mlp", "steps": [{"transform": "a"}, 3]}', "step 2"),
        ('{"version": 1, "model": "mlp", "steps": [{"params": {}}]}', "step 1"),
        ('{"version": 1, "model": "mlp", "steps": [{"transform": "a", "params": []}]}', "step 1"),
        ('{"version": 1, "model": "mlp", "steps": [{"transform": "a", "extra": 1}]}', "step 1"),
        ('{"version": 1, "model": "mlp", "steps": [{"transform": "a", "function": 1}]}', "step 1"),
    ],
)
def test_a_broken_trace_names_the_place(text, place):
    with pytest.raises(BadTrace) as caught:
        Trace.loads(text)
    assert caught.value.place == place
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "!!!", "abcd", pack({"a": 1})[:-6], "é"])
def test_a_damaged_link_is_an_error_and_no_crash(text):
    with pytest.raises(BadTrace) as caught:
        unpack(text)
    assert caught.value.place == "link"


def test_a_link_that_unpacks_to_a_flood_is_refused():
    with pytest.raises(BadTrace):
        unpack(pack("0" * (8 << 20)))


def test_canonical_text_does_not_depend_on_the_order_of_parameters():
    turned = Step("split", "matmul", {"factors": [None, 8], "loop": "matmul/k"})
    assert Trace("mlp", (turned,)).key() == Trace("mlp", (SPLIT,)).key()
    assert json.loads(Trace("mlp", (turned,)).dumps())["version"] == 1
