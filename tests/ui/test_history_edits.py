"""Taking steps out of the middle: one alone, with the one that needs it, with all that need it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from mlc_explorer.errors import EngineUnavailable, MlcError, Refused
from mlc_explorer.schema.trace import Step
from mlc_explorer.ui.history_edits import TakingOut, _names


@dataclass(frozen=True)
class Session:
    """Steps by their names, each of which may need another: ``vectorize<split`` needs ``split``."""

    steps: tuple[str, ...]

    @property
    def history(self) -> SimpleNamespace:
        return SimpleNamespace(steps=self.steps)

    def without(self, first: int, count: int = 1) -> Session:
        after = replace(self, steps=self.steps[:first] + self.steps[first + count :])
        there = [step.partition("<")[0] for step in after.steps]
        for number, step in enumerate(after.steps, start=1):
            needed = step.partition("<")[2]
            if needed and needed not in there[: number - 1]:
                raise Refused(f"{step} has no {needed}", hint="-", place=f"step {number}")
        return after


HISTORY = Session(("fold", "split", "reorder<split", "parallel", "vectorize<reorder", "unroll"))


def test_what_nobody_needs_goes_alone() -> None:
    assert TakingOut([3])(HISTORY).steps == (*HISTORY.steps[:3], *HISTORY.steps[4:])


def test_neighbours_go_at_once() -> None:
    assert TakingOut(range(1, 5))(HISTORY).steps == ("fold", "unroll")


def test_what_is_needed_stays_and_says_by_whom_in_the_numbers_of_the_history_on_screen() -> None:
    taking = TakingOut([1])
    with pytest.raises(MlcError):
        taking(HISTORY)
    assert HISTORY.steps[taking.failing or 0] == "reorder<split"


def test_with_the_one_that_needs_it_the_next_one_is_found() -> None:
    taking = TakingOut([1, 2])
    with pytest.raises(MlcError):
        taking(HISTORY)
    assert HISTORY.steps[taking.failing or 0] == "vectorize<reorder"


def test_steps_apart_go_together() -> None:
    assert TakingOut([1, 2, 4])(HISTORY).steps == ("fold", "parallel", "unroll")


def test_all_that_need_it_go_with_it() -> None:
    taking = TakingOut([1], everything=True)
    assert taking(HISTORY).steps == ("fold", "parallel", "unroll")
    assert taking.places == {1, 2, 4}


def test_an_error_that_is_about_no_step_ends_it() -> None:
    class Broken(Session):
        def without(self, first: int, count: int = 1) -> Session:
            raise EngineUnavailable("gone", hint="-")

    with pytest.raises(EngineUnavailable):
        TakingOut([1], everything=True)(Broken(HISTORY.steps))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["split"], "split"),
        (["split", "fuse"], "split, fuse"),
        (["split", "split", "fuse"], "split, fuse (3)"),
        (["a", "b", "c", "d"], "a, b, c … (4)"),
    ],
)
def test_a_few_steps_are_named_and_many_counted(names: list[str], said: str) -> None:
    assert _names([Step(name) for name in names]) == said
