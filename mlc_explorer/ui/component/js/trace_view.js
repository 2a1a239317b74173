// History and staircase in one: a row a state of the model, what made it, and how long it takes. Steps that belong
// together are a group, which opens as in a tree.

import { afterPaint, esc, followTheme, formatTime, remember, remembered, say, sayAll } from "./dom.js";
import { known, load } from "./payloads.js";
import { makeScale, wantsLog } from "./scale.js";
import { adoptStyle } from "./style.js";
import { closeMore, hearMore, makeMore, placeMore, redrawMore, toggleMore } from "./trace_more.js";
import { isAt, keyOf, percentOf, stepHtml } from "./trace_rows.js";

const views = new WeakMap();

/** Streamlit calls this at every change of data or theme. */
export async function traceView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".trace-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => {
    setTriggerValue("event", { ...event, n: ++view.count });
    return view.count;
  };
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const resend = () => view.send({ type: "resend" });
  const [labels, catalogue] = await Promise.all([data.labels, data.specs].map((entry) => entry && (known(entry) ?? load(entry, resend))));
  if (view.latest !== data) return;
  const isNew = view.labels !== labels;
  if (isNew) sayAll(root, labels);
  Object.assign(view, { data, labels, catalogue, cursor: data.cursor });
  draw(view);
  hearMore(view, data.seen ?? 0);
  if (isNew) redrawMore(view);
  root.hidden = false;
  root.dataset.ready = "1";
  root.dataset.busy = String(data.busy ?? false);
  afterPaint(() => {
    root.dataset.painted = `${(data.total ?? data.rows.length - 1) + 1}:${data.cursor}`;
  });
}

function create(root) {
  adoptStyle(root);
  const view = { root, count: 0, list: root.querySelector(".rows"), log: remembered("trace.log", null), labels: null, focus: null, acting: null };
  view.edit = (type, row, more) => {
    if (view.data.busy) return 0;
    return view.send({ type, history: view.data.history, first: firstOf(row), count: countOf(row), ...more });
  };
  makeMore(view);
  root.querySelector(".scales").addEventListener("click", (e) => {
    const scale = e.target.closest("button")?.dataset.scale;
    if (!scale) return;
    remember("trace.log", (view.log = scale === "log"));
    draw(view);
  });
  view.list.addEventListener("click", (e) => onClick(view, e));
  view.list.addEventListener("keydown", (e) => onKey(view, e));
  view.list.addEventListener("focusin", (e) => {
    view.focus = e.target.closest("[data-key]").dataset.key;
  });
  views.set(root, view);
  return view;
}

// -- what a person does

const firstOf = (row) => (row.first ?? row.n) - 1; // counted from 0
const countOf = (row) => row.count ?? 1;

function rowAt(view, e) {
  const key = e.target.closest("[data-key]")?.dataset.key;
  return view.data.rows.find((row) => keyOf(row) === key);
}

function onClick(view, e) {
  const row = rowAt(view, e);
  if (!row || e.target.closest(".step-more")) return;
  const act = e.target.closest("[data-act]")?.dataset.act;
  view.focus = keyOf(row);
  if (act) doAct(view, act, row);
  else if (e.target.closest(".delete")) view.edit("remove", row);
  else if (e.target.closest(".more")) {
    view.acting = view.acting === keyOf(row) ? null : keyOf(row);
    draw(view);
  } else if (e.target.closest(".twist")) setOpen(view, row, !row.open);
  else {
    if (view.acting !== keyOf(row)) view.acting = null;
    goTo(view, row.n);
  }
}

function doAct(view, act, row) {
  if (act === "why" || act === "edit") toggleMore(view, act, row);
  else if (act === "measure") view.edit("measure", row, { cursors: row.id ? [row.n, row.first - 1] : [row.n] });
  else {
    closeMore(view);
    view.edit(act, row);
  }
}

/** The cursor moves at once; Python's answer then stands. */
function goTo(view, n) {
  if (n === view.cursor) return draw(view);
  view.cursor = n;
  draw(view);
  view.send({ type: "goto", cursor: n });
}

/** The twist turns at once; a group's rows come from Python. */
function setOpen(view, row, open) {
  if (row.open === open) return;
  row.open = open;
  if (!open) view.data.rows = view.data.rows.filter((r) => r === row || !isWithin(r, row));
  draw(view);
  view.send({ type: "open", id: row.id, open });
}

const isWithin = (row, group) => row.level > group.level && (row.first ?? row.n) >= group.first && row.n <= group.n;

/** As in a tree: up and down move the focus, right and left open and close, Enter goes there. */
function onKey(view, e) {
  const row = e.target.closest(".go") && rowAt(view, e);
  if (!row || e.altKey || e.ctrlKey || e.metaKey) return;
  const { rows } = view.data;
  const at = rows.indexOf(row);
  const parent = () => rows.slice(0, at).findLast((r) => (r.level ?? 1) < (row.level ?? 1));
  let next = { ArrowDown: rows[at + 1], ArrowUp: rows[at - 1], Home: rows[0], End: rows.at(-1) }[e.key];
  if (e.key === "ArrowRight" && row.id && row.open) next = rows[at + 1];
  else if (e.key === "ArrowRight" && row.id) setOpen(view, row, true);
  else if (e.key === "ArrowLeft" && row.open) setOpen(view, row, false);
  else if (e.key === "ArrowLeft") next = parent();
  else if (e.key === "Delete" && row.n > 0) view.edit("remove", row);
  else if (!next) return;
  if (next) moveFocus(view, next);
  e.preventDefault();
}

function moveFocus(view, row) {
  view.focus = keyOf(row);
  for (const element of view.list.children) {
    const go = element.querySelector(".go");
    go.tabIndex = element.dataset.key === view.focus ? 0 : -1;
    if (go.tabIndex === 0) go.focus({ preventScroll: true });
    if (go.tabIndex === 0) keepInView(view.list, element);
  }
}

// -- drawing

function draw(view) {
  const { root, list, data, labels } = view;
  const shown = data.rows.filter((r) => r.time);
  const lines = Object.entries(data.lines ?? {}).filter(([, ms]) => ms > 0);
  const all = [...shown.flatMap((r) => [r.time.median_ms, r.time.p90_ms]), ...lines.map(([, ms]) => ms)];
  const logarithmic = view.log ?? wantsLog(all);
  const scale = makeScale(all, logarithmic);
  root.classList.toggle("timed", all.length > 0 || data.rows.some((r) => r.pending));
  root.querySelector(".scales").hidden = !all.length;
  for (const b of root.querySelectorAll(".scales button"))
    b.setAttribute("aria-checked", String((b.dataset.scale === "log") === logarithmic));
  root.querySelector(".axis").innerHTML = axisHtml(lines, scale, labels);
  list.setAttribute("aria-label", say(labels, "trace.title"));
  drawRows(view, { scale, lines, first: shown[0]?.time.median_ms });
  root.querySelector(".hint").hidden = data.rows.length > 1;
}

/** Only rows that changed are made anew: while one is measured, the others keep still. */
function drawRows(view, frame) {
  const { list, root, data } = view;
  const active = root.getRootNode().activeElement;
  const focused = active?.closest?.(".go") && list.contains(active);
  const at = data.rows.findIndex((row) => isAt(row, view.cursor));
  const moved = view.followed !== view.cursor;
  const stop = data.rows.findIndex((row) => keyOf(row) === view.focus);
  const tab = stop >= 0 && !(moved && !focused) ? stop : at;
  const rows = data.rows.map((row, n) => stepHtml(row, placeOfRow(view, row, n, tab, at), frame, view));
  const drawn = view.drawn ?? [];
  const inView = isInView(list, list.querySelector(".current")); // rows grow when they get their times
  rows.forEach((html, i) => {
    if (html === drawn[i] && list.children[i]) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    keepMore(view, list.children[i]);
    if (list.children[i]) list.children[i].replaceWith(holder.content);
    else list.append(holder.content);
  });
  while (list.children.length > rows.length) {
    keepMore(view, list.lastChild);
    list.lastChild.remove();
  }
  view.drawn = rows;
  placeMore(view);
  if (focused) list.children[tab]?.querySelector(".go").focus({ preventScroll: true });
  const current = list.querySelector(".current");
  if (current && (inView || moved)) keepInView(list, current);
  view.followed = view.cursor;
}

/** What can be done stands beneath a row where it was asked for, and of itself beneath the current recipe or group. */
function placeOfRow(view, row, n, tab, at) {
  const asked = view.acting === keyOf(row);
  const ofItself = n === at && (row.id || row.kind) && !view.acting;
  return { focused: n === tab, acting: Boolean(asked || ofItself), isLast: n === view.data.rows.length - 1 };
}

/** A panel that is open beneath a row that is made anew waits in the meantime. */
function keepMore({ more }, element) {
  const panel = element?.querySelector(":scope > .step-more");
  if (panel) more.home.append(panel);
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
        `<span class="line-label tier${tier}${side}" data-line="${esc(name)}" style="left:${percentOf(at)}">` +
        `${esc(labels[`line.${name}`] ?? name)} <b>${formatTime(ms)}</b></span>`
      );
    })
    .join("");
}
