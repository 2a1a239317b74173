// The history as a film: what a step did besides what is shown, and reading ahead, so that the next picture is
// there before it is asked for.

import { comparisonOf } from "./compare.js";
import { panesOf } from "./frame.js";
import { placesOf, scenesAt } from "./painting.js";
import { ask } from "./payloads.js";

const NEIGHBOURS = [1, -1, 2, -2, 3]; // steps from the one shown, the likeliest first
const CALM_MS = 60; // a person who is still stepping comes first

/** Ask for what the panes would show at the steps around, one after the other, as long as the view stands still. */
export function readAhead(view) {
  clearTimeout(view.reading);
  view.reading = setTimeout(() => ahead(view, view.turn), CALM_MS);
}

async function ahead(view, turn) {
  for (const offset of NEIGHBOURS) {
    const n = view.cursor + offset;
    if (view.turn !== turn || document.hidden) return;
    if (n < 0 || n >= view.states.length) continue;
    await prepare(view, n).catch(() => {}); // it is asked for again, aloud, when it is shown
  }
}

async function prepare(view, cursor) {
  const scenes = await scenesAt(view, cursor);
  const jobs = panesOf(view.frame).map((pane) => ({ pane, scene: scenes.get(pane.at) }));
  const places = jobs.flatMap(({ pane, scene }) => placesOf(view, pane, scene));
  const comparison = view.showDiff ? comparisonOf(jobs) : null;
  await Promise.allSettled([...places, ...(comparison ? [comparison.place] : [])].map(ask));
}

/**
 * What the step that led to a scene did to other functions than the one shown: {name, more}, the one to look at and
 * how many besides; null where it touched the one shown, or none. Nobody is taken there unasked.
 */
export function elsewhere({ info, at, function: shown }) {
  const last = info.steps.at(-1);
  const touched = last ? [...new Set([...last.changed, ...last.added])] : [];
  if (!touched.length || touched.includes(shown)) return null;
  const name = touched.includes(at.function) ? at.function : touched[0];
  return { name, more: touched.length - 1 };
}
