// The presentation: the panes fill the screen in type that the last row can read, with the step's caption below.
// It is the browser's top layer, so that nothing of the page stands over it, and an enlargement of the whole view
// (CSS `zoom`), so that every pane, whoever wrote it, grows alike.

import { clamp, esc, formatTime, say } from "./dom.js";

const ROOM = 1280; // pixels: what the view always has of its own, however large it is shown
const LEAST = 1.25, MOST = 4, STEP = 1.15;

export const isPresenting = (root) => root.classList.contains("presenting");

/** Begin or end it. */
export function present(root) {
  if (root.classList.toggle("presenting")) {
    root.setAttribute("popover", "manual");
    root.showPopover();
    enlarge(root, clamp(innerWidth / ROOM, LEAST, MOST));
  } else {
    root.hidePopover();
    root.removeAttribute("popover");
    root.style.zoom = "";
  }
}

/** Larger or smaller type while it lasts. */
export function resizeType(root, way) {
  enlarge(root, clamp(Number(root.style.zoom) * STEP ** way, 1, MOST));
  return true;
}

function enlarge(root, factor) {
  root.style.zoom = factor.toFixed(3);
}

/** What the step on screen did, in a presentation's caption and for a screen reader always. */
export function drawCaption(element, { cursor, states, times }, labels) {
  const html = captionHtml(states[cursor], cursor, states.length - 1, times, labels);
  if (element.caption === html) return;
  element.caption = html; // a live region speaks at each change
  element.innerHTML = html;
}

function captionHtml(state, cursor, last, times, labels) {
  const { title, detail, function: where, about } = state;
  const step = `<span class="position">${esc(say(labels, "film.position", { step: cursor, last }))}</span>`;
  const name = `<strong>${esc(cursor === 0 ? say(labels, "trace.start") : title)}</strong>`;
  const words = [where, detail].filter(Boolean).join(" ");
  const what = words ? `<code>${esc(words)}</code>` : "";
  return `<span class="did">${step} ${name} ${what} ${timeHtml(times, cursor, labels)}</span>${about ? `<span class="about">${esc(about)}</span>` : ""}`;
}

/** The step's time, and how much faster than the last measured one before it. */
function timeHtml(times, cursor, labels) {
  const now = times?.[cursor];
  if (now == null) return "";
  const before = times.slice(0, cursor).findLast((t) => t != null);
  const factor = before ? before / now : 1;
  const gain = factor >= 1.01 || factor <= 0.99 ? ` ${esc(say(labels, "film.times", { factor: factor.toPrecision(3) }))}` : "";
  return `<em>${esc(formatTime(now))}${gain}</em>`;
}
