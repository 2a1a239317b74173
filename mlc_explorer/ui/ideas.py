"""What next? Ideas for what is selected, each measured in the background, best first; one click takes one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.schema import advice
from mlc_explorer.schema.advice import Advice, Suggestion
from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.palette import Candidates
from mlc_explorer.schema.report import Measurement
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.texts import say
from mlc_explorer.ui import blobs, boundary, component, measuring, views, workspace
from mlc_explorer.ui.language import current as spoken_language
from mlc_explorer.ui.workspace import Workspace

RUN = "ideas"
_VIEW = "ideas.view"
_REFRESH_SECONDS = 0.4
_SLOW_MS = 500.0
_BUDGET = measuring.Budget(advice.SECONDS, advice.LIMIT_SECONDS, twins=False)


@dataclass(frozen=True)
class _Ideas:
    """The candidates for what is selected, as JSON and decoded; the function to measure for them."""

    work: Workspace
    found: Candidates
    data: bytes
    function: str | None

    @property
    def now(self) -> Trace:
        return self.work.session.trace

    @property
    def traces(self) -> list[Trace]:
        """Where each candidate leads, in their order."""
        return [advice.after(self.now, c) for c in self.found.candidates]

    def measured(self) -> dict[str, Measurement]:
        return measuring.known([self.now, *self.traces], self.function, self.work.target)


def show(language: str) -> None:
    """The panel; it refreshes itself while ideas are being measured."""
    run = measuring.current(RUN)
    active = run is not None and run.active

    @st.fragment(key="ideas", run_every=_REFRESH_SECONDS if active else None)
    def live() -> None:
        now = measuring.current(RUN)
        if active and not (now is not None and now.active):
            st.rerun()  # the last measurement concerns the other panels too
        _draw(workspace.current(), language)

    live()


def _draw(work: Workspace, language: str) -> None:
    try:
        ideas = _ideas(work, language)
    except MlcError as error:
        message, hint = boundary.message_and_hint(error, language)
        st.warning(f"{boundary.plain(message)}\n\n{boundary.plain(hint)}", icon=":material/block:")
        return
    component.ideas_view(_data(ideas, language), key=_VIEW, on_event_change=_on_event)


def _ideas(work: Workspace, language: str) -> _Ideas:
    path = workspace.selection(work).path if work.kind(work.function) == "loops" else None
    asked = views.question(work.session, "candidates", work.function, work.target, {"path": path}, language)
    data = views.ask(asked)
    found = decode(Candidates, json.loads(data))
    return _Ideas(work, found, data, advice.measured_function(work.info, work.function))


def _data(ideas: _Ideas, language: str) -> dict[str, Any]:
    run = measuring.current(RUN)
    errors = run.errors if run is not None else {}
    ranked = advice.ranked(ideas.now, ideas.found, ideas.measured(), errors)
    pending = run.pending if run is not None else set()
    keys = [trace.key() for trace in ideas.traces]
    ours = bool(pending & {ideas.now.key(), *keys})
    return {
        "candidates": blobs.entry(ideas.data),
        "state": ideas.now.key(),
        "rows": _rows(ranked, ideas, pending, language),
        "now": {"time": measuring.shown(ranked.now), "pending": ideas.now.key() in pending},
        "progress": _progress(run) if ours and run is not None else None,
        "elsewhere": bool(pending) and not ours,
        "target": ideas.work.target,
        "families": _families(ideas.found, language),
        "labels": component.labels(language),
    }


def _families(found: Candidates, language: str) -> dict[str, str]:
    """What a person calls the families of the palette."""
    families = {candidate.family for candidate in found.candidates}
    return {name: say(f"family.{name}", language) for name in sorted(families)}


def _rows(ranked: Advice, ideas: _Ideas, pending: set[str], language: str) -> list[dict[str, Any]]:
    numbers = {candidate.name: n for n, candidate in enumerate(ideas.found.candidates)}
    keys = {candidate.name: trace.key() for candidate, trace in zip(ideas.found.candidates, ideas.traces)}
    return [
        _row(one, numbers[one.candidate.name], keys[one.candidate.name] in pending, language)
        for one in ranked.suggestions
    ]


def _row(one: Suggestion, number: int, pending: bool, language: str) -> dict[str, Any]:
    message = boundary.message_and_hint(one.error, language)[0] if one.error is not None else None
    return {
        "id": number,
        "time": measuring.shown(one.measurement),
        "speedup": one.speedup,
        "pending": pending and one.measurement is None,
        "message": message,
    }


def _progress(run: measuring.Run) -> dict[str, Any]:
    done, total = run.finished + float(run.progress.get("fraction") or 0), len(run.traces)
    return {"n": min(run.finished + 1, total), "of": total, "share": min(1.0, done / total)}


def _on_event() -> None:
    event = component.event(_VIEW) or {}
    work = workspace.current()
    if event.get("type") == "take" and event.get("state") == work.session.trace.key():
        measuring.cancel(RUN)
        workspace.apply(tuple(Step.from_json(step) for step in event.get("steps") or ()))
        workspace.redraw()
    if event.get("type") == "measure":
        _measure(work, spoken_language(), again=bool(event.get("again")))
    elif event.get("type") == "cancel":
        measuring.cancel(RUN)
    workspace.redraw("palette", "history")


def _measure(work: Workspace, spoken: str, *, again: bool) -> None:
    """Measures the ideas that have no time yet, the most promising first.

    Before them what they are compared with, also where its time is known, because the machine may be busier
    now. Only a slow one keeps its time, and one that was compared with NumPy, which is not asked here.
    """
    ideas = _ideas(work, spoken)
    measured = ideas.measured()
    done = {} if again else dict(measured)
    now = measured.get(ideas.now.key())
    if now is not None and now.median_ms < _SLOW_MS and not now.others:
        done.pop(ideas.now.key(), None)
    todo = [trace for trace in (ideas.now, *ideas.traces) if trace.key() not in done]
    if todo:
        measuring.begin(RUN, work.session.engine, todo, ideas.function, work.target, _BUDGET)
