"""The history as a tree: which rows there are, by the groups of the steps and by what is open."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_explorer.schema.trace import Step
from mlc_explorer.ui.history_tree import Group, Single, groups_around, visible

CONV = "fast_cpu/conv2d_blocked"


def steps(*parts: str) -> tuple[Step, ...]:
    """Steps written ``group@function``; either may be empty."""
    return tuple(Step("split", p.partition("@")[2] or None, {}, p.partition("@")[0]) for p in parts)


def outline(history: tuple[Step, ...], opened: set[str]) -> list[str]:
    """The rows as text: a group with its steps (from 1), a step by its number, indented by level."""
    rows = []
    for entry in visible(history, opened):
        text = f"{entry.name} {entry.first + 1}-{entry.end}" if isinstance(entry, Group) else entry.index + 1
        rows.append(f"{'  ' * (entry.level - 1)}{text}")
    return rows


def test_a_closed_group_is_one_row() -> None:
    history = steps("", "fast_cpu", "fast_cpu", f"{CONV}@f", "@g")
    assert outline(history, set()) == ["1", "fast_cpu 2-4", "5"]


def test_an_open_group_shows_its_steps_and_the_groups_within_it() -> None:
    history = steps("fast_cpu", f"{CONV}@f", f"{CONV}@f", f"{CONV}@g", "fast_cpu@h")
    outer = groups_around(history, 0)[0]
    assert outline(history, {outer.id}) == [
        "fast_cpu 1-5", "  1", "  conv2d_blocked 2-3", "  conv2d_blocked 4-4", "  5",
    ]  # fmt: skip
    inner = groups_around(history, 2)[-1]
    assert (inner.function, inner.first, inner.end) == ("f", 1, 3)
    assert outline(history, {outer.id, inner.id})[2:5] == ["  conv2d_blocked 2-3", "    2", "    3"]


def test_an_open_inner_group_is_not_seen_while_the_outer_one_is_closed() -> None:
    history = steps(f"{CONV}@f", f"{CONV}@f")
    assert outline(history, {groups_around(history, 0)[-1].id}) == ["fast_cpu 1-2"]


def test_a_recipe_of_one_function_that_was_unfolded_ends_where_another_function_begins() -> None:
    assert outline(steps("gemv@f", "gemv@f", "gemv@g"), set()) == ["gemv 1-2", "gemv 3-3"]


def test_a_group_keeps_its_name_when_steps_before_or_in_it_change() -> None:
    before = steps("", "fast_cpu", f"{CONV}@f", f"{CONV}@f", f"{CONV}@g")
    after = steps("fast_cpu", f"{CONV}@f", f"{CONV}@g")
    assert [g.id for g in groups_around(before, 4)] == [g.id for g in groups_around(after, 2)]


def test_two_groups_of_the_same_name_are_told_apart() -> None:
    ids = [e.id for e in visible(steps("gemv@f", "", "gemv@f"), set()) if isinstance(e, Group)]
    assert len(set(ids)) == 2


PARTS = st.sampled_from(["", "@f", "fast_cpu", "fast_cpu@f", f"{CONV}@f", f"{CONV}@g", "gemv@f", "a/b/c@f"])


@given(st.lists(PARTS, max_size=12), st.data())
@settings(max_examples=200, derandomize=True, deadline=None)
def test_whatever_is_open_each_step_is_in_exactly_one_row(parts: list[str], data: st.DataObject) -> None:
    history = steps(*parts)
    ids = sorted({g.id for n in range(len(history)) for g in groups_around(history, n)})
    opened = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    covered = list[int]()
    for entry in visible(history, opened):
        if isinstance(entry, Single):
            covered.append(entry.index)
        elif entry.id not in opened:
            covered += range(entry.first, entry.end)
    assert covered == list(range(len(history)))
