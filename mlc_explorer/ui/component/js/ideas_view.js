// What next? The ideas for what is selected as a list, best first while they are measured; each opens to its diff.

import { afterPaint, esc, followTheme, formatTime, icon, say, sayAll } from "./dom.js";
import { drawPassDiff, makePassDiff } from "./pass_diff.js";
import { known, load } from "./payloads.js";
import { adoptStyle } from "./style.js";

const views = new WeakMap();
const CONTEXT = 1; // lines around a change: the panel is narrow

/** Streamlit calls this at every change of data or theme. */
export async function ideasView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".ideas-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", { ...event, n: ++view.count });
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const resend = () => view.send({ type: "resend" });
  const labels = known(data.labels) ?? (await load(data.labels, resend));
  const found = known(data.candidates) ?? (await load(data.candidates, resend));
  if (view.latest !== data) return;
  if (view.labels !== labels) sayAll(root, (view.labels = labels));
  if (view.found !== found) {
    view.items.clear();
    view.list.replaceChildren();
  }
  Object.assign(view, { data, found });
  draw(view);
  root.hidden = false;
  afterPaint(() => {
    root.dataset.painted = `${data.rows.length}:${data.rows.filter((row) => row.time).length}`;
    root.dataset.state = data.progress ? "measuring" : "still";
  });
}

function create(root) {
  adoptStyle(root);
  const view = { root, count: 0, list: root.querySelector(".ideas-list"), items: new Map(), labels: null };
  root.querySelector(".ideas-go").addEventListener("click", () => {
    const { data } = view;
    if (data.progress || data.elsewhere) view.send({ type: "cancel" });
    else view.send({ type: "measure", again: data.rows.every((row) => row.time || row.message) });
  });
  view.list.addEventListener("click", (e) => onClick(view, e));
  view.list.addEventListener("keydown", (e) => onKey(view, e));
  views.set(root, view);
  return view;
}

function onClick(view, e) {
  const element = e.target.closest(".idea");
  if (!element) return;
  const idea = view.found.candidates[Number(element.dataset.idea)];
  if (e.target.closest(".idea-take")) {
    view.send({ type: "take", state: view.data.state, steps: idea.steps });
  } else if (e.target.closest(".idea-open")) unfold(view, element, idea);
}

/** Up and down go from idea to idea. */
function onKey(view, e) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (!step || !e.target.closest(".idea-open")) return;
  const all = [...view.list.querySelectorAll(".idea-open")];
  all[all.indexOf(e.target.closest(".idea-open")) + step]?.focus();
  e.preventDefault();
}

function unfold(view, element, idea) {
  const more = element.querySelector(".idea-more");
  more.hidden = !more.hidden;
  element.querySelector(".idea-open").setAttribute("aria-expanded", String(!more.hidden));
  if (more.hidden || more.dataset.drawn) return;
  more.dataset.drawn = "1";
  more.querySelector(".idea-steps").textContent = idea.steps.map((s) => s.transform).join(" → ");
  const scroller = more.querySelector(".scroller");
  scroller.hidden = !idea.diff;
  if (idea.diff) drawPassDiff(makePassDiff(scroller, CONTEXT), idea.diff, view.labels, false);
}

function draw(view) {
  const { root, data, found, labels } = view;
  const subject = found.block ?? found.function;
  root.querySelector(".ideas-about").textContent = say(labels, "ideas.about", { subject, target: data.target });
  root.querySelector(".ideas-none").hidden = found.candidates.length > 0;
  view.list.setAttribute("aria-label", say(labels, "ideas.title"));
  drawButton(view);
  drawProgress(view);
  const times = [data.now.time, ...data.rows.map((row) => row.time)].filter((time) => time?.ok);
  const slowest = Math.max(...times.map((time) => time.median_ms));
  data.rows.forEach((row, place) => drawRow(view, row, place, slowest));
  root.querySelector(".ideas-foot").textContent = footText(view);
}

function drawButton({ root, data, labels }) {
  const button = root.querySelector(".ideas-go");
  const ends = data.progress || data.elsewhere;
  const all = data.rows.length > 0 && data.rows.every((row) => row.time || row.message);
  if (ends) button.textContent = say(labels, "ideas.cancel");
  else button.textContent = all ? say(labels, "ideas.again") : say(labels, "ideas.measure");
  button.hidden = !ends && !data.rows.length;
  button.classList.toggle("running", Boolean(ends));
}

function drawProgress({ root, data, labels }) {
  const bar = root.querySelector(".ideas-progress");
  bar.hidden = !data.progress;
  if (!data.progress) return;
  const { n, of, share } = data.progress;
  bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  bar.setAttribute("aria-valuetext", say(labels, "ideas.progress", { n, of }));
  bar.dataset.text = say(labels, "ideas.progress", { n, of });
  bar.firstElementChild.style.width = `${share * 100}%`;
}

/** A row keeps its element as long as its idea stands, so that focus, unfolding and scrolling stay. */
function drawRow(view, row, place, slowest) {
  const { list, items, found } = view;
  let item = items.get(row.id);
  if (!item) {
    const holder = document.createElement("template");
    holder.innerHTML = ideaHtml(row.id, found.candidates[row.id], view);
    items.set(row.id, (item = { element: holder.content.firstElementChild }));
  }
  if (list.children[place] !== item.element) {
    const focused = item.element.contains(list.getRootNode().activeElement) && list.getRootNode().activeElement;
    list.insertBefore(item.element, list.children[place] ?? null);
    if (focused) focused.focus({ preventScroll: true });
  }
  const html = measuredHtml(view, row, place, slowest);
  if (item.html === html) return;
  item.element.querySelector(".idea-measured").innerHTML = item.html = html;
  item.element.classList.toggle("best", isBest(view.data, row, place));
}

const isBest = (data, row, place) => place === 0 && Boolean(row.time?.ok) && !(row.speedup <= 1);

function ideaHtml(id, idea, { labels, data: { families } }) {
  return (
    `<li class="idea" data-idea="${id}"><div class="idea-line">` +
    `<button class="idea-open" aria-expanded="false">${icon("chevron", 12)}<span>${esc(idea.title)}</span></button>` +
    `<button class="idea-take" title="${esc(say(labels, "ideas.take_about", { count: idea.steps.length }))}">` +
    `${esc(say(labels, "ideas.take"))}</button></div>` +
    `<div class="idea-measured"></div>` +
    `<p class="idea-why"><span class="idea-family">${esc(families[idea.family] ?? idea.family)}</span> ${esc(idea.text)}</p>` +
    `<div class="idea-more" hidden><code class="idea-steps"></code>` +
    `<div class="scroller" tabindex="0" role="region" aria-label="${esc(say(labels, "ideas.diff"))}">` +
    `<div class="sheet"></div></div></div></li>`
  );
}

function measuredHtml({ labels }, row, place, slowest) {
  if (row.pending) return `<span class="idea-bar idea-waits"></span><small>${esc(say(labels, "ideas.waiting"))}</small>`;
  if (row.message) return `<small class="idea-wrong">${icon("warning", 12)} ${esc(row.message)}</small>`;
  if (!row.time) return "";
  const { median_ms: median, p10_ms: p10, p90_ms: p90, max_rel_error: error, ok } = row.time;
  const about = say(labels, ok ? "trace.right" : "trace.wrong", { error: error.toExponential(1) });
  const mark =
    `<span class="idea-check${ok ? "" : " idea-wrong"}" role="img" aria-label="${esc(about)}" title="${esc(about)}">` +
    `${icon(ok ? "check" : "warning", 12)}</span>`;
  if (!ok) return `${mark}<small class="idea-wrong">${esc(say(labels, "ideas.wrong"))}</small>`;
  const spread = say(labels, "trace.spread", {
    median: formatTime(median), p10: formatTime(p10), p90: formatTime(p90), at: takenAt(row.time),
  });
  const share = Math.max(1, (100 * median) / slowest);
  const speed = row.speedup
    ? `<b class="idea-speed${row.speedup < 0.97 ? " slower" : ""}">${ratio(row.speedup)}×</b>`
    : "";
  return (
    `<span class="idea-bar" title="${esc(spread)}"><i style="width:${share.toFixed(1)}%"></i></span>` +
    `<span class="idea-ms">${formatTime(median)}</span>` +
    `<small>± ${formatTime((p90 - p10) / 2)}</small>${speed}${mark}`
  );
}

const ratio = (value) => (value >= 10 ? value.toFixed(0) : value.toFixed(2));

const takenAt = (time) => time.taken_at.replace("T", " ").replace("+00:00", " UTC");

/** What the ideas are compared with, and when that and they were measured. */
function footText({ data, labels }) {
  if (data.elsewhere) return say(labels, "ideas.elsewhere");
  const { time, pending } = data.now;
  if (time) return say(labels, "ideas.now", { median: formatTime(time.median_ms), at: takenAt(time) });
  if (pending) return say(labels, "ideas.now_pending");
  return data.rows.some((row) => row.time) ? say(labels, "ideas.now_unknown") : say(labels, "ideas.hint");
}
