// What changes with every step of the loops in motion: sliders, accesses, counters, pictures, and the line that compares.

import { esc, formatCount, say } from "./dom.js";
import { accessesHtml, missesHtml, number, percent, showPlaying } from "./motion_controls.js";
import { drawPicture, sliceShown } from "./motion_picture.js";
import { iterationsOf, linesHeld, missesOf, touchedNow } from "./motion_run.js";

export const AHEAD = 2_000_000; // accesses of a press on Run ahead
export const SUMMARY = 1_000_000; // accesses that are simulated when a block is shown
const FULL_REDRAW = 66; // milliseconds between two redraws of all pictures while it runs

/** `all`: draw the pictures too, however long it takes; else at most some fifteen times a second. */
export function paintMotion(pane, all) {
  const { player, parts, labels, view } = pane;
  const { run, program } = player;
  const now = touchedNow(run);
  const where = (run.at + 1) * program.lanes;
  pane.root.dataset.iteration = String(where);
  pane.root.dataset.playing = String(player.playing || Boolean(player.goal));
  for (const input of parts.loops.querySelectorAll("input")) {
    const value = String(run.values[input.dataset.loop]);
    input.value = value;
    input.nextElementSibling.textContent = value;
  }
  parts.transport.querySelector(".scrubber").value = String(run.at);
  showPlaying(parts.transport, player.playing || Boolean(player.goal), labels);
  parts.accesses.innerHTML = accessesHtml(program.accesses.map((access, i) => describe(pane, access, i, now)), labels);
  paintCounters(pane, where);
  const clock = performance.now();
  if (!all && clock - (pane.drawn ?? 0) < FULL_REDRAW) return;
  paintPictures(pane, now);
  pane.drawn = performance.now() + 2 * (performance.now() - clock); // large pictures are drawn less often
}

function describe(pane, access, i, now) {
  const { name } = pane.view.buffers[access.buffer];
  const spots = now.filter((spot) => spot.access === i);
  const [first, last] = [spots[0], spots.at(-1)];
  const index = (d) => (first.indices[d] === last.indices[d] ? first.indices[d] : `${first.indices[d]}…${last.indices[d]}`);
  const text = first ? `${name}[${first.indices.map((_, d) => index(d)).join(", ")}]` : `${name}[${access.known ? "–" : "?"}]`;
  return {
    text, isWrite: access.isWrite, initial: access.initial, unknown: !access.known,
    missed: missesOf(pane.player.run, i), of: pane.view.caches.length,
  };
}

function paintPictures(pane, now) {
  const { run, program } = pane.player;
  const held = new Set(linesHeld(run));
  pane.pictures.forEach((picture, i) => {
    const here = now.filter((s) => program.accesses[s.access].buffer === i).map((s) => ({ ...s, isWrite: program.accesses[s.access].isWrite }));
    drawPicture(picture, { now: here, held, lineBytes: program.line, made: run.made, colours: pane.colours });
    const slice = sliceShown(picture);
    const rest = picture.buffer.shape.slice(slice.length).map(() => ":");
    pane.cards[i].querySelector(".slice").textContent = slice.length ? `[${[...slice, ...rest].join(", ")}]` : "";
  });
}

function paintCounters(pane, where) {
  const { player, parts, labels, view } = pane;
  const { run } = player;
  const from = run.from ? say(labels, "motion.cold", { from: number(run.from * player.program.lanes + 1) }) : "";
  parts.counters.innerHTML =
    `<output>${number(where)} / ${number(view.iterations)}</output>` +
    `<span title="${number(run.made)}">${esc(say(labels, "motion.made", { count: formatCount(run.made) }))}</span>` +
    `<span>${esc(say(labels, "motion.missed"))}` +
    view.caches.map((c, i) => ` <span title="${number(run.misses[i])}">L${c.level} <b>${percent(run.misses[i], run.made)}</b></span>`).join("") +
    "</span>" +
    (from ? `<em>${esc(from)}</em>` : "");
  const button = parts.transport.querySelector("[data-act=ahead]");
  button.textContent = player.goal ? say(labels, "motion.cancel") : `+ ${formatCount(AHEAD)}`;
  button.title = say(labels, player.goal ? "motion.cancel" : "motion.ahead", { count: formatCount(AHEAD) });
}

const levelsHtml = (run, view, labels) =>
  `<div class="levels">${view.caches.map((c, i) => missesHtml(c, run.misses[i], run.made, iterationsOf(run), labels)).join("")}</div>`;

export function paintSummary(pane, run, done) {
  const { labels, view, parts } = pane;
  const whole = run.at + 1 === run.program.steps;
  const title = say(labels, whole ? "motion.whole" : "motion.first", { count: formatCount(whole ? run.made : SUMMARY) });
  parts.summary.dataset.done = String(done);
  parts.summary.dataset.misses = JSON.stringify(run.misses);
  parts.summary.innerHTML =
    `<strong class="title">${esc(title)}</strong>${levelsHtml(run, view, labels)}` +
    `<span class="share progress-line" style="--done:${((100 * Math.min(run.made, SUMMARY)) / SUMMARY).toFixed(1)}%"${done ? " hidden" : ""}></span>`;
}
