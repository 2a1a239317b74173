"""The linked view, the trace and the passes: Streamlit components (v2) written by hand, without a build step.

Streamlit sends a component's inline JavaScript again at every change of its data. So the code travels as
the data does: the browser imports it once, by digest, from the blob route, and the inline part is a loader
of a few lines. Where that route is not served the whole bundle goes inline, and everything else is the same.

The JavaScript files are ordinary modules; `bundle` joins them in the order of their imports, which is all
the bundling that they need (so two modules may not export the same name). Style sheets go into the
bundle, so that a view is never shown without its style.

`data` of `linked_view`: ``states`` (the history from the untransformed model on: {token, title, detail,
function}; what they show the panes ask for by token, see `answers`), ``cursor`` (which of them stands),
``other`` ({token, title} or {error}: another workspace to compare with, or None), ``times`` (ms of each
state, or None), ``kind`` of the chosen function, ``selection`` {node, function, path}, ``wanted``
(the function that a person chose, also where this step has none of that name), ``problem`` {message, paths}
or None, ``levels`` (of `schema.levels`), ``labels`` (`labels(language)`).

`data` of `trace_view`: ``rows``, ``total`` (steps), ``history`` (its key), ``cursor``, ``lines`` {name: ms},
``runs`` (whether the target's code can be measured here), ``busy`` (an edit is under way), ``specs`` (the
catalogue), ``language``, ``labels``. A row is {n: the state that it leads to, level, title, detail, function,
badges, state: done | redo | bad, message, time or None, pending}; a step's also has {step, before: the token
of the state before it, kind: recipe | rules | empty}, a group's {id, first, open, count, seconds, recipes,
was: the time before it, model and note of a whole model's}. A time is {median_ms, p10_ms, p90_ms,
max_rel_error, ok, taken_at}.

`data` of `pipeline_view`: ``view`` (`blobs.entry` of the JSON of a PipelineView), ``token`` (see
`answers`) of the state that it was run on, ``labels``.

`data` of `palette_view`: ``at`` {token, function, kind, path} (what is selected, as Python knows it),
``catalogue`` {specs, families: names to read}, ``language``, ``focus`` (a number; another one puts the
cursor into the search), ``labels``.

`data` of `ideas_view`: ``candidates`` (`blobs.entry` of the JSON of a Candidates), ``state`` (the key of the
trace that they follow), ``rows`` in their order: {id: number of the candidate, time (as above) or None,
speedup, pending, message}, ``now`` {time, pending}, ``progress`` {n, of, share} or None, ``elsewhere``
(another state's are being measured), ``families`` (their names to read), ``target``, ``labels``.

`data` of `sweep_view`: ``grid`` {axes, values, points: for each the number of its value in each range},
``results`` of the points {state: right | wrong | waiting | running | refused | failed, ms, p10, p90, message,
left_out}, ``best`` and ``taken`` (numbers of points, or None), ``now_ms``, ``labels``.

`data` of `tuning_view`: ``state`` (running | ended), ``function`` (None: the model), ``points`` of the curve
as [number, kind, ms or None], ``of`` (how many trials there will be), ``lines`` {start, recipe: ms, timed as
the trials are}, ``started_ms``, ``recipe_ms``, ``best_ms`` (as measured in the end), ``ways`` {tuned, recipe:
how many steps can be taken}, ``taken`` (which of them is on screen), ``functions`` of a model {name, calls,
started_ms, recipe_ms, best_ms, kind}, ``candidates`` in the order of their rows {n, kind, function, ms,
message}, ``ended``, ``when``, ``seconds``, ``labels``.

Events (`event(key)` in the callback). Of the linked view: {type: node, id, function}, {type: path, path},
{type: function, name, node}, {type: goto, cursor, path} (that step's selection), {type: compare, link},
{type: legalize}, {type: search}. Of the trace: goto, {type: open, id, open}, and with ``history`` {type:
unfold | remove, first (from 0), count}, {type: replace, first, steps}, {type: measure, cursors}. Of the
passes and the palette: {type: steps, steps of a trace}; of the palette also {type: sweep, steps} (with
ranges: {"sweep": [values]}). Of the ideas: {type: take, state, steps of an idea}, {type: measure, again},
{type: cancel}. Of a sweep: {type: take, point of a sweep}. Of a tuning: {type: take, way: tuned | recipe},
{type: function, name}.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from ... import texts
from .. import blobs

HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|const)) (\w+)", re.MULTILINE)
# The same at nearly every click, so they go by digest too.
_SHARED_PAYLOADS = ("labels", "levels", "states", "catalogue", "grid")
_VIEWS = (
    "linked_view.js",
    "trace_view.js",
    "pipeline_view.js",
    "palette_view.js",
    "ideas_view.js",
    "sweep_view.js",
    "tuning_view.js",
    "first_picture.js",
)
_PREFIX = "component."

# The promise is kept on the page: a module that failed to load is asked for again at the next change.
_LOADER = """
const bundle = "%s";
const script = document.querySelector('script[src*="static/js/"]');
const base = script ? new URL("../../", script.src) : new URL("./", document.baseURI);
let code = null;
export default function (component) {
  code ??= import(new URL("blob/" + bundle, base).href).catch((error) => { code = null; throw error; });
  return code.then((module) => { module.%s(component); });
}
"""


def linked_view(
    data: Mapping[str, Any],
    key: str,
    on_event_change: Callable[[], None],
) -> None:
    """The panes, as high as the window allows or a person made them; see the module for `data`."""
    _mount("linked_view", "linkedView", data, key, on_event_change, "content")


def trace_view(
    data: Mapping[str, Any],
    key: str,
    on_event_change: Callable[[], None],
    height: int | str = "content",
) -> None:
    """The steps so far with their measured times; see the module for `data`."""
    _mount("trace_view", "traceView", data, key, on_event_change, height)


def pipeline_view(data: Mapping[str, Any], key: str, on_event_change: Callable[[], None]) -> None:
    """The passes of a pipeline that ran, as high as the window allows; see the module for `data`."""
    _mount("pipeline_view", "pipelineView", data, key, on_event_change, "content")


def palette_view(data: Mapping[str, Any], key: str, on_event_change: Callable[[], None]) -> None:
    """The transforms for what is selected, with their forms; see the module for `data`."""
    _mount("palette_view", "paletteView", data, key, on_event_change, "content")


def ideas_view(data: Mapping[str, Any], key: str, on_event_change: Callable[[], None]) -> None:
    """Ideas for what is selected, with their times; see the module for `data`."""
    _mount("ideas_view", "ideasView", data, key, on_event_change, "content")


def sweep_view(data: Mapping[str, Any], key: str, on_event_change: Callable[[], None]) -> None:
    """The points of a sweep with what was measured of them so far; see the module for `data`."""
    _mount("sweep_view", "sweepView", data, key, on_event_change, "content")


def tuning_view(data: Mapping[str, Any], key: str, on_event_change: Callable[[], None]) -> None:
    """A tuning so far, or what it found; see the module for `data`."""
    _mount("tuning_view", "tuningView", data, key, on_event_change, "content")


def event(key: str) -> dict[str, Any] | None:
    """What a person did in the component `key`: the event that its callback is called for, else None."""
    return (st.session_state.get(key) or {}).get("event")


@functools.cache
def labels(language: str) -> Mapping[str, str]:
    """All texts of the components in `language`, by the keys that the JavaScript uses."""
    table = texts.table(language)
    return {k.removeprefix(_PREFIX): v for k, v in table.items() if k.startswith(_PREFIX)}


def _mount(
    name: str,
    entry_point: str,
    data: Mapping[str, Any],
    key: str,
    on_event_change: Callable[[], None],
    height: int | str,
) -> None:
    """Mount the component; `data` also says which event Python has seen last.

    The browser shows a click before Python answers, and must not fall back to an older state that
    an earlier click's rerun brings. It knows by that number whether a state is the answer.
    """
    seen = f"{key}.seen"

    def on_event() -> None:
        what = event(key)
        if what is None:
            return
        st.session_state[seen] = what.get("n", 0)
        if what.get("type") != "resend":  # the rerun itself publishes the payloads again
            on_event_change()

    sent = dict(data) | {"seen": st.session_state.get(seen, 0)}
    for shared in _SHARED_PAYLOADS:
        if shared in sent:
            sent[shared] = blobs.entry(json.dumps(sent[shared], ensure_ascii=False).encode())
    _component(name, entry_point, blobs.served())(data=sent, key=key, height=height, on_event_change=on_event)


def _component(name: str, entry_point: str, by_digest: bool) -> Callable[..., Any]:
    if by_digest:
        digest = blobs.publish(bundle().encode(), blobs.JAVASCRIPT)  # each time, so that it is never dropped
        js = _LOADER % (digest, entry_point)
    else:
        js = f"{bundle()}\nexport default {entry_point};\n"
    return _declared(f"mlc_{name}", _html(name), js)


@functools.cache
def _declared(name: str, html: str, js: str) -> Callable[..., Any]:
    return st.components.v2.component(name, html=html, js=js)


@functools.cache
def _html(name: str) -> str:
    return (HERE / "html" / f"{name}.html").read_text(encoding="utf-8")


@functools.cache
def bundle() -> str:
    """All JavaScript and style sheets as one module that exports an entry point for each view."""
    parts = [f"const STYLE = {json.dumps(_style())};\n"]
    parts += [_scoped(file) for file in _in_order(("style.js", *_VIEWS))]
    views = "linkedView, traceView, pipelineView, paletteView, ideasView, sweepView, tuningView, firstPicture"
    return "\n".join(parts) + f"\nexport {{ {views} }};\n"


def _style() -> str:
    return "\n".join(f.read_text(encoding="utf-8") for f in sorted((HERE / "css").glob("*.css")))


@functools.cache
def _source(file: str) -> str:
    return (HERE / "js" / file).read_text(encoding="utf-8")


def _in_order(roots: Iterable[str]) -> list[str]:
    """The files that `roots` import, each after those that it imports itself."""
    order: list[str] = []

    def visit(file: str) -> None:
        if file in order:
            return
        for imported in _IMPORT.findall(_source(file)):
            visit(imported)
        order.append(file)

    for root in roots:
        visit(root)
    return order


def _scoped(file: str) -> str:
    """A module's code as one statement that defines what it exports; its other names stay its own."""
    source = _IMPORT.sub("", _source(file))
    names = ", ".join(name for _, name in _EXPORT.findall(source))
    body = _EXPORT.sub(r"\1 \2", source)
    return f"const {{ {names} }} = (() => {{\n{body}\nreturn {{ {names} }};\n}})();"
