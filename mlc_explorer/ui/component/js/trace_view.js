// History and staircase in one: a row a state of the model, what made it, and how long it takes.

import { afterPaint, esc, followTheme, formatTime, icon, remember, remembered, say, sayAll } from "./dom.js";
import { known, load } from "./payloads.js";
import { adoptStyle } from "./style.js";
import { makeScale, wantsLog } from "./scale.js";
import { tokenise } from "./tokens.js";

const views = new WeakMap();

/** Streamlit calls this at every change of data or theme. */
export async function traceView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".trace-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => setTriggerValue("event", { ...event, n: ++view.count });
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const labels = known(data.labels) ?? (await load(data.labels, () => view.send({ type: "resend" })));
  if (view.latest !== data) return;
  if (view.labels !== labels) sayAll(root, (view.labels = labels));
  view.data = data;
  view.cursor = data.cursor;
  draw(view);
  root.hidden = false;
  root.dataset.ready = "1";
  afterPaint(() => {
    root.dataset.painted = `${data.rows.length}:${data.cursor}`;
  });
}

function create(root) {
  adoptStyle(root);
  const view = { root, count: 0, list: root.querySelector(".rows"), log: remembered("trace.log", null), labels: {} };
  root.querySelector(".scales").addEventListener("click", (e) => {
    const scale = e.target.closest("button")?.dataset.scale;
    if (!scale) return;
    remember("trace.log", (view.log = scale === "log"));
    draw(view);
  });
  view.list.addEventListener("click", (e) => {
    const row = e.target.closest("[data-n]");
    if (!row) return;
    if (e.target.closest(".delete")) view.send({ type: "delete" });
    else goTo(view, Number(row.dataset.n));
  });
  view.list.addEventListener("keydown", (e) => onKey(view, e));
  views.set(root, view);
  return view;
}

/** The cursor moves at once; Python's answer then stands. */
function goTo(view, n) {
  if (n === view.cursor) return;
  view.cursor = n;
  draw(view);
  view.send({ type: "goto", cursor: n });
}

function onKey(view, e) {
  const at = Number(e.target.closest("[data-n]")?.dataset.n);
  if (Number.isNaN(at)) return;
  const rows = view.data.rows.map((r) => r.n);
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  let next = step && rows[rows.indexOf(at) + step];
  if (e.key === "Home") next = rows[0];
  if (e.key === "End") next = rows.at(-1);
  if (e.key === "Delete" && at === rows.at(-1) && at > 0) view.send({ type: "delete" });
  else if (next !== undefined) goTo(view, next);
  else return;
  e.preventDefault();
}

function draw(view) {
  const { root, list, data, labels } = view;
  const times = data.rows.filter((r) => r.time).flatMap((r) => [r.time.median_ms, r.time.p90_ms]);
  const lines = Object.entries(data.lines ?? {}).filter(([, ms]) => ms > 0);
  const all = [...times, ...lines.map(([, ms]) => ms)];
  const logarithmic = view.log ?? wantsLog(all);
  const scale = makeScale(all, logarithmic);
  root.classList.toggle("timed", all.length > 0 || data.rows.some((r) => r.pending));
  root.querySelector(".scales").hidden = !all.length;
  for (const b of root.querySelectorAll(".scales button"))
    b.setAttribute("aria-checked", String((b.dataset.scale === "log") === logarithmic));
  root.querySelector(".axis").innerHTML = axisHtml(lines, scale, labels);
  const first = data.rows.find((r) => r.time)?.time.median_ms;
  list.setAttribute("aria-label", say(labels, "trace.title"));
  drawRows(view, data.rows.map((row, i) => rowHtml(view, row, i, { scale, lines, first })));
  root.querySelector(".hint").hidden = data.rows.length > 1;
}

/** Only rows that changed are made anew: while one is measured, the others keep still. */
function drawRows(view, rows) {
  const { list, root } = view;
  const focused = root.getRootNode().activeElement?.closest?.("[data-n]");
  const drawn = view.drawn ?? [];
  const inView = isInView(list, list.querySelector(".current")); // rows grow when they get their times
  rows.forEach((html, i) => {
    if (html === drawn[i] && list.children[i]) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    if (list.children[i]) list.children[i].replaceWith(holder.content);
    else list.append(holder.content);
  });
  while (list.children.length > rows.length) list.lastChild.remove();
  view.drawn = rows;
  const current = list.querySelector(".current");
  if (focused) current?.querySelector(".go").focus({ preventScroll: true });
  if (current && (inView || view.followed !== view.cursor)) keepInView(list, current);
  view.followed = view.cursor;
}

function isInView(list, row) {
  const top = row ? row.offsetTop - list.offsetTop : -1;
  return top >= list.scrollTop && top < list.scrollTop + list.clientHeight;
}

/** Scroll the list, and never the page, so that `row` shows. */
function keepInView(list, row) {
  const top = row.offsetTop - list.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + row.offsetHeight > list.scrollTop + list.clientHeight)
    list.scrollTop = top + row.offsetHeight - list.clientHeight;
}

/** Labels of the lines, each on the side where there is room; two that are close stand one above the other. */
function axisHtml(lines, scale, labels) {
  const placed = [];
  return [...lines]
    .sort(([, a], [, b]) => a - b)
    .map(([name, ms]) => {
      const at = scale(ms);
      const tier = placed.filter((other) => Math.abs(other - at) < 0.34).length % 2;
      placed.push(at);
      const side = at > 0.6 ? " before" : "";
      return (
        `<span class="line-label tier${tier}${side}" data-line="${esc(name)}" style="left:${percent(at)}">` +
        `${esc(labels[`line.${name}`] ?? name)} <b>${formatTime(ms)}</b></span>`
      );
    })
    .join("");
}

const codeHtml = (text) =>
  tokenise(text, "tir").map(([kind, t]) => (kind ? `<i class="${kind}">${esc(t)}</i>` : esc(t))).join("");

const percent = (share) => `${(share * 100).toFixed(2)}%`;

function rowHtml(view, row, index, { scale, lines, first }) {
  const { labels, data, cursor } = view;
  const current = row.n === cursor;
  const dimmed = row.state === "redo" || row.n > cursor;
  const last = index === data.rows.length - 1 && row.n > 0;
  const name = row.n === 0 ? say(labels, "trace.start") : row.title;
  const detail = row.detail ? `<code>${codeHtml(row.detail)}</code>` : "";
  const target = row.function ? `<span class="target">${esc(row.function)}</span>` : "";
  const badges = (row.badges ?? []).map((b) => `<span class="tag">${esc(b)}</span>`).join("");
  const message = row.message ? `<p class="message">${icon("warning", 12)}<span>${esc(row.message)}</span></p>` : "";
  const rules = lines
    .map(([line, ms]) => `<span class="rule" data-line="${esc(line)}" style="left:${percent(scale(ms))}"></span>`)
    .join("");
  const remove = last
    ? `<button class="delete" title="${esc(say(labels, "trace.delete"))}" ` +
      `aria-label="${esc(say(labels, "trace.delete"))}">${icon("close", 12)}</button>`
    : "";
  return (
    `<li class="step ${esc(row.state)}${current ? " current" : ""}${dimmed ? " dimmed" : ""}" data-n="${row.n}">` +
    `<button class="go" tabindex="${current ? 0 : -1}" ${current ? 'aria-current="step"' : ""}>` +
    `<span class="n">${row.n}</span><span class="what"><span class="title">${esc(name)}</span>${target}${detail}` +
    `${badges}${message}</span></button>` +
    `<span class="bars">${rules}${barHtml(row, scale, labels)}</span>` +
    `<span class="time">${timeHtml(row, first, labels)}</span><span class="end">${remove}</span></li>`
  );
}

function barHtml(row, scale, labels) {
  if (row.pending) return '<span class="bar pending"></span>';
  if (!row.time) return "";
  const { median_ms: median, p10_ms: p10, p90_ms: p90 } = row.time;
  const about = say(labels, "trace.spread", {
    median: formatTime(median), p10: formatTime(p10), p90: formatTime(p90), at: takenAt(row.time),
  });
  const left = scale(p10), right = scale(p90);
  return (
    `<span class="bar" style="width:${percent(Math.max(0.004, scale(median)))}" title="${esc(about)}"></span>` +
    `<span class="whisker" style="left:${percent(left)};width:${percent(right - left)}"></span>`
  );
}

const takenAt = (time) => (time.taken_at ?? "").replace("T", " ").replace(/\.\d+/, "").replace(/\+00:00|Z$/, " UTC");

function timeHtml(row, first, labels) {
  if (row.pending) return `<small>${esc(say(labels, "trace.pending"))}</small>`;
  if (!row.time) return row.state === "bad" ? "" : `<small title="${esc(say(labels, "trace.unmeasured"))}">–</small>`;
  const { median_ms: median, max_rel_error: error, ok } = row.time;
  const ratio = first && row.n > 0 ? first / median : null;
  const speed = ratio
    ? `<span class="speed${ratio < 0.97 ? " slower" : ""}">${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)}×</span>`
    : "";
  const about = say(labels, ok ? "trace.right" : "trace.wrong", { error: error?.toExponential(1) ?? "?" });
  return (
    `<b>${formatTime(median)}</b>${speed}` +
    `<span class="check${ok ? "" : " wrong"}" title="${esc(about)}" role="img" aria-label="${esc(about)}">` +
    `${icon(ok ? "check" : "warning", 12)}</span>`
  );
}
