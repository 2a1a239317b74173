// The player: which step is shown, and how it goes on, by a clock or as fast as it can, in slices between two frames
// so that the page never waits. To go back a run begins again: from where it began, if that is near, so that the
// caches are as they were; else at the step itself with cold caches.

import { advance, isDone, makeRun, runUntil } from "./motion_run.js";
import { SPEEDS } from "./motion_controls.js";

const SLICE = 8; // milliseconds of a frame
const NEAR_STEPS = 20000; // are run through at once

/** A player of `program`. `seen` as for `makeRun`; `forget` is called when a run begins anew, `paint` after each frame. */
export function makePlayer(program, { seen, forget, paint, there }) {
  const player = { program, seen, forget, paint, there, speed: 2, playing: false, goal: null, owed: 0, frame: 0, clock: 0 };
  begin(player, 0);
  return player;
}

/** A fresh run whose first step is `step`; that step is done. */
function begin(player, step) {
  player.forget();
  player.run = makeRun(player.program, step, player.seen);
  advance(player.run);
}

/** Show `step`: by running on to it if it is near, else by a run that begins there. */
export function goTo(player, step) {
  halt(player);
  const to = Math.min(player.program.steps - 1, Math.max(0, step));
  const { run } = player;
  if (to < run.at || to - run.at > NEAR_STEPS) begin(player, to >= run.from && to - run.from <= NEAR_STEPS ? run.from : to);
  runUntil(player.run, { step: to });
  player.paint();
}

export function togglePlay(player) {
  if (player.playing || player.goal) return stop(player);
  if (isDone(player.run)) begin(player, 0);
  player.playing = true;
  start(player);
}

/** Run on, in slices, until the goal {step} or {made} is reached. */
export function runAhead(player, goal) {
  halt(player);
  player.goal = goal;
  start(player);
}

export function stop(player) {
  halt(player);
  player.paint();
}

function halt(player) {
  player.playing = false;
  player.goal = null;
  cancelAnimationFrame(player.frame);
}

function start(player) {
  player.owed = 1;
  player.clock = performance.now();
  player.frame = requestAnimationFrame(() => tick(player));
  player.paint();
}

function tick(player) {
  if (!player.there()) return;
  const now = performance.now();
  const { at } = player.run;
  const done = player.goal ? runUntil(player.run, player.goal, SLICE) : play(player, now - player.clock);
  player.clock = now;
  if (done || isDone(player.run)) return stop(player);
  if (player.run.at !== at) player.paint();
  player.frame = requestAnimationFrame(() => tick(player));
}

/** The steps that are due after `milliseconds`; what a slice has no time for is dropped. */
function play(player, milliseconds) {
  player.owed += (SPEEDS[player.speed] * milliseconds) / 1000;
  const due = Math.floor(player.owed);
  if (due < 1) return false;
  player.owed = Number.isFinite(due) ? player.owed - due : 0;
  runUntil(player.run, { step: player.run.at + due }, SLICE);
  return false;
}

/** The step at which loop `i` (of those that steps move through) goes on to its next iteration. */
export function nextOf({ program, run }, i) {
  const inner = program.extents.slice(i + 1, program.stepLoops).reduce((a, b) => a * b, 1);
  return (Math.floor(run.at / inner) + 1) * inner;
}

/** The step where loop `i` has `value` and the others stay as they are. */
export function stepWith({ program, run }, i, value) {
  const inner = program.extents.slice(i + 1, program.stepLoops).reduce((a, b) => a * b, 1);
  return run.at + (value - run.values[i]) * inner;
}

/** Simulate the first `made` accesses beside the player, in idle slices; `paint(run, done)` hears of each. */
export function makeSummary(program, made, { paint, there }) {
  const run = makeRun(program);
  const idle = window.requestIdleCallback ?? ((go) => setTimeout(go, 1));
  const slice = () => {
    if (!there()) return;
    const done = runUntil(run, { made }, SLICE);
    paint(run, done);
    if (!done) idle(slice, { timeout: 200 });
  };
  idle(slice, { timeout: 200 });
  return run;
}
