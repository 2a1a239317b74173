// How a person moves over the graph: drag, wheel, pinch, buttons, and a minimap. A move changes one
// transform and one rectangle, however many nodes there are.

import { clamp } from "./dom.js";
import { pointerIn } from "./pointer.js";

const CLOSEST = 2.5;
const READABLE = 0.72;
const FAR = 0.45; // below this zoom a label can't be read, so that it isn't drawn
const MARGIN = 18;
const AHEAD = 56; // pixels kept around a node that is brought into view, so that its neighbours show
const DRAG_FROM = 4; // pixels a press may move and still be a click

/** A camera on `stage` (an element that holds an SVG with a `.world` group and a `.minimap`). */
export function makeCamera(stage) {
  const camera = { stage, x: 0, y: 0, zoom: 1, width: 1, height: 1, frame: 0 };
  camera.moved = false; // whether the press under way is a drag
  camera.touched = false; // whether a person has chosen the view, which a new graph then keeps
  camera.drawn = null; // called when a move is drawn
  listen(camera);
  new ResizeObserver(() => onResize(camera)).observe(stage);
  return camera;
}

function onResize(camera) {
  if (camera.touched) return apply(camera);
  const { focus } = camera;
  firstView(camera);
  if (focus) reveal(camera, focus);
}

/** The graph's extent in its own pixels; `top` is the x of its uppermost node, where reading starts. */
export function setExtent(camera, width, height, top) {
  camera.top = top;
  camera.width = Math.max(1, width);
  camera.height = Math.max(1, height);
  apply(camera);
}

/** Show the whole graph, never enlarged. */
export function fit(camera) {
  const { clientWidth: w, clientHeight: h } = camera.stage;
  camera.zoom = wholeZoom(camera);
  camera.touched = false;
  camera.x = (w - camera.width * camera.zoom) / 2;
  camera.y = Math.max(MARGIN, (h - camera.height * camera.zoom) / 2);
  apply(camera);
}

/** The zoom at which the whole graph is in view; nobody needs to be farther away. */
function wholeZoom({ stage, width, height }) {
  const { clientWidth: w, clientHeight: h } = stage;
  return Math.max(1e-3, Math.min((w - 2 * MARGIN) / width, (h - 2 * MARGIN) / height, 1));
}

/** The first view: the whole graph where it can be read, else its top at a readable size. */
export function firstView(camera) {
  camera.focus = null;
  if (camera.stage.clientWidth === 0) return; // in a closed tab: placed when it opens
  fit(camera);
  if (camera.zoom >= READABLE) return;
  const { clientWidth: w } = camera.stage;
  camera.zoom = clamp((w - 2 * MARGIN) / camera.width, READABLE, 1);
  const wide = camera.width * camera.zoom;
  camera.x = wide <= w - 2 * MARGIN ? (w - wide) / 2 : clamp(w / 2 - camera.top * camera.zoom, w - MARGIN - wide, MARGIN);
  camera.y = MARGIN;
  apply(camera);
}

/** Zoom by `factor` about a point of the stage (its centre by default). */
export function zoomBy(camera, factor, x = camera.stage.clientWidth / 2, y = camera.stage.clientHeight / 2) {
  const zoom = clamp(camera.zoom * factor, Math.min(0.2, wholeZoom(camera)), CLOSEST);
  const k = zoom / camera.zoom;
  camera.touched = true;
  camera.x = x - (x - camera.x) * k;
  camera.y = y - (y - camera.y) * k;
  camera.zoom = zoom;
  apply(camera);
}

/** Move as little as needed to bring a box (centre and size in graph pixels) into view. */
export function reveal(camera, box) {
  camera.focus = box;
  if (camera.stage.clientWidth === 0) return;
  const { clientWidth: w, clientHeight: h } = camera.stage;
  const half = { w: (box.w / 2) * camera.zoom + MARGIN, h: (box.h / 2) * camera.zoom + AHEAD };
  const x = box.x * camera.zoom + camera.x;
  const y = box.y * camera.zoom + camera.y;
  camera.x += clamp(x, half.w, Math.max(half.w, w - half.w)) - x;
  camera.y += clamp(y, half.h, Math.max(half.h, h - half.h)) - y;
  apply(camera);
}

function apply(camera) {
  if (camera.frame) return;
  camera.frame = requestAnimationFrame(() => {
    camera.frame = 0;
    draw(camera);
  });
}

function draw(camera) {
  const { stage, x, y, zoom } = camera;
  const world = stage.querySelector(".world");
  world.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
  stage.classList.toggle("far", zoom < FAR);
  stage.style.setProperty("--dots", `${(20 * Math.max(zoom, FAR)).toFixed(2)}px`);
  stage.style.setProperty("--dots-x", `${x}px`);
  stage.style.setProperty("--dots-y", `${y}px`);
  drawWindow(camera);
  camera.drawn?.();
}

function drawWindow(camera) {
  const map = camera.stage.querySelector(".minimap");
  const { clientWidth: w, clientHeight: h } = camera.stage;
  const slack = MARGIN * camera.zoom; // the layout leaves as much empty around the outermost nodes
  const whole =
    camera.x >= -slack && camera.y >= -slack &&
    camera.x + camera.width * camera.zoom <= w + slack && camera.y + camera.height * camera.zoom <= h + slack;
  map.hidden = whole || !camera.mapScale;
  if (map.hidden) return;
  const k = camera.mapScale / camera.zoom;
  const left = clamp(-camera.x * k, 0, map.clientWidth), top = clamp(-camera.y * k, 0, map.clientHeight);
  const right = clamp((w - camera.x) * k, 0, map.clientWidth);
  const bottom = clamp((h - camera.y) * k, 0, map.clientHeight);
  const box = map.querySelector(".window").style;
  box.transform = `translate(${left}px, ${top}px)`;
  box.width = `${Math.max(4, right - left)}px`;
  box.height = `${Math.max(4, bottom - top)}px`;
}

/** Draw the minimap: `nodes` as blocks coloured by `colour(node)`. */
export function drawMinimap(camera, nodes, colour) {
  const map = camera.stage.querySelector(".minimap");
  const canvas = map.querySelector("canvas");
  const { clientWidth, clientHeight } = camera.stage;
  const most = { w: Math.min(96, clientWidth * 0.26), h: Math.min(220, clientHeight * 0.42) };
  const scale = Math.min(most.w / camera.width, most.h / camera.height);
  const w = Math.max(14, camera.width * scale), h = Math.max(14, camera.height * scale);
  const dpr = window.devicePixelRatio || 1;
  camera.mapScale = scale;
  canvas.width = w * dpr;
  canvas.height = h * dpr;
  canvas.style.width = `${w}px`;
  canvas.style.height = `${h}px`;
  const pen = canvas.getContext("2d");
  pen.scale(dpr * scale, dpr * scale);
  for (const node of nodes) {
    pen.fillStyle = colour(node);
    const least = 1.5 / scale; // a block stays visible however small the map
    const nw = Math.max(node.w, least), nh = Math.max(node.h, least);
    pen.fillRect(node.x - nw / 2, node.y - nh / 2, nw, nh);
  }
  apply(camera);
}

function listen(camera) {
  const { stage } = camera;
  const pointers = new Map();
  stage.addEventListener("wheel", (e) => {
    e.preventDefault();
    const at = pointerIn(stage, e);
    if (e.shiftKey) {
      camera.x -= e.deltaY;
      apply(camera);
    } else zoomBy(camera, Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), at.x, at.y);
  }, { passive: false });
  stage.addEventListener("pointerdown", (e) => {
    if (e.button !== 0 || e.target.closest("button")) return;
    camera.moved = false;
    camera.pressed = pointerIn(stage, e);
    camera.onMap = Boolean(e.target.closest(".minimap"));
    pointers.set(e.pointerId, camera.pressed);
    if (camera.onMap) lookAt(camera, e);
  });
  stage.addEventListener("pointermove", (e) => {
    const last = pointers.get(e.pointerId);
    if (!last) return;
    const at = pointerIn(stage, e);
    const far = Math.hypot(at.x - camera.pressed.x, at.y - camera.pressed.y);
    if (!camera.moved && far < DRAG_FROM) return;
    if (!camera.moved) {
      camera.moved = true;
      stage.setPointerCapture(e.pointerId);
      stage.classList.add("dragging");
    }
    move(camera, pointers, e);
    pointers.set(e.pointerId, at);
  });
  const release = (e) => {
    pointers.delete(e.pointerId);
    stage.classList.remove("dragging");
    setTimeout(() => (camera.moved = false), 0); // after the click that ends a drag, before any other
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
}

function move(camera, pointers, e) {
  if (camera.onMap) return lookAt(camera, e);
  const last = pointers.get(e.pointerId), at = pointerIn(camera.stage, e);
  const other = [...pointers].find(([id]) => id !== e.pointerId)?.[1];
  if (other) {
    const before = Math.hypot(last.x - other.x, last.y - other.y) || 1;
    const now = Math.hypot(at.x - other.x, at.y - other.y) || 1;
    zoomBy(camera, now / before, (at.x + other.x) / 2, (at.y + other.y) / 2);
    return;
  }
  camera.touched = true;
  camera.x += at.x - last.x;
  camera.y += at.y - last.y;
  apply(camera);
}

function lookAt(camera, e) {
  camera.touched = true;
  const at = pointerIn(camera.stage.querySelector(".minimap canvas"), e);
  const { clientWidth: w, clientHeight: h } = camera.stage;
  camera.x = w / 2 - (at.x / camera.mapScale) * camera.zoom;
  camera.y = h / 2 - (at.y / camera.mapScale) * camera.zoom;
  apply(camera);
}
