"""The catalogue: complete in texts, docs and tests, and strict with what a step says."""

import json
from pathlib import Path

import pytest

from mlc_explorer.engine.transforms import catalogue, lookup
from mlc_explorer.errors import BadTrace, NotFound
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.trace import Step
from mlc_explorer.schema.transform import Shortcut, TransformSpec
from mlc_explorer.texts import LANGUAGES, table

from .asked import asked_of

NAMES = list(catalogue.TRANSFORMS)
ISSUE_NAMES = {
    "LegalizeOps",
    "AnnotateTIROpPattern",
    "FoldConstant",
    "FuseOps",
    "FuseTIR",
    "DeadCodeElimination",
    "CanonicalizeBindings",
    "EliminateCommonSubexpr",
    "ConvertToDataflow",
    "zero",
    "default",
    "split",
    "fuse",
    "reorder",
    "parallel",
    "vectorize",
    "unroll",
    "bind",
    "compute_at",
    "reverse_compute_at",
    "compute_inline",
    "reverse_compute_inline",
    "cache_read",
    "cache_write",
    "decompose_reduction",
    "annotate",
    "transform_layout",
}


# The script of tensorize loads all of TVM's instructions, for ten seconds: it has a test of its own.
OTHERWISE = {"tensorize": "def test_tensorize_round_trip("}
CHECKED = asked_of("check") | asked_of("holds")  # a recipe `holds` to its primitives
REFUSED = asked_of("refuse")


def test_it_holds_all_that_was_promised():
    assert set(NAMES) >= ISSUE_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_has_texts_in_every_language(name):
    for language in LANGUAGES:
        for part in ("title", "text"):
            assert table(language)[f"transform.{name}.{part}"].strip()


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_label_in_every_language(name):
    for field, _ in catalogue.TRANSFORMS[name].kinds():
        assert all(f"param.{field.name}" in table(language) for language in LANGUAGES)


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_documents_itself_its_parameters_and_what_it_does(name):
    cls = catalogue.TRANSFORMS[name]
    doc = cls.__doc__ or ""
    assert "TVM" in doc, "its name in TVM"
    assert "→" in doc, "before → after"
    for field, _ in cls.kinds():
        assert f"{field.name}:" in doc or f"{field.name}," in doc, f"the parameter {field.name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_is_held_to_a_before_and_after(name):
    """By `check`, which also replays the JSON and the exported Python."""
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_t*.py"))
    assert name in CHECKED or (name in OTHERWISE and OTHERWISE[name] in tests)


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_is_refused_somewhere(name):
    assert name in REFUSED


def test_specifications_are_data():
    specs = catalogue.specs()
    assert [s.name for s in specs] == NAMES
    sent = json.loads(json.dumps(encode(specs)))
    assert decode(tuple[TransformSpec, ...], sent) == decode(tuple[TransformSpec, ...], encode(specs))


def test_a_specification_says_what_the_form_needs():
    split = next(s for s in catalogue.specs() if s.name == "split")
    assert (split.level, split.family, split.target, split.tvm) == ("loop", "tiling", "loop", "split")
    assert [(p.name, p.kind, p.required) for p in split.params] == [
        ("loop", "loop", True),
        ("factors", "factors", True),
    ]
    assert set(split.title) == set(split.text) == set(LANGUAGES)
    bind = next(s for s in catalogue.specs() if s.name == "bind")
    assert "blockIdx.x" in bind.params[1].options["options"]


def test_a_specification_says_what_it_is_called_elsewhere_and_shows_an_example():
    specs = {s.name: s for s in catalogue.specs()}
    assert specs["split"].elsewhere.startswith(
        "Halide: ``split``; MLIR: ``transform.structured.tile_using_for``"
    )
    assert specs["split"].example.startswith("``for i in range(64)`` with factors [None, 8] →")
    assert all("→" in s.example and s.example.count("``") % 2 == 0 for s in specs.values())
    assert all(s.elsewhere.count("``") % 2 == 0 for s in specs.values())


def test_shortcuts_are_steps_that_exist():
    shortcuts = {s.name: s for s in catalogue.shortcuts()}
    assert set(shortcuts) == {"fold_linear_relu", "fuse"}
    for shortcut in shortcuts.values():
        assert all(lookup.make(Step.from_json(step)).level == "graph" for step in shortcut.steps)
        assert decode(Shortcut, encode(shortcut)).name == shortcut.name


def test_make_fills_in_defaults_and_normalises():
    transform = lookup.make(Step("cache_write", "main", {"block": "matmul"}))
    assert (transform.buffer, transform.scope) == (0, "global")
    assert lookup.make(Step("split", "f", {"loop": "b/i", "factors": [None, 8]})).factors == (None, 8)


def test_an_unknown_name_is_not_found_with_what_comes_close():
    with pytest.raises(NotFound, match="splitt") as caught:
        lookup.make(Step("splitt", "main"))
    assert "split" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        lookup.make(Step("legalizeops"))
    assert "LegalizeOps" in caught.value.hint


@pytest.mark.parametrize(
    "step, place, code",
    [
        (Step("split", "main", {"loop": "b/i"}), "factors", "param_missing"),
        (Step("split", "main", {"loop": "b/i", "factors": [2, 2], "fast": True}), "fast", "param_unknown"),
        (Step("split", "main", {"loop": "b", "factors": [2, 2]}), "loop", "param_bad"),
        (Step("split", "main", {"loop": "b/i", "factors": [None, None]}), "factors", "param_bad"),
        (Step("split", "main", {"loop": None, "factors": [2, 2]}), "loop", "param_bad"),
        (Step("split", None, {"loop": "b/i", "factors": [2, 2]}), "function", "function_needed"),
        (Step("LegalizeOps", "main"), "function", "function_not_taken"),
    ],
)
def test_a_step_that_is_wrong_names_the_place(step, place, code):
    with pytest.raises(BadTrace) as caught:
        lookup.make(step)
    assert (caught.value.place, caught.value.code) == (place, code)
