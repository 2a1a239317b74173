// Before → after of one function. What stayed the same is folded into one row that says how many lines it
// hides, because a pass often touches ten lines of a thousand. Rows are painted when they come near the view.

import { esc, say } from "./dom.js";
import { rowHtml, rowsOf } from "./rows.js";

const CONTEXT = 3; // lines kept around a change, unless a view wants it closer
const LEAST = 4; // fewer lines are not worth folding
const CHUNK = 80; // rows that are painted together
const NO_LINKS = { marks: [], headers: new Map(), nodes: new Map() };

/** The diff in `scroller`: its state, to be drawn by `drawPassDiff`. */
export function makePassDiff(scroller, context = CONTEXT) {
  const sheet = scroller.querySelector(".sheet");
  const view = { scroller, sheet, context, diff: null, rows: [], open: new Set(), whole: false };
  view.near = new IntersectionObserver(
    (entries) => entries.forEach((e) => e.isIntersecting && paint(view, e.target)),
    { root: scroller, rootMargin: "600px 0px" },
  );
  view.sheet.addEventListener("click", (e) => {
    const gap = e.target.closest("[data-gap]");
    if (!gap) return;
    view.open.add(Number(gap.dataset.gap));
    layOut(view);
  });
  return view;
}

/** Show a DiffView (null for none). */
export function drawPassDiff(view, diff, labels, whole) {
  if (view.diff !== diff) {
    view.open.clear();
    view.rows = diff ? rowsOf({ lines: diff.after }, { diff, side: null }, NO_LINKS, new Set(), null, 0) : [];
    view.scroller.scrollTop = 0;
  }
  Object.assign(view, { diff, labels, whole });
  layOut(view);
}

function layOut(view) {
  const { sheet, rows, near } = view;
  near.disconnect();
  view.items = view.whole ? rows.map((row, i) => i) : folded(rows, view.open, view.context);
  const longest = rows.reduce((most, row) => Math.max(most, row.text.length), 0);
  sheet.style.setProperty("--columns", longest + 8);
  sheet.style.setProperty("--digits", String(view.diff?.after.length ?? 0).length);
  const chunks = [];
  for (let from = 0; from < view.items.length; from += CHUNK) {
    const element = document.createElement("div");
    const count = Math.min(CHUNK, view.items.length - from);
    element.className = "chunk";
    element.dataset.from = from;
    element.style.height = `calc(${count} * var(--line))`;
    chunks.push(element);
  }
  sheet.replaceChildren(...chunks);
  if (chunks.length) paint(view, chunks[0]);
  chunks.forEach((chunk) => near.observe(chunk));
}

/** Indices of rows, and {from, to} for rows that are as before and far from any change. */
function folded(rows, open, context) {
  const near = new Uint8Array(rows.length);
  rows.forEach((row, i) => {
    if (row.op === "+" || row.op === "-") near.fill(1, Math.max(0, i - context), i + context + 1);
  });
  const items = [];
  for (let i = 0; i < rows.length; ) {
    let to = i;
    while (to < rows.length && !near[to]) to++;
    if (to - i < LEAST || open.has(i)) {
      for (to = Math.max(to, i + 1); i < to; i++) items.push(i);
    } else {
      items.push({ from: i, to });
      i = to;
    }
  }
  return items;
}

function paint(view, chunk) {
  view.near.unobserve(chunk);
  if (chunk.firstChild) return;
  const from = Number(chunk.dataset.from);
  chunk.innerHTML = view.items.slice(from, from + CHUNK).map((item) => itemHtml(view, item)).join("");
}

function itemHtml(view, item) {
  if (typeof item === "object") {
    const count = say(view.labels, "pipeline.same", { count: item.to - item.from });
    return `<button class="gap" data-gap="${item.from}"><span class="no">⋯</span>${esc(count)}</button>`;
  }
  return rowHtml(view.rows[item], item, { view: {}, links: NO_LINKS, labels: view.labels, language: "python" });
}
