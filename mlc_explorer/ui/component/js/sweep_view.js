// A sweep: a heat map for two ranges, bars for one, several heat maps for three, and a list, best first. It is
// redrawn cell by cell while measurements arrive; a click on a point, or Enter, takes it.

import { afterPaint, esc, followTheme, formatTime, icon, remember, remembered, say, sayAll } from "./dom.js";
import { known, load } from "./payloads.js";
import { adoptStyle } from "./style.js";
import { heatGradient, heatScale } from "./sweep_colours.js";
import { canBeMapped, csvOf, listHtml, mapHtml, paintPoint, pointName, ratioText } from "./sweep_cells.js";

const views = new WeakMap();

/** Streamlit calls this at every change of data or theme. */
export async function sweepView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".sweep-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", { ...event, n: ++view.count });
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const resend = () => view.send({ type: "resend" });
  const [labels, grid] = await Promise.all([data.labels, data.grid].map((e) => known(e) ?? load(e, resend)));
  if (view.latest !== data) return;
  if (view.labels !== labels) sayAll(root, (view.labels = labels));
  if (view.grid !== grid) Object.assign(view, { grid, drawn: "", at: null });
  view.data = data;
  draw(view);
  root.hidden = false;
  afterPaint(() => {
    root.dataset.painted = data.results.filter((r) => r.ms != null).length;
  });
}

function create(root) {
  adoptStyle(root);
  const body = root.querySelector(".sweep-body");
  const view = { root, body, count: 0, labels: {}, grid: null, at: null, drawn: "", mode: remembered("sweep.mode", "map") };
  const copy = root.querySelector(".sweep-copy");
  copy.innerHTML = icon("copy");
  copy.addEventListener("click", () => copyCsv(view, copy));
  root.querySelector(".sweep-modes").addEventListener("click", (e) => {
    const mode = e.target.closest("button")?.dataset.mode;
    if (mode) remember("sweep.mode", (view.mode = mode));
    draw(view);
  });
  body.addEventListener("click", (e) => take(view, pointOf(e.target)));
  body.addEventListener("keydown", (e) => onKey(view, e));
  body.addEventListener("focusin", (e) => moveTo(view, pointOf(e.target)));
  body.addEventListener("pointerover", (e) => tell(view, pointOf(e.target) ?? view.at));
  body.addEventListener("pointerleave", () => tell(view, view.at));
  views.set(root, view);
  return view;
}

const pointOf = (element) => {
  const number = element.closest?.("[data-point]")?.dataset.point;
  return number === undefined ? null : Number(number);
};

const cellOf = (view, number) => view.body.querySelector(`[data-point="${number}"]`);

async function copyCsv(view, button) {
  await navigator.clipboard.writeText(csvOf(view.grid, view.data.results)).catch(() => {});
  button.classList.add("done");
  button.innerHTML = icon("check");
  setTimeout(() => {
    button.classList.remove("done");
    button.innerHTML = icon("copy");
  }, 1200);
}

// -- drawing

function draw(view) {
  const { root, body, grid, data, labels } = view;
  const mapped = view.mode === "map" && canBeMapped(grid);
  for (const b of root.querySelectorAll(".sweep-modes button")) {
    b.setAttribute("aria-checked", String((b.dataset.mode === "map") === mapped));
    b.disabled = b.dataset.mode === "map" && !canBeMapped(grid);
  }
  const order = mapped ? null : bestFirst(data.results);
  const scene = mapped ? "map" : `list ${order.join()}`;
  if (view.drawn !== scene) {
    const focused = root.getRootNode().activeElement?.closest?.("[data-point]")?.dataset.point;
    body.innerHTML = mapped ? mapHtml(grid, labels) : listHtml(grid, order, labels);
    view.drawn = scene;
    if (focused !== undefined) cellOf(view, focused)?.focus({ preventScroll: true });
  }
  const times = data.results.filter((r) => r.ms != null && r.state === "right").map((r) => r.ms);
  const scale = heatScale(times);
  const longest = Math.max(...data.results.map((r) => r.ms ?? 0), 1e-9);
  if (view.at === null || !cellOf(view, view.at)) view.at = data.best ?? 0;
  data.results.forEach((result, number) => {
    const cell = cellOf(view, number);
    if (cell) paintPoint(cell, { grid, number, result, data, labels, scale, longest, at: view.at });
  });
  drawLegend(view, times);
  tell(view, view.at);
}

/** Right results by their time, then wrong ones, then what waits, then what was refused or failed. */
function bestFirst(results) {
  const rank = { right: 0, wrong: 1, running: 2, waiting: 2, failed: 3, refused: 4 };
  const key = (n) => [rank[results[n].state], results[n].ms ?? 0];
  return results.map((_, n) => n).sort((a, b) => key(a)[0] - key(b)[0] || key(a)[1] - key(b)[1] || a - b);
}

function drawLegend(view, times) {
  const { root, labels, data } = view;
  const legend = root.querySelector(".sweep-legend");
  const swatch = (kind, text) => `<span class="sweep-key"><i class="sweep-swatch ${kind}"></i>${esc(text)}</span>`;
  const has = (state) => data.results.some((r) => r.state === state);
  const ramp = times.length
    ? `<span class="sweep-key">${formatTime(Math.max(...times))}<i class="sweep-ramp" style="background:${heatGradient()}"></i>` +
      `<b>${formatTime(Math.min(...times))}</b></span>`
    : "";
  const now = data.now_ms ? `<span class="sweep-key">${esc(say(labels, "sweep.now", { time: formatTime(data.now_ms) }))}</span>` : "";
  const html =
    ramp +
    now +
    (has("refused") ? swatch("refused", say(labels, "sweep.key_refused")) : "") +
    (has("failed") ? swatch("failed", say(labels, "sweep.key_failed")) : "") +
    (has("wrong") ? swatch("wrong", say(labels, "sweep.key_wrong")) : "");
  if (legend.innerHTML !== html) legend.innerHTML = html;
}

/** Say below what is known of a point. */
function tell(view, number) {
  const { root, grid, data, labels } = view;
  const about = root.querySelector(".sweep-about");
  const result = number === null ? null : data.results[number];
  if (!result) return;
  const parts = [`<b>${esc(pointName(grid, number))}</b>`];
  if (result.ms != null) {
    const spread = say(labels, "sweep.spread", { median: formatTime(result.ms), p10: formatTime(result.p10), p90: formatTime(result.p90) });
    parts.push(esc(spread));
    if (data.now_ms) parts.push(esc(say(labels, "sweep.ratio", { ratio: ratioText(data.now_ms / result.ms) })));
  }
  if (result.state === "waiting") parts.push(esc(say(labels, "sweep.waiting")));
  if (result.state === "running") parts.push(esc(say(labels, "sweep.running")));
  if (result.state === "wrong") parts.push(`<span class="bad">${esc(say(labels, "sweep.wrong"))}</span>`);
  if (result.left_out) parts.push(esc(say(labels, "sweep.left_out", { count: result.left_out })));
  if (result.message) parts.push(esc(result.message));
  else parts.push(`<span class="sweep-take">${esc(say(labels, "sweep.take"))}</span>`);
  const html = parts.join(" · ");
  if (about.innerHTML !== html) about.innerHTML = html;
}

// -- doing

function take(view, number) {
  if (number === null) return;
  moveTo(view, number);
  if (view.data.results[number].state !== "refused") view.send({ type: "take", point: number });
}

/** The one point that Tab reaches. */
function moveTo(view, number) {
  if (number === null || number === view.at) return;
  cellOf(view, view.at)?.setAttribute("tabindex", "-1");
  view.at = number;
  cellOf(view, number)?.setAttribute("tabindex", "0");
  tell(view, number);
}

function onKey(view, e) {
  const number = pointOf(e.target);
  if (number === null || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "Enter" || e.key === " ") take(view, number);
  else {
    const next = neighbour(view, number, e.key);
    if (!next) return;
    next.focus();
  }
  e.preventDefault();
  e.stopPropagation();
}

/** The point beside the one that has the focus: in a table by row and column, else the next in the list. */
function neighbour(view, number, key) {
  const cells = [...view.body.querySelectorAll("[data-point]")];
  const cell = cellOf(view, number);
  const at = cells.indexOf(cell);
  if (key === "Home") return cells[0];
  if (key === "End") return cells.at(-1);
  if (cell.localName !== "td") return { ArrowDown: cells[at + 1], ArrowUp: cells[at - 1] }[key];
  if (key === "ArrowLeft" || key === "ArrowRight") return cells[at + (key === "ArrowRight" ? 1 : -1)];
  const rows = [...view.body.querySelectorAll("tbody tr")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  for (let row = rows.indexOf(cell.parentElement) + step; step && rows[row]; row += step) {
    const other = rows[row].cells[cell.cellIndex];
    if (other?.dataset.point !== undefined) return other;
  }
  return null;
}
