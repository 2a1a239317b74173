"""Doing again elsewhere what was done once: a dialog that offers the places where a step, or all steps of a
function, would apply as well.
"""

from __future__ import annotations

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.schema.palette import Point
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import say
from mlc_explorer.ui import boundary, workspace
from mlc_explorer.ui.workspace import Workspace

_WHICH, _WHERE = "repeat.which", "repeat.where"
_WANTED = "repeat.wanted"  # as long as the dialog is open: any run of the page must draw it again
LAST, ALL = "last", "all"


def button(work: Workspace, language: str) -> None:
    """The way in, beside the history; it is there once a step of a tensor function is."""
    if not _steps(work, LAST):
        return
    st.button(
        say("repeat.open", language),
        icon=":material/repeat:",
        type="tertiary",
        key="repeat.open",
        help=say("repeat.open_help", language),
        on_click=_ask_for_dialog,
    )


def _ask_for_dialog() -> None:
    st.session_state[_WANTED] = True
    workspace.redraw()


def _close() -> None:
    st.session_state.pop(_WANTED, None)


def show(language: str) -> None:
    """Opens the dialog if it was asked for; on the page itself, because a fragment can't hold one."""
    if st.session_state.get(_WANTED):
        title = say("repeat.title", language)
        st.dialog(title, width="medium", on_dismiss=_close)(_dialog)(language)


def _dialog(language: str) -> None:
    work = workspace.current()
    which = st.radio(
        say("repeat.which", language),
        [LAST, ALL] if len(_steps(work, ALL)) > 1 else [LAST],
        key=_WHICH,
        format_func=lambda w: _title(work, w, language),
        label_visibility="collapsed",
    )
    steps = _steps(work, which)
    try:
        with st.spinner(say("repeat.trying", language)):
            points = work.session.repeats(steps)
    except MlcError as error:
        st.warning("\n\n".join(map(boundary.plain, boundary.message_and_hint(error, language))))
        return
    _places(points, language)


def _places(points: tuple[Point, ...], language: str) -> None:
    taking = {_name(p): p for p in points if p.refusal is None}
    refused = [p for p in points if p.refusal is not None]
    if not taking:
        st.info(say("repeat.nowhere", language), icon=":material/info:")
    else:
        chosen = st.multiselect(
            say("repeat.where", language, count=len(taking), all=len(points)),
            list(taking),
            default=list(taking),
            key=f"{_WHERE}.{len(taking)}.{next(iter(taking))}",
        )
        st.button(
            say("repeat.apply", language, count=len(chosen)),
            type="primary",
            key="repeat.apply",
            disabled=not chosen,
            on_click=_apply,
            args=([taking[name] for name in chosen],),
        )
    if refused:
        with st.expander(say("repeat.refused", language, count=len(refused))):
            for point in refused:
                reason = point.refusal.message if point.refusal else ""
                st.markdown(f"`{_name(point)}` {boundary.plain(reason)}")


def _apply(points: list[Point]) -> None:
    _close()
    workspace.apply(tuple(Step.from_json(step) for point in points for step in point.steps))
    workspace.redraw()


def _steps(work: Workspace, which: str) -> tuple[Step, ...]:
    """The step that was applied last, or all of its function up to here; none if it concerned the model."""
    steps = work.session.trace.steps
    if not steps or steps[-1].function is None:
        return ()
    return steps[-1:] if which == LAST else tuple(s for s in steps if s.function == steps[-1].function)


def _title(work: Workspace, which: str, language: str) -> str:
    steps = _steps(work, which)
    name = steps[-1].transform if which == LAST else steps[-1].function
    return say(f"repeat.{which}", language, name=name, count=len(steps))


def _name(point: Point) -> str:
    function, block = point.values
    return f"{function}: {block}" if block else str(function)
