// The linked view: panes of one or more states of the history, with one selection and any number of pins. A click
// shows at once and tells Python, whose answer then stands. Panes that need no compiler change together, when all
// they show is here; those that do follow when they are ready. Python hears of a click after the frame that shows
// it, since its answer keeps the page busy.

import { drawBar, makeToolbar } from "./bar.js";
import { afterPaint, followTheme, remember, remembered, same } from "./dom.js";
import { listenForDrags } from "./dragging.js";
import { elsewhere, readAhead } from "./film.js";
import { PRESETS, addPane, focusNext, labelFrame, makeFrame, panesOf, showTab, usePreset } from "./frame.js";
import { drawHint } from "./guidance.js";
import { labelLowerEdge, makeLowerEdge } from "./height.js";
import { listenForKeys, showKeys } from "./keys.js";
import { forget, refresh } from "./painting.js";
import { here, known, load, placeOf } from "./payloads.js";
import { adoptPins, keepPins, lightsOf, makePins, selectedThing, togglePin } from "./pins.js";
import { drawCaption, isPresenting, present, resizeType } from "./presenting.js";
import { carry, lookAhead } from "./scenes.js";
import { announce, followHints, isFollowed } from "./selection.js";
import { adoptStyle } from "./style.js";

const SHARED = ["labels", "levels", "states"];
const ANSWER_MS = 8000; // a click that Python has not answered by then no longer stands against its state
const NEAR_MS = 40; // a pointer that only passes over a box asks for nothing
const FRAME_MS = 60; // the longest that Python waits for the frame that shows a click
const FILM_MS = 180; // and for a person who steps through the history to stay where they are
const views = new WeakMap();

/** Streamlit calls this at every change of data or theme. */
export function linkedView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".linked-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", event);
  view.count = Math.max(view.count, data.seen ?? 0);
  followTheme(root);
  view.latest = data;
  update(view, data);
}

function create(root) {
  adoptStyle(root);
  const view = {
    root, count: 0, sent: null, data: null, selection: {}, cursor: 0, labels: {}, marks: makePins(),
    anchor: null, dismissed: null, showDiff: remembered("linked.diff", true), home: null, origin: null,
  };
  view.resend = () => emit(view, { type: "resend" });
  view.lit = () => drawLights(view);
  followHints(root, (hint) => view.home && pointOutHere(view, hint));
  views.set(root, view);
  return view;
}

/** The parts need the table of levels, which comes with the first data. */
function build(view) {
  const { root, levels } = view;
  view.frame = makeFrame(root.querySelector(".frame"), levels, {
    inside: (pane) => insideOf(view, pane),
    arranged: () => view.home && repaint(view),
    closed: (pane) => forget(pane),
    retry: (pane) => repaint(view, pane),
    help: (name, value) => (name === "function" ? chooseFunction(view, value) : tell(view, { type: name })),
    compare: (link) => compareWith(view, link),
  });
  listenForDrags(view.frame);
  makeLowerEdge(root, root.querySelector(".edge"));
  view.bar = makeToolbar(root.querySelector(".topbar"), {
    act: (name) => act(view, name),
    preset: (name) => usePreset(view.frame, name),
    func: (name) => chooseFunction(view, name),
    goto: (n) => goTo(view, n),
    add: (name) => addPane(view.frame, name),
    unpin: (i) => {
      view.marks.pins.splice(i, 1);
      keepPins(view.marks);
      drawLights(view);
    },
  });
  listenForKeys(root, (name) => act(view, name));
  root.hidden = false;
  root.dataset.ready = "1";
}

/** Another workspace beside this one, by its link; it is still there after a reload. */
function compareWith(view, link) {
  remember("linked.other", link);
  tell(view, { type: "compare", link });
}

function resumeComparison(view) {
  const link = remembered("linked.other", "");
  if (link && !view.data.other && panesOf(view.frame).some((pane) => pane.at === "other")) compareWith(view, link);
}

/** What a pane's inside may do. */
function insideOf(view, pane) {
  return {
    choose: (thing, keep) => choose(view, pane, thing, keep),
    hover: (thing) => hover(view, pane, thing),
    ask: (name, args) => pane.ask(name, args),
    dismiss: () => {
      view.dismissed = view.data.problem;
      view.pointed = null;
      repaint(view);
    },
  };
}

/** Show `data` when the texts that it refers to are here. */
async function update(view, data) {
  const wanted = SHARED.filter((key) => known(data[key]) === undefined);
  if (wanted.length) {
    await Promise.allSettled(wanted.map((key) => load(data[key], view.resend)));
    if (view.latest !== data) return; // a newer state has come meanwhile
  }
  for (const key of SHARED) view[key] = known(data[key]) ?? view[key] ?? (key === "labels" ? {} : []);
  const answered = !view.sent || (data.seen ?? 0) >= view.sent.n || Date.now() - view.sent.at > ANSWER_MS;
  if (answered) {
    view.sent = null;
    if (data.selection.path !== view.selection.path) view.anchor = null;
    view.selection = { ...data.selection, function: data.wanted ?? data.selection.function };
    view.cursor = data.cursor;
  }
  view.data = data;
  const first = !view.frame;
  if (first) build(view);
  labelFrame(view.frame, view.labels);
  labelLowerEdge(view.root.querySelector(".edge"), view.labels);
  drawHint(view.root.querySelector(".welcome"), view.labels);
  await repaint(view);
  if (first && view.home) resumeComparison(view);
  if (answered && view.data === data) sayPainted(view, String(data.seen ?? 0));
}

/** Draw all panes anew, and resolve once the frame is on screen. */
async function repaint(view, retried = null) {
  const { data } = view;
  view.problem = data.problem && !same(view.dismissed, data.problem) && view.cursor === data.cursor ? data.problem : null;
  view.problem ??= view.pointed?.token === view.states[view.cursor]?.token ? view.pointed : null;
  if (!(await refresh(view, retried))) return;
  adoptPins(view.marks, view.home.info.model, view.states).then((any) => any && drawLights(view));
  if (!view.anchor && view.selection.path != null) anchor(view);
  drawLights(view);
  readAhead(view);
  return sayPainted(view, null);
}

/** From here on the selection goes along with the steps. */
function anchor(view) {
  view.anchor = { thing: selectedThing(view.selection, view.home), scene: view.home };
}

/** Once the frame is on screen, says what it shows, and which click Python has answered. A promise of that moment. */
function sayPainted(view, answered) {
  const { home, selection, root } = view;
  const painted = `${home.at.token.slice(0, 12)}:${home.function}:${selection.path ?? selection.node ?? ""}`;
  const step = `${home.at.n}/${view.states.length - 1}`;
  return new Promise((resolve) => afterPaint(() => {
    if (view.home === home && view.selection === selection) {
      root.dataset.painted = painted;
      root.dataset.step = step;
      announce(placeOfSelection(view));
      if (answered !== null) root.dataset.answered = answered;
    }
    resolve();
  }));
}

/** What is selected on screen, for the views that follow it: only loops and blocks that this step has. */
function placeOfSelection({ home, selection }) {
  const path = home.kind === "loops" && home.index.nodes.has(selection.path) ? selection.path : null;
  return { token: home.at.token, function: home.function, kind: home.kind, path };
}

/** Another view points something out: lit while a pointer stands there, or said in the text until it is taken back. */
function pointOutHere(view, hint) {
  if (hint && !hint.lasting) {
    const id = hint.paths.find((path) => view.home.index.nodes.has(path));
    view.marks.hovered = id === undefined ? null : { thing: { kind: view.home.index.nodes.get(id).kind, id }, scene: view.home };
    return drawLights(view);
  }
  view.pointed = hint && { ...hint, token: view.home.at.token };
  repaint(view);
}

function drawLights(view) {
  const { home, marks, selection, origin } = view;
  const lights = new Map();
  for (const pane of panesOf(view.frame)) {
    if (!pane.drawn) continue;
    if (!lights.has(pane.scene)) lights.set(pane.scene, lightsOf(pane.scene, marks, selection, home, origin));
    pane.kind.light(pane.inner, lights.get(pane.scene));
  }
  drawBar(view.bar, {
    preset: view.frame.preset, functions: home.info.functions, function: home.function, path: selection.path,
    pins: marks.pins, cursor: view.cursor, states: view.states, times: view.data.times,
    elsewhere: elsewhere(home), hasDiff: home.at.n > 0, showDiff: view.showDiff,
  }, view.labels, view.levels);
  drawCaption(view.root.querySelector(".caption"), { cursor: view.cursor, states: view.states, times: view.data.times }, view.labels);
}

function hover(view, pane, thing) {
  const { marks } = view;
  if (!pane.drawn || (!thing && !marks.hovered)) return;
  marks.hovered = thing && { thing, scene: pane.scene };
  view.hovering ??= requestAnimationFrame(() => {
    view.hovering = null;
    drawLights(view);
  });
  clearTimeout(view.near);
  if (thing?.kind === "node" && pane.scene === view.home)
    view.near = setTimeout(() => lookAhead(view.home.at.token, view.home.info, thing.node?.function ?? view.home.info.entry), NEAR_MS);
}

/** A click: a selection, or with `keep` a pin. What this step does not have can only be pinned. */
function choose(view, pane, thing, keep = false) {
  const { home } = view;
  const own = pane.scene.function === home.function ? carry(thing, pane.scene, home) : null;
  if (keep || thing.kind === "buffer" || thing.kind === "line" || (!own && thing.kind !== "node")) {
    togglePin(view.marks, thing, pane.scene);
    return drawLights(view);
  }
  view.origin = pane.inner;
  if (thing.kind === "node") chooseNode(view, thing.node ?? nodeOf(view, thing.id) ?? { id: thing.id, function: null });
  else choosePath(view, own.id);
}

const nodeOf = ({ home }, id) =>
  here(placeOf(home.at.token, "graph", home.info.entry))?.nodes.find((n) => n.id === id);

function chooseNode(view, node) {
  const { home, frame } = view;
  const behind = node.function && home.info.functions.some((f) => f.name === node.function) ? node.function : null;
  view.anchor = null;
  view.selection = { node: node.id, function: behind ?? home.info.entry, path: null };
  tell(view, { type: "node", id: node.id, function: node.function ?? null });
  if (frame.mode === "tabs" && behind) showTab(frame, "program");
}

function choosePath(view, path) {
  view.selection = { ...view.selection, path };
  anchor(view);
  tell(view, { type: "path", path });
}

function chooseFunction(view, name) {
  const { home } = view;
  const nodes = here(placeOf(home.at.token, "graph", home.info.entry))?.nodes ?? [];
  const node = nodes.find((n) => n.function === name) ?? nodes.find((n) => n.inside?.includes(name)); // or its group
  view.origin = view.anchor = null;
  view.selection = { node: node?.id ?? null, function: name, path: null };
  tell(view, { type: "function", name, node: node?.id ?? null });
}

function goTo(view, n) {
  if (n < 0 || n >= view.states.length || n === view.cursor) return;
  view.cursor = n;
  view.origin = null;
  tell(view, { type: "goto", cursor: n });
}

function act(view, name) {
  const presets = Object.keys(PRESETS);
  if (name === "back" || name === "forward") goTo(view, view.cursor + (name === "back" ? -1 : 1));
  else if (name === "first" || name === "last") goTo(view, name === "first" ? 0 : view.states.length - 1);
  else if (name === "diff") toggleDiff(view);
  else if (name === "pin") pinSelection(view);
  else if (name === "unpin") {
    view.marks.pins = [];
    keepPins(view.marks);
    drawLights(view);
  } else if (name === "present") present(view.root);
  else if (name === "larger" || name === "smaller") return isPresenting(view.root) && resizeType(view.root, name === "larger" ? 1 : -1);
  else if (name === "next_pane" || name === "previous_pane") focusNext(view.frame, name === "next_pane" ? 1 : -1);
  else if (name === "search") return !isFollowed() && Boolean(emit(view, { type: "search" })); // the palette has its own ear
  else if (name === "help") showKeys(view.root.querySelector("dialog.keys"), view.labels);
  else if (presets[Number(name) - 1]) usePreset(view.frame, presets[Number(name) - 1]);
  else return false;
  return true;
}

function pinSelection(view) {
  const thing = selectedThing(view.selection, view.home);
  if (thing) togglePin(view.marks, thing, view.home);
  drawLights(view);
}

function toggleDiff(view) {
  view.showDiff = !view.showDiff;
  remember("linked.diff", view.showDiff);
  repaint(view);
}

/** Show what a click means, then tell Python. */
function tell(view, event) {
  const n = ++view.count;
  view.sent = { n, at: Date.now() };
  drawLights(view);
  const frame = event.type === "compare" ? null : repaint(view);
  sendAfter(view, { ...event, n }, frame, event.type === "goto" ? FILM_MS : 0);
}

/** Tell Python after `frame`, a promise or null, and `pause` ms. A click that comes meanwhile sends this one off first. */
function sendAfter(view, event, frame, pause) {
  if (view.waiting?.type === "goto" && event.type === "goto") view.flush = null; // only where a person stops counts
  view.flush?.();
  const send = () => {
    if (view.flush !== send) return;
    view.flush = view.waiting = null;
    const path = event.type === "goto" && view.home.at.n === event.cursor ? view.selection.path : null;
    view.send(path === null ? event : { ...event, path });
  };
  view.flush = send;
  view.waiting = event;
  if (!frame) return send();
  const later = () => setTimeout(send, pause);
  frame.then(later, later);
  setTimeout(send, FRAME_MS + pause);
}

function emit(view, event) {
  const n = ++view.count;
  view.send({ ...event, n });
  return n;
}
