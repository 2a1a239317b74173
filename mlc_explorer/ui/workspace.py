"""One visitor's workspace: the Session, what went wrong last, and the address that holds it all.

The address is the truth: `?w=` carries model, steps, cursor and selection, so that a reload, another browser
or a restarted server lose nothing. `st.session_state` only mirrors it between two clicks.

The page is made of keyed fragments (`PARTS`), so that a click redraws what it concerns and no more: choosing
a loop touches the panes and the palette only. Callbacks end with `redraw`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mlc_explorer.errors import BadTrace, MlcError
from mlc_explorer.schema.report import StateInfo
from mlc_explorer.schema.trace import Step
from mlc_explorer.session import Selection, Session
from mlc_explorer.ui import views

QUERY = "w"
FIRST_MODEL = "mlp"
PARTS = ("panes", "palette", "history", "results", "share")
_KEY, _WRITTEN = "workspace", "workspace.written"
_TARGET = "workspace.target"  # not the box's own key: a box's value ends with the page that it stands on
_REMEMBERED = 50  # addresses of this visit, to know an old one of our own from one that somebody opened


@dataclass(frozen=True)
class Workspace:
    """What the page shows. `refusal` is the last refused step's error (cleared by the next action), `broken`
    the number of the step that could not be replayed, with its error: the steps stay, the cursor stands
    before it. `gone` is what was chosen before the last step and is no longer there."""

    session: Session
    info: StateInfo
    refusal: MlcError | None = None
    refused: Step | None = None
    broken: tuple[int, MlcError] | None = None
    gone: str = ""
    written: str = ""

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """The key of each state of the history, the untransformed model's first."""
        return self.session.history.keys()

    @property
    def target(self) -> str:
        return str(st.session_state.get(_TARGET) or "cpu")

    @property
    def function(self) -> str:
        """The chosen function, or the entry where the chosen one does not exist at this step."""
        chosen = self.session.selection.function
        return chosen if chosen in {f.name for f in self.info.functions} else self.info.entry

    def kind(self, function: str) -> str:
        """``graph`` or ``loops``."""
        return next(f.kind for f in self.info.functions if f.name == function)


def current() -> Workspace:
    """The workspace of this run: from the address if it was changed from outside, else as it stands."""
    held: Workspace | None = st.session_state.get(_KEY)
    asked = st.query_params.get(QUERY, "")
    if held is not None and asked in ("", held.written):
        return held
    if held is not None and asked in st.session_state[_WRITTEN] and not _went_through_history():
        # A rerun that set out before the last click's address was in the browser brings the one before.
        st.query_params[QUERY] = held.written
        return held
    if asked:
        try:
            return show(Session.from_link(asked))
        except BadTrace as error:
            return _hold(replace(held or open_model(FIRST_MODEL), refusal=error))
    return open_model(FIRST_MODEL)


def open_model(model: str) -> Workspace:
    """The bare model. Raises what opening raises; the workspace that was there stays then."""
    return show(Session.open(model))


def show(session: Session, since: Workspace | None = None) -> Workspace:
    """Makes `session` what the page shows, and writes it into the address. `since` is the workspace before
    the steps that led there, to tell what they dissolved."""
    session, info, broken = _replayable(session)
    work = Workspace(session, info, broken=broken)
    return _hold(replace(work, gone=_gone(since, work)) if since else work)


def _hold(work: Workspace) -> Workspace:
    work = replace(work, written=work.session.link())
    st.session_state[_KEY] = work
    st.session_state[_WRITTEN] = (*st.session_state.get(_WRITTEN, ())[-_REMEMBERED:], work.written)
    st.query_params[QUERY] = work.written
    return work


def _went_through_history() -> bool:
    """Whether this run is the answer to the browser's Back or Forward."""
    context = get_script_run_ctx(suppress_warning=True)
    return bool(getattr(context, "is_history_navigation", False))


def _replayable(session: Session) -> tuple[Session, StateInfo, tuple[int, MlcError] | None]:
    """The session at its cursor or, where a step on the way fails, before that step."""
    try:
        return session, views.state(session), None
    except MlcError as error:
        number = step_number(error)
        if number is None or session.cursor == 0:
            raise
        earlier = replace(session, cursor=min(number - 1, session.cursor - 1))
        rest = _replayable(earlier)
        return rest[0], rest[1], (number, error)


def step_number(error: MlcError) -> int | None:
    """The step that could not be replayed, counted from 1, if the error is about one."""
    words = error.place.split()
    return int(words[1]) if len(words) == 2 and words[0] == "step" and words[1].isdigit() else None


def apply(steps: tuple[Step, ...]) -> None:
    """Applies steps to the workspace; a refusal is kept for the page to show, and nothing else changes."""
    work = current()
    try:
        show(work.session.apply_steps(steps), since=work)
    except MlcError as error:
        _hold(replace(work, refusal=error, refused=steps[-1]))


def _gone(before: Workspace, after: Workspace) -> str:
    """The loop, block or function that was chosen and did not live on, if so."""
    chosen, now = selection(before), selection(after)
    if before.session.selection.function and after.function != before.function:
        return before.function
    return chosen.path if chosen.path is not None and now.path is None else ""


def choose(**chosen: str | None) -> None:
    """A new selection (`function=`, `node=`, `path=`); the refusal's message goes away."""
    work = current()
    session = work.session.select(**chosen)
    _hold(replace(work, session=session, refusal=None, refused=None, gone=""))


def choose_target(name: str) -> None:
    """What to compile for from now on, on every page."""
    st.session_state[_TARGET] = name


def redraw(*parts: str) -> NoReturn:
    """Ends a callback: these parts of the page are drawn anew, or all of it. Without this a callback redraws
    the part that its widget stands in."""
    st.rerun(list(parts) if parts else "app")


def selection(work: Workspace) -> Selection:
    """The selection as far as it exists at this step."""
    chosen = work.session.selection
    if chosen.function != work.function:
        return Selection(function=work.function, node=chosen.node)
    if chosen.path is not None and work.kind(work.function) == "loops":
        tree = views.loop_tree(work.session, work.function)
        if all(place.path != chosen.path for kind in ("loop", "block") for place in views.places(tree, kind)):
            return replace(chosen, path=None)
    return chosen
