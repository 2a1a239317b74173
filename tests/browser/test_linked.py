"""One function, all linked: what is hovered, chosen and pinned lights up in every pane, at every step.

What the page lights is held against what the engine says of the same state.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import expect

from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import Session
from tests.browser.explorer import FOLD, Explorer, link, step

Visit = Callable[..., Explorer]

TRACES = Path(__file__).parents[2] / "sample_models" / "traces"
SHIPPED = json.loads((TRACES / "matmul_1024.json").read_text(encoding="utf-8"))["steps"]
COMPILED_MS = 60_000


class Case(NamedTuple):
    """A function after some steps, and loops of it."""

    model: str
    steps: list[dict[str, Any]]
    function: str
    loops: tuple[str, ...]

    @property
    def address(self) -> str:
        return link(self.model, self.steps, function=self.function)

    def session(self, cursor: int | None = None) -> Session:
        trace = Trace.from_json({"version": 1, "model": self.model, "steps": self.steps})
        return Session.from_trace(trace.upto(len(self.steps) if cursor is None else cursor))

    def lines(self, path: str, cursor: int | None = None) -> set[int]:
        """The lines of the program that belong to a loop or block, by the engine."""
        marks = self.session(cursor).text(self.function).marks
        mark = next(m for m in marks if m.path == path)
        return set(range(mark.line, mark.end + 1))


MLP = Case("mlp", FOLD, "linear_relu", ("matmul/i0", "matmul/k", "compute/i1"))
MATMUL = Case("matmul_1024", SHIPPED[:7], "main", ("B_global/ax0", "matmul/i_0", "matmul/k_1"))
RESNET = Case(
    "resnet18", [step("LegalizeOps")], "conv2d1", ("pad_temp/i0", "conv2d_nchw/nn", "conv2d_nchw/rc")
)
CASES = pytest.mark.parametrize("case", [MLP, MATMUL, RESNET], ids=lambda case: case.model)


@CASES
def test_a_hovered_loop_lights_its_lines(visit: Visit, case: Case) -> None:
    explorer = visit(case.address)
    program = explorer.pane("program")
    for path in case.loops:
        explorer.branch(path).hover()
        explorer.expect_lit(program, "hover", case.lines(path))
    header = min(case.lines(case.loops[1]))
    explorer.line(program, header).locator(".code").hover()
    expect(explorer.page.locator(".branch[data-lit=hover]")).to_have_attribute("data-path", case.loops[1])


@pytest.mark.parametrize("case", [MLP, MATMUL], ids=lambda case: case.model)
def test_an_instruction_lights_the_line_that_it_came_from(visit: Visit, case: Case) -> None:
    asm = case.session().text(case.function, "asm", "cpu")
    number = next(i for i, kind in enumerate(asm.kinds) if kind == "fma" and asm.links[i])
    origin = asm.links[number]
    explorer = visit(case.address)
    explorer.arrange("Kernel")
    pane, program = explorer.pane("asm"), explorer.pane("program")
    line = explorer.line(pane, number + 1)
    line.scroll_into_view_if_needed(timeout=COMPILED_MS)
    line.locator(".code").hover()
    explorer.expect_lit(program, "hover", {origin})
    assert explorer.lit(pane, "hover") == {
        i + 1 for i, from_line in enumerate(asm.links) if from_line == origin
    }

    explorer.line(program, origin).locator(".code").hover()
    assert number + 1 in explorer.lit(pane, "hover")


@CASES
def test_two_pins_show_their_colours_in_every_pane(visit: Visit, case: Case) -> None:
    explorer = visit(case.address)
    program, tree = explorer.pane("program"), explorer.pane("loops")
    for path in case.loops[:2]:
        explorer.branch(path).click(modifiers=["Shift"])
    for number, path in enumerate(case.loops[:2], 1):
        explorer.expect_lit(program, f"pin-{number}", case.lines(path))
        expect(tree.locator(f".branch[data-lit~=pin-{number}]")).to_have_attribute("data-path", path)

    explorer.page.reload()
    explorer.expect_painted()
    expect(explorer.page.locator(".pins .pin")).to_have_text(list(case.loops[:2]))
    explorer.expect_lit(program, "pin-2", case.lines(case.loops[1]))


def test_pins_wait_for_their_function_and_go_along_with_the_steps(visit: Visit) -> None:
    case = MATMUL
    explorer = visit(case.address)
    program = explorer.pane("program")
    explorer.branch("matmul/i_1").click(modifiers=["Shift"])
    last = len(case.steps)
    for cursor in range(last - 1, 2, -1):
        explorer.film(",", cursor, last)  # the arrows are the tree's, which has the focus
    explorer.expect_lit(program, "pin-1", case.lines("matmul/i", 3))  # before it was split


@pytest.mark.parametrize("case", [MATMUL, MLP, RESNET], ids=lambda case: case.model)
def test_the_keys_step_through_the_history(visit: Visit, case: Case) -> None:
    explorer = visit(case.address)
    program = explorer.pane("program")
    last = len(case.steps)
    for key, cursors in (("ArrowLeft", range(last - 1, -1, -1)), ("ArrowRight", range(1, last + 1))):
        for cursor in cursors:
            explorer.film(key, cursor, last)
            now = case.session(cursor)
            names = {f.name for f in now.state().functions}
            function = case.function if case.function in names else now.state().entry
            assert explorer.lines(program) == list(now.text(function).lines)
            if cursor and function in now.state().steps[-1].changed:
                rows = now.diff(function).rows
                assert program.locator(".ln.del").count() == sum(row.op == "-" for row in rows)
                assert program.locator(".ln.moved").count() == sum(row.op == "~" for row in rows)


def test_the_graph_says_what_a_step_brought_and_took(visit: Visit) -> None:
    explorer = visit(link("mlp", FOLD, cursor=0))
    explorer.film("ArrowRight", 1, 3)
    graph = explorer.pane("graph")
    expect(graph.get_by_role("status")).to_have_text("2 appeared5 vanished")
    expect(graph.locator(".node.appeared text.op")).to_have_count(2)
    expect(graph.locator(".ghost text")).to_have_text(["matmul", "add", "relu", "matmul", "add"])
    explorer.film("ArrowRight", 2, 3)
    expect(graph.get_by_role("status")).to_have_text("3 changed")


def test_a_step_elsewhere_is_told_and_nobody_is_taken_there(visit: Visit) -> None:
    split = step("split", "linear_relu", loop="matmul/k", factors=[None, 7])
    explorer = visit(link("mlp", [*FOLD, split], cursor=3))
    explorer.film("ArrowRight", 4, 4)
    explorer.expect_function("main")
    there = explorer.view.get_by_role("button", name="This step changed linear_relu")
    there.click()
    explorer.expect_function("linear_relu")
    expect(there).to_be_hidden()


def test_before_and_after_stand_side_by_side(visit: Visit) -> None:
    case = MATMUL
    explorer = visit(link(case.model, case.steps, cursor=4, function="main"))  # i was split
    explorer.arrange("Compare")
    before, after = explorer.pane("program", 0), explorer.pane("program", 1)
    expect(before.locator(".ln.del")).to_have_count(2)
    expect(after.locator(".ln.add")).to_have_count(3)
    assert explorer.lines(after) == list(case.session(4).text("main").lines)
    assert explorer.lines(before) == list(case.session(3).text("main").lines)
    assert before.locator(".ln").count() == after.locator(".ln").count()  # row by row

    explorer.line(before, min(case.lines("matmul/i", 3))).locator(".code").hover()
    explorer.expect_lit(after, "hover", case.lines("matmul/i_0", 4))
    with explorer.answered():
        explorer.line(after, min(case.lines("matmul/i_0", 4))).locator(".code").click()
    explorer.expect_lit(before, "selected", case.lines("matmul/i", 3))
    explorer.expect_lit(after, "selected", case.lines("matmul/i_0", 4))

    scroll = "(e, top) => { e.scrollTop = top; return e.scrollTop }"
    assert before.locator(".scroller").evaluate(scroll, 120) == 120
    expect(after.locator(".scroller")).to_have_js_property("scrollTop", 120)


def test_another_workspace_stands_beside_this_one(visit: Visit) -> None:
    explorer = visit(link("matmul_1024"))
    explorer.arrange("Compare")
    other = explorer.pane("program", 0)
    other.locator("select.more").select_option("at=other")
    box = other.get_by_role("textbox", name="Link of the other workspace")
    box.fill("http://somewhere/?w=cut")
    box.press("Enter")
    expect(other.get_by_role("alert")).to_contain_text("The link can't be read")
    box.fill("http://somewhere" + link("matmul_128"))
    box.press("Enter")
    expect(other.locator(".at-step")).to_have_text("matmul_128")
    expect(other.locator(".ln.del").first).to_contain_text("(128, 128)")
    explorer.pane("program", 1).locator(".code", has_text="for k in").hover()
    explorer.expect_lit(other, "hover", set(range(6, 16)))
    explorer.page.reload()
    explorer.expect_painted()
    expect(other.locator(".at-step")).to_have_text("matmul_128")
