"""Steps in the middle of the history: unfolded, edited, taken out. Nothing is lost: what stood before is one
press away, and a step that later ones need says which, and may go together with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.schema.trace import Step
from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import background, boundary, history_rows, history_tree, workspace
from mlc_explorer.ui.background import Work
from mlc_explorer.ui.workspace import Workspace

OPENED = "history.opened"  # ids of the groups that are open
_NOTICE = "history.notice"


@dataclass(frozen=True)
class Notice:
    """What the last edit did or could not do, as long as the history is that of key `at`. `before` is the
    session to go back to; `taking` what could not be taken out, because of its `failing` step."""

    at: str
    text: str
    words: dict[str, Any]
    before: Session | None = None
    error: MlcError | None = None
    taking: TakingOut | None = None


class TakingOut:
    """Takes steps out by their places (from 0) in the history of `session`. One that later steps need raises;
    `failing` is then the first of those. With `everything` those go too, and `places` grows."""

    def __init__(self, places: Iterable[int], *, everything: bool = False) -> None:
        self.places, self.everything = set(places), everything
        self.failing: int | None = None

    def __call__(self, session: Session) -> Session:
        while True:
            try:
                return self._once(session)
            except MlcError:
                if not self.everything or self.failing is None:
                    raise
                self.places.add(self.failing)

    def _once(self, session: Session) -> Session:
        """From the last to the first, so that what needs another step goes before it."""
        self.failing, gone, total = None, set[int](), len(session.history.steps)
        for first, count in _runs(self.places):
            gone |= set(range(first, first + count))
            try:
                session = session.without(first, count)
            except MlcError as error:
                number = workspace.step_number(error)
                kept = [n for n in range(total) if n not in gone]
                self.failing = kept[number - 1] if number is not None and number <= len(kept) else None
                raise
        return session


def _runs(places: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbouring places as (first, count), the last ones first."""
    runs = list[tuple[int, int]]()
    for place in sorted(places, reverse=True):
        if runs and runs[-1][0] == place + 1:
            runs[-1] = (place, runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return runs


# -- what a person does


def opened() -> set[str]:
    """The ids of the groups that are open."""
    return st.session_state.setdefault(OPENED, set())


def open_group(name: str, is_open: bool) -> None:
    """Opens or closes a group by its id."""
    (opened().add if is_open else opened().discard)(name)


def unfold(work: Workspace, first: int, count: int) -> None:
    """Puts primitives in the place of the recipes among these steps."""
    steps = [s for s in work.session.history.steps[first : first + count] if history_rows.unfolds(s)]
    before = work.session

    def done(change: Work) -> None:
        after = _take(change, "history.unfolded", {"name": _names(steps)})
        if after is not None and count == 1:
            groups = history_tree.groups_around(after.history.steps, first)
            opened().update(group.id for group in groups)

    background.begin("unfold", before, lambda session: session.unfold(first, count), done)


def replace(work: Workspace, first: int, steps: Sequence[Step]) -> None:
    """Puts edited steps in the place of step `first`, in the group that it stood in."""
    old = work.session.history.steps[first]
    new = [Step(s.transform, s.function, s.params, old.group) for s in steps]
    words = {"name": old.transform}
    background.begin(
        "edit",
        work.session,
        lambda session: session.replaced(first, *new),
        lambda change: _take(change, "history.edited", words) and None,
    )


def take_out(work: Workspace, taking: TakingOut) -> None:
    """Takes steps out, or says which step needs them."""
    steps = work.session.history.steps

    def done(change: Work) -> None:
        names = {"name": _names([steps[n] for n in sorted(taking.places)])}
        _take(change, "history.taken_out", names, taking)

    background.begin("take_out", work.session, taking, done)


def _take(change: Work, text: str, words: dict[str, Any], taking: TakingOut | None = None) -> Session | None:
    """Shows what a change made of the history, with a way back, or why it made nothing of it."""
    work = workspace.current()
    if work.session.history != change.start.history:
        background.drop()
        return None
    if change.result is not None:
        after = change.result.select(**vars(work.session.selection))
        now = workspace.show(after)
        st.session_state[_NOTICE] = Notice(now.keys[-1], text, words, before=work.session)
        return after
    if change.error is not None:
        failed = Notice(work.keys[-1], f"{text}_not", words, error=change.error, taking=taking)
        st.session_state[_NOTICE] = failed
    return None


def _names(steps: Sequence[Step]) -> str:
    """One step by its name, a few by theirs, many also by their number."""
    names = list(dict.fromkeys(step.transform for step in steps))
    few = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return few if len(steps) == len(names) <= 3 else f"{few} ({len(steps)})"


# -- what they see of it


def show(work: Workspace, language: str) -> None:
    """The notice, or how far a change is that takes its time."""
    change = background.current()
    if change is not None and change.name != "fast":
        with st.container(horizontal=True, vertical_alignment="center", key="mlc-history-work"):
            st.caption(say(f"history.work.{change.name}", language))
            st.space("stretch")
            st.button(say("history.cancel", language), key="history.work.cancel", on_click=_cancel)
        return
    notice: Notice | None = st.session_state.get(_NOTICE)
    if notice is None:
        return
    if notice.at != work.keys[-1]:
        st.session_state.pop(_NOTICE)
    elif notice.error is not None:
        _failure(work, notice, notice.error, language)
    else:
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key="mlc-history-notice"
        ):
            st.caption(boundary.plain(say(notice.text, language, **notice.words)))
            st.button(
                say("history.take_back", language),
                icon=":material/undo:",
                type="tertiary",
                key="history.take_back",
                on_click=_take_back,
            )


def _failure(work: Workspace, notice: Notice, error: MlcError, language: str) -> None:
    taking = notice.taking
    message, hint = map(boundary.plain, boundary.message_and_hint(error, language))
    title = say(notice.text, language, **notice.words)
    failing = taking.failing if taking is not None else None
    if failing is not None:
        step = work.session.history.steps[failing]
        title = say("history.needed", language, number=failing + 1, step=step.transform, **notice.words)
    with st.container(key="mlc-history-failure"):
        st.warning(f"**{boundary.plain(title)}**\n\n{message} {hint}", icon=":material/block:")
        with st.container(horizontal=True, gap="small"):
            if taking is not None and failing is not None:
                step = work.session.history.steps[failing]
                words = {"number": failing + 1, "step": step.transform}
                for everything, key in ((False, "too"), (True, "all")):
                    st.button(
                        boundary.plain(say(f"history.take_out_{key}", language, **words)),
                        key=f"history.take_out.{key}",
                        on_click=_take_out_more,
                        args=(taking.places | {failing}, everything),
                    )
            st.button(say("history.leave", language), type="tertiary", key="history.leave", on_click=_dismiss)


def _take_out_more(places: set[int], everything: bool) -> None:
    take_out(workspace.current(), TakingOut(places, everything=everything))
    workspace.redraw()


def _take_back() -> None:
    notice: Notice | None = st.session_state.pop(_NOTICE, None)
    if notice is not None and notice.before is not None:
        workspace.show(notice.before)
    workspace.redraw()


def _dismiss() -> None:
    st.session_state.pop(_NOTICE, None)
    workspace.redraw("history")


def _cancel() -> None:
    background.cancel()
    workspace.redraw("history")
