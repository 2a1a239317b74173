// Groups open and close on the spot: the engine lays the graph out anew, and what was clicked stays where it is. A
// layout that takes long shows a bar, and who does not want to wait gets plain layers.

import { esc, say } from "./dom.js";

const SLOW_MS = 300;
const MOVE_MS = 180;
const CENTRE = "\0"; // an anchor that is no box: what is nearest to the middle keeps its place
const AUTO = "auto", ALL = "*"; // as in the engine: what a graph shows by itself, and everything

/** Open a closed group, or close an open one. */
export function toggleGroup(pane, id) {
  const { view } = pane;
  if (view.groups?.some((g) => g.id === id)) {
    const inner = beneath(view, id);
    return askForView(pane, openNow(pane).filter((one) => !inner.has(one)), id);
  }
  if (pane.byId.get(id)?.count) askForView(pane, [...openNow(pane), id], id);
}

/** Open these groups too. A promise of when they show. */
export const openGroups = (pane, ids) => askForView(pane, [...new Set([...openNow(pane), ...ids])], null);

export const openAll = (pane) => askForView(pane, [ALL], CENTRE);
export const closeAll = (pane) => askForView(pane, [], CENTRE);

/** Close the innermost group around a box. */
export function closeAround(pane, node) {
  const around = pane.view.groups.filter((g) => Math.abs(g.x - node.x) < g.w / 2 && Math.abs(g.y - node.y) < g.h / 2);
  const inner = around.sort((a, b) => a.w * a.h - b.w * b.h)[0];
  if (inner) toggleGroup(pane, inner.id);
}

/** Show the graph with these groups open; the box or frame `anchor` keeps its place. */
export async function askForView(pane, opened, anchor) {
  const asked = (pane.asked = {});
  const wait = setTimeout(() => pane.asked === asked && showWait(pane, opened, anchor), SLOW_MS);
  try {
    const view = await pane.on.ask("graph", { open: opened });
    if (pane.asked === asked) show(pane, view, opened, anchor);
  } catch {
    if (pane.asked === asked && pane.base && pane.view !== pane.base) show(pane, pane.base, null, null);
  } finally {
    clearTimeout(wait);
    if (pane.asked === asked) hideWait(pane);
  }
}

function show(pane, view, opened, anchor) {
  pane.opened = opened;
  pane.redraw(view, anchor);
}

/** Ids of the open groups, as the engine wants them. A small graph that is shown whole stays so. */
function openNow({ view, opened }) {
  const ids = (view.groups ?? []).map((g) => g.id);
  const whole = opened ? opened.includes(AUTO) : ids.length === 0;
  return whole ? [AUTO, ...ids] : ids;
}

/** A group and all groups in it. */
function beneath(view, id) {
  const found = new Set([id]);
  for (const g of view.groups) if (found.has(g.parent)) found.add(g.id); // outer ones come first
  return found;
}

function showWait(pane, opened, anchor) {
  const { labels, body } = pane;
  hideWait(pane);
  body.insertAdjacentHTML(
    "beforeend",
    `<div class="graph-wait" role="status"><i></i>${esc(say(labels, "graph.laying"))}<button>${esc(say(labels, "graph.cancel"))}</button></div>`,
  );
  body.querySelector(".graph-wait button").addEventListener("click", async () => {
    const asked = (pane.asked = {});
    hideWait(pane);
    const view = await pane.on.ask("graph", { open: opened, plain: true }).catch(() => null);
    if (view && pane.asked === asked) show(pane, view, opened, anchor);
  });
}

function hideWait(pane) {
  pane.body.querySelector(".graph-wait")?.remove();
}

/**
 * Let boxes glide from where they stood on screen, and new ones appear; the camera went on by `shift`. `names`: from
 * the ids of before to those of now, where they are not the same.
 */
export function animateFrom(pane, before, shift, names = null) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const stood = new Map(before.nodes.map((n) => [names ? names.get(n.id) : n.id, n]));
  const options = { duration: MOVE_MS, easing: "ease-out" };
  for (const [id, e] of pane.elements) {
    const old = stood.get(id), now = pane.byId.get(id);
    if (!old) e.animate([{ opacity: 0 }, { opacity: 1 }], options);
    else if (old.x + shift.x !== now.x || old.y + shift.y !== now.y)
      e.animate([{ transform: `translate(${old.x + shift.x}px, ${old.y + shift.y}px)` }, { transform: `translate(${now.x}px, ${now.y}px)` }], options);
  }
  for (const e of pane.stage.querySelectorAll(".edges, .heads, .group-frame")) e.animate([{ opacity: 0 }, { opacity: 1 }], options);
}
