"""The passes page: choose a pipeline, run it, read its passes, take one of them as a step.

Running takes from a hundredth of a second to a minute, so the job runs on its own and the page looks in on
it; what it gave is kept by state, pipeline and target. The component asks for the texts of a pass itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.schema.pipeline import NAMES
from mlc_explorer.schema.pipeline import pipeline as known_pipeline
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import say
from mlc_explorer.ui import answers, blobs, component, palette, views, workspace
from mlc_explorer.ui.workspace import Workspace
from mlc_explorer.workers.client import Job

EXPLORE = "pages/explore.py"
PIPELINE = "passes.pipeline"
_RUN, _VIEW, _LEAVE = "passes.run", "passes.view", "passes.leave"
_REFRESH_SECONDS = 0.3


@dataclass
class _Run:
    """A pipeline that runs, or how the last one ended."""

    asked: views.Question
    job: Job
    error: MlcError | None = None
    _is_over: bool = False

    def is_over(self) -> bool:
        """Takes the answer, once it is there; it replaces that of an earlier run."""
        if not self._is_over and self.job.done():
            self._is_over = True
            try:
                views.keep(self.asked, self.job.result_bytes())
            except MlcError as error:
                self.error = error
        return self._is_over


def show(language: str) -> None:
    """The page below the toolbar; it refreshes itself while a pipeline runs."""
    run: _Run | None = st.session_state.get(_RUN)
    active = run is not None and not run.is_over()

    @st.fragment(key="passes", run_every=_REFRESH_SECONDS if active else None)
    def live() -> None:
        now: _Run | None = st.session_state.get(_RUN)
        if active and (now is None or now.is_over()):
            st.rerun()  # to stop refreshing
        work = workspace.current()
        _bar(work, now if active else None, language)
        palette.refusal(work, language)
        _result(work, now, language)

    live()


def leave_if_asked() -> None:
    """Goes to the explore page after a step was taken: a component's callback can't do it itself."""
    if st.session_state.get(_LEAVE):
        workspace.current()  # the address of this run may be from before the step: it is put right
        st.switch_page(EXPLORE, query_params=st.query_params.to_dict())


def arrived() -> None:
    """The explore page is there. Until then the wish stands: a rerun that the browser asked for meanwhile,
    from the page that it still showed, takes the place of the switch."""
    st.session_state.pop(_LEAVE, None)


def _bar(work: Workspace, running: _Run | None, language: str) -> None:
    st.session_state[PIPELINE] = _chosen()  # a widget's choice would end with the page that it stands on
    with st.container(horizontal=True, vertical_alignment="center", key="mlc-passes-bar"):
        st.segmented_control(
            say("passes.choose", language),
            NAMES,
            key=PIPELINE,
            required=True,
            label_visibility="collapsed",
            format_func=lambda name: say(f"passes.name.{name}", language),
        )
        st.caption(say(f"passes.about.{_chosen()}", language))
        st.space("stretch")
        if running is not None:
            told = running.job.progress() or {}
            stage = str(told.get("stage") or "queued")
            at = say(f"passes.{stage}", language) if stage in ("queued", "started") else stage
            st.progress(min(1.0, float(told.get("fraction") or 0)), text=at, width=260)
            st.button(
                say("passes.cancel", language),
                icon=":material/stop_circle:",
                key="passes.cancel",
                on_click=_cancel,
                shortcut="Esc",
            )
        else:
            st.button(
                say("passes.run", language),
                icon=":material/play_arrow:",
                key="passes.start",
                type="primary" if views.known(_question(work)) is None else "secondary",
                on_click=_start,
                shortcut="Alt+P",
            )


def _result(work: Workspace, run: _Run | None, language: str) -> None:
    asked = _question(work)
    found = views.known(asked)
    if run is not None and run.asked == asked and run.error is not None:
        palette.problem(run.error, language, title=say("passes.failed", language))
        return
    if found is None:
        with st.container(border=True, key="mlc-passes-empty"):
            st.markdown(f"#### {say('passes.empty_title', language)}")
            st.markdown(say("passes.empty", language))
            names = [(say(f"passes.name.{n}", language), say(f"passes.about.{n}", language)) for n in NAMES]
            st.markdown("\n".join(f"- **{name}**: {about}" for name, about in names))
        return
    data = {
        "view": blobs.entry(found),
        "token": answers.token(work.session, work.target, language),
        "labels": component.labels(language),
    }
    component.pipeline_view(data, key=_VIEW, on_event_change=_on_event)


def _chosen() -> str:
    chosen = st.session_state.get(PIPELINE)
    return chosen if chosen in NAMES else "compile"


def _question(work: Workspace) -> views.Question:
    """The chosen pipeline, run on the state on screen. What depends on no target is asked for one."""
    name = _chosen()
    known = known_pipeline(name)
    target = work.target if known is not None and known.targeted else "cpu"
    return views.question(work.session, "pipeline", None, work.target, {"pipeline": name, "target": target})


def _start() -> None:
    _stop()
    asked = _question(workspace.current())
    st.session_state[_RUN] = _Run(asked, asked.submit())
    workspace.redraw()


def _cancel() -> None:
    _stop()
    workspace.redraw()


def _stop() -> None:
    run: _Run | None = st.session_state.pop(_RUN, None)
    if run is not None and not run.is_over():
        run.job.cancel()


def _on_event() -> None:
    event = component.event(_VIEW) or {}
    if event.get("type") == "steps":
        workspace.apply(tuple(Step.from_json(step) for step in event["steps"]))
        st.session_state[_LEAVE] = workspace.current().refusal is None
    workspace.redraw()
