"""A form proposes what makes sense, keeps what was given, and shows what the step would do."""

from __future__ import annotations

import json

import pytest

from mlc_explorer.engine.legality.offer import offer
from mlc_explorer.engine.legality.palette import palette
from mlc_explorer.engine.loaders import load_cached
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.transforms import catalogue
from mlc_explorer.engine.views.diff import diff
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.palette import Field, Offer
from mlc_explorer.schema.trace import Step


def field(made: Offer, name: str) -> Field:
    return next(f for f in made.fields if f.name == name)


def test_a_form_starts_with_what_the_palette_tried(sample):
    state = sample("softmax")
    for verdict in palette(state, "main", "exp/j", "en").verdicts:
        made = offer(state, "main", "exp/j", verdict.transform, {}, "en")
        assert made.step["params"] == verdict.params, verdict
        if catalogue.TRANSFORMS[verdict.transform].level != "graph":
            assert made.state == verdict.state, verdict


def test_the_preview_is_the_diff_of_the_step(sample):
    state = sample("matmul_128")
    made = offer(state, "main", "matmul/k", "split", {"factors": [None, 5]}, "en")
    after = apply(state, Step.from_json(made.step))
    assert made.diff == diff(text(state.mod, "main", "tir"), text(after.mod, "main", "tir"))
    assert (made.state, made.changed) == ("applies", ("main",))


def test_factors_divide_or_say_that_a_guard_appears(sample):
    factors = field(offer(sample("matmul_128"), "main", "matmul/k", "split", {}, "en"), "factors")
    notes = {json.dumps(o.value): o.note for o in factors.options}  # the loop k runs ten times
    assert notes["[null, 5]"] == notes["[null, 2]"] == ""
    assert "2 iterations too many" in notes["[null, 4]"]
    assert factors.open
    labels = {json.dumps(o.value): o.label for o in factors.options}
    assert labels["[null, 4]"] == "3 × 4"


def test_what_depends_on_a_choice_follows_it(sample):
    state = sample("matmul_128")
    for loop, divisors in (("matmul/j", {16, 8, 4, 2}), ("matmul/k", {5, 2})):
        factors = field(offer(state, "main", "matmul/k", "split", {"loop": loop}, "en"), "factors")
        free = {o.value[1] for o in factors.options if len(o.value) == 2 and not o.note}
        assert free <= divisors


def test_loops_are_named_with_extent_and_axis(sample):
    loop = field(offer(sample("matmul_128"), "main", "matmul/k", "unroll", {}, "en"), "loop")
    assert [o.label for o in loop.options] == [
        "matmul/k · 10 · reduction",
        "matmul/j · 16 · spatial",
        "matmul/i · 12 · spatial",
    ]


def test_a_buffer_says_whose_it_is(sample):
    made = offer(sample("softmax"), "main", "exp", "cache_read", {}, "en")
    labels = {o.value: (o.label, o.note) for o in field(made, "buffer").options}
    assert labels["X"][0] == "X · 4 × 24 · float32" and "Input" in labels["X"][1]
    assert any("inside" in note for _, note in labels.values())


def test_a_field_of_loops_offers_its_members(sample):
    loops = field(offer(sample("matmul_128"), "main", "matmul/i", "reorder", {}, "en"), "loops")
    assert loops.value == ["matmul/j", "matmul/i"]
    assert {o.value for o in loops.options} == {"matmul/i", "matmul/j", "matmul/k"}


def test_a_pass_shows_the_graph_that_it_makes():
    model = load_cached("mlp", lambda digest: b"")
    state = State(model.mod, model.entry)
    made = offer(state, model.entry, None, "LegalizeOps", {}, "en")
    assert made.state == "applies" and made.changed == (model.entry,) and made.added
    assert "function" not in made.step
    assert any("call_tir" in made.diff.after[row.new - 1] for row in made.diff.rows if row.op == "+")


def test_an_offer_survives_the_journey_to_the_screen(sample):
    made = offer(sample("conv2d"), "main", "conv2d/ci", "split", {}, "zh")
    assert decode(Offer, json.loads(json.dumps(encode(made)))) == made
    assert field(made, "loop").label == "循环"


# -- whatever comes from outside

HOSTILE = [
    {"loop": 7}, {"loop": ["matmul/k"]}, {"loop": "matmul/k", "factors": "rm -rf"}, {"loop": {"a": 1}},
    {"factors": [None, None]}, {"factors": [0, 8]}, {"factors": [1 << 70, 2]}, {"factors": []},
    {"unknown": 1}, {"loop": "matmul/nowhere"}, {"loop": "__class__/x", "factors": [None, 2]},
]  # fmt: skip


@pytest.mark.parametrize("params", HOSTILE, ids=str)
def test_wrong_parameters_are_refused_in_words_and_stay_in_the_form(sample, params):
    made = offer(sample("matmul_128"), "main", "matmul/k", "split", params, "en")
    assert (made.state, made.diff) == ("refused", None)
    assert made.refusal.message and made.refusal.hint
    for name in ("loop", "factors"):
        if name in params:
            assert field(made, name).value == params[name]


VALUES = [
    None,
    True,
    -1,
    1 << 80,
    1.5,
    "",
    "x",
    "a/b",
    "i -> i",
    [],
    [[]],
    [None],
    [1, 2],
    {},
    {"sweep": [1]},
]


@pytest.mark.parametrize("transform", [n for n, c in catalogue.TRANSFORMS.items() if c.level == "loop"])
def test_no_value_breaks_a_form(sample, transform):
    state = sample("bmm_relu")
    for kind_field, _ in catalogue.TRANSFORMS[transform].kinds():
        for value in VALUES:
            made = offer(state, "main", "relu/j", transform, {kind_field.name: value}, "en")
            assert made.state in ("applies", "nothing", "refused", "elsewhere")
            assert (made.refusal is None) == (made.state in ("applies", "nothing"))


def test_an_unknown_transform_is_not_found(sample):
    with pytest.raises(NotFound, match="vectorise"):
        offer(sample("matmul_128"), "main", None, "vectorise", {}, "en")
