// How panes stand: columns side by side, panes stacked in each. Splitters resize, a header dragged onto another pane
// moves it, and a few arrangements have names. An arrangement is kept over visits. Less room means fewer columns, and
// on a narrow screen tabs; what a person arranged comes back when there is room again.

import { esc, remember, remembered, say } from "./dom.js";
import { makePane, setView } from "./panes.js";
import { makeBar } from "./splitters.js";

export const PRESETS = {
  course: [[0.29, ["graph"]], [0.46, ["program"]], [0.25, ["loops"]]],
  kernel: [[0.24, ["loops"]], [0.38, ["program"]], [0.38, ["asm"]]],
  compare: [[0.5, ["program@before"]], [0.5, ["program"]]],
  motion: [[0.22, ["loops"]], [0.39, ["motion@before"]], [0.39, ["motion"]]],
};
const TABS_BELOW = 780; // pixels of the component itself, a page of about 900
const STACK_BELOW = 1040;
const MOST_PANES = 8;

/** The frame in `host`. `on` as `makePane` wants it, and `arranged()` for when panes came, went or changed. */
export function makeFrame(host, levels, on) {
  const frame = { host, levels, on, columns: [], preset: "", mode: "", tab: 0, labels: {} };
  frame.paneOn = {
    ...on,
    change: (pane, view) => changeView(frame, pane, view),
    act: (pane, act, value) => actOn(frame, pane, act, value),
    focus: (pane) => (frame.focused = pane),
  };
  const kept = remembered("linked.layout", null);
  if (!restore(frame, kept)) usePreset(frame, "course");
  host.addEventListener("mousedown", (e) => e.shiftKey && e.preventDefault()); // it pins: no text is to be marked by it
  new ResizeObserver(() => modeOf(frame) !== frame.mode && arrange(frame)).observe(host);
  return frame;
}

export const panesOf = (frame) => frame.columns.flatMap((c) => c.panes);

/** Arrange as a preset says. */
export function usePreset(frame, name) {
  build(frame, PRESETS[name].map(([share, panes]) => ({ share, panes: panes.map((p) => ({ view: p.split("@")[0], at: p.split("@")[1] ?? "now", share: 1 })) })));
  frame.preset = name;
  changed(frame);
}

/** Add a pane of `view`, in the column with the fewest panes from the right. */
export function addPane(frame, view) {
  if (panesOf(frame).length >= MOST_PANES) return;
  const pane = makePane(view, "now", frame.levels, frame.paneOn);
  if (frame.columns.length < 4) frame.columns.push({ share: 1 / (frame.columns.length + 1), panes: [pane] });
  else frame.columns.reduceRight((a, b) => (b.panes.length < a.panes.length ? b : a)).panes.push(pane);
  frame.preset = "";
  changed(frame);
}

function restore(frame, kept) {
  const known = new Set(["graph", "loops", "dataflow", "motion", "program", ...frame.levels.map((l) => l.name)]);
  const right = Array.isArray(kept?.columns) && kept.columns.length > 0 &&
    kept.columns.every((c) => Array.isArray(c.panes) && c.panes.length && c.panes.every((p) => known.has(p.view)));
  if (!right) return false;
  build(frame, kept.columns);
  frame.preset = kept.preset in PRESETS ? kept.preset : "";
  arrange(frame);
  return true;
}

function build(frame, columns) {
  const old = panesOf(frame);
  const take = ({ view, at, share }) => {
    const i = old.findIndex((p) => p.view === view && p.at === at);
    const pane = i >= 0 ? old.splice(i, 1)[0] : makePane(view, at ?? "now", frame.levels, frame.paneOn);
    pane.share = share || 1;
    return pane;
  };
  frame.columns = columns.map(({ share, panes }) => ({ share: share || 1, panes: panes.map(take) }));
  old.forEach((pane) => frame.on.closed(pane));
}

function changed(frame) {
  arrange(frame);
  save(frame);
  frame.on.arranged();
}

function save({ preset, columns }) {
  const panes = (c) => c.panes.map(({ view, at, share }) => ({ view, at, share }));
  remember("linked.layout", { preset, columns: columns.map((c) => ({ share: c.share, panes: panes(c) })) });
}

function modeOf({ host, columns }) {
  const width = host.clientWidth;
  if (width < TABS_BELOW) return "tabs";
  return width < STACK_BELOW && columns.length > 2 ? "stack" : "wide";
}

/** The columns as the room allows: with little, the widest alone at the right and all others stacked beside it. */
function fitting(frame) {
  const { columns, mode } = frame;
  if (mode === "wide") return columns;
  if (mode === "tabs") return [{ share: 1, panes: panesOf(frame) }];
  const widest = columns.reduce((a, b) => (b.share > a.share ? b : a));
  const rest = columns.filter((c) => c !== widest).flatMap((c) => c.panes);
  return [{ share: 0.4, panes: rest }, { share: 0.6, panes: widest.panes }];
}

function arrange(frame) {
  const { host } = frame;
  const scrolled = panesOf(frame).map((p) => p.body.querySelector(".scroller, .tree")).map((e) => [e, e?.scrollTop]);
  frame.mode = modeOf(frame);
  host.dataset.mode = frame.mode;
  const shown = fitting(frame);
  const parts = shown.flatMap((column, i) => {
    const element = document.createElement("div");
    element.className = "column";
    element.style.flexGrow = column.share;
    column.element = element;
    element.append(...column.panes.flatMap((pane, j) => {
      pane.element.style.flexGrow = pane.share;
      return j ? [barOf(frame, "divider", column.panes[j - 1], pane), pane.element] : [pane.element];
    }));
    return i ? [barOf(frame, "splitter", shown[i - 1], column), element] : [element];
  });
  host.replaceChildren(...(frame.mode === "tabs" ? [tabs(frame)] : []), ...parts);
  for (const [element, top] of scrolled) if (element) element.scrollTop = top; // moved elements forget where they were
  showTab(frame, Math.min(frame.tab, panesOf(frame).length - 1));
}

const barOf = (frame, name, a, b) => makeBar(name, a, b, say(frame.labels, "layout.splitter"), () => save(frame));

function tabs(frame) {
  const bar = document.createElement("div");
  bar.className = "tabs";
  bar.setAttribute("role", "tablist");
  bar.innerHTML = panesOf(frame)
    .map((p, i) => `<button role="tab" data-tab="${i}">${esc(say(frame.labels, `view.${p.view}`))}</button>`).join("");
  bar.addEventListener("click", (e) => {
    const tab = e.target.closest("button")?.dataset.tab;
    if (tab !== undefined) showTab(frame, Number(tab));
  });
  return bar;
}

/** On a narrow screen: show the pane with that number, or the first that shows `view`. */
export function showTab(frame, tab) {
  frame.tab = typeof tab === "number" ? tab : Math.max(0, panesOf(frame).findIndex((p) => p.view === tab));
  panesOf(frame).forEach((p, i) => p.element.classList.toggle("behind", frame.mode === "tabs" && i !== frame.tab));
  for (const b of frame.host.querySelectorAll(".tabs button"))
    b.setAttribute("aria-selected", String(Number(b.dataset.tab) === frame.tab));
}

/** Give the next pane the focus (`way` 1) or the one before: what it moves by keys, else its header. */
export function focusNext(frame, way) {
  const panes = panesOf(frame);
  const at = panes.indexOf(frame.focused);
  const next = at < 0 ? (way > 0 ? 0 : panes.length - 1) : (at + way + panes.length) % panes.length;
  if (frame.mode === "tabs") showTab(frame, next);
  const inside = panes[next].over.hidden ? panes[next].body.querySelector('[tabindex="0"]') : panes[next].over.querySelector("button");
  (inside ?? panes[next].choice).focus({ focusVisible: true });
}

/** The names of tabs and splitters, in the person's language. */
export function labelFrame(frame, labels) {
  if (frame.labels === labels) return;
  frame.labels = labels;
  arrange(frame);
}

function changeView(frame, pane, view) {
  setView(pane, view);
  frame.preset = "";
  changed(frame);
}

function actOn(frame, pane, act, value) {
  if (act === "at") {
    if (value === "other" && pane.at === "other") return frame.on.compare(""); // to be asked for another one
    pane.at = value;
    frame.preset = "";
    return changed(frame);
  }
  if (act === "close") closePane(frame, pane);
  else movePane(frame, pane, act);
}

function closePane(frame, pane) {
  if (panesOf(frame).length === 1) return; // the last one stays: an empty frame would lead nowhere
  take(frame, pane);
  frame.on.closed(pane);
  frame.preset = "";
  changed(frame);
}

function take(frame, pane) {
  const column = frame.columns.find((c) => c.panes.includes(pane));
  column.panes.splice(column.panes.indexOf(pane), 1);
  if (!column.panes.length) frame.columns.splice(frame.columns.indexOf(column), 1);
}

/** Move a pane one place: left or right into the next column (or one of its own), up or down within its own. */
function movePane(frame, pane, way) {
  const { columns } = frame;
  const at = columns.findIndex((c) => c.panes.includes(pane));
  const { panes } = columns[at];
  const row = panes.indexOf(pane);
  if (way === "up" || way === "down") {
    const to = row + (way === "up" ? -1 : 1);
    if (!panes[to]) return;
    [panes[row], panes[to]] = [panes[to], panes[row]];
  } else {
    const next = columns[at + (way === "left" ? -1 : 1)];
    if (!next && panes.length === 1) return;
    take(frame, pane);
    if (next) next.panes.push(pane);
    else columns.splice(way === "left" ? 0 : columns.length, 0, { share: 0.3, panes: [pane] });
  }
  frame.preset = "";
  changed(frame);
}

/** Place `pane` beside `other`: left, right (a column of its own), above or below. */
export function placeBeside(frame, pane, other, side) {
  if (pane === other) return;
  take(frame, pane);
  const at = frame.columns.findIndex((c) => c.panes.includes(other));
  const column = frame.columns[at];
  if (side === "left" || side === "right") {
    column.share /= 2;
    frame.columns.splice(at + (side === "right" ? 1 : 0), 0, { share: column.share, panes: [pane] });
  } else column.panes.splice(column.panes.indexOf(other) + (side === "below" ? 1 : 0), 0, pane);
  frame.preset = "";
  changed(frame);
}

