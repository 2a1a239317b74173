"""A diff keeps what was only moved: splitting a loop indents its body, and that is not a change."""

import time

from mlc_explorer.engine import loaders
from mlc_explorer.engine.views.diff import diff
from mlc_explorer.engine.views.text import text
from mlc_explorer.schema.text import DiffView, TextView


def view(*lines: str) -> TextView:
    return TextView("f", "tir", lines)


def as_text(view: DiffView) -> str:
    return "".join(
        f"{row.op} {view.after[row.new - 1] if row.new else view.before[row.old - 1]}\n" for row in view.rows
    )


def test_an_indented_body_is_kept():
    rows = diff(view("for i:", "    body"), view("for i0:", "    for i1:", "        body")).rows
    assert [(r.op, r.old, r.new) for r in rows] == [
        ("-", 1, None),
        ("+", None, 1),
        ("+", None, 2),
        ("~", 2, 3),
    ]


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
