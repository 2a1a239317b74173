"""*Make it fast*: one press makes a network fast by recipes, and measures it before and after.

The steps come from the engine, with progress by function, and become one group of the history. The same for
one function is a recipe's single step.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import streamlit as st

from mlc_explorer import session as headless
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.recipe import FAST
from mlc_explorer.schema.report import TargetInfo
from mlc_explorer.session import Session
from mlc_explorer.texts import say
from mlc_explorer.ui import background, boundary, measuring, workspace
from mlc_explorer.ui.background import Work
from mlc_explorer.ui.history_tree import Group
from mlc_explorer.ui.workspace import Workspace

WORK = "fast"
_FAILED = "fast.failed"
_SLOW_MS = 500.0  # a time before that is known already is measured again only if that is soon done
_NAMED = 4  # functions that a note names
_GENERIC = "generic"
_STAGES = ("graph", "functions", "applying")
_CHOOSING = 0.7  # of the time goes into choosing the steps, the rest into applying them


@functools.cache
def _targets() -> dict[str, TargetInfo]:
    return {target.name: target for target in headless.targets()}


def buttons(work: Workspace, language: str) -> None:
    """*Make it fast* for the model and, where a tensor function is chosen, its recipe."""
    with st.container(horizontal=True, gap="small", key="mlc-fast"):
        change = background.current()
        why_not = _why_not(work, language)
        target = _targets()[work.target]
        st.button(
            say("fast.make", language, target=_short(target)),
            icon=":material/bolt:",
            type="primary",
            key="fast.make",
            shortcut="Alt+M",
            disabled=bool(why_not) or change is not None,
            help=why_not or say("fast.make_help", language, target=target.label),
            on_click=_make,
            args=(FAST[_kind(work)], None),
        )
        if work.kind(work.function) == "loops":
            st.button(
                say("fast.function", language),
                icon=":material/menu_book:",
                key="fast.function",
                disabled=change is not None or _kind(work) != "cpu",
                help=say("fast.function_help", language, function=boundary.plain(work.function)),
                on_click=_make,
                args=("", work.function),
            )


def _kind(work: Workspace) -> str:
    """``cpu`` or ``gpu``: which recipe the target has."""
    return "cpu" if _targets()[work.target].spec.get("kind") == "llvm" else "gpu"


def runs(work: Workspace) -> bool:
    """Whether code for the chosen target can be measured on this machine."""
    return _targets()[work.target].runs


def _short(target: TargetInfo) -> str:
    return target.name.upper() if target.name == "cpu" else target.name


def _why_not(work: Workspace, language: str) -> str:
    """Why the whole model can't be made fast now, or empty."""
    name = FAST[_kind(work)]
    for number, step in enumerate(work.session.trace.steps):
        if step.group.partition("/")[0] == name:
            return say("fast.done_already", language, number=number + 1)
    if work.kind(work.info.entry) != "graph":
        return say("fast.no_graph", language)
    return ""


def _make(recipe: str, function: str | None) -> None:
    work = workspace.current()
    target = work.target
    st.session_state.pop(_FAILED, None)

    def make(session: Session) -> Session:
        return session.apply_steps(session.recipe(recipe, function, target))

    measuring.cancel()
    background.begin(WORK, work.session, make, functools.partial(_take, function=function))
    workspace.redraw()


def _take(change: Work, *, function: str | None) -> None:
    """Shows what was made, and measures a whole model before and after."""
    work = workspace.current()
    if change.error is not None:
        st.session_state[_FAILED] = (function, work.keys[-1], change.error)
    if change.result is None:
        return
    if work.session.trace != change.start.trace:
        background.drop()
        return
    now = workspace.show(change.result.select(**vars(change.result.selection)), since=work)
    if function is None and runs(now):
        _measure(change.start, now)


def _measure(start: Session, now: Workspace) -> None:
    """The time after first, because it is there soonest."""
    traces = [now.session.trace]
    known = measuring.known([start.trace], None, now.target).get(start.trace.key())
    if known is None or known.median_ms < _SLOW_MS:
        traces.append(start.trace)
    measuring.begin(measuring.HISTORY, start.engine, traces, None, now.target)


def show(work: Workspace, language: str) -> None:
    """How far it is, in the history's panel; or why it failed."""
    change = background.current()
    if change is not None and change.name == WORK:
        _progress(change, language)
        return
    failed: tuple[str | None, str, MlcError] | None = st.session_state.get(_FAILED)
    if failed is None or failed[1] != work.keys[-1]:
        return
    function, _, error = failed
    title = say("fast.failed" if function is None else "fast.function_failed", language, function=function)
    message, hint = map(boundary.plain, boundary.message_and_hint(error, language))
    with st.container(key="mlc-fast-failed"):
        st.warning(
            f"**{boundary.plain(title)}**\n\n{message}\n\n:material/lightbulb: {hint}",
            icon=":material/block:",
        )
        st.button(say("history.leave", language), type="tertiary", key="fast.leave", on_click=_dismiss)


def _progress(change: Work, language: str) -> None:
    news = change.progress()
    share = float(news.get("fraction") or 0)
    if news["job"] == "recipe":
        stage, done = str(news.get("stage")), _CHOOSING * share
    else:
        stage, done = "applying", _CHOOSING + (1 - _CHOOSING) * share
    text = say(f"fast.stage.{stage if stage in _STAGES else 'queued'}", language)
    if news.get("detail"):
        text += f" · {boundary.plain(str(news['detail']))}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mlc-fast-progress"):
        st.progress(min(1.0, done), text=text)
        st.button(
            say("history.cancel", language),
            icon=":material/stop_circle:",
            key="fast.cancel",
            shortcut="Esc",
            on_click=_cancel,
        )


def _dismiss() -> None:
    st.session_state.pop(_FAILED, None)
    workspace.redraw("history")


def _cancel() -> None:
    background.cancel()
    workspace.redraw()


def note(work: Workspace, group: Group, language: str) -> str:
    """Which functions the whole model's recipe had no pattern for, and whether it can be measured here."""
    steps = work.session.history.steps[group.first : group.end]
    generic = [s.function for s in steps if s.transform == _GENERIC and s.function]
    parts = [say("fast.note.generic", language, functions=_list(generic))] if generic else []
    if work.session.cursor >= group.end:
        done = {step.function for step in work.session.history.steps}
        left = [f.name for f in work.info.functions if f.kind == "loops" and f.calls and f.name not in done]
        parts += [say("fast.note.left", language, functions=_list(left))] if left else []
    if not runs(work):
        parts.append(say("fast.note.not_here", language, target=_targets()[work.target].label))
    return " ".join(parts)


def _list(names: Iterable[str | None]) -> str:
    known = [name for name in names if name]
    more = f" … ({len(known)})" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more
