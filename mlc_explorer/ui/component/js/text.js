// The text pane: rows in chunks of fixed height (painted when near the view, the rest when idle, so that
// the browser's own find sees all of them), and bands behind the rows for selection, hover and problem.

import { say } from "./dom.js";
import { lineOf, makeLinks, markAt, rangesOf } from "./links.js";
import { LINE, rowAt, rowHtml, rowsOf } from "./rows.js";

const CHUNK = 60; // rows
const AHEAD = 600; // pixels painted beyond the view
const NOTHING = { lines: [], marks: [], links: [], level: "tir", function: "" };

/** The pane in `host`. `on` has choose(mark), hover(path or null), dismiss(). */
export function makeText(host, on) {
  const scroller = host.querySelector(".scroller");
  const pane = {
    host, scroller, on,
    sheet: host.querySelector(".sheet"),
    bands: host.querySelector(".bands"),
    view: NOTHING, diff: null, problem: null, links: makeLinks(null, null), labels: {},
    rows: [], chunks: [], folded: new Set(), selected: null, hovered: null,
  };
  pane.near = new IntersectionObserver(
    (entries) => entries.forEach((e) => e.isIntersecting && paintChunk(pane, Number(e.target.dataset.chunk))),
    { root: scroller, rootMargin: `${AHEAD}px 0px` },
  );
  scroller.addEventListener("click", (e) => onClick(pane, e));
  scroller.addEventListener("pointerover", (e) => on.hover(pathUnder(pane, e.target)));
  scroller.addEventListener("pointerleave", () => on.hover(null));
  scroller.addEventListener("keydown", (e) => onKey(pane, e));
  return pane;
}

/** Show a TextView (null for none) with its loop tree; `diff` is a DiffView or null. */
export function drawText(pane, view, tree, diff, problem, labels) {
  const before = pane.view;
  const next = view ?? NOTHING;
  const sameText = before === next && pane.diff === diff && pane.tree === tree && pane.labels === labels;
  if (sameText && pane.problem === problem) return;
  const fresh = before.function !== next.function || before.level !== next.level;
  Object.assign(pane, { view: next, tree, diff, problem, labels });
  pane.links = makeLinks(next, tree);
  if (before.function !== next.function) pane.folded.clear();
  layOut(pane);
  if (fresh) pane.scroller.scrollTop = 0;
  else if (!sameText && diff) showChange(pane);
  if (problem) reveal(pane, problem.paths.find((p) => lineOf(pane.links, p)));
}

function layOut(pane) {
  const { view, diff, sheet } = pane;
  pane.rows = rowsOf(view, diff, pane.links, pane.folded, pane.problem, pane.scroller.clientWidth);
  const longest = pane.rows.reduce((most, r) => (r.op === "note" ? most : Math.max(most, r.text.length)), 0);
  pane.near.disconnect();
  pane.chunks = [];
  const fragment = document.createDocumentFragment();
  for (let from = 0; from < pane.rows.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, pane.rows.length);
    const element = document.createElement("div");
    const end = to < pane.rows.length ? pane.rows[to].top : bottomOf(pane.rows[to - 1]);
    element.className = "chunk";
    element.dataset.chunk = pane.chunks.length;
    element.style.height = `${end - pane.rows[from].top}px`;
    pane.chunks.push({ element, from, to, painted: false });
    fragment.append(element);
  }
  sheet.style.setProperty("--columns", longest + 16);
  sheet.style.setProperty("--digits", String(view.lines.length).length);
  sheet.classList.toggle("comparing", Boolean(diff));
  sheet.replaceChildren(pane.bands, fragment);
  paintInView(pane);
  pane.chunks.forEach((c) => pane.near.observe(c.element));
  paintIdle(pane, pane.chunks);
  drawBands(pane);
}

const bottomOf = (row) => row.top + (row.units ?? 1) * LINE;

function paintInView(pane) {
  const { scrollTop, clientHeight } = pane.scroller;
  pane.chunks.forEach((c, i) => {
    const top = pane.rows[c.from].top, bottom = bottomOf(pane.rows[c.to - 1]);
    if (bottom >= scrollTop && top <= scrollTop + Math.max(clientHeight, 400)) paintChunk(pane, i);
  });
}

function paintChunk(pane, index) {
  const chunk = pane.chunks[index];
  if (!chunk || chunk.painted) return;
  chunk.painted = true;
  pane.near.unobserve(chunk.element);
  let html = "";
  for (let i = chunk.from; i < chunk.to; i++)
    html += rowHtml(pane.rows[i], i, pane);
  chunk.element.innerHTML = html;
}

function paintIdle(pane, chunks) {
  const later = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 8 }), 50));
  let next = 0;
  const work = (deadline) => {
    if (pane.chunks !== chunks) return; // another text stands here by now
    while (next < chunks.length && deadline.timeRemaining() > 4) paintChunk(pane, next++);
    if (next < chunks.length) later(work);
  };
  later(work);
}

/** Mark `path` as selected and bring it into view if `follow`. */
export function selectPath(pane, path, follow) {
  const moved = pane.selected !== path;
  pane.selected = path;
  drawBands(pane);
  if (moved && follow) reveal(pane, path);
}

export function hoverPath(pane, path) {
  if (pane.hovered === path) return;
  pane.hovered = path;
  drawBands(pane);
}

function drawBands(pane) {
  const bands = [];
  const add = (path, kind) => {
    for (const range of rangesOf(pane.links, path)) bands.push(bandOf(pane, range, kind));
  };
  add(pane.selected, "selected");
  if (pane.hovered !== pane.selected) add(pane.hovered, "hovered");
  for (const path of pane.problem?.paths ?? []) add(path, "problem");
  pane.bands.innerHTML = bands.join("");
}

function bandOf(pane, { from, to, header }, kind) {
  if (!pane.rows.length) return "";
  const first = pane.rows[rowAt(pane.rows, from)];
  const last = pane.rows[rowAt(pane.rows, to)];
  const head = header ? `<div class="head ${kind}" style="top:${first.top}px"></div>` : "";
  const top = header ? first.top + LINE : first.top;
  const height = bottomOf(last) - top;
  const body = height > 0 ? `<div class="body ${kind}" style="top:${top}px;height:${height}px"></div>` : "";
  return head + body;
}

function reveal(pane, path) {
  const line = lineOf(pane.links, path);
  if (line && pane.rows.length) scrollTo(pane, pane.rows[rowAt(pane.rows, line)].top);
}

function scrollTo(pane, top) {
  const { scroller } = pane;
  const { scrollTop, clientHeight } = scroller;
  if (top >= scrollTop + LINE && top <= scrollTop + clientHeight - 3 * LINE) return;
  scroller.scrollTop = Math.max(0, top - clientHeight / 3);
  paintInView(pane);
}

/** After a step, the first change should be in view, if no change is. */
function showChange(pane) {
  const { scrollTop, clientHeight } = pane.scroller;
  const changed = pane.rows.filter((r) => r.op === "+" || r.op === "-");
  const seen = changed.some((r) => r.top >= scrollTop && r.top < scrollTop + clientHeight - LINE);
  if (changed.length && !seen) scrollTo(pane, changed[0].top);
}

function rowUnder(pane, target) {
  const index = target.closest?.(".ln")?.dataset.row;
  return index === undefined ? null : pane.rows[Number(index)];
}

function pathUnder(pane, target) {
  const row = rowUnder(pane, target);
  const mark = row && row.op !== "-" ? markAt(pane.links, row.line) : null;
  return mark && mark.kind !== "binding" ? mark.path : null;
}

function onClick(pane, e) {
  if (e.target.closest(".dismiss")) return pane.on.dismiss();
  const row = rowUnder(pane, e.target);
  if (!row) return;
  if (e.target.closest(".fold, .hides")) return toggleFold(pane, row.path);
  const picked = pane.scroller.getRootNode().getSelection?.() ?? document.getSelection();
  if (picked && !picked.isCollapsed) return; // a person is selecting text to copy
  const mark = row.op === "-" ? null : markAt(pane.links, row.line);
  if (mark) pane.on.choose(mark);
}

function toggleFold(pane, path) {
  if (!pane.folded.delete(path)) pane.folded.add(path);
  const top = pane.scroller.scrollTop;
  layOut(pane);
  pane.scroller.scrollTop = top;
}

/** Escape selects the loop outside; Space folds what is selected. */
function onKey(pane, e) {
  const header = pane.links.marks.find((m) => m.path === pane.selected);
  if (e.key === " " && header && header.end > header.line) toggleFold(pane, header.path);
  else if (e.key === "Escape" && pane.links.parents.get(pane.selected)) {
    const path = pane.links.parents.get(pane.selected);
    pane.on.choose({ path, kind: pane.links.nodes.get(path).kind });
  } else return;
  e.preventDefault();
  e.stopPropagation(); // Escape is the page's key for Cancel, too
}

/** The whole text, for the clipboard. */
export const plainText = (pane) => pane.view.lines.join("\n");

/** What a screen reader says of the pane. */
export const describeText = (pane, labels) =>
  say(labels, "text.about", { function: pane.view.function, count: pane.view.lines.length });
