// The loops in motion: which elements of each buffer a block touches, iteration by iteration, and what a simulated
// cache makes of it. The pane follows the selection to a block; the player is `motion_player.js`, the pictures are
// `motion_picture.js`. Two panes at two steps of the history compare by the line at the top, which is the same run of
// the first accesses in both.

import { esc, formatBytes, say } from "./dom.js";
import { loopsHtml, transportHtml } from "./motion_controls.js";
import { fitPictures } from "./motion_fit.js";
import { AHEAD, SUMMARY, paintMotion, paintSummary } from "./motion_painting.js";
import { forgetTouched, makePicture, markTouched, readColours } from "./motion_picture.js";
import { goTo, makePlayer, makeSummary, nextOf, runAhead, stepWith, stop, togglePlay } from "./motion_player.js";
import { compileMotion } from "./motion_program.js";

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
    body, on, root: body.querySelector(".motion"), none: part("none"), blocks: part("block"), asked: 0, view: null, opened: new Set(), lights: [],
    parts: Object.fromEntries(["shared", "legend", "summary", "buffers", "accesses", "loops", "transport", "counters", "note"].map((n) => [n, part(n)])),
  };
  pane.root.hidden = true;
  listen(pane);
  new ResizeObserver(() => pane.player && refit(pane)).observe(pane.parts.buffers);
  new ResizeObserver(([list]) => keepHeight(list.target)).observe(pane.parts.accesses);
  return pane;
}

function drawMotion(pane, payloads, { labels, theme, function: name, selection, index }) {
  const path = pathHere(selection?.path, index);
  const key = JSON.stringify([name, path]);
  if (key !== pane.key) pane.chosen = path;
  pane.key = key;
  const retold = pane.labels !== labels;
  pane.labels = labels;
  if (pane.view && (retold || pane.theme !== theme)) {
    if (retold) build(pane, pane.view, pane.player);
    pane.colours = readColours(pane.root);
    paintMotion(pane, true);
  }
  pane.theme = theme;
  load(pane);
}

/** The selected place, where this step of the history has it; else its block; else null. */
function pathHere(path, index) {
  if (path == null || !index) return path ?? null;
  return [path, path.split("/")[0]].find((p) => index.nodes.has(p)) ?? null;
}

/** Ask for the block that is chosen. The answer is kept if a later question has not overtaken it. */
function load(pane) {
  const asked = ++pane.asked;
  const params = pane.chosen === null ? {} : { block: pane.chosen };
  pane.on.ask("motion", params).then(
    (view) => asked === pane.asked && view && show(pane, view),
    (problem) => asked === pane.asked && !problem.lost && !problem.aborted && refuse(pane, problem), // else the frame asks again
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
  if (pane.view && (view === pane.view || JSON.stringify(view) === JSON.stringify(pane.view))) return;
  if (pane.player) stop(pane.player);
  pane.view = view;
  pane.root.hidden = false;
  pane.none.hidden = true;
  pane.colours = readColours(pane.root);
  const { parts } = pane;
  const program = compileMotion(view);
  const there = () => pane.root.isConnected && pane.view === view;
  buildPictures(pane, view);
  pane.player = null;
  const player = makePlayer(program, {
    there,
    seen: (access, element, made) => markTouched(pane.pictures[access.buffer], element, access.isWrite, made),
    forget: () => pane.pictures.forEach(forgetTouched),
    paint: () => pane.player && paintMotion(pane, !pane.player.playing && !pane.player.goal),
  });
  build(pane, view, player);
  pane.player = player;
  parts.accesses.style.minHeight = "";
  paintMotion(pane, false);
  refit(pane);
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
  parts.legend.innerHTML = ["read", "write", "held", "line"].map((n) => `<span class="${n}">${esc(say(labels, `motion.legend_${n}`, { level: 1, line: program.line }))}</span>`).join("");
  parts.loops.innerHTML = loopsHtml(view, labels);
  parts.transport.innerHTML = transportHtml(program, player.speed, labels);
  const caches = view.caches.map((c) => say(labels, "motion.cache", { level: c.level, size: formatBytes(c.size), ways: c.ways })).join(" · ");
  const unknown = view.accesses.filter((access) => access.indices === null).length;
  const leftOut = unknown ? ` · ${say(labels, "motion.left_out", { count: unknown })}` : "";
  parts.note.textContent = parts.note.title = say(labels, "motion.note", { caches }) + leftOut;
  for (const [i, card] of pane.cards.entries()) {
    const about = card.querySelector("small");
    about.textContent = about.title = aboutBuffer(view.buffers[i], labels);
    for (const canvas of card.querySelectorAll("canvas")) canvas.setAttribute("aria-label", `${view.buffers[i].name} ${about.title}`);
  }
  lightMotion(pane, pane.lights);
}

function buildPictures(pane, view) {
  const { buffers } = pane.parts;
  buffers.innerHTML = view.buffers
    .map((b) => `<figure class="motion-buffer" data-buffer="${esc(b.name)}"><figcaption><button class="name">${esc(b.name)}</button><code class="slice"></code><small></small></figcaption><div class="pictures"></div></figure>`)
    .join("");
  pane.cards = [...buffers.children];
  pane.pictures = view.buffers.map((b, i) => makePicture(pane.cards[i].querySelector(".pictures"), b));
}

/** The list of accesses grows but does not shrink, or the pictures would jump at every step. */
function keepHeight(list) {
  if (list.offsetHeight > (parseFloat(list.style.minHeight) || 0)) list.style.minHeight = `${list.offsetHeight}px`;
}

function refit(pane) {
  fitPictures(pane);
  paintMotion(pane, true);
}

function aboutBuffer(buffer, labels) {
  const scope = buffer.scope === "global" ? "" : ` · ${buffer.scope}`;
  return `${buffer.shape.join(" × ")} ${buffer.dtype}${scope} · ${say(labels, `buffers.${buffer.role}`)}`;
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
    const picture = e.target.closest("canvas.overview")?.closest("figure").dataset.buffer;
    if (picture) lookCloser(pane, picture);
    else if (buffer) on.choose({ kind: "buffer", id: buffer }, e.shiftKey);
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

/** Show a buffer's neighbourhood, or hide it, where there is no room for all. */
function lookCloser(pane, name) {
  if (!pane.opened.delete(name)) pane.opened.add(name);
  refit(pane);
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
