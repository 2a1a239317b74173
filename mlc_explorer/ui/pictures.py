"""Still right? A shipped picture through the model, before any step and after the steps on screen."""

from __future__ import annotations

import base64
import functools
import html
import io
import math
from collections import OrderedDict
from typing import Any

import streamlit as st
from PIL import Image

from mlc_explorer.errors import MlcError
from mlc_explorer.schema.codec import decode
from mlc_explorer.schema.report import RunResult
from mlc_explorer.schema.trace import Trace
from mlc_explorer.session import default_engine
from mlc_explorer.texts import say
from mlc_explorer.ui import measuring, palette, toolbar, workspace
from mlc_explorer.ui.workspace import Workspace

PICTURE = "picture.number"
_JOBS = "picture.jobs"
_REFRESH_SECONDS = 0.3
_KEEP = 512

Answer = list[float] | MlcError | None  # ten probabilities, why there are none, or not there yet

_answers: OrderedDict[tuple[str, int, str], Answer] = OrderedDict()


@functools.lru_cache(maxsize=4)
def shipped(model: str) -> dict[str, Any]:
    """The pictures of a sample: ``pixels`` (n lists of 28 rows of 28 values 0–255), ``labels``,
    ``classes``.
    """
    return default_engine().call("images", trace=Trace(model).to_json())


def show(work: Workspace, language: str) -> None:
    """The panel, for a model that has pictures; it refreshes itself until both answers are there."""
    number = st.session_state.get(PICTURE) or 0
    waiting = _answer(work, 0, number) is None or _answer(work, work.session.cursor, number) is None

    @st.fragment(run_every=_REFRESH_SECONDS if waiting else None)
    def live() -> None:
        data = shipped(work.session.history.model)
        names = data["classes"][language]
        st.selectbox(
            say("picture.choose", language),
            list(range(len(data["labels"]))),
            key=PICTURE,
            format_func=lambda i: f"{i + 1} · {names[data['labels'][i]]}",
            label_visibility="collapsed",
            on_change=workspace.redraw,
        )
        before, after = _answer(work, 0, number), _answer(work, work.session.cursor, number)
        if waiting and before is not None and after is not None:
            st.rerun()
        picture = _picture(work.session.history.model, number)
        st.html(_page(picture, names, data["labels"][number], before, after, language))
        error = next((a for a in (before, after) if isinstance(a, MlcError)), None)
        if error is not None:
            palette.problem(error, language)

    live()


def _answer(work: Workspace, cursor: int, number: int) -> Answer:
    trace, target = work.session.history.upto(cursor), toolbar.running(work)
    key = (trace.dumps(), number, target)
    if key in _answers:
        return _answers[key]
    jobs = st.session_state.setdefault(_JOBS, {})
    if key not in jobs:
        run = measuring.current()
        if run is not None and run.active:  # a picture must not disturb a measurement
            return None
        for old in list(jobs):  # what nobody looks at any more need not be computed
            if old[:2] not in {
                (work.session.history.upto(c).dumps(), number) for c in (0, work.session.cursor)
            }:
                jobs.pop(old).cancel()
        jobs[key] = work.session.engine.submit(
            "run", trace=trace.to_json(), inputs={"image": number}, target=target
        )
    if not jobs[key].done():
        return None
    try:
        result = decode(RunResult, jobs.pop(key).result())
        answer: Answer = _softmax(next(iter(result.outputs.values()))[0])
    except MlcError as error:
        answer = error
    _answers[key] = answer
    while len(_answers) > _KEEP:
        _answers.popitem(last=False)
    return answer


def _softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    powers = [math.exp(v - top) for v in logits]
    return [p / sum(powers) for p in powers]


def _page(picture: str, names: list[str], label: int, before: Answer, after: Answer, language: str) -> str:
    """The picture and two bars per class, as HTML; names come from our own texts, numbers from the model."""
    rows = []
    for i, name in enumerate(names):
        bars = "".join(
            f'<i class="{kind}" style="width:{100 * answer[i]:.2f}%"></i>'
            if isinstance(answer, list)
            else "<i></i>"
            for kind, answer in (("before", before), ("after", after))
        )
        figure = f"{100 * after[i]:.1f} %" if isinstance(after, list) else "…"
        mark = " class='label'" if i == label else ""
        rows.append(f"<tr{mark}><th>{html.escape(name)}</th><td>{bars}</td><td>{figure}</td></tr>")
    return (
        f'<div class="mlc-picture"><img src="{picture}" alt="{html.escape(names[label])}">'
        f"<div><table>{''.join(rows)}</table>"
        f'<p><i class="before"></i> {say("picture.before", language)} <i class="after"></i> '
        f"{say('picture.after', language)} {_verdict(before, after, language)}</p></div></div>"
    )


def _verdict(before: Answer, after: Answer, language: str) -> str:
    if not isinstance(before, list) or not isinstance(after, list):
        return ""
    gap = max(abs(a - b) for a, b in zip(before, after))
    key = "picture.same" if gap < 1e-3 else "picture.differs"
    return f'<b class="{key.rpartition(".")[2]}">{say(key, language, gap=f"{gap:.0e}")}</b>'


@functools.lru_cache(maxsize=64)
def _picture(model: str, number: int) -> str:
    """A shipped picture as a data address."""
    pixels = shipped(model)["pixels"][number]
    image = Image.frombytes("L", (len(pixels[0]), len(pixels)), bytes(v for row in pixels for v in row))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
