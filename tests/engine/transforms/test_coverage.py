"""Every name of the pinned TVM is offered, or somebody said why it is not."""

from mlc_explorer.engine.transforms.coverage import SECTIONS, coverage
from mlc_explorer.engine.transforms.left_out import REASONS
from scripts import coverage_doc


def test_nothing_of_tvm_was_never_thought_about():
    assert [f"{c.section}.{c.name}" for c in coverage() if not c.offered and not c.reason] == []


def test_what_is_offered_has_no_reason_why_not():
    assert [f"{c.section}.{c.name}" for c in coverage() if c.offered and c.reason] == []


def test_reasons_are_of_names_that_tvm_has():
    assert set(REASONS) - {f"{c.section}.{c.name}" for c in coverage()} == set()


def test_the_table_counts_what_there_is():
    rows = coverage()
    assert {c.section for c in rows} == set(SECTIONS)
    primitives = [c for c in rows if c.section == "schedule" and c.offered]
    assert len(primitives) >= 40
    assert next(c for c in rows if c.name == "ConvertLayout").offered == ("ConvertLayout", "BlockChannels")


def test_the_document_is_current():
    written = coverage_doc.DOCUMENT.read_text(encoding="utf-8")
    assert written == coverage_doc.document(), "write it anew: python -m scripts.coverage_doc"
