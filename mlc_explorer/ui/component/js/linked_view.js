// The linked view: graph, text and loop tree of one function, with one selection. A click shows at once and
// tells Python, whose answer then stands. Panes are swapped together, when all their payloads are here. A box
// with another function behind it does not wait for Python: its panes are asked for over plain HTTP, when the
// pointer comes near. Python hears of a click after the frame that shows it, since its answer keeps the page busy.

import { adoptStyle } from "./style.js";
import { afterPaint, esc, followTheme, icon, remember, remembered, same, say, sayAll } from "./dom.js";
import { drawGraph, makeGraph, paintMinimap, selectNode } from "./graph.js";
import { drawHeader, makeHeader, sayCopied } from "./header.js";
import { makeLayout, showTab } from "./layout.js";
import { known, load, lookUp } from "./payloads.js";
import { describeText, drawText, hoverPath, makeText, plainText, selectPath } from "./text.js";
import { drawTree, hoverBranch, makeTree, selectBranch } from "./tree.js";

const PAYLOADS = ["labels", "functions", "graph", "text", "loops", "diff"];
const ANSWER_MS = 8000; // a click that Python has not answered by then no longer stands against its state
const NEAR_MS = 40; // a pointer that only passes over a box asks for nothing
const FRAME_MS = 60; // the longest that Python waits for the frame that shows a click
const views = new WeakMap();

/** Streamlit calls this at every change of data or theme. */
export function linkedView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".linked-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", event);
  view.count = Math.max(view.count, data.seen ?? 0);
  if (followTheme(root) && view.graph.view) paintMinimap(view.graph);
  root.classList.toggle("busy", Boolean(data.busy));
  view.latest = data;
  update(view, data);
}

function create(root) {
  adoptStyle(root);
  const view = {
    root, count: 0, sent: null, shown: null, labels: {}, selection: {}, dismissed: null,
    showDiff: remembered("linked.diff", true),
  };
  for (const e of root.querySelectorAll("[data-icon]")) e.innerHTML = icon(e.dataset.icon);
  const choose = (mark) => choosePath(view, mark, "tree");
  const hover = (path) => {
    hoverPath(view.text, path);
    hoverBranch(view.tree, path);
  };
  view.layout = makeLayout(root);
  view.graph = makeGraph(
    root.querySelector(".pane.graph"), (node) => chooseNode(view, node), (node) => comeNear(view, node),
  );
  view.text = makeText(root.querySelector(".pane.text"), {
    choose: (mark) => choosePath(view, mark, "text"), hover, dismiss: () => dismiss(view),
  });
  view.tree = makeTree(root.querySelector(".pane.tree-pane"), { choose, hover });
  view.header = makeHeader(root.querySelector(".pane.text"), {
    level: (level) => tell(view, { type: "level", level }, { level }),
    func: (name) => tell(view, { type: "function", name }, {}),
    diff: () => toggleDiff(view),
    copy: () => navigator.clipboard?.writeText(plainText(view.text)).then(() => sayCopied(view.header, view.labels)),
  });
  root.hidden = false;
  root.dataset.ready = "1";
  views.set(root, view);
  return view;
}

/** Show `data` when all it refers to is here; until then the old panes stay. */
async function update(view, data) {
  const wanted = PAYLOADS.filter((key) => known(data[key]) === undefined);
  if (wanted.length) {
    const slow = setTimeout(() => view.root.classList.add("waiting"), 150);
    const again = () => emit(view, { type: "resend" });
    const arrivals = await Promise.allSettled(wanted.map((key) => load(data[key], again)));
    clearTimeout(slow);
    if (view.latest !== data) return; // a newer state has come meanwhile
    view.failed = arrivals.some((a) => a.status === "rejected");
  } else view.failed = false;
  view.root.classList.remove("waiting");
  const ready = {};
  for (const key of PAYLOADS) ready[key] = known(data[key]) ?? null;
  show(view, data, ready);
}

function show(view, data, ready) {
  if (view.labels !== ready.labels) {
    view.labels = ready.labels ?? {};
    sayAll(view.root, view.labels);
  }
  const answered = !view.sent || (data.seen ?? 0) >= view.sent.n || Date.now() - view.sent.at > ANSWER_MS;
  if (answered) {
    view.sent = null;
    view.selection = { ...data.selection };
    view.level = data.level;
  }
  Object.assign(view, { shown: data, ready });
  drawPanes(view);
  view.painted = sayPainted(view, answered ? String(data.seen ?? 0) : null);
}

/** Once the frame is on screen, says what it shows, and which click Python has answered. A promise of that moment. */
function sayPainted(view, answered) {
  const { shown, selection, root } = view;
  const painted = `${shown.text?.digest ?? ""}:${shown.graph?.digest ?? ""}:${selectionKey(selection)}`;
  return new Promise((resolve) => afterPaint(() => {
    if (view.shown === shown && view.selection === selection) {
      root.dataset.painted = painted;
      if (answered !== null) root.dataset.answered = answered;
    }
    resolve();
  }));
}

const selectionKey = (selection) => selection.path ?? selection.node ?? "";

function drawPanes(view) {
  const { shown, ready, labels } = view;
  const problem = shown.problem && !same(view.dismissed, shown.problem) ? shown.problem : null;
  if (!same(problem, view.problem)) view.problem = problem;
  drawGraph(view.graph, ready.graph, shown.graph?.digest ?? null, shown.changed ?? [], labels);
  drawText(view.text, ready.text, ready.loops, view.showDiff ? ready.diff : null, view.problem, labels);
  drawTree(view.tree, ready.loops, view.problem, labels, shown.empty?.loops);
  view.text.scroller.setAttribute("aria-label", describeText(view.text, labels));
  drawEmpty(view);
  drawSelection(view);
}

function drawEmpty(view) {
  const { shown, ready, labels, root } = view;
  const box = root.querySelector(".empty");
  const title = view.failed ? say(labels, "failed.title") : (shown.empty?.title ?? say(labels, "empty.title"));
  const text = view.failed ? say(labels, "failed.text") : (shown.empty?.text ?? say(labels, "empty.text"));
  box.hidden = Boolean(ready.text);
  box.innerHTML = `<strong>${esc(title)}</strong><p>${esc(text)}</p>`;
}

/** `origin` is the pane that was clicked: it does not scroll, because what was clicked is in view. */
function drawSelection(view, origin) {
  const { selection, shown, ready, labels } = view;
  const path = selection.path ?? (ready.text?.level === "relax" ? selection.node : null);
  selectNode(view.graph, selection.node ?? null, true);
  selectPath(view.text, path, origin !== "text");
  selectBranch(view.tree, selection.path ?? null, true);
  drawHeader(view.header, {
    levels: shown.levels ?? [], level: view.level ?? shown.level, functions: ready.functions ?? [],
    function: ready.text?.function ?? selection.function, path: selection.path,
    hasDiff: Boolean(ready.diff), showDiff: view.showDiff,
  }, labels);
}

function chooseNode(view, node, origin = "graph") {
  const event = { type: "node", id: node.id, function: node.function ?? null };
  const selection = { node: node.id, function: node.function ?? view.selection.function, path: null };
  tell(view, event, { selection, origin });
  if (view.root.dataset.mode === "tabs" && node.function) showTab(view.layout, "text");
}

/** A loop or block was picked, or (in a graph function's text) a binding, which is a node. */
function choosePath(view, mark, origin) {
  if (mark.kind === "binding") {
    const node = view.graph.byId?.get(mark.path);
    return chooseNode(view, node ?? { id: mark.path, function: null }, origin);
  }
  const selection = { ...view.selection, path: mark.path };
  tell(view, { type: "path", path: mark.path }, { selection, origin });
}

/** Show what a click means, then tell Python. */
function tell(view, event, { selection, level, origin }) {
  if (selection) view.selection = selection;
  if (level) view.level = level;
  const n = ++view.count;
  view.sent = { n, at: Date.now() };
  drawSelection(view, origin);
  let frame = null;
  if (event.type === "path") frame = sayPainted(view, null);
  else if (event.type === "node") frame = lookAhead(view, event);
  sendAfter(view, { ...event, n }, frame);
}

/** Tell Python after `frame`, a promise or null. A click that comes meanwhile sends this one off first. */
function sendAfter(view, event, frame) {
  view.flush?.();
  const send = () => {
    if (view.flush !== send) return;
    view.flush = null;
    view.send(event);
  };
  view.flush = send;
  if (!frame) return send();
  frame.then(send);
  setTimeout(send, FRAME_MS);
}

function comeNear(view, node) {
  clearTimeout(view.near);
  view.near = setTimeout(() => ahead(view, node), NEAR_MS);
}

/** A promise of the panes of the function behind `node` (null: nothing to be had), and its name. */
function ahead(view, node) {
  const { shown, ready } = view;
  const name = node.function ?? ready?.functions?.[0]?.name;
  const found = shown?.ahead && name && name !== ready.text?.function
    ? lookUp(`ahead/${shown.ahead}/${encodeURIComponent(name)}`)
    : Promise.resolve(null);
  return { name, found };
}

/** Show the panes behind a node before Python hears of the click; its answer then changes nothing. */
async function lookAhead(view, event) {
  const { shown, sent } = view;
  const { name, found } = ahead(view, event);
  if (name === view.ready.text?.function) return sayPainted(view, null);
  const panes = await found;
  if (!panes || view.sent !== sent || view.shown !== shown) return null; // answered already, or another click came
  view.latest = { ...shown, ...panes, problem: null };
  await update(view, view.latest);
  return view.painted;
}

function emit(view, event) {
  const n = ++view.count;
  view.send({ ...event, n });
  return n;
}

function toggleDiff(view) {
  view.showDiff = !view.showDiff;
  remember("linked.diff", view.showDiff);
  drawPanes(view);
}

function dismiss(view) {
  view.dismissed = view.shown.problem;
  drawPanes(view);
}
