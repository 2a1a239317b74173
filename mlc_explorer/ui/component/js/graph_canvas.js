// A big graph, drawn: a canvas holds what is in view, and over it lies an empty element for each box there, so
// that boxes can be pointed at, found and heard as in a small graph, and yet a move costs one drawing.

import { aboutNode, arrowOf, openerAt, wordsOf } from "./graph_svg.js";

const FAR = 0.45; // as in the camera: below this zoom labels can't be read
const HEADS_FROM = 0.2; // below this zoom arrow heads are specks
const SPECKS = 0.08; // below this zoom boxes are specks that nobody can point at, and curves can't be told from lines
const AROUND = 0.2; // how much of the stage's size counts as in view on each side
const FAMILIES = ["input", "constant", "output", "matmul", "conv", "elementwise", "reduce", "shape", "pool", "call", "library", "other", "group", "buffer"];

const NOWHERE = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };

/** The layers in `stage`; `style(element, id)` puts a box's marks on its element. */
export function makeCanvas(stage, style) {
  const canvas = document.createElement("canvas");
  const overlay = document.createElement("div");
  canvas.className = "drawing";
  overlay.className = "overlay";
  stage.querySelector(".picture").after(canvas, overlay);
  return { stage, canvas, overlay, style, elements: new Map(), view: null };
}

/** Take `view` for what is to be drawn; null empties the layers. */
export function setDrawing(drawing, view) {
  drawing.view = view;
  drawing.overlay.replaceChildren();
  drawing.elements.clear();
  drawing.canvas.hidden = drawing.overlay.hidden = !view;
  if (!view) return;
  drawing.words = new Map(view.nodes.map((n) => [n.id, wordsOf(n)]));
  drawing.edges = view.edges.filter((e) => e.points.length > 1).map((e) => ({ ...boxAround(e.points), points: e.points, arrow: arrowOf(e.points) }));
}

/** Colours come from the style sheet: to be read again when the theme changes. */
export function readPalette(drawing) {
  const css = getComputedStyle(drawing.stage);
  const of = (name) => css.getPropertyValue(name).trim();
  const seen = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    drawing.overlay.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  drawing.colours = Object.fromEntries(["border-strong", "raised", "bg", "text", "muted", "accent", "warn", "panel", "border"].map((n) => [n, seen(`--${n}`)]));
  drawing.families = Object.fromEntries(FAMILIES.map((f) => [f, seen(`--family-${f}`)]));
  drawing.fonts = { op: `600 12.5px ${of("--sans")}`, shape: `400 10.5px ${of("--mono")}`, one: `500 10.5px ${of("--mono")}`, frame: `500 11px ${of("--sans")}` };
}

/** Draw what `camera` sees. `marks`: {selected, changed, lit, matches, found}; `near`: the edges to point out. */
export function drawCanvas(drawing, camera, marks, near) {
  const { canvas, stage, view, overlay } = drawing;
  if (!view) return;
  const { clientWidth: w, clientHeight: h } = stage;
  const dpr = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * dpr) || canvas.height !== Math.round(h * dpr)) {
    canvas.width = Math.round(w * dpr);
    canvas.height = Math.round(h * dpr);
  }
  const { x, y, zoom } = camera;
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(dpr * zoom, 0, 0, dpr * zoom, dpr * x, dpr * y);
  overlay.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
  const seen = { left: -x / zoom, top: -y / zoom, right: (w - x) / zoom, bottom: (h - y) / zoom };
  drawFrames(drawing, pen, zoom, seen);
  drawEdges(drawing, pen, zoom, seen);
  drawNear(drawing, pen, near);
  const nodes = view.nodes.filter((n) => touches(seen, n.x - n.w / 2, n.y - n.h / 2, n.x + n.w / 2, n.y + n.h / 2));
  drawBoxes(drawing, pen, zoom, nodes, marks);
  if (zoom >= FAR) drawWords(drawing, pen, nodes);
  syncOverlay(drawing, zoom >= SPECKS ? seen : NOWHERE);
}

const touches = (seen, left, top, right, bottom) =>
  right >= seen.left && left <= seen.right && bottom >= seen.top && top <= seen.bottom;

function boxAround(points) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function drawFrames({ view, colours, fonts }, pen, zoom, seen) {
  pen.lineWidth = 1;
  pen.font = fonts.frame;
  for (const g of view.groups ?? []) {
    const left = g.x - g.w / 2, top = g.y - g.h / 2;
    if (!touches(seen, left, top, left + g.w, top + g.h)) continue;
    pen.globalAlpha = 0.5;
    pen.fillStyle = colours.raised;
    pen.strokeStyle = colours["border-strong"];
    pen.beginPath();
    pen.roundRect(left, top, g.w, g.h, 9);
    pen.fill();
    pen.globalAlpha = 1;
    pen.stroke();
    pen.fillStyle = colours.muted;
    if (zoom >= FAR) pen.fillText(`− ${g.label}`, left + 9, top + 13, Math.max(10, g.w - 18));
  }
}

function drawEdges({ edges, colours }, pen, zoom, seen) {
  const shown = edges.filter((e) => touches(seen, e.left, e.top, e.right, e.bottom));
  pen.strokeStyle = pen.fillStyle = colours["border-strong"];
  pen.lineWidth = Math.max(1.4, 0.8 / zoom);
  pen.beginPath();
  for (const { points } of shown) {
    if (zoom >= SPECKS) curve(pen, points);
    else {
      pen.moveTo(...points[0]);
      pen.lineTo(...points.at(-1));
    }
  }
  pen.stroke();
  if (zoom < HEADS_FROM) return;
  pen.beginPath();
  for (const { arrow } of shown) head(pen, arrow);
  pen.fill();
}

function drawNear({ colours, families }, pen, near) {
  for (const { id, edge } of near) {
    pen.strokeStyle = pen.fillStyle = edge.source === id ? colours.accent : families.elementwise;
    pen.lineWidth = 2;
    pen.beginPath();
    curve(pen, edge.points);
    pen.stroke();
    pen.beginPath();
    head(pen, arrowOf(edge.points));
    pen.fill();
  }
}

function curve(pen, points) {
  if (points.length < 2) return;
  pen.moveTo(...points[0]);
  if (points.length < 4) return points.slice(1).forEach((p) => pen.lineTo(...p));
  for (let i = 1; i + 2 < points.length; i += 3) pen.bezierCurveTo(...points[i], ...points[i + 1], ...points[i + 2]);
}

function head(pen, corners) {
  if (!corners) return;
  pen.moveTo(...corners[0]);
  pen.lineTo(...corners[1]);
  pen.lineTo(...corners[2]);
  pen.closePath();
}

function drawBoxes({ colours, families, words }, pen, zoom, nodes, marks) {
  const far = zoom < FAR;
  for (const family of new Set(nodes.map((n) => n.family))) {
    const own = nodes.filter((n) => n.family === family);
    const colour = families[family] || families.other;
    pen.fillStyle = far ? colour : colours.raised;
    if (far) {
      pen.globalAlpha = 0.85;
      for (const n of own) pen.fillRect(n.x - n.w / 2, n.y - n.h / 2, n.w, n.h);
      pen.globalAlpha = 1;
      continue;
    }
    pen.strokeStyle = colours["border-strong"];
    pen.lineWidth = 1;
    pen.beginPath();
    for (const n of own) pen.roundRect(n.x - n.w / 2, n.y - n.h / 2, n.w, n.h, words.get(n.id).small ? n.h / 2 : 7);
    pen.fill();
    pen.stroke();
    pen.fillStyle = colour;
    for (const n of own) if (!words.get(n.id).small) pen.fillRect(n.x - n.w / 2 + 4, n.y - n.h / 2 + 6, 3, n.h - 12);
  }
  for (const n of nodes) {
    const ring = ringOf(n.id, marks, colours);
    if (!ring) continue;
    pen.strokeStyle = ring;
    pen.lineWidth = Math.max(2, 2 / zoom);
    pen.strokeRect(n.x - n.w / 2 - 1, n.y - n.h / 2 - 1, n.w + 2, n.h + 2);
  }
}

function ringOf(id, marks, colours) {
  if (marks.selected === id || marks.found === id) return colours.accent;
  if (marks.lit.has(id)) return marks.lit.get(id);
  if (marks.matches.has(id) || marks.changed.has(id)) return colours.warn;
  return null;
}

function drawWords({ colours, fonts, words }, pen, nodes) {
  pen.fillStyle = colours.text;
  pen.font = fonts.op;
  for (const n of nodes) {
    const { small, title, shape } = words.get(n.id);
    if (!small) pen.fillText(title, n.x - n.w / 2 + 13, n.y + (shape ? -3 : 4.5));
    if (n.count) pen.fillText("+", n.x + openerAt(n) - 4, n.y + 4.5);
  }
  pen.fillStyle = colours.muted;
  pen.font = fonts.shape;
  for (const n of nodes) {
    const { small, title, shape } = words.get(n.id);
    if (small) pen.fillText(title, n.x - n.w / 2 + 8, n.y + 4);
    else if (shape) pen.fillText(shape, n.x - n.w / 2 + 13, n.y + 13);
  }
}

/** An element for each box in view or near it, and no other. */
function syncOverlay({ view, overlay, elements, style }, seen) {
  const padX = (seen.right - seen.left) * AROUND, padY = (seen.bottom - seen.top) * AROUND;
  const wide = { left: seen.left - padX, right: seen.right + padX, top: seen.top - padY, bottom: seen.bottom + padY };
  const fresh = document.createDocumentFragment();
  for (const n of view.nodes) {
    const inside = touches(wide, n.x - n.w / 2, n.y - n.h / 2, n.x + n.w / 2, n.y + n.h / 2);
    const e = elements.get(n.id);
    if (inside && !e) fresh.append(elementOf(n, elements, style));
    else if (!inside && e) {
      e.remove();
      elements.delete(n.id);
    }
  }
  for (const g of view.groups ?? []) {
    const key = `\0${g.id}`;
    if (!elements.has(key)) fresh.prepend(frameElement(g, key, elements));
  }
  if (fresh.childNodes.length) overlay.append(fresh);
}

function elementOf(n, elements, style) {
  const e = document.createElement("div");
  e.className = "node";
  e.dataset.id = n.id;
  e.dataset.family = n.family;
  e.title = aboutNode(n);
  e.style.cssText = `left:${n.x - n.w / 2}px;top:${n.y - n.h / 2}px;width:${n.w}px;height:${n.h}px`;
  if (n.count) e.append(Object.assign(document.createElement("span"), { className: "opener" }));
  elements.set(n.id, e);
  style(e, n.id);
  return e;
}

function frameElement(g, key, elements) {
  const e = document.createElement("div");
  e.className = "group-frame";
  e.dataset.group = g.id;
  e.style.cssText = `left:${g.x - g.w / 2}px;top:${g.y - g.h / 2}px;width:${g.w}px;height:18px`;
  e.append(Object.assign(document.createElement("span"), { className: "closer" }));
  elements.set(key, e);
  return e;
}
