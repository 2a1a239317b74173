// The passes of a run as a list of rows: which are shown, and how a row looks. A run has some eighty passes, or
// thousands where constants are folded (each by a compilation of its own), so only rows in view are in the page.

import { esc, formatTime, icon, say } from "./dom.js";

const ROW = 26; // pixels, as in the style sheet
const AHEAD = 12; // rows beyond the view
const MANY = 20; // passes inside one: it starts folded

/** How many passes each has inside. */
export function insideCounts(passes) {
  const counts = passes.map(() => 0);
  for (const { parent } of passes) for (let p = parent; p != null; p = passes[p].parent) counts[p]++;
  return counts;
}

/** The passes that start folded: they compile something of their own inside, as FoldConstant does. */
export const foldedAtFirst = (passes, inside) =>
  new Set(passes.filter((p) => p.kind !== "sequence" && inside[p.index] >= MANY).map((p) => p.index));

/**
 * The passes to show, in order: those that match `filter` and, with `hide`, changed something; with those
 * around them, unless one of these is in `folded` (a filter looks into these, too). Each as {pass, dimmed: only
 * there for what is inside, inner: whether it can be folded}.
 */
export function shownPasses(passes, { filter, hide, folded }) {
  const wanted = filter.trim().toLowerCase();
  const isHidden = (p) => !wanted && isFolded(passes, p, folded);
  const isWanted = (p) => (!hide || p.changed_anything) && p.name.toLowerCase().includes(wanted);
  const hits = new Set(passes.filter(isWanted).map((p) => p.index));
  const around = new Set();
  for (const index of hits)
    for (let p = passes[index].parent; p != null && !around.has(p); p = passes[p].parent) around.add(p);
  return passes
    .filter((p) => (hits.has(p.index) || around.has(p.index)) && !isHidden(p))
    .map((pass) => ({ pass, dimmed: !hits.has(pass.index), inner: !wanted && around.has(pass.index) }));
}

/** Whether a pass is inside one that is folded. */
function isFolded(passes, pass, folded) {
  for (let p = pass.parent; p != null; p = passes[p].parent) if (folded.has(p)) return true;
  return false;
}

/** Put the rows in view into `list`, whose one child has the height of all. */
export function paintPasses(list, view) {
  const { scrollTop, clientHeight } = list;
  const from = Math.max(0, Math.floor(scrollTop / ROW) - AHEAD);
  const rows = view.shown.slice(from, Math.ceil((scrollTop + clientHeight) / ROW) + AHEAD);
  const sheet = list.firstElementChild;
  sheet.style.height = `${view.shown.length * ROW}px`;
  sheet.style.paddingTop = `${from * ROW}px`;
  sheet.innerHTML = rows.map((row) => passHtml(row, view)).join("");
}

/** Scroll so that row number `at` is in view. */
export function revealPass(list, at) {
  const top = at * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
}

/** A row; `longest` is the largest own time of all, in seconds. */
function passHtml({ pass, dimmed, inner }, { folded, inside, chosen, current, longest, labels }) {
  const isShut = inner && folded.has(pass.index);
  const is = (name, on) => (on ? ` ${name}` : "");
  const state = say(labels, pass.changed_anything ? "pipeline.did_change" : "pipeline.did_nothing");
  const times =
    `${say(labels, "pipeline.own", { time: formatTime(pass.own_seconds * 1e3) })}` +
    `\n${say(labels, "pipeline.whole", { time: formatTime(pass.seconds * 1e3) })}`;
  const share = Math.max(pass.own_seconds / longest, 0.004);
  const twist = inner
    ? `<span class="twist${is("folded", isShut)}" title="${esc(say(labels, "pipeline.unfold"))}">${icon("chevron", 12)}</span>`
    : '<span class="twist"></span>';
  return (
    `<div class="pass${is("dimmed", dimmed)}${is("chosen", pass.index === chosen)}${is("did", pass.changed_anything)}` +
    `${is("current", pass.index === current)}" id="pass-${pass.index}" role="treeitem" aria-level="${pass.depth + 1}" aria-selected="${pass.index === chosen}"` +
    `${inner ? ` aria-expanded="${!isShut}"` : ""} data-index="${pass.index}" style="--depth:${pass.depth}">` +
    `<span class="n">${pass.index}</span>${twist}` +
    `<span class="dot" role="img" aria-label="${esc(state)}" title="${esc(state)}"></span>` +
    `<span class="name">${nameHtml(pass.name)}</span><span class="what">` +
    `${isShut ? `<span>${esc(say(labels, "pipeline.within", { count: inside[pass.index] }))}</span>` : ""}` +
    `${changesHtml(pass, labels)}</span>` +
    `<span class="bar" title="${esc(times)}"><i style="width:${(share * 100).toFixed(2)}%"></i></span>` +
    `<span class="time" title="${esc(times)}">${formatTime(pass.own_seconds * 1e3)}</span></div>`
  );
}

/** TVM's name of a pass, the part of TVM that it belongs to in the background. */
export function nameHtml(name) {
  const cut = name.lastIndexOf(".") + 1;
  return `${cut ? `<i>${esc(name.slice(0, cut))}</i>` : ""}${esc(name.slice(cut))}`;
}

function changesHtml(pass, labels) {
  const kinds = ["changed", "added", "removed"].filter((kind) => pass[kind].length);
  if (!kinds.length && pass.changed_anything) return esc(say(labels, "pipeline.attributes"));
  return kinds
    .map((kind) => `<span class="${kind}">${esc(say(labels, `pipeline.${kind}`, { count: pass[kind].length }))}</span>`)
    .join("");
}
