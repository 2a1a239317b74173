"""Choosing and applying a transform: shortcuts, the passes and primitives, a form, and the refusal if there
is one.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import streamlit as st

from mlc_explorer import session as headless
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.schema.transform import Shortcut, TransformSpec
from mlc_explorer.texts import say
from mlc_explorer.ui import boundary, forms, views, workspace
from mlc_explorer.ui.workspace import Workspace

LEVEL, CHOICE = "palette.level", "palette.choice"


@functools.cache
def catalogue() -> tuple[tuple[TransformSpec, ...], tuple[Shortcut, ...]]:
    """The transforms and shortcuts, asked of the engine once."""
    return headless.transforms()


@st.fragment(key="palette")
def show(language: str) -> None:
    """The panel."""
    work = workspace.current()
    with st.container(key="mlc-palette"):
        _shortcuts(work, language)
        level = _level(work, language)
        spec = _choose(level, language)
        if spec is not None:
            _form(work, spec, language)
        refusal(work, language)


def _shortcuts(work: Workspace, language: str) -> None:
    with st.container(horizontal=True, gap="small"):
        for shortcut in catalogue()[1] if work.kind(work.info.entry) == "graph" else ():
            st.button(
                shortcut.title[language],
                help=shortcut.text[language],
                key=f"shortcut.{shortcut.name}",
                icon=":material/bolt:",
                on_click=_apply_shortcut,
                args=(shortcut,),
            )
        trace = headless.shipped_trace(work.session.history.model)
        if trace is not None:
            st.button(
                say("palette.shipped", language),
                help=say("palette.shipped_help", language, count=len(trace.steps)),
                key="shortcut.shipped",
                icon=":material/auto_awesome:",
                on_click=_replay_shipped,
                args=(trace,),
            )


def _apply_shortcut(shortcut: Shortcut) -> None:
    workspace.apply(tuple(Step.from_json(s) for s in shortcut.steps))
    work = workspace.current()
    if work.refusal is None:
        _look_at_new_function(work)
    workspace.redraw()


def legalize() -> None:
    """Gives every operator its loop nest, and shows the largest of them."""
    workspace.apply((Step("LegalizeOps", None, {}),))
    work = workspace.current()
    if work.refusal is None:
        _look_at_new_function(work)


def _replay_shipped(trace: Trace) -> None:
    """The shipped schedule from its start: a click in the history walks through it."""
    work = workspace.current()
    last = next((s.function for s in reversed(trace.steps) if s.function), None)
    session = headless.Session(trace, len(trace.steps), engine=work.session.engine)
    workspace.show(session.select(function=last))
    workspace.redraw()


def _look_at_new_function(work: Workspace) -> None:
    """After a shortcut a person wants to see what it made: the new loop nest that took in the most
    tensors.
    """
    added = {name for report in work.info.steps for name in report.added}
    new = {f.name for f in work.info.functions if f.name in added and f.kind == "loops"}
    graph = views.graph_view(work.session, work.info.entry)
    inputs = Counter(edge.target for edge in graph.edges)
    node = max((n for n in graph.nodes if n.function in new), key=lambda n: inputs[n.id], default=None)
    if node is not None:
        workspace.choose(function=node.function, node=node.id, path=None)


def _level(work: Workspace, language: str) -> str:
    """Graph passes or loop primitives; follows the kind of the chosen function until a person says
    otherwise.
    """
    natural = "loop" if work.kind(work.function) == "loops" else "graph"
    if work.kind(work.info.entry) == "loops":
        return natural
    return st.segmented_control(
        say("palette.level", language),
        ["graph", "loop"],
        default=natural,
        key=f"{LEVEL}.{natural}",
        required=True,
        format_func=lambda x: say(f"palette.{x}", language),
        label_visibility="collapsed",
        width="stretch",
    )


def _choose(level: str, language: str) -> TransformSpec | None:
    specs = {s.name: s for s in catalogue()[0] if (s.level == "graph") == (level == "graph")}
    chosen = st.pills(
        say("palette.choose", language),
        list(specs),
        key=f"{CHOICE}.{level}",
        default=next(iter(specs), None),
        label_visibility="collapsed",
        required=True,
    )
    return specs.get(chosen)


def _form(work: Workspace, spec: TransformSpec, language: str) -> None:
    tree = views.loop_tree(work.session, work.function) if work.kind(work.function) == "loops" else None
    st.caption(f"**{spec.title[language]}** `{spec.tvm}` — {spec.text[language]}")
    if spec.level != "graph" and tree is None:
        st.info(say("palette.no_loops", language), icon=":material/info:")
        return
    scope = forms.Scope(tree, workspace.selection(work).path)
    with st.form(f"form.{spec.name}", border=False, enter_to_submit=True):
        read = forms.show(spec, scope, language)
        st.form_submit_button(
            say("palette.apply", language),
            type="primary",
            icon=":material/play_arrow:",
            shortcut="Alt+A",
            on_click=_submit,
            args=(spec, work.function, read),
        )
    if work.form_error:
        st.error(work.form_error, icon=":material/edit:")


def _submit(spec: TransformSpec, function: str, read: Callable[[], dict[str, Any]]) -> None:
    try:
        params = read()
    except ValueError as error:
        workspace.correct(str(error))
        workspace.redraw("palette")
    workspace.apply((Step(spec.name, None if spec.level == "graph" else function, params),))
    workspace.redraw()


def refusal(work: Workspace, language: str) -> None:
    """Why the last step was refused, or a step of the history no longer applies, with TVM's own words folded
    below.
    """
    if work.refusal is not None:
        name = work.refused.transform if work.refused else ""
        problem(work.refusal, language, title=say("palette.refused", language, name=name) if name else "")
    elif work.broken is not None:
        number, error = work.broken
        problem(error, language, title=say("palette.broken", language, number=number))


def problem(error: MlcError, language: str, title: str = "") -> None:
    """An error beside what it concerns: what happened, what to do, details folded."""
    message, hint = boundary.message_and_hint(error, language)
    lines = [f"**{title}**"] if title else []
    lines += [boundary.plain(message)] + ([f":material/lightbulb: {boundary.plain(hint)}"] if hint else [])
    st.warning("\n\n".join(lines), icon=":material/block:")
    if error.detail:
        with st.expander(say("boundary.detail", language)):
            st.code(error.detail, language=None, wrap_lines=True, height=240)
