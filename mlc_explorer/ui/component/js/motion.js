// The loops in motion: which elements of each buffer a block touches, iteration by iteration, and what a simulated
// cache makes of it. The pane follows the selection to a block; the player is `motion_player.js`, the pictures are
// `motion_picture.js`. Two panes at two steps of the history compare by the line at the top, which is the same run of
// the first accesses in both.

import { esc, formatBytes, formatCount, say } from "./dom.js";
import { accessesHtml, loopsHtml, missesHtml, number, showPlaying, transportHtml } from "./motion_controls.js";
import { PICTURE_WIDTH, drawPicture, fitPicture, forgetTouched, makePicture, markTouched, readColours, sliceShown } from "./motion_picture.js";
import { goTo, makePlayer, makeSummary, nextOf, runAhead, stepWith, stop, togglePlay } from "./motion_player.js";
import { compileMotion } from "./motion_program.js";
import { iterationsOf, linesHeld, missesOf, touchedNow } from "./motion_run.js";

const AHEAD = 2_000_000; // accesses of a press on Run ahead
const SUMMARY = 1_000_000; // accesses that are simulated when a block is shown
const MARGIN = 12; // pixels beside the pictures, and
const GAP = 16; // between them, as in css/motion.css
const FULL_REDRAW = 66; // milliseconds between two redraws of all pictures while it runs

export const motion = { views: [], make: makeMotion, draw: drawMotion, light: lightMotion };

const BODY =
  '<div class="motion" tabindex="0"><div class="motion-top"><select class="motion-block"></select>' +
  '<span class="motion-shared"></span><span class="space"></span><span class="motion-legend"></span></div>' +
  '<div class="motion-summary" aria-live="off"></div><div class="motion-buffers"></div>' +
  '<ol class="motion-accesses"></ol><div class="motion-loops"></div><div class="motion-transport"></div>' +
  '<div class="motion-counters"></div><p class="motion-note"></p></div><p class="none motion-none" hidden></p>';

function makeMotion(body, on) {
  body.innerHTML = BODY;
  const part = (name) => body.querySelector(`.motion-${name}`);
  const pane = {
    body, on, root: body.querySelector(".motion"), none: part("none"), blocks: part("block"), asked: 0, view: null, lights: [],
    parts: Object.fromEntries(["shared", "legend", "summary", "buffers", "accesses", "loops", "transport", "counters", "note"].map((n) => [n, part(n)])),
  };
  pane.root.hidden = true;
  listen(pane);
  new ResizeObserver(() => fitPictures(pane)).observe(pane.root);
  return pane;
}

function drawMotion(pane, payloads, { labels, theme, function: name, selection }) {
  const key = JSON.stringify([name, selection?.path ?? null]);
  if (key !== pane.key) pane.chosen = selection?.path ?? null;
  pane.key = key;
  const retold = pane.labels !== labels;
  pane.labels = labels;
  if (pane.view && (retold || pane.theme !== theme)) {
    if (retold) build(pane, pane.view, pane.player);
    pane.colours = readColours(pane.root);
    paint(pane, true);
  }
  pane.theme = theme;
  load(pane);
}

/** Ask for the block that is chosen. The answer is kept if a later question has not overtaken it. */
function load(pane) {
  const asked = ++pane.asked;
  const params = pane.chosen === null ? {} : { block: pane.chosen };
  pane.on.ask("motion", params).then(
    (view) => asked === pane.asked && view && show(pane, view),
    (problem) => asked === pane.asked && refuse(pane, problem),
  );
}

function refuse(pane, { message, hint }) {
  if (pane.player) stop(pane.player);
  pane.view = null;
  pane.root.hidden = true;
  pane.none.hidden = false;
  pane.none.textContent = [message, hint].filter(Boolean).join(" ");
}

function show(pane, view) {
  if (pane.view && JSON.stringify(view) === JSON.stringify(pane.view)) return;
  if (pane.player) stop(pane.player);
  pane.view = view;
  pane.root.hidden = false;
  pane.none.hidden = true;
  pane.colours = readColours(pane.root);
  const program = compileMotion(view);
  const there = () => pane.root.isConnected && pane.view === view;
  buildPictures(pane, view);
  pane.player = null;
  const player = makePlayer(program, {
    there,
    seen: (access, element, made) => markTouched(pane.pictures[access.buffer], element, access.isWrite, made),
    forget: () => pane.pictures.forEach(forgetTouched),
    paint: () => pane.player && paint(pane, !pane.player.playing && !pane.player.goal),
  });
  build(pane, view, player);
  pane.player = player;
  pane.width = 0;
  fitPictures(pane);
  paint(pane, true);
  pane.summary = makeSummary(program, SUMMARY, { there, paint: (run, done) => paintSummary(pane, run, done) });
}

/** All that stays while the block is shown. */
function build(pane, view, player) {
  const { labels, parts } = pane;
  const { program } = player;
  pane.blocks.innerHTML = view.blocks.map((b) => `<option${b === view.block ? " selected" : ""}>${esc(b)}</option>`).join("");
  pane.blocks.title = say(labels, "motion.block");
  pane.blocks.setAttribute("aria-label", pane.blocks.title);
  pane.root.setAttribute("aria-label", say(labels, "motion.about", { block: view.block }));
  const shares = view.neighbours.map((n) => say(labels, "motion.shared", { block: n.block, loops: n.loops.map((p) => p.split("/").at(-1)).join(", ") }));
  parts.shared.textContent = shares.join(" · ");
  parts.shared.title = shares.join("\n");
  parts.legend.innerHTML = ["read", "write", "held", "line"].map((n) => `<span class="${n}">${esc(say(labels, `motion.legend_${n}`, { level: 1 }))}</span>`).join("");
  parts.loops.innerHTML = loopsHtml(view, labels);
  parts.transport.innerHTML = transportHtml(program, player.speed, labels);
  const caches = view.caches.map((c) => say(labels, "motion.cache", { level: c.level, size: formatBytes(c.size), ways: c.ways })).join(" · ");
  parts.note.textContent = say(labels, "motion.note", { caches, line: program.line });
  for (const [i, card] of pane.cards.entries()) card.querySelector("small").textContent = aboutBuffer(view.buffers[i], labels);
  lightMotion(pane, pane.lights);
}

function buildPictures(pane, view) {
  const { buffers } = pane.parts;
  buffers.innerHTML = view.buffers
    .map((b) => `<figure class="motion-buffer" data-buffer="${esc(b.name)}"><figcaption><button class="name">${esc(b.name)}</button><small></small><span class="space"></span><code class="slice"></code></figcaption><div class="pictures"></div></figure>`)
    .join("");
  pane.cards = [...buffers.children];
  pane.pictures = view.buffers.map((b, i) => makePicture(pane.cards[i].querySelector(".pictures"), b));
}

/** As many pictures in a row as there is room for; what is left over makes their neighbourhoods larger. */
function fitPictures(pane) {
  const width = pane.parts.buffers.clientWidth - 2 * MARGIN;
  if (!pane.player || width <= 0 || pane.width === width) return;
  pane.width = width;
  const each = PICTURE_WIDTH + GAP;
  const share = Math.floor((width + GAP) / Math.max(1, Math.floor((width + GAP) / each))) - GAP;
  pane.pictures.forEach((picture) => fitPicture(picture, share));
  paint(pane, true);
}

function aboutBuffer(buffer, labels) {
  const scope = buffer.scope === "global" ? "" : ` · ${buffer.scope}`;
  return `${buffer.shape.join(" × ")} ${buffer.dtype}${scope} · ${say(labels, `buffers.${buffer.role}`)}`;
}

// -- what changes with every step

/** `all`: draw the pictures too, however long it takes; else at most some fifteen times a second. */
function paint(pane, all) {
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
  parts.transport.querySelector(".where").textContent = `${number(where)} / ${number(view.iterations)}`;
  showPlaying(parts.transport, player.playing || Boolean(player.goal), labels);
  parts.accesses.innerHTML = accessesHtml(program.accesses.map((access, i) => describe(pane, access, i, now)), labels);
  paintCounters(pane);
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

function paintCounters(pane) {
  const { player, parts, labels, view } = pane;
  const { run } = player;
  const from = run.from ? say(labels, "motion.cold", { from: number(run.from * player.program.lanes + 1) }) : "";
  parts.counters.innerHTML =
    `<span class="title" title="${number(run.made)}">${esc(say(labels, "motion.made", { count: formatCount(run.made) }))}</span>` +
    levelsHtml(run, view, labels) + (from ? `<em>${esc(from)}</em>` : "");
  const button = parts.transport.querySelector("[data-act=ahead]");
  button.textContent = player.goal ? say(labels, "motion.cancel") : `+ ${formatCount(AHEAD)}`;
  button.title = say(labels, player.goal ? "motion.cancel" : "motion.ahead", { count: formatCount(AHEAD) });
}

const levelsHtml = (run, view, labels) =>
  `<div class="levels">${view.caches.map((c, i) => missesHtml(c, run.misses[i], run.made, iterationsOf(run), labels)).join("")}</div>`;

function paintSummary(pane, run, done) {
  const { labels, view, parts } = pane;
  const whole = run.at + 1 === run.program.steps;
  const title = say(labels, whole ? "motion.whole" : "motion.first", { count: formatCount(whole ? run.made : SUMMARY) });
  parts.summary.dataset.done = String(done);
  parts.summary.dataset.misses = JSON.stringify(run.misses);
  parts.summary.innerHTML =
    `<strong class="title">${esc(title)}</strong>${levelsHtml(run, view, labels)}` +
    `<span class="share progress-line" style="--done:${((100 * Math.min(run.made, SUMMARY)) / SUMMARY).toFixed(1)}%"${done ? " hidden" : ""}></span>`;
}

// -- what a person does

function listen(pane) {
  const { root, on, parts } = pane;
  pane.blocks.addEventListener("change", () => {
    pane.chosen = pane.blocks.value;
    on.choose({ kind: "block", id: pane.chosen }, false);
    load(pane);
  });
  root.addEventListener("input", (e) => {
    const { player } = pane;
    if (e.target.dataset.loop !== undefined) {
      const i = Number(e.target.dataset.loop);
      goTo(player, stepWith(player, i, Number(e.target.value)));
    } else if (e.target.classList.contains("scrubber")) goTo(player, Number(e.target.value));
    else if (e.target.classList.contains("motion-speed")) player.speed = Number(e.target.value);
  });
  root.addEventListener("click", (e) => {
    const button = e.target.closest("button");
    const buffer = e.target.closest("figure .name") && e.target.closest("figure").dataset.buffer;
    if (buffer) on.choose({ kind: "buffer", id: buffer }, e.shiftKey);
    else if (button?.dataset.next !== undefined) runAhead(pane.player, { step: nextOf(pane.player, Number(button.dataset.next)) });
    else if (button) act(pane, button.dataset.act);
  });
  root.addEventListener("keydown", (e) => onKey(pane, e));
  root.addEventListener("pointerover", (e) => on.hover(thingAt(e.target)));
  root.addEventListener("pointerleave", () => on.hover(null));
}

function thingAt(target) {
  const loop = target.closest(".motion-loop")?.dataset.path;
  if (loop) return { kind: "loop", id: loop };
  const buffer = target.closest("figure figcaption") && target.closest("figure").dataset.buffer;
  return buffer ? { kind: "buffer", id: buffer } : null;
}

function act(pane, what) {
  const { player } = pane;
  const { run, program } = player;
  if (what === "play") togglePlay(player);
  else if (what === "back") goTo(player, run.at - 1);
  else if (what === "forward") goTo(player, run.at + 1);
  else if (what === "start") goTo(player, 0);
  else if (what === "end") goTo(player, program.steps - 1);
  else if (what === "ahead" && player.goal) stop(player);
  else if (what === "ahead") runAhead(player, { made: run.made + AHEAD });
}

const KEYS = { " ": "play", ArrowLeft: "back", ArrowRight: "forward", Home: "start", End: "end" };

/** Keys are the pane's own while the focus is in it; a slider keeps the arrows, a button its Space. */
function onKey(pane, e) {
  const what = KEYS[e.key];
  if (!what || !pane.player || e.ctrlKey || e.metaKey || e.altKey) return;
  e.stopPropagation();
  const own = e.target.closest("input, select, button");
  if (own && (what !== "play" || own.tagName !== "INPUT")) return;
  e.preventDefault();
  act(pane, what);
}

/** What is lit elsewhere: the sliders of those loops, the titles of those buffers. */
function lightMotion(pane, lights) {
  pane.lights = lights;
  if (!pane.view) return;
  const lit = (test) => lights.find(test)?.colour;
  for (const row of pane.parts.loops.children) setLit(row, lit((l) => l.paths.has(row.dataset.path)));
  for (const card of pane.cards) setLit(card, lit((l) => l.buffer === card.dataset.buffer));
}

function setLit(element, colour) {
  if (colour) element.dataset.lit = colour;
  else delete element.dataset.lit;
}
