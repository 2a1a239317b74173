// The palette: what can be done with what is selected, what each would do, and why the others can't. It asks for its
// answers by plain HTTP and follows the linked view's selection in the same frame, so that nothing waits for Python.

import { afterPaint, followTheme, remember, remembered, same, say, sayAll } from "./dom.js";
import { closeForm, followPlace, hear, makeForm, openForm, redrawForm, submit } from "./palette_form.js";
import { isModKey, modName } from "./keys.js";
import { likeliest, transformsHtml, listOf, namesIn } from "./palette_list.js";
import { ask, here, known, load, placeOf } from "./payloads.js";
import { announced, followAnnounced, pointOut } from "./selection.js";
import { adoptStyle } from "./style.js";

const STEP_MS = 150; // so long a step of the history stands before it is asked about
const views = new WeakMap();
const kept = { chosen: null, memory: new Map() }; // it outlives this view, which a visit to another tab ends

/** Streamlit calls this at every change of data or theme. */
export async function paletteView({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".palette-view");
  const view = views.get(root) ?? create(root);
  view.send = (event) => {
    setTriggerValue("event", { ...event, n: ++view.count });
    return view.count;
  };
  view.count = Math.max(view.count, data.seen ?? 0);
  view.latest = data;
  followTheme(root);
  const resend = () => view.send({ type: "resend" });
  const [labels, catalogue] = await Promise.all([data.labels, data.catalogue].map((entry) => known(entry) ?? load(entry, resend)));
  if (view.latest !== data) return;
  const isNew = view.labels !== labels || view.catalogue !== catalogue;
  Object.assign(view, { labels, catalogue, language: data.language });
  if (isNew) drawWords(view);
  root.hidden = false;
  const seen = announced();
  follow(view, seen?.token === data.at.token ? seen : data.at);
  if (kept.chosen && !view.chosen) choose(view, kept.chosen, {});
  else if (isNew) redrawForm(view);
  hear(view, data.seen ?? 0);
  if (data.focus && data.focus !== view.focused) focusSearch(view);
  view.focused = data.focus || view.focused;
}

function create(root) {
  adoptStyle(root);
  const find = (name) => root.querySelector(name);
  const view = {
    root, kept, count: 0, labels: {}, at: null, palette: null, place: null, query: "", chosen: null, active: null,
    all: remembered("palette.all", false), list: find(".pal-list"), find: find(".pal-find"),
    closed: () => {
      draw(view);
      view.find.focus({ preventScroll: true });
    },
  };
  makeForm(view, find(".pal-form"));
  const all = find(".pal-all input");
  all.checked = view.all;
  all.addEventListener("change", () => {
    remember("palette.all", (view.all = all.checked));
    draw(view);
  });
  view.find.addEventListener("input", () => search(view, view.find.value));
  view.find.addEventListener("keydown", (e) => onFindKey(view, e));
  view.find.addEventListener("blur", () => moveTo(view, null));
  view.list.addEventListener("mousedown", (e) => e.preventDefault()); // the search keeps the focus
  view.list.addEventListener("click", (e) => {
    const row = e.target.closest("[data-name]");
    if (row) choose(view, row.dataset.name, { why: e.target.closest("[data-why]") !== null });
  });
  listenForHover(view);
  const onKey = (e) => (root.isConnected ? onPageKey(view, e) : document.removeEventListener("keydown", onKey, true));
  document.addEventListener("keydown", onKey, true);
  followAnnounced(root, (at) => view.catalogue && follow(view, at));
  views.set(root, view);
  return view;
}

function drawWords(view) {
  const { root, labels } = view;
  sayAll(root, labels);
  view.find.placeholder = say(labels, "palette.search");
  view.list.setAttribute("aria-label", say(labels, "palette.title"));
  root.querySelector(".pal-seek kbd").textContent = modName("K");
}

/** Show what can be done at `at` {token, function, kind, path}. A person who steps through the history is let pass. */
function follow(view, at) {
  if (same(view.at, at)) return draw(view);
  const pause = view.at && view.at.token !== at.token ? STEP_MS : 0;
  view.at = at;
  askPalette(view, pause);
  followPlace(view, pause);
}

/**
 * Ask for the verdicts; those of the former selection stay, greyed, until they are there. What is no longer wanted is
 * not hung up on: that would end the worker that knows this model.
 */
function askPalette(view, pause) {
  const { at, root } = view;
  const place = (view.place = placeOf(at.token, "palette", at.function, at.path ? { path: at.path } : {}));
  clearTimeout(view.timer);
  root.classList.add("pal-waiting");
  if (pause && here(place) === undefined) view.timer = setTimeout(() => fetchPalette(view, place), pause);
  else fetchPalette(view, place);
}

async function fetchPalette(view, place) {
  const { at, root } = view;
  const answer = await ask(place).catch((error) => ({ error }));
  if (view.place !== place) return;
  if (answer.error?.lost) return view.send({ type: "resend" });
  root.classList.remove("pal-waiting");
  view.palette = answer.error ? { verdicts: [] } : answer;
  draw(view);
  afterPaint(() => {
    if (view.place === place) root.dataset.painted = `${at.token.slice(0, 12)}:${at.function}:${at.path ?? ""}`;
  });
}

function draw(view) {
  const { root, at, labels } = view;
  view.shown = listOf(view.catalogue, view.palette, { ...view, kind: at.kind });
  view.list.innerHTML = transformsHtml(view.shown, view);
  view.list.hidden = !view.shown.total;
  root.querySelector(".pal-empty").hidden = Boolean(view.shown.total);
  const { count, total } = view.shown;
  root.querySelector(".pal-count").textContent = view.palette
    ? say(labels, "palette.count", { count, total, place: at.path ?? at.function })
    : say(labels, "palette.trying");
  root.dataset.count = `${count}/${total}`;
  markActive(view);
}

// -- searching and choosing

function search(view, query) {
  view.query = query;
  view.active = null;
  draw(view);
  view.list.scrollTop = 0;
  moveTo(view, query.trim() ? likeliest(namesIn(view.shown), query) : null);
}

/** The row that Enter would choose. */
function moveTo(view, name) {
  view.active = name;
  markActive(view);
  view.list.querySelector(".pal-active")?.scrollIntoView({ block: "nearest" });
}

function markActive(view) {
  for (const row of view.list.querySelectorAll(".pal-row")) row.classList.toggle("pal-active", row.dataset.name === view.active);
  if (view.active) view.find.setAttribute("aria-activedescendant", `pal-${view.active}`);
  else view.find.removeAttribute("aria-activedescendant");
}

function onFindKey(view, e) {
  if (e.isComposing) return;
  const names = namesIn(view.shown);
  const at = names.indexOf(view.active);
  const last = names.length - 1;
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? last : at - 1, PageDown: at + 10, PageUp: at - 10 }[e.key];
  if (to !== undefined && names.length) moveTo(view, names[Math.min(last, Math.max(0, to))]);
  else if (e.key === "Enter" && names.length) choose(view, view.active ?? names[0], { focus: true });
  else if (e.key === "Escape" && view.query) search(view, (view.find.value = ""));
  else if (e.key === "Escape") view.find.blur();
  else return;
  e.preventDefault();
  e.stopPropagation();
}

function choose(view, name, how) {
  if (name === view.chosen && !how.focus && !how.why) return closeForm(view);
  openForm(view, name, how);
  draw(view);
}

function focusSearch(view) {
  view.find.focus();
  view.find.select();
}

/** Mod+K finds a transform from anywhere; Alt+A applies the one whose form is open. */
function onPageKey(view, e) {
  if (isModKey(e, "KeyK")) focusSearch(view);
  else if (e.altKey && !e.ctrlKey && !e.metaKey && e.code === "KeyA" && view.chosen) submit(view);
  else return;
  e.preventDefault();
  e.stopPropagation();
}

/** The places that stand in a transform's way light up in the linked view while the pointer is on its row. */
function listenForHover(view) {
  let lit = null;
  const light = (name) => {
    if (name === lit) return;
    lit = name;
    const paths = view.palette?.verdicts.find((v) => v.transform === name)?.refusal?.paths ?? [];
    pointOut({ paths, message: "", lasting: false });
  };
  view.list.addEventListener("pointerover", (e) => light(e.target.closest("[data-name]")?.dataset.name ?? null));
  view.list.addEventListener("pointerleave", () => light(null));
}
