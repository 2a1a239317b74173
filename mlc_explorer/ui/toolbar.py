"""The bar above the panes: model, target, undo and redo, sharing, export, language, measure."""

from __future__ import annotations

import base64
import functools
import json

import streamlit as st

from mlc_explorer import session as headless
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.report import SampleInfo, TargetInfo
from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import default_engine, default_store
from mlc_explorer.texts import has, say
from mlc_explorer.ui import history, measuring, palette, workspace
from mlc_explorer.ui import language as _language
from mlc_explorer.ui.workspace import Workspace

MODEL, TARGET, UPLOAD = "toolbar.model", "target", "toolbar.upload"
_DONE, _PROBLEM, _OPENING = "toolbar.upload.done", "toolbar.problem", "toolbar.opening"


@functools.cache
def samples() -> tuple[SampleInfo, ...]:
    return headless.samples()


@functools.cache
def targets() -> tuple[TargetInfo, ...]:
    return headless.targets()


def running(work: Workspace) -> str:
    """The chosen target, or this CPU where its code does not run here."""
    return work.target if any(t.name == work.target and t.runs for t in targets()) else "cpu"


def show(work: Workspace, language: str, other: str = "passes") -> None:
    """The bar, and below it what went wrong in opening a model. `other` is the page that it leads to."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mlc-toolbar"):
        st.markdown("**MLC Explorer**", width="content")
        _model(work, language)
        _open_file(language)
        _target(work, language)
        _link(other, language)
        st.space("stretch")
        _moves(work, language)
        _share(language)
        _language.switch()
        if other != "explore":  # there alone it is seen what was measured
            _measure(language)
    error: MlcError | None = st.session_state.pop(_PROBLEM, None)
    if error is not None:
        palette.problem(error, language, title=say("toolbar.open_failed", language))


def _measure(language: str) -> None:
    running = measuring.current() is not None and measuring.current().active
    st.button(
        say("toolbar.measure", language),
        icon=":material/bolt:",
        type="primary",
        shortcut="Mod+Enter",
        key="toolbar.measure",
        on_click=history.measure_now,
        disabled=running,
    )


def _link(other: str, language: str) -> None:
    """To the other page, which takes the address's workspace and language along."""
    st.page_link(
        f"pages/{other}.py",
        label=say(f"pages.{other}", language),
        icon=":material/arrow_forward:",
        help=say(f"pages.{other}_help", language),
        query_params=st.query_params.to_dict(),
    )


def _model(work: Workspace, language: str) -> None:
    here = work.session.history.model
    names = [s.name for s in samples()]
    options = names if here in names else [here, *names]
    st.session_state[MODEL] = here
    st.selectbox(
        say("toolbar.model", language),
        options,
        key=MODEL,
        label_visibility="collapsed",
        width=290,
        format_func=lambda name: _title(name, language),
        on_change=_open_sample,
    )


def _title(name: str, language: str) -> str:
    if name.startswith("sha256:"):
        return default_store().name(name)
    key = f"sample.{name}.title"
    return f"{name} · {say(key, language)}" if has(key) else name


def _open_sample() -> None:
    """The box also calls when a switch of pages brings its old value back: then nothing was chosen, and
    opening the model would throw its steps away."""
    if st.session_state[MODEL] != workspace.current().session.history.model:
        st.session_state[_OPENING] = st.session_state[MODEL]


def open_chosen(language: str) -> None:
    """Opens what was chosen or uploaded before this run, with a sign of life: an import can take seconds. The
    model that was open stays if it fails."""
    reference = st.session_state.pop(_OPENING, None)
    if reference is None:
        return
    measuring.cancel()
    try:
        with st.spinner(say("toolbar.opening", language, name=_title(reference, language)), show_time=True):
            workspace.open_model(reference)
    except MlcError as error:
        st.session_state[_PROBLEM] = error


def _open_file(language: str) -> None:
    with st.popover(say("toolbar.open", language), icon=":material/folder_open:"):
        st.caption(say("toolbar.open_help", language))
        st.file_uploader(
            say("toolbar.upload", language), key=UPLOAD, on_change=_uploaded, label_visibility="collapsed"
        )
        st.text_area(say("toolbar.paste_trace", language), key="toolbar.paste", height=120)
        st.button(say("toolbar.paste_apply", language), on_click=_pasted, key="toolbar.paste.apply")


def _uploaded() -> None:
    file = st.session_state[UPLOAD]
    if file is None or st.session_state.get(_DONE) == file.file_id:
        return
    st.session_state[_DONE] = file.file_id
    try:
        st.session_state[_OPENING] = default_store().put(file.getvalue(), file.name)
    except MlcError as error:
        st.session_state[_PROBLEM] = error


def _pasted() -> None:
    """A pasted trace is applied to the model that is open, from its start; anything else (a script, TVM's own
    trace of a schedule, a MetaSchedule record) after the step on screen."""
    text = st.session_state["toolbar.paste"]
    work = workspace.current()
    try:
        if _is_trace(text):
            same = Trace(work.session.history.model, Trace.loads(text).steps)
            workspace.show(headless.Session(same, len(same.steps), engine=default_engine()))
            return
        function = work.function
        steps = work.session.steps_of(text, function)
        chosen = next((s.function for s in reversed(steps) if s.function), function)
        start = work.session if chosen == function else work.session.select(function=chosen, path=None)
        workspace.show(start.apply_steps(steps), since=work)
    except MlcError as error:
        st.session_state[_PROBLEM] = error


def _is_trace(text: str) -> bool:
    try:
        return "steps" in json.loads(text)
    except (ValueError, TypeError):
        return False


def has_pictures(work: Workspace) -> bool:
    """Whether the open model is a sample with shipped pictures."""
    return any(s.name == work.session.history.model and s.has_images for s in samples())


def _target(work: Workspace, language: str) -> None:
    only = say("toolbar.compile_only", language)
    labels = {t.name: t.label if t.runs else f"{t.label} · {only}" for t in targets()}
    st.session_state[TARGET] = work.target
    st.selectbox(
        say("toolbar.target", language),
        list(labels),
        key=TARGET,
        label_visibility="collapsed",
        width=270,
        format_func=labels.__getitem__,
        help=say("toolbar.target_help", language),
        on_change=_retarget,
    )


def _retarget() -> None:
    workspace.choose_target(st.session_state[TARGET])


def _moves(work: Workspace, language: str) -> None:
    session = work.session
    at_start, at_end = session.cursor == 0, session.cursor == len(session.history.steps)
    for how, icon, shortcut, disabled in (
        ("undo", "undo", "Mod+Z", at_start),
        ("redo", "redo", "Mod+Shift+Z", at_end),
        ("start_over", "restart_alt", None, at_start),
    ):
        st.button(
            say(f"toolbar.{how}", language),
            icon=f":material/{icon}:",
            type="tertiary",
            shortcut=shortcut,
            key=f"toolbar.{how}",
            disabled=disabled,
            on_click=_move,
            args=(how,),
        )


def _move(how: str) -> None:
    workspace.show(getattr(workspace.current().session, how)())


@st.fragment(key="share")
def _share(language: str) -> None:
    work = workspace.current()
    with st.popover(say("toolbar.share", language), icon=":material/ios_share:", type="tertiary"):
        st.caption(say("share.link_help", language))
        st.code(f"{st.context.url or ''}?{workspace.QUERY}={work.written}", language=None, wrap_lines=True)
        st.download_button(
            say("share.trace", language),
            json.dumps(work.session.trace.to_json(), indent=1),
            "trace.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
        if st.button(say("share.make_script", language), icon=":material/terminal:", key="share.script"):
            _script(work, language)


def _script(work: Workspace, language: str) -> None:
    try:
        answer = default_engine().call("script", trace=work.session.trace.to_json(), target=work.target)
        st.download_button(
            say("share.script", language),
            answer["script"],
            "replay.py",
            "text/x-python",
            on_click="ignore",
            type="primary",
        )
        if answer["model_file"]:
            file = default_engine().call("model_file", trace=work.session.trace.to_json())
            st.download_button(
                say("share.model_file", language, name=file["name"]),
                base64.b64decode(file["base64"]),
                file["name"],
                on_click="ignore",
            )
        st.code(answer["script"], language="python", height=320)
    except MlcError as error:
        palette.problem(error, language)
