// What moves the loops: a slider for each, the transport, the counters. Only the DOM; what it does is `motion.js`.

import { esc, say } from "./dom.js";

export const SPEEDS = [1, 4, 16, 64, 256, 1024, 16384, Infinity]; // steps a second; the last: as fast as it goes

const PICTURES = {
  start: "M3.5 3v10M13 3.5L6 8l7 4.5z",
  back: "M10.5 3.5L4.5 8l6 4.5z",
  play: "M4.5 3l9 5-9 5z",
  pause: "M5 3v10M11 3v10",
  forward: "M5.5 3.5l6 4.5-6 4.5z",
  end: "M12.5 3v10M3 3.5L10 8l-7 4.5z",
};

const picture = (name) =>
  `<svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="${PICTURES[name]}"/></svg>`;

export const number = (value) => value.toLocaleString("en-US");

/** A share as people read it: 25.2 %, 0.13 %, 0 %. */
export const percent = (part, whole) => {
  const share = whole ? (100 * part) / whole : 0;
  return `${share === 0 ? 0 : share >= 10 ? share.toFixed(1) : share >= 0.01 ? share.toFixed(2) : "<0.01"} %`;
};

/** The rows of the sliders; `lanes` of the innermost loop move at once. */
export function loopsHtml(view, labels) {
  return view.loops.map((loop, i) => loopHtml(loop, i, view.lanes > 1 && i === view.loops.length - 1, labels)).join("");
}

function loopHtml(loop, i, atOnce, labels) {
  const reduce = loop.axis && loop.axis !== "spatial" ? `<small>${esc(say(labels, `axis.${loop.axis}`))}</small>` : "";
  const known = ["parallel", "vectorized", "unrolled"].includes(loop.mark);
  const mark = loop.mark === "serial" ? "" : `<span class="badge ${esc(loop.mark)}">${esc(known ? say(labels, `mark.${loop.mark}`) : loop.mark)}</span>`;
  const last = loop.start + loop.extent - 1;
  const slider = atOnce
    ? `<span class="at-once">${esc(say(labels, "motion.at_once", { count: loop.extent }))}</span>`
    : `<input type="range" min="${loop.start}" max="${last}" step="1" value="${loop.start}" data-loop="${i}" ` +
      `aria-label="${esc(loop.name)}"${loop.extent === 1 ? " disabled" : ""}>`;
  return (
    `<div class="motion-loop" data-path="${esc(loop.path)}" data-axis="${esc(loop.axis)}">` +
    `<button class="name" data-next="${i}" title="${esc(say(labels, "motion.next", { name: loop.name }))}"${atOnce ? " disabled" : ""}>${esc(loop.name)}</button>` +
    `<span class="kind">${reduce}${mark}</span>${slider}<output>${atOnce ? "" : loop.start}</output><span class="extent">/ ${number(loop.extent)}</span></div>`
  );
}

/** Play, step, speed, and the scrubber over all steps. */
export function transportHtml(program, speed, labels) {
  const button = (act) => {
    const name = esc(say(labels, `motion.${act}`));
    return `<button class="tool" data-act="${act}" title="${name}" aria-label="${name}">${picture(act)}</button>`;
  };
  const options = SPEEDS.map((s, i) => {
    const text = s === Infinity ? say(labels, "motion.fastest") : say(labels, "motion.per_second", { count: number(s) });
    return `<option value="${i}"${i === speed ? " selected" : ""}>${esc(text)}</option>`;
  });
  return (
    ["start", "back", "play", "forward", "end"].map(button).join("") +
    `<select class="motion-speed" title="${esc(say(labels, "motion.speed"))}" aria-label="${esc(say(labels, "motion.speed"))}">${options.join("")}</select>` +
    `<input type="range" class="scrubber" min="0" max="${program.steps - 1}" step="1" value="0" title="${esc(say(labels, "motion.scrub"))}" aria-label="${esc(say(labels, "motion.scrub"))}">` +
    '<button class="plain" data-act="ahead"></button>'
  );
}

/** Whether the transport shows a run that goes on. */
export function showPlaying(transport, playing, labels) {
  const button = transport.querySelector("[data-act=play]");
  if (button.dataset.playing === String(playing)) return;
  button.dataset.playing = String(playing);
  button.innerHTML = picture(playing ? "pause" : "play");
  button.title = say(labels, playing ? "motion.pause" : "motion.play");
  button.setAttribute("aria-label", button.title);
}

/** A cache's misses as a bar with numbers: the share of the accesses, and how many in a thousand iterations. */
export function missesHtml(cache, misses, made, iterations, labels) {
  const share = made ? misses / made : 0;
  const thousand = iterations ? (1000 * misses) / iterations : 0;
  const rate = thousand >= 100 ? number(Math.round(thousand)) : thousand.toPrecision(2).replace(/\.?0+$/, "");
  return (
    `<div class="misses"><span>${esc(say(labels, "motion.misses", { level: cache.level }))}</span>` +
    `<span class="share"><span style="width:${(100 * share).toFixed(2)}%"></span></span>` +
    `<b>${percent(misses, made)}</b><small>${esc(say(labels, "motion.per_thousand", { count: thousand ? rate : 0 }))}</small></div>`
  );
}

/** The accesses of the last step, in order: [{text, isWrite, missed: 0.. or null, unknown, initial}]. */
export function accessesHtml(accesses, labels) {
  return accesses.map(({ text, isWrite, missed, unknown, initial, of }) => {
    const state = unknown ? "unknown" : missed === null ? "skipped" : missed === 0 ? "hit" : missed < of ? "next" : "memory";
    const word = state === "next" ? say(labels, "motion.hit", { level: missed + 1 }) : state === "hit" ? say(labels, "motion.hit", { level: 1 }) : say(labels, `motion.${state}`);
    const what = say(labels, initial ? "motion.initialises" : isWrite ? "motion.writes" : "motion.reads");
    const about = state === "skipped" ? `${what}, ${word}` : what;
    const said = state === "skipped" ? "" : `<small>${esc(word)}</small>`;
    return `<li class="${isWrite ? "write" : "read"} ${state}" title="${esc(about)}"><code>${esc(text)}</code>${said}</li>`;
  }).join("");
}
