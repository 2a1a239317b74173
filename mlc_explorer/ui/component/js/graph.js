// The graph pane: boxes that can be chosen, lit and moved over, and groups that open on the spot. A small graph is
// SVG, a big one a canvas with empty elements over it (`graph_canvas.js`); what is done with them is the same.

import { drawMinimap, firstView, fit, makeCamera, reveal, setExtent, zoomBy } from "./camera.js";
import { esc, icon, say } from "./dom.js";
import { changesOf } from "./graph_changes.js";
import { drawCanvas, makeCanvas, readPalette, setDrawing } from "./graph_canvas.js";
import { exportPicture } from "./graph_export.js";
import { animateFrom, askForView, closeAll, closeAround, openAll, openGroups, toggleGroup } from "./graph_groups.js";
import { makeSearch, openSearch, sayInSearch } from "./graph_search.js";
import { drawChanges, staysInPlace } from "./graph_step.js";
import { aboutNode, nearOf, worldOf } from "./graph_svg.js";

const MOST_SVG = 400; // boxes; more are drawn on a canvas

export const graphPane = { views: ["graph"], make: makeGraph, draw: drawPane("graph"), light: lightGraph };
export const dataflowPane = { views: ["dataflow"], make: makePlain, draw: drawPane("dataflow"), light: lightGraph };

const STAGE =
  '<div class="stage" tabindex="0" role="application"><svg class="picture"><g class="world"></g></svg>' +
  '<div class="said" aria-live="polite"></div><div class="changes" role="status" hidden></div><div class="minimap" hidden><canvas></canvas><div class="window"></div></div></div>';
const TOOLS = [["search", "search"], ["close_all", "fold"], ["open_all", "unfold"], ["out", "minus"], ["in", "plus"], ["fit", "fit"]];
const EXPORTS = ["svg", "png"];
const FOLDING = ["close_all", "open_all"];

/** A pane for a graph that neither folds nor can be searched: that of a schedule's dataflow. */
function makePlain(body, on, tools) {
  return makePane(body, on, tools, TOOLS.filter(([act]) => act !== "search" && !FOLDING.includes(act)));
}

function makeGraph(body, on, tools) {
  const pane = makePane(body, on, tools, TOOLS);
  pane.search = makeSearch(pane, { redraw: () => mark(pane), show: (id) => showNode(pane, id), open: (groups) => openGroups(pane, groups) });
  return pane;
}

function makePane(body, on, tools, buttons) {
  body.innerHTML = STAGE;
  tools.innerHTML =
    buttons.map(([act, name]) => `<button class="tool" data-zoom="${act}">${icon(name)}</button>`).join("") +
    `<span class="save-button">${icon("save")}<select class="save-as"></select></span>`;
  const stage = body.querySelector(".stage");
  const pane = {
    body, stage, tools, on, camera: makeCamera(stage), view: null, labels: {}, opened: null, byId: new Map(), elements: new Map(), lights: [],
    marks: { selected: null, changed: new Set(), appeared: new Set(), lit: new Map(), matches: new Set(), found: null, near: null },
  };
  pane.drawing = makeCanvas(stage, (element, id) => markElement(pane, element, id));
  pane.camera.drawn = () => paint(pane);
  pane.redraw = (view, anchor) => drawView(pane, view, anchor);
  listen(pane);
  return pane;
}

function listen(pane) {
  const { stage, tools, on } = pane;
  stage.addEventListener("click", (e) => {
    if (pane.camera.moved) return;
    const id = e.target.closest(".node")?.dataset.id;
    const closing = e.target.closest(".closer") && e.target.closest(".group-frame").dataset.group;
    if (closing) toggleGroup(pane, closing);
    else if (id && e.target.closest(".opener")) toggleGroup(pane, id);
    else if (id) choose(pane, id, e.shiftKey);
  });
  stage.addEventListener("dblclick", (e) => {
    const group = e.target.closest(".node")?.dataset.id ?? e.target.closest(".group-frame")?.dataset.group;
    if (group && !e.target.closest(".opener, .closer")) toggleGroup(pane, group);
  });
  stage.addEventListener("pointerover", (e) => {
    const id = e.target.closest(".node")?.dataset.id ?? null;
    light(pane, id);
    on.hover(id ? thingOf(pane, id) : null);
  });
  stage.addEventListener("pointerleave", () => {
    light(pane, null);
    on.hover(null);
  });
  stage.addEventListener("keydown", (e) => onKey(pane, e));
  tools.addEventListener("click", (e) => act(pane, e.target.closest("button[data-zoom]")?.dataset.zoom));
  const choice = tools.querySelector("select.save-as");
  choice.addEventListener("change", () => {
    exportPicture(pane, choice.value);
    choice.value = "";
  });
}

function act(pane, name) {
  if (name === "fit") fit(pane.camera);
  else if (name === "in" || name === "out") zoomBy(pane.camera, name === "in" ? 1.3 : 1 / 1.3);
  else if (name === "search") openSearch(pane.search);
  else if (name === "open_all") openAll(pane);
  else if (name === "close_all") closeAll(pane);
}

/** What a box stands for: in a dataflow a buffer or a block, else a node of the graph. */
function thingOf(pane, id) {
  const node = pane.byId.get(id);
  if (node.family === "buffer") return { kind: "buffer", id: node.label };
  if (pane.isDataflow) return { kind: "block", id };
  return { kind: "node", id, node };
}

const choose = (pane, id, keep = false) => pane.on.choose(thingOf(pane, id), keep);

/** How a view of that name is drawn. One that a person has moved stays where it is while the function is the same. */
function drawPane(name) {
  return (pane, payloads, scene) => {
    const { labels, theme } = scene;
    pane.labels = labels;
    pane.isDataflow = name === "dataflow";
    const repaint = pane.theme !== theme;
    pane.theme = theme;
    const base = payloads[name];
    if (pane.base !== base) {
      if (pane.base?.function !== base?.function) pane.opened = null;
      pane.base = base;
      if (pane.opened && base) askForView(pane, pane.opened, null);
      else drawView(pane, base, null);
    } else if (repaint) recolour(pane);
    sayTools(pane, labels);
    markChanged(pane, scene);
  };
}

/** Show `view`; what `anchor` (an id) stands for keeps its place on screen. */
function drawView(pane, view, anchor) {
  const before = pane.view;
  const { stage, marks } = pane;
  pane.view = view;
  pane.byId = new Map((view?.nodes ?? []).map((n) => [n.id, n]));
  pane.edges = edgesByNode(view?.edges ?? []);
  pane.isBig = (view?.nodes.length ?? 0) > MOST_SVG;
  marks.near = null;
  stage.querySelector(".world").innerHTML = view && !pane.isBig ? worldOf(view) : "";
  setDrawing(pane.drawing, pane.isBig ? view : null);
  pane.elements = pane.isBig ? pane.drawing.elements : new Map([...stage.querySelectorAll(".node")].map((e) => [e.dataset.id, e]));
  const { x, y, zoom } = pane.camera;
  const held = place(pane, before, anchor);
  recolour(pane);
  stage.setAttribute("aria-label", view ? say(pane.labels, "graph.about", { count: view.nodes.length }) : "");
  for (const act of FOLDING) pane.tools.querySelector(`[data-zoom="${act}"]`)?.toggleAttribute("hidden", !canFold(view));
  mark(pane);
  if (pane.lastScene) markChanged(pane, pane.lastScene);
  lightGraph(pane, pane.lights);
  const moved = { x: (x - pane.camera.x) / zoom, y: (y - pane.camera.y) / zoom };
  const names = before && view && !pane.opened ? changesOf(before, view).kept : null;
  if (held && !pane.isBig) animateFrom(pane, before, moved, names);
}

/** Whether there is anything to open or close that is worth a button. */
const canFold = (view) => Boolean(view && (view.groups?.length || view.total > 24 || view.nodes.some((n) => n.count)));

function sayTools(pane, labels) {
  for (const b of pane.tools.querySelectorAll("[data-zoom]")) {
    b.title = say(labels, `graph.${b.dataset.zoom}`);
    b.setAttribute("aria-label", b.title);
  }
  const choice = pane.tools.querySelector("select.save-as");
  if (choice.dataset.said !== say(labels, "graph.export")) {
    choice.title = choice.dataset.said = say(labels, "graph.export");
    choice.setAttribute("aria-label", choice.title);
    const options = EXPORTS.map((kind) => `<option value="${kind}">${esc(say(labels, `graph.export_${kind}`))}</option>`);
    choice.innerHTML = `<option value="" hidden></option>${options.join("")}`;
  }
  if (pane.search) sayInSearch(pane.search, labels);
}

/** The boxes of `lights`; the selected one is brought into view when it is new. */
function lightGraph(pane, lights) {
  pane.lights = lights;
  const own = (l) =>
    [l.node, l.thing.id, l.buffer && `buffer:${l.buffer}`, ...(pane.isDataflow ? l.paths : [])].filter((id) => pane.byId.has(id));
  const selected = lights.find((l) => l.colour === "selected");
  const id = selected ? (own(selected)[0] ?? null) : null;
  const wanted = selected?.node ?? null;
  selectNode(pane, id, selected?.origin !== pane);
  if (!id && wanted && !pane.isDataflow && pane.view) selectWithin(pane, wanted);
  const style = getComputedStyle(pane.stage);
  pane.marks.lit = new Map();
  for (const l of lights)
    if (l !== selected) for (const id of own(l)) pane.marks.lit.set(id, pane.isBig ? lightColour(style, l.colour) : l.colour);
  mark(pane);
}

const lightColour = (style, name) => style.getPropertyValue(name === "hover" ? "--accent" : `--${name}`).trim();

/** A chosen node that no box shows lies in a closed group: that is marked instead. */
async function selectWithin(pane, wanted) {
  const { view } = pane;
  const found = await pane.on.ask("graph_search", { query: `id:${wanted}` }).catch(() => null);
  const group = found?.matches[0]?.groups.find((id) => pane.byId.has(id));
  if (group && pane.view === view && pane.marks.selected === null) selectNode(pane, group, true);
}

/** Bring a box into view and point it out. */
function showNode(pane, id) {
  pane.marks.found = id;
  const node = pane.byId.get(id);
  if (node) {
    reveal(pane.camera, node);
    pane.body.querySelector(".said").textContent = aboutNode(node);
  }
  mark(pane);
}

/** Where the camera looks at a new view; true if what was seen before keeps its place. */
function place(pane, before, anchor) {
  const { camera, view } = pane;
  if (!view) return false;
  const top = view.nodes.reduce((a, b) => (b.y < a.y ? b : a), { x: view.width / 2, y: Infinity });
  setExtent(camera, view.width, view.height, top.x);
  const same = before?.function === view.function;
  if (same && !anchor && !pane.opened && staysInPlace(pane, before)) return true;
  const pair = same && (anchor || camera.touched) ? keptBox(pane, before, anchor) : null;
  if (!pair) {
    firstView(camera);
    if (pane.byId.has(pane.marks.selected)) reveal(camera, pane.byId.get(pane.marks.selected));
    return false;
  }
  const [from, to] = pair;
  camera.touched = true;
  camera.x += (from.x - to.x) * camera.zoom;
  camera.y += (from.y - from.h / 2 - to.y + to.h / 2) * camera.zoom;
  const h = Math.min(to.h, 120); // of a frame its head
  if (anchor || to.id === pane.marks.selected) reveal(camera, { x: to.x, y: to.y - to.h / 2 + h / 2, w: to.w, h });
  return true;
}

/** A box or frame of the view before, and what it is now: the anchor, the selected one, or that nearest to the middle. */
function keptBox(pane, before, anchor) {
  const { camera, view } = pane;
  const now = new Map([...(view.groups ?? []), ...view.nodes].map((box) => [box.id, box]));
  const old = [...(before.groups ?? []), ...before.nodes].filter((box) => now.has(box.id));
  const named = (id) => old.find((box) => box.id === id);
  const { clientWidth: w, clientHeight: h } = camera.stage;
  const x = (w / 2 - camera.x) / camera.zoom, y = (h / 2 - camera.y) / camera.zoom;
  const away = (box) => Math.hypot(box.x - x, box.y - box.h / 2 - y);
  const found = named(anchor) ?? named(pane.marks.selected) ?? old.reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
  return found ? [found, now.get(found.id)] : null;
}

/** Mark `id` as selected; `follow` also brings it into view. */
function selectNode(pane, id, follow) {
  const { marks } = pane;
  const changed = marks.selected !== id;
  const before = marks.selected;
  marks.selected = id;
  for (const one of [before, id]) if (pane.elements.has(one)) markElement(pane, pane.elements.get(one), one);
  lightEdges(pane);
  const node = pane.byId.get(id);
  pane.body.querySelector(".said").textContent = node ? aboutNode(node) : "";
  if (node && changed && follow) reveal(pane.camera, node);
}

/** The boxes that the last step changed, and groups that hold such. */
function markChanged(pane, scene) {
  pane.lastScene = scene;
  const touched = scene.touched ?? new Set();
  const inside = (pane.view?.nodes ?? []).filter((n) => touched.has(n.function) || n.inside?.some((f) => touched.has(f)));
  const changes = scene.earlier && pane.view && pane.view === pane.base ? changesOf(scene.earlier, pane.view) : null;
  const appeared = changes?.appeared ?? new Set();
  const ids = new Set([...(scene.state?.changed ?? []), ...inside.map((n) => n.id), ...(changes?.changed ?? [])].filter((id) => !appeared.has(id)));
  const key = [pane.view, changes, scene.labels, ...ids];
  if (key.length === pane.marked?.length && key.every((value, i) => value === pane.marked[i])) return;
  pane.marked = key;
  Object.assign(pane.marks, { changed: ids, appeared });
  drawChanges(pane, scene, changes, ids.size);
  mark(pane);
  pane.stage.querySelectorAll(".node.changed > .dot > title").forEach((t) => {
    t.textContent = say(scene.labels, "graph.changed");
  });
}

/** Put all marks on all boxes. */
function mark(pane) {
  for (const [id, e] of pane.elements) if (!id.startsWith("\0")) markElement(pane, e, id);
  if (pane.isBig) paint(pane);
}

function markElement({ marks }, e, id) {
  const { classList, dataset } = e;
  classList.toggle("selected", marks.selected === id);
  classList.toggle("changed", marks.changed.has(id));
  classList.toggle("appeared", marks.appeared.has(id));
  classList.toggle("match", marks.matches.has(id));
  classList.toggle("found", marks.found === id);
  const lit = marks.lit.get(id);
  if (lit) dataset.lit = lit;
  else if (dataset.lit) delete dataset.lit;
}

function recolour(pane) {
  if (!pane.view) return;
  const style = getComputedStyle(pane.stage);
  if (pane.isBig) readPalette(pane.drawing);
  drawMinimap(pane.camera, pane.view.nodes, (n) => style.getPropertyValue(`--family-${n.family}`) || "#888");
}

/** Of a big graph, what the camera sees. */
function paint(pane) {
  if (!pane.isBig || !pane.drawing.colours) return;
  const near = nearIds(pane).flatMap((id) => pane.edges.get(id).map((edge) => ({ id, edge })));
  drawCanvas(pane.drawing, pane.camera, pane.marks, near);
}

function edgesByNode(edges) {
  const byNode = new Map();
  const add = (id, edge) => byNode.get(id)?.push(edge) ?? byNode.set(id, [edge]);
  for (const edge of edges) {
    add(edge.source, edge);
    if (edge.target !== edge.source) add(edge.target, edge);
  }
  return byNode;
}

function light(pane, id) {
  if (pane.marks.near === id) return;
  pane.marks.near = id;
  lightEdges(pane);
}

const nearIds = ({ marks, edges }) => [...new Set([marks.selected, marks.near])].filter((id) => id && edges?.has(id));

function lightEdges(pane) {
  if (pane.isBig) return paint(pane);
  const layer = pane.stage.querySelector(".near");
  if (layer) layer.innerHTML = nearIds(pane).map((id) => nearOf(id, pane.edges.get(id))).join("");
}

function onKey(pane, e) {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target !== pane.stage) return;
  const here = pane.byId.get(pane.marks.selected);
  if (e.key === "+" || e.key === "=") zoomBy(pane.camera, 1.3);
  else if (e.key === "-") zoomBy(pane.camera, 1 / 1.3);
  else if (e.key === "0") fit(pane.camera);
  else if (e.key === "/" && pane.search) openSearch(pane.search);
  else if (e.key === "Enter" && here?.count) toggleGroup(pane, here.id);
  else if (e.key === "Backspace" && here && pane.view.groups?.length) closeAround(pane, here);
  else if (e.key.startsWith("Arrow") && pane.view) {
    const next = neighbour(pane, e.key.slice(5));
    if (next) {
      reveal(pane.camera, next);
      choose(pane, next.id);
    }
  } else return;
  e.preventDefault();
}

/** Down and Up follow an edge, to the node most nearly straight ahead; Left and Right go along the row. */
function neighbour(pane, direction) {
  const { view, byId } = pane;
  const here = byId.get(pane.marks.selected);
  if (!here) return view.nodes.find((n) => n.family === "input") ?? view.nodes[0];
  const nearest = (nodes, distance) =>
    nodes.reduce((best, n) => (best && distance(best) <= distance(n) ? best : n), null);
  const edges = pane.edges.get(here.id) ?? [];
  if (direction === "Down" || direction === "Up") {
    const [from, to] = direction === "Down" ? ["source", "target"] : ["target", "source"];
    const ends = edges.filter((e) => e[from] === here.id).map((e) => byId.get(e[to])).filter(Boolean);
    const main = ends.filter((n) => n.family !== "constant");
    return nearest(main.length ? main : ends, (n) => Math.abs(n.x - here.x));
  }
  const sign = direction === "Right" ? 1 : -1;
  const beside = view.nodes.filter((n) => (n.x - here.x) * sign > 1 && Math.abs(n.y - here.y) < here.h * 1.5);
  return nearest(beside, (n) => Math.abs(n.x - here.x) + 2 * Math.abs(n.y - here.y));
}
