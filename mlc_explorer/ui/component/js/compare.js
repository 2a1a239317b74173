// Two panes that show one program at two states: each the side of one diff, scrolled as one.

import { remember, remembered } from "./dom.js";
import { ask, here, placeOf } from "./payloads.js";

let together = remembered("linked.together", true); // a person's choice, for all panes

/**
 * The two of `jobs` ({pane, scene}) whose programs stand side by side, as {place, sides}: where their diff is asked
 * for, and `sides` from pane to {side, other}. Null where there are no two. The earlier state is the old side, and
 * of two workspaces the left one.
 */
export function comparisonOf(jobs) {
  const texts = jobs.filter(({ pane, scene }) => pane.view === "program" && scene?.program);
  const second = texts.find(({ scene }) => scene.at.token !== texts[0].scene.at.token && scene.kind === texts[0].scene.kind);
  if (!second) return null;
  const [old, now] = texts[0].scene.at.n > second.scene.at.n ? [second, texts[0]] : [texts[0], second];
  const base = { base: old.scene.at.token, base_function: old.scene.function };
  return {
    place: placeOf(now.scene.at.token, "diff", now.scene.function, base),
    sides: new Map([[old.pane, { side: "old", other: now.pane }], [now.pane, { side: "new", other: old.pane }]]),
  };
}

/** A promise that the diff of a comparison is here, if there is one to be had. It fails only for lost states. */
export async function arrivalOfDiff(comparison) {
  if (!comparison) return;
  await ask(comparison.place).catch((error) => {
    if (error.lost) throw error;
  });
}

/** What a pane's text is compared with: {diff, side, other}, `other` the text beside it; null for nothing. */
export function comparedWith(comparison, pane) {
  const own = comparison?.sides.get(pane), diff = comparison && here(comparison.place);
  return own && diff ? { diff, side: own.side, other: own.other.inner } : null;
}

export const scrollsTogether = () => together;

export function toggleTogether() {
  together = !together;
  remember("linked.together", together);
}

/** Called when a text scrolls: the one beside it (`partner`) follows, row by row. */
export function scrollAlong(text) {
  const { partner, scroller } = text;
  if (!together || !partner?.rows.length || !text.rows.length) return;
  if (text.led !== undefined && Math.abs(text.led - scroller.scrollTop) < 1) return void delete text.led;
  const row = text.rows[lastRow(text.rows, (r) => r.top <= scroller.scrollTop)];
  const beside = partner.rows[lastRow(partner.rows, (r) => (r.at ?? -1) <= (row.at ?? 0))];
  lead(partner, beside.top + scroller.scrollTop - row.top, scroller.scrollLeft);
}

/** Scroll a text; the event that this causes is not its own, and leads nobody. */
function lead(text, top, left) {
  const { scroller } = text, before = scroller.scrollTop;
  scroller.scrollTop = top;
  scroller.scrollLeft = left;
  if (scroller.scrollTop !== before) text.led = scroller.scrollTop;
}

/** The index of the last row that `fits`, where all before it do, or 0: binary search. */
function lastRow(rows, fits) {
  let low = 0, high = rows.length - 1, found = 0;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (fits(rows[middle])) {
      found = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  return found;
}
