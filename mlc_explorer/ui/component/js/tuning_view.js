// A tuning: the winner beside the recipe, the curve of the best time, the functions of a model, and every candidate. The
// curve grows while trials arrive; the pointer says below it what each dot is.

import { afterPaint, esc, followTheme, formatTime, icon, say, sayAll } from "./dom.js";
import { known, load } from "./payloads.js";
import { adoptStyle } from "./style.js";
import { curveOf, curveSvg, dotSvg } from "./tuning_curve.js";

const views = new WeakMap();
const KINDS = ["recipe", "around", "search", "record"];
const LEAST_WIDTH = 240;
const NOISE = 1.02; // less is no gain that anybody could measure twice

/** Streamlit calls this at every change of data or theme. */
export async function tuningView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".tuning-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", { ...event, n: ++view.count });
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const labels = known(data.labels) ?? (await load(data.labels, () => view.send({ type: "resend" })));
  if (view.latest !== data) return;
  if (view.labels !== labels) sayAll(root, (view.labels = labels));
  view.data = data;
  root.hidden = false;
  draw(view);
  afterPaint(() => {
    root.dataset.painted = data.candidates.length;
    root.dataset.state = data.state;
  });
}

function create(root) {
  adoptStyle(root);
  const view = { root, count: 0, labels: null, data: null, plot: root.querySelector(".tuning-plot"), width: 0, at: null };
  new ResizeObserver(() => view.data && drawCurve(view)).observe(view.plot);
  view.plot.addEventListener("pointermove", (e) => tell(view, nearest(view, e)));
  view.plot.addEventListener("pointerleave", () => tell(view, null));
  root.addEventListener("click", (e) => {
    const way = e.target.closest(".tuning-take")?.dataset.way;
    if (way) view.send({ type: "take", way });
    const name = e.target.closest(".tuning-function")?.dataset.name;
    if (name) view.send({ type: "function", name });
  });
  views.set(root, view);
  return view;
}

function draw(view) {
  drawResult(view);
  drawCurve(view);
  drawFunctions(view);
  drawCandidates(view);
}

/** Put HTML in the place of what stands there, if it is other. */
function put(element, html) {
  if (element.written !== html) element.innerHTML = element.written = html;
}

// -- the curve

function drawCurve(view) {
  const { root, data, labels, plot } = view;
  root.querySelector(".tuning-figure").hidden = !data.points.length && data.state === "ended";
  const width = Math.max(LEAST_WIDTH, Math.floor(plot.clientWidth));
  view.curve = curveOf(data, width);
  put(plot, curveSvg(view.curve, data, labels, aboutCurve(view)));
  put(root.querySelector(".tuning-legend"), legendHtml(view));
  tell(view, view.at);
}

/** The curve in words. */
function aboutCurve({ data, labels, curve: { steps, lines } }) {
  const best = steps.at(-1);
  const words = { count: data.points.length, failed: failures(data), best: formatTime(best?.ms), number: best?.n };
  const parts = [best ? say(labels, "tuning.curve", words) : say(labels, "tuning.curve_empty")];
  for (const [name, ms] of lines) parts.push(`${kindName(labels, name)}: ${formatTime(ms)}.`);
  return parts.join(" ");
}

const failures = (data) => data.points.filter(([, , ms]) => ms == null).length;

function legendHtml({ data, labels }) {
  const swatch = (kind) => `<svg width="12" height="12" viewBox="-6 -6 12 12">${dotSvg(kind)}</svg>`;
  const key = (kind, count) => (count ? `<span>${swatch(kind)}${esc(kindName(labels, kind))} <b>${count}</b></span>` : "");
  const counts = KINDS.map((kind) => key(kind, data.points.filter(([, k, ms]) => k === kind && ms != null).length));
  return counts.join("") + key("failed", failures(data));
}

const kindName = (labels, kind) => say(labels, `tuning.kind_${kind}`);

function nearest(view, e) {
  const at = e.clientX - view.plot.getBoundingClientRect().left;
  const far = (p) => Math.abs(p.x - at);
  const point = view.curve.points.reduce((best, p) => (best && far(best) <= far(p) ? best : p), null);
  return point && far(point) < 40 ? point.n : null;
}

/** Say below what the dot at the pointer is; without one, why the tuning ended. */
function tell(view, number) {
  const { root, data, labels, plot } = view;
  view.at = number;
  const point = number === null ? null : view.curve.points.find((p) => p.n === number);
  const cursor = plot.querySelector(".tuning-cursor");
  cursor.toggleAttribute("hidden", !point);
  const line = root.querySelector(".tuning-at");
  if (!point) return put(line, esc(restText(view)));
  cursor.firstElementChild.setAttribute("x1", point.x);
  cursor.firstElementChild.setAttribute("x2", point.x);
  cursor.lastElementChild.setAttribute("cx", point.x);
  cursor.lastElementChild.setAttribute("cy", point.y);
  const one = data.candidates.find((c) => c.n === number);
  const parts = [`<b>#${number}</b>`, esc(kindName(labels, point.kind))];
  if (data.functions.length) parts.push(`<code>${esc(one.function)}</code>`);
  parts.push(one.ms == null ? `<span class="bad">${esc(one.message)}</span>` : `<b>${formatTime(one.ms)}</b>`);
  if (point.ms && data.lines.start) parts.push(ofStart(labels, data.lines.start / point.ms));
  put(line, parts.join(" · "));
}

const ofStart = (labels, times) => esc(say(labels, "tuning.times", { times: ratioOf(times) }));

const ratioOf = (value) => (value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));

function restText({ data, labels }) {
  if (data.state === "running") return say(labels, "tuning.grows");
  const words = { when: data.when, seconds: Math.round(data.seconds), count: data.candidates.length };
  const parts = [say(labels, "tuning.taken_at", words)];
  if (data.ended !== "trials") parts.push(say(labels, `tuning.ended_${data.ended}`));
  return parts.join(" ");
}

// -- the winner and the recipe

function drawResult({ root, data, labels }) {
  const section = root.querySelector(".tuning-result");
  section.hidden = data.state !== "ended";
  if (section.hidden) return;
  const ways = [["tuned", data.best_ms], ["recipe", data.recipe_ms]].filter(([way]) => data.ways[way]);
  const slowest = Math.max(...ways.map(([, ms]) => ms ?? 0));
  put(root.querySelector(".tuning-verdict"), esc(verdict(data, labels)));
  put(root.querySelector(".tuning-ways"), ways.map(([way, ms]) => wayHtml(way, ms, slowest, data, labels)).join(""));
}

/** What came of it, in a sentence. */
function verdict(data, labels) {
  const words = { start: formatTime(data.started_ms), best: formatTime(data.best_ms), recipe: formatTime(data.recipe_ms) };
  const { tuned, recipe } = data.ways;
  if (!tuned && !recipe) return say(labels, "tuning.nothing", words);
  if (!recipe) return say(labels, "tuning.verdict", words);
  const gain = tuned ? data.recipe_ms / data.best_ms : 1;
  if (gain < NOISE) return say(labels, "tuning.verdict_recipe", words);
  return say(labels, "tuning.verdict_faster", { ...words, times: ratioOf(gain) });
}

function wayHtml(way, ms, slowest, data, labels) {
  const share = ms && slowest ? Math.max(2, (100 * ms) / slowest) : 0;
  const isTaken = data.taken === way;
  const times = ms && data.started_ms ? data.started_ms / ms : 0;
  const speed = times ? `<span class="tuning-speed" title="${ofStart(labels, times)}">${ratioOf(times)}×</span>` : "";
  const take = say(labels, `tuning.take_${way}`);
  const about = say(labels, "tuning.take_about", { count: data.ways[way] });
  return (
    `<li class="tuning-way ${way}${isTaken ? " taken" : ""}"><div class="tuning-way-line">` +
    `<b>${esc(say(labels, `tuning.way_${way}`))}</b>` +
    `<span class="tuning-ms">${formatTime(ms)}</span>${speed}<span class="space"></span>` +
    (isTaken
      ? `<span class="tuning-here">${icon("check", 13)} ${esc(say(labels, "tuning.here"))}</span>`
      : `<button class="tuning-take" data-way="${way}" title="${esc(about)}">${esc(take)}</button>`) +
    `</div><span class="tuning-bar"><i style="width:${share.toFixed(1)}%"></i></span></li>`
  );
}

// -- the tables

/** A function's name, which may go on in the next line after each underscore. */
const breakable = (name) => esc(name).replaceAll("_", "_<wbr>");

function drawFunctions({ root, data, labels }) {
  const section = root.querySelector(".tuning-functions");
  section.hidden = !data.functions.length;
  const heads = ["function", "calls", "start", "recipe", "best"].map((h) => `<th scope="col">${esc(say(labels, `tuning.head_${h}`))}</th>`);
  const rows = data.functions.map((f) => {
    const gain = f.kind !== "start" && f.started_ms && f.best_ms ? f.started_ms / f.best_ms : null;
    return (
      `<tr><th scope="row"><button class="tuning-function" data-name="${esc(f.name)}">${breakable(f.name)}</button></th><td>${f.calls}</td>` +
      `<td>${formatTime(f.started_ms)}</td><td>${formatTime(f.recipe_ms)}</td>` +
      `<td><b>${formatTime(f.best_ms)}</b>${gain ? ` <small>${ratioOf(gain)}×</small>` : ""}` +
      `<small class="tuning-from">${f.best_ms ? esc(kindName(labels, f.kind)) : ""}</small></td></tr>`
    );
  });
  put(section, `<div class="scroller"><table><thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`);
}

function drawCandidates({ root, data, labels }) {
  const more = root.querySelector(".tuning-more");
  more.hidden = !data.candidates.length;
  put(more.firstElementChild, `${icon("chevron", 12)}${esc(say(labels, "tuning.all", { count: data.candidates.length }))}`);
  const whole = data.functions.length > 0;
  const heads = ["number", ...(whole ? ["function"] : []), "kind", "time"].map((h) => `<th scope="col">${esc(say(labels, `tuning.head_${h}`))}</th>`);
  const rows = data.candidates.map((c) => {
    const time = c.ms == null ? `<td class="bad">${esc(c.message)}</td>` : `<td class="tuning-ms">${formatTime(c.ms)}</td>`;
    const mark = `<svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true">${dotSvg(c.ms == null ? "failed" : c.kind)}</svg>`;
    return `<tr><td>${c.n}</td>${whole ? `<td><code>${breakable(c.function)}</code></td>` : ""}<td class="tuning-kind">${mark} ${esc(kindName(labels, c.kind))}</td>${time}</tr>`;
  });
  put(root.querySelector(".tuning-candidates"), `<table><thead><tr>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`);
}
