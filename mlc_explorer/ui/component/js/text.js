// A text pane: rows in chunks of fixed height (painted when near the view, the rest when idle, so that the
// browser's own find sees all of them), and bands behind the rows for all that is lit.

import { scrollAlong, scrollsTogether, toggleTogether } from "./compare.js";
import { icon, say } from "./dom.js";
import { selectable, thingAt } from "./program_index.js";
import { LINE, isChange, isOwn, rowAt, rowHtml, rowsOf } from "./rows.js";

const CHUNK = 60; // rows
const AHEAD = 600; // pixels painted beyond the view
const NOTHING = { lines: [], marks: [], links: [], kinds: [], level: "", function: "" };
const COPIED_MS = 1500;
const NO_INDEX = { marks: [], headers: new Map(), nodes: new Map(), parents: new Map(), buffers: new Map() };

/** The kind of pane that shows `view`: ``program`` (a function's own text), or a level of `levels`. */
export function textPane(view, levels) {
  const language = levels.find((l) => l.name === view)?.language ?? "python";
  return {
    views: [view],
    make: (body, on, tools) => makeText(body, on, tools, language),
    draw: (pane, payloads, scene) => drawText(pane, payloads[view], scene, view === "program" ? scene.compared : null),
    light: lightText,
  };
}

function makeText(body, on, tools, language) {
  body.innerHTML =
    '<div class="scroller" tabindex="0" role="region"><div class="sheet"><div class="bands"></div></div></div>' +
    '<div class="unlinked" role="status" hidden></div>';
  tools.innerHTML =
    `<button class="tool together" hidden>${icon("together")}</button><button class="tool copy">${icon("copy")}</button>`;
  const scroller = body.querySelector(".scroller");
  const pane = {
    body, scroller, on, language,
    sheet: body.querySelector(".sheet"),
    bands: body.querySelector(".bands"),
    unlinked: body.querySelector(".unlinked"),
    copy: tools.querySelector(".copy"),
    together: tools.querySelector(".together"),
    view: NOTHING, compared: null, partner: null, problem: null, index: NO_INDEX, links: NO_INDEX, labels: {}, names: new Set(),
    rows: [], chunks: [], folded: new Set(), lights: [],
  };
  pane.near = new IntersectionObserver(
    (entries) => entries.forEach((e) => e.isIntersecting && paintChunk(pane, Number(e.target.dataset.chunk))),
    { root: scroller, rootMargin: `${AHEAD}px 0px` },
  );
  scroller.addEventListener("click", (e) => onClick(pane, e));
  scroller.addEventListener("pointerover", (e) => onHover(pane, e));
  scroller.addEventListener("pointerleave", () => {
    pane.unlinked.hidden = true;
    on.hover(null);
  });
  scroller.addEventListener("keydown", (e) => onKey(pane, e));
  scroller.addEventListener("scroll", () => scrollAlong(pane), { passive: true });
  pane.copy.addEventListener("click", () => copyAll(pane));
  pane.together.addEventListener("click", () => {
    toggleTogether();
    scrollAlong(pane);
    for (const text of [pane, pane.partner]) if (text) drawTogether(text);
  });
  return pane;
}

/** Show a TextView (null for none) of the scene's function; `compared` is null or {diff, side, other}, as `rowsOf` wants it. */
function drawText(pane, view, scene, compared) {
  const before = pane.view;
  const next = view ?? NOTHING;
  const { index, labels, problem } = scene;
  const sameDiff = pane.compared?.diff === compared?.diff && pane.compared?.side === compared?.side;
  const sameText = before === next && sameDiff && pane.index === index && pane.labels === labels;
  pane.partner = compared?.other ?? null;
  if (sameText && pane.problem === problem) return;
  const fresh = before.function !== next.function || before.level !== next.level;
  Object.assign(pane, { view: next, compared, problem, labels, index });
  pane.own = !next.links?.length; // the function's own text: its lines are what all others refer to
  pane.links = pane.own ? index : { ...index, marks: next.marks, headers: new Map(next.marks.map((m) => [m.line, m])) };
  pane.names = pane.language === "llvm" || pane.language === "asm" ? null : index.buffers;
  pane.copy.title = say(labels, "text.copy");
  pane.copy.setAttribute("aria-label", pane.copy.title);
  pane.scroller.setAttribute("aria-label", say(labels, "text.about", { function: next.function, count: next.lines.length }));
  drawTogether(pane);
  if (before.function !== next.function) pane.folded.clear();
  pane.byLine = null;
  layOut(pane);
  if (fresh) pane.scroller.scrollTop = 0;
  if (!sameText && compared) showChange(pane);
  if (problem) reveal(pane, problem.paths.map((path) => index.byPath.get(path)?.line).find(Boolean));
}

/** The button that ties two texts which stand side by side. */
function drawTogether({ together, partner, labels }) {
  together.hidden = !partner;
  together.setAttribute("aria-pressed", String(scrollsTogether()));
  together.title = say(labels, "diff.together");
  together.setAttribute("aria-label", together.title);
}

function layOut(pane) {
  const { view, compared, sheet } = pane;
  pane.rows = rowsOf(view, compared, pane.links, pane.folded, pane.own ? pane.problem : null, pane.scroller.clientWidth);
  const longest = pane.rows.reduce((most, r) => (r.op === "note" ? most : Math.max(most, r.text.length)), 0);
  pane.near.disconnect();
  pane.chunks = [];
  const fragment = document.createDocumentFragment();
  for (let from = 0; from < pane.rows.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, pane.rows.length);
    const element = document.createElement("div");
    const end = to < pane.rows.length ? pane.rows[to].top : bottomOf(pane.rows[to - 1]);
    element.className = "chunk";
    element.dataset.chunk = pane.chunks.length;
    element.style.height = `${end - pane.rows[from].top}px`;
    pane.chunks.push({ element, from, to, painted: false });
    fragment.append(element);
  }
  sheet.style.setProperty("--columns", longest + 16);
  sheet.style.setProperty("--digits", String(view.lines.length).length);
  sheet.classList.toggle("comparing", Boolean(compared));
  sheet.replaceChildren(pane.bands, fragment);
  paintInView(pane);
  pane.chunks.forEach((c) => pane.near.observe(c.element));
  paintIdle(pane, pane.chunks);
  drawBands(pane);
}

const bottomOf = (row) => row.top + (row.units ?? 1) * LINE;

function paintInView(pane) {
  const { scrollTop, clientHeight } = pane.scroller;
  pane.chunks.forEach((c, i) => {
    const top = pane.rows[c.from].top, bottom = bottomOf(pane.rows[c.to - 1]);
    if (bottom >= scrollTop && top <= scrollTop + Math.max(clientHeight, 400)) paintChunk(pane, i);
  });
}

function paintChunk(pane, index) {
  const chunk = pane.chunks[index];
  if (!chunk || chunk.painted) return;
  chunk.painted = true;
  pane.near.unobserve(chunk.element);
  let html = "";
  for (let i = chunk.from; i < chunk.to; i++)
    html += rowHtml(pane.rows[i], i, pane);
  chunk.element.innerHTML = html;
  if (pane.lights.some((l) => l.buffer)) lightNames(pane, chunk.element);
}

function paintIdle(pane, chunks) {
  const later = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 8 }), 50));
  let next = 0;
  const work = (deadline) => {
    if (pane.chunks !== chunks) return; // another text stands here by now
    while (next < chunks.length && deadline.timeRemaining() > 4) paintChunk(pane, next++);
    if (next < chunks.length) later(work);
  };
  later(work);
}

/** Light the lines of `lights`; the selection is brought into view when it is new. */
function lightText(pane, lights) {
  const selected = lights.find((l) => l.colour === "selected");
  const moved = selected && selected.key !== pane.shownKey;
  pane.lights = lights;
  pane.shownKey = selected?.key ?? null;
  drawBands(pane);
  lightNames(pane, pane.sheet);
  if (moved && selected.origin !== pane) reveal(pane, firstLine(pane, selected));
}

function drawBands(pane) {
  const bands = pane.lights.flatMap((light) => rangesOf(pane, light).map((range) => bandOf(pane, range, light.colour)));
  for (const path of pane.problem?.paths ?? []) {
    const mark = pane.own ? pane.index.byPath?.get(path) : null;
    if (mark) bands.push(bandOf(pane, { from: mark.line, to: mark.end, header: true }, "problem"));
  }
  pane.bands.innerHTML = bands.join("");
}

/** The lines of this text that belong to a light, as ranges {from, to, header}; `header`: the first line names it. */
function rangesOf(pane, light) {
  if (pane.own && light.header !== null)
    return [{ from: light.header, to: Math.max(...light.lines), header: true }];
  const mark = pane.own ? null : pane.view.marks.find((m) => m.path === light.thing.id);
  if (mark) return [{ from: mark.line, to: mark.end, header: true }];
  const ranges = [];
  for (const line of pane.own ? [...light.lines].sort((a, b) => a - b) : ownLines(pane, light.lines)) {
    const last = ranges.at(-1);
    if (last && last.to === line - 1) last.to = line;
    else ranges.push({ from: line, to: line, header: false });
  }
  return ranges;
}

/** The lines of a compiled text that came from `lines` of the function's own. */
function ownLines(pane, lines) {
  if (!pane.byLine) {
    pane.byLine = new Map();
    pane.view.links.forEach((origin, i) => {
      if (origin == null) return;
      if (!pane.byLine.has(origin)) pane.byLine.set(origin, []);
      pane.byLine.get(origin).push(i + 1);
    });
  }
  return [...lines].flatMap((line) => pane.byLine.get(line) ?? []).sort((a, b) => a - b);
}

function bandOf(pane, { from, to, header }, colour) {
  if (!pane.rows.length) return "";
  const first = pane.rows[rowAt(pane.rows, from)];
  const last = pane.rows[rowAt(pane.rows, to)];
  const about = `data-from="${from}" data-to="${to}" data-colour="${colour}"`; // for those who read the page by program
  if (!header) return `<div class="run ${colour}" ${about} style="top:${first.top}px;height:${bottomOf(last) - first.top}px"></div>`;
  const top = first.top + LINE, height = bottomOf(last) - top;
  const body = height > 0 ? `<div class="body ${colour}" style="top:${top}px;height:${height}px"></div>` : "";
  return `<div class="head ${colour}" ${about} style="top:${first.top}px"></div>${body}`;
}

/** Buffers' names that are lit, among the rows that are painted. */
function lightNames(pane, within) {
  const lit = new Map(pane.lights.filter((l) => l.buffer).map((l) => [l.buffer, l.colour]));
  for (const e of within.querySelectorAll("b[data-buffer]")) e.className = lit.get(e.dataset.buffer) ?? "";
}

/** The line to bring into view for a light: its header, or the start of its longest run. */
function firstLine(pane, light) {
  const longer = (a, b) => (b.header || b.to - b.from <= a.to - a.from ? a : b);
  return rangesOf(pane, light).reduce((a, b) => (a ? longer(a, b) : b), null)?.from ?? null;
}

function reveal(pane, line) {
  if (line && pane.rows.length) scrollTo(pane, pane.rows[rowAt(pane.rows, line)].top);
}

function scrollTo(pane, top) {
  const { scroller } = pane;
  const { scrollTop, clientHeight } = scroller;
  if (top >= scrollTop + LINE && top <= scrollTop + clientHeight - 3 * LINE) return;
  scroller.scrollTop = Math.max(0, top - clientHeight / 3);
  paintInView(pane);
}

/** After a step, the first change should be in view, if no change is. */
function showChange(pane) {
  const { scrollTop, clientHeight } = pane.scroller;
  const changed = pane.rows.filter((r) => isChange(r) || r.op === "fill");
  const seen = changed.some((r) => r.top >= scrollTop && r.top < scrollTop + clientHeight - LINE);
  if (changed.length && !seen) scrollTo(pane, changed[0].top);
}

function rowUnder(pane, target) {
  const index = target.closest?.(".ln")?.dataset.row;
  return index === undefined ? null : pane.rows[Number(index)];
}

/** What a row stands for, in the terms of the function's own text; null for what stands for nothing. */
function thingOfRow(pane, row) {
  if (!row || !isOwn(row)) return null;
  if (pane.own) return thingAt(pane.index, row.line);
  const mark = pane.links.headers.get(row.line);
  if (mark) return { kind: mark.kind, id: mark.path };
  const origin = pane.view.links[row.line - 1];
  return origin == null ? null : { kind: "line", id: origin };
}

function onHover(pane, e) {
  const row = rowUnder(pane, e.target);
  const buffer = e.target.dataset?.buffer;
  const thing = buffer ? { kind: "buffer", id: buffer } : thingOfRow(pane, row);
  sayUnlinked(pane, !pane.own && row && isOwn(row) && !thing && row.text?.trim() ? row : null);
  pane.on.hover(thing);
}

/** A line that comes from no line of the program says so. */
function sayUnlinked(pane, row) {
  pane.unlinked.hidden = !row;
  if (!row) return;
  const kind = pane.view.kinds?.[row.line - 1] || "other";
  const key = `unlinked.${kind}`;
  pane.unlinked.textContent = say(pane.labels, pane.labels[key] ? key : "unlinked.other");
}

function onClick(pane, e) {
  if (e.target.closest(".dismiss")) return pane.on.dismiss();
  const row = rowUnder(pane, e.target);
  if (!row) return;
  if (e.target.closest(".fold, .hides")) return toggleFold(pane, row.path);
  const picked = pane.scroller.getRootNode().getSelection?.() ?? document.getSelection();
  if (picked && !picked.isCollapsed) return; // a person is selecting text to copy
  const buffer = e.target.dataset?.buffer;
  const keep = e.shiftKey;
  const thing = buffer && keep ? { kind: "buffer", id: buffer } : thingOfRow(pane, row);
  if (!thing) return;
  const chosen = keep ? thing : selectable(pane.index, thing);
  if (chosen) pane.on.choose(chosen, keep);
}

async function copyAll(pane) {
  await navigator.clipboard?.writeText(pane.view.lines.join("\n"));
  pane.copy.innerHTML = icon("check");
  pane.copy.classList.add("done");
  pane.copy.title = say(pane.labels, "text.copied");
  setTimeout(() => {
    pane.copy.innerHTML = icon("copy");
    pane.copy.classList.remove("done");
    pane.copy.title = say(pane.labels, "text.copy");
  }, COPIED_MS);
}

function toggleFold(pane, path) {
  if (!pane.folded.delete(path)) pane.folded.add(path);
  const top = pane.scroller.scrollTop;
  layOut(pane);
  pane.scroller.scrollTop = top;
}

/** Escape selects the loop outside; Space folds what is selected. */
function onKey(pane, e) {
  const selected = pane.lights.find((l) => l.colour === "selected")?.thing;
  const header = pane.links.marks.find((m) => m.path === selected?.id);
  const outside = selected && pane.index.parents.get(selected.id);
  if (e.key === " " && header && header.end > header.line) toggleFold(pane, header.path);
  else if (e.key === "Escape" && outside) pane.on.choose({ kind: pane.index.nodes.get(outside).kind, id: outside });
  else return;
  e.preventDefault();
  e.stopPropagation(); // Escape is the page's key for Cancel, too
}
