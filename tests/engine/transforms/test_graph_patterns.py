"""Patterns written as text: what they match, and where a person who mistyped one is pointed to."""

import pytest
from tvm import relax

from mlc_explorer.engine.replay import replay
from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.engine.transforms.patterns import parsed
from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step, Trace

from .graph_text import graph

TWO = "main(x: F32[4]) -> F32[4]\ny = R.exp(x)\nz = R.nn.relu(y)"


def by(patterns, **params):
    return Step("FuseOpsByPattern", None, {"patterns": patterns, **params})


def composites(mod):
    return sorted(f.attrs["Composite"] for _, f in mod.functions_items() if "Composite" in (f.attrs or {}))


def test_fuseopsbypattern(check):
    after = graph(
        "private fused_relax_exp_relax_nn_relu(x: F32[4]) -> F32[4]\n"
        'attrs {"Composite": "both", "Primitive": True}\ny = R.exp(x)\nz = R.nn.relu(y)',
        "main(x: F32[4]) -> F32[4]\nz = cls.fused_relax_exp_relax_nn_relu(x)",
    )
    check(graph(TWO), after, by("both = relax.nn.relu(relax.exp(a))"))


def test_the_layers_of_the_mlp_by_two_patterns():
    text = """# the longer one first
    linear_relu = relax.nn.relu(relax.add(relax.matmul(x, const(w)), const(b)))
    linear = relax.add(relax.matmul(x, const(w)), const(b))"""
    mod = replay(Trace("mlp", (by(text),)), lambda digest: b"").mod
    assert composites(mod) == ["linear", "linear_relu"]


def test_the_default_pattern_finds_the_layer_that_the_course_fuses():
    mod = replay(Trace("mlp", (Step("FuseOpsByPattern"),)), lambda digest: b"").mod
    assert composites(mod) == ["linear_relu"]


def test_either_of_two_operators_and_the_same_value_twice(check):
    square = graph("main(x: F32[4], y: F32[4]) -> F32[4]\na = R.multiply(x, x)\nb = R.multiply(a, y)")
    found = apply_step(square, by("square = relax.multiply(v, v) | relax.power(v, v)")).mod
    check(square, found, by("square = relax.multiply(v, v) | relax.power(v, v)"))
    (group,) = (f for _, f in found.functions_items() if "Composite" in (f.attrs or {}))
    assert len(group.params) == 1, "a · y is no square"


def test_a_pattern_that_nothing_matches_changes_nothing(check):
    check(graph(TWO), graph(TWO), by("product = relax.matmul(x, w)"))


@pytest.mark.parametrize(
    "text, line, column, said",
    [
        ("linear", 1, 1, "a name"),
        ("# a comment\na b = relax.add(x, y)", 2, 1, "a name"),
        ("f = relax.matmul(x, w", 1, 17, "never closed"),
        ("f = relax.matmull(x, w)", 1, 5, "relax.matmul"),
        ("f = relax.add(x, relax.nope(y))", 1, 18, "relax.nope"),
        ("f = relax.add(x, 1)", 1, 18, "'1'"),
        ("f = relax.add(x, axis=w)", 1, 5, "axis"),
        ("f = x", 1, 5, "an operator"),
        ("f = relax.add(const(relax.exp(x)), y)", 1, 15, "one name"),
        ("f = relax.add(const(x), x)", 1, 25, "constant in one place"),
        ("f = __import__('os').system('id')", 1, 5, "no operator"),
        ("f = [relax.add(x, y) for x in y]", 1, 5, "no name"),
        ("f = " + "relax.exp(" * 300 + "x" + ")" * 300, 1, 5, ""),
    ],
)  # fmt: skip
def test_fuseopsbypattern_refused_at_the_place(refuse, text, line, column, said):
    refusal = refuse(graph(TWO), by(text))
    assert (refusal.code, refusal.place) == ("pattern_bad", "patterns")
    assert refusal.params["line"] == line
    assert said in refusal.message
    assert refusal.params["column"] == column or "(" * 100 in text.replace("relax.exp", "")


def test_a_text_without_a_pattern():
    with pytest.raises(Refused) as caught:
        parsed("\n  # nothing yet\n")
    assert caught.value.code == "pattern_empty"


def test_mergecompositefunctions(check, refuse):
    """What one library takes becomes one function for it; LambdaLift then makes it compilable."""
    text = "blas.exp = relax.exp(x)\nblas.relu = relax.nn.relu(x)"
    grouped = apply_step(graph(TWO), by(text)).mod
    merged = apply_step(grouped, Step("MergeCompositeFunctions")).mod
    check(grouped, merged, Step("MergeCompositeFunctions"))
    (taken,) = (f for _, f in merged.functions_items() if "Codegen" in (f.attrs or {}))
    assert taken.attrs["Codegen"] == "blas" and isinstance(taken, relax.Function)
    named = apply_step(graph(TWO), by("both = relax.nn.relu(relax.exp(a))")).mod
    assert refuse(named, Step("MergeCompositeFunctions")).code == "needs_composites"
