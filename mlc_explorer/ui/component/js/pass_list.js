// The passes of a run as a list of rows: which are shown, and how a row looks. Nothing here keeps state.

import { esc, formatTime, icon, say } from "./dom.js";

/**
 * The passes to show, in order: those that match `filter` and, with `hide`, changed something; with those
 * around them, unless one of these is in `folded`. Each as {pass, dimmed: only there for what is inside,
 * inner: whether anything inside could be shown}.
 */
export function shownPasses(passes, { filter, hide, folded }) {
  const wanted = filter.trim().toLowerCase();
  const isWanted = (p) => (!hide || p.changed_anything) && p.name.toLowerCase().includes(wanted);
  const hits = new Set(passes.filter(isWanted).map((p) => p.index));
  const around = new Set();
  for (const index of hits)
    for (let p = passes[index].parent; p != null && !around.has(p); p = passes[p].parent) around.add(p);
  return passes
    .filter((p) => (hits.has(p.index) || around.has(p.index)) && !isFolded(passes, p, folded))
    .map((pass) => ({ pass, dimmed: !hits.has(pass.index), inner: around.has(pass.index) }));
}

/** Whether a pass is inside one that is folded. */
function isFolded(passes, pass, folded) {
  for (let p = pass.parent; p != null; p = passes[p].parent) if (folded.has(p)) return true;
  return false;
}

/** A row; `longest` is the largest own time of all, in seconds. */
export function passHtml({ pass, dimmed, inner }, { folded, chosen, current, longest, labels }) {
  const is = (name, on) => (on ? ` ${name}` : "");
  const state = say(labels, pass.changed_anything ? "pipeline.did_change" : "pipeline.did_nothing");
  const times =
    `${say(labels, "pipeline.own", { time: formatTime(pass.own_seconds * 1e3) })}` +
    `\n${say(labels, "pipeline.whole", { time: formatTime(pass.seconds * 1e3) })}`;
  const share = Math.max(pass.own_seconds / longest, 0.004);
  const twist = inner
    ? `<span class="twist${is("folded", folded.has(pass.index))}" title="${esc(say(labels, "pipeline.unfold"))}">${icon("chevron", 12)}</span>`
    : '<span class="twist"></span>';
  return (
    `<div class="pass${is("dimmed", dimmed)}${is("chosen", pass.index === chosen)}${is("did", pass.changed_anything)}"` +
    ` role="treeitem" aria-level="${pass.depth + 1}" aria-selected="${pass.index === chosen}"` +
    `${inner ? ` aria-expanded="${!folded.has(pass.index)}"` : ""} data-index="${pass.index}"` +
    ` tabindex="${pass.index === current ? 0 : -1}" style="--depth:${pass.depth}">` +
    `<span class="n">${pass.index}</span>${twist}` +
    `<span class="dot" role="img" aria-label="${esc(state)}" title="${esc(state)}"></span>` +
    `<span class="name">${nameHtml(pass.name)}</span><span class="what">${changesHtml(pass, labels)}</span>` +
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
