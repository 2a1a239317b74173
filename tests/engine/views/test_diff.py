"""A diff keeps what was only moved: splitting a loop indents its body, and that is not a change."""

import time
from pathlib import Path

import pytest

from mlc_explorer.engine import loaders
from mlc_explorer.engine.replay import replay
from mlc_explorer.engine.views.diff import diff
from mlc_explorer.engine.views.text import text
from mlc_explorer.schema.text import DiffView, TextView
from mlc_explorer.schema.trace import Trace

TRACES = Path(__file__).parents[3] / "sample_models" / "traces"
NO_UPLOADS = None  # the shipped models need no bytes from a store


def view(*lines: str) -> TextView:
    return TextView("f", "tir", lines)


def as_text(view: DiffView) -> str:
    """The rows; behind a line what became of it: ``→ 12`` moved there, ``≈ 12`` changed into that one."""
    shown = []
    for row in view.rows:
        line = view.after[row.new - 1] if row.new else view.before[row.old - 1]
        moved = f"  → {row.moved}" if row.moved else ""
        changed = f"  ≈ {row.pair}" if row.pair else ""
        shown.append(f"{row.op} {line}{moved}{changed}\n")
    return "".join(shown)


def test_an_indented_body_is_kept():
    rows = diff(view("for i:", "    body"), view("for i0:", "    for i1:", "        body")).rows
    assert [(r.op, r.old, r.new) for r in rows] == [
        ("-", 1, None),
        ("+", None, 1),
        ("+", None, 2),
        ("~", 2, 3),
    ]


def test_a_line_that_came_back_elsewhere_is_moved():
    rows = diff(view("for i in 4:", "for j in 8:", "pass"), view("for j in 8:", "for i in 4:", "pass")).rows
    assert [(r.op, r.old, r.new, r.moved) for r in rows] == [
        ("+", None, 1, 2),
        (" ", 1, 2, None),
        ("-", 2, None, 1),
        (" ", 3, 3, None),
    ]


def test_a_line_that_stands_in_many_places_tells_no_move():
    rows = diff(view("T.reads()", "x = 1"), view("x = 1", "T.reads()")).rows
    assert not any(r.moved for r in rows)


def test_a_changed_line_names_the_one_it_became():
    before = view("x = 1", "C[i] = C[i] + A[i]", "end")
    after = view("for i in range(4):", "C[i] = C[i] + A_local[i]", "end")
    assert {r.old: r.pair for r in diff(before, after).rows if r.op == "-"} == {1: None, 2: 2}


STEPS = {
    "cache_read": 1,
    "split": 4,
    "reorder": 7,
    "compute_at": 9,
    "vectorize": 10,
    "decompose_reduction": 17,
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_the_shipped_trace(name, golden):
    trace = Trace.loads((TRACES / "matmul_1024.json").read_text(encoding="utf-8"))
    number = STEPS[name]
    assert trace.steps[number - 1].transform == name
    before, after = (text(replay(trace.upto(n), NO_UPLOADS).mod, "main", "tir") for n in (number - 1, number))
    golden(f"views/matmul_1024_{name}.diff.txt", as_text(diff(before, after)))


def test_grouping_mlp(stage, golden):
    before, after = (text(stage("mlp", name), "main", "relax") for name in ("annotated", "grouped"))
    golden("views/mlp_grouped_main.diff.txt", as_text(diff(before, after)))


def test_nothing_changed():
    assert {r.op for r in diff(view("a", "b"), view("a", "b")).rows} == {" "}


def test_a_new_function_is_all_added():
    result = diff(None, view("a", "b"))
    assert result.before == ()
    assert [(r.op, r.old, r.new) for r in result.rows] == [("+", None, 1), ("+", None, 2)]


def test_the_rows_tell_both_texts_whole(scheduled):
    before = text(loaders.load("matmul_128").mod, "main", "tir")
    result = diff(before, text(scheduled, "main", "tir"))
    assert [r.old for r in result.rows if r.old] == list(range(1, len(result.before) + 1))
    assert [r.new for r in result.rows if r.new] == list(range(1, len(result.after) + 1))


def test_scheduled_matmul(scheduled, golden):
    before = text(loaders.load("matmul_128").mod, "main", "tir")
    golden("views/matmul_128_scheduled.diff.txt", as_text(diff(before, text(scheduled, "main", "tir"))))


def test_fusing_mlp(stage, golden):
    before, after = (text(stage("mlp", name), "main", "relax") for name in ("legalised", "fused"))
    golden("views/mlp_fused_main.diff.txt", as_text(diff(before, after)))


def test_ten_thousand_lines_take_no_minutes():
    old = view(*(f"for i_{n % 97} in range({n}):" if n % 3 else "pass" for n in range(10_000)))
    new = view(*("    " + line for line in old.lines), "return")
    start = time.process_time()
    rows = diff(old, new).rows
    assert time.process_time() - start < 5
    assert rows[-1].op == "+"
    assert sum(r.op == "~" for r in rows) > 9_000
