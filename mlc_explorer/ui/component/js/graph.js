// The graph pane: boxes and curves from the positions that the engine gives. All curves are one path
// and all arrow heads another; only the edges of the node under the pointer are drawn by themselves.

import { drawMinimap, firstView, fit, makeCamera, reveal, seesGraph, setExtent, zoomBy } from "./camera.js";
import { esc, icon, say } from "./dom.js";

const SMALL = 30; // pixels: a box lower than this holds one line
const CHAR = { op: 7.1, mono: 6.4, small: 6.1 }; // pixels a character, to cut what would not fit
const ARROW = { length: 8, half: 3.6 };

export const graphPane = { views: ["graph"], make: makeGraph, draw: drawPane("graph"), light: lightGraph };
export const dataflowPane = { views: ["dataflow"], make: makeGraph, draw: drawPane("dataflow"), light: lightGraph };

const STAGE =
  '<div class="stage" tabindex="0" role="application"><svg class="picture"><g class="world"></g></svg>' +
  '<div class="said" aria-live="polite"></div><div class="minimap" hidden><canvas></canvas><div class="window"></div></div></div>';
const ZOOMS = [["out", "minus"], ["in", "plus"], ["fit", "fit"]];

function makeGraph(body, on, tools) {
  body.innerHTML = STAGE;
  tools.innerHTML = ZOOMS.map(([act, name]) => `<button class="tool" data-zoom="${act}">${icon(name)}</button>`).join("");
  const stage = body.querySelector(".stage");
  const pane = { body, stage, tools, on, camera: makeCamera(stage), view: null, selected: null, near: null, lights: [] };
  stage.addEventListener("click", (e) => {
    const id = e.target.closest(".node")?.dataset.id;
    if (id && !pane.camera.moved) choose(pane, id, e.shiftKey);
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
  tools.addEventListener("click", (e) => {
    const act = e.target.closest("button[data-zoom]")?.dataset.zoom;
    if (act === "fit") fit(pane.camera);
    else if (act) zoomBy(pane.camera, act === "in" ? 1.3 : 1 / 1.3);
  });
  return pane;
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
  return (pane, payloads, { labels, state, theme }) => {
    const view = payloads[name];
    const before = pane.view;
    const fresh = before !== view;
    if (fresh) {
      pane.view = view;
      pane.isDataflow = name === "dataflow";
      pane.byId = new Map((view?.nodes ?? []).map((n) => [n.id, n]));
      pane.edges = edgesByNode(view?.edges ?? []);
      pane.stage.querySelector(".world").innerHTML = view ? worldOf(view) : "";
      pane.elements = new Map([...pane.stage.querySelectorAll(".node")].map((e) => [e.dataset.id, e]));
      pane.changed = null;
      pane.near = null;
      place(pane, before);
    }
    if (fresh || pane.theme !== theme) paintMinimap(pane);
    pane.theme = theme;
    pane.stage.setAttribute("aria-label", view ? say(labels, "graph.about", { count: view.nodes.length }) : "");
    for (const b of pane.tools.querySelectorAll("[data-zoom]")) {
      b.title = say(labels, `graph.${b.dataset.zoom}`);
      b.setAttribute("aria-label", b.title);
    }
    markChanged(pane, state.changed, labels);
  };
}

/** The boxes of `lights`; the selected one is brought into view when it is new. */
function lightGraph(pane, lights) {
  const own = (l) =>
    [l.node, l.thing.id, l.buffer && `buffer:${l.buffer}`, ...(pane.isDataflow ? l.paths : [])].filter((id) => pane.byId?.has(id));
  const selected = lights.find((l) => l.colour === "selected");
  selectNode(pane, selected ? (own(selected)[0] ?? null) : null, selected?.origin !== pane);
  for (const e of pane.litElements ?? []) delete e.dataset.lit;
  pane.litElements = [];
  for (const l of lights) {
    if (l === selected) continue;
    for (const id of own(l)) {
      const e = pane.elements.get(id);
      e.dataset.lit = l.colour;
      pane.litElements.push(e);
    }
  }
}

function place(pane, before) {
  const { camera, view } = pane;
  if (!view) return;
  const top = view.nodes.reduce((a, b) => (b.y < a.y ? b : a), { x: view.width / 2, y: Infinity });
  setExtent(camera, view.width, view.height, top.x);
  if (!camera.touched || before?.function !== view.function) {
    firstView(camera);
    if (pane.byId.has(pane.selected)) reveal(camera, pane.byId.get(pane.selected));
    return;
  }
  const anchor = pane.selected && before.nodes.find((n) => n.id === pane.selected);
  const now = anchor && pane.byId.get(anchor.id);
  if (now) {
    camera.x += (anchor.x - now.x) * camera.zoom;
    camera.y += (anchor.y - now.y) * camera.zoom;
    reveal(camera, now);
  } else if (!seesGraph(camera)) firstView(camera);
}

/** Mark `id` as selected; `follow` also brings it into view. */
function selectNode(pane, id, follow) {
  const changed = pane.selected !== id;
  pane.elements?.get(pane.selected)?.classList.remove("selected");
  pane.selected = id;
  pane.elements?.get(id)?.classList.add("selected");
  lightEdges(pane);
  const node = pane.byId?.get(id);
  pane.body.querySelector(".said").textContent = node ? aboutNode(node) : "";
  if (node && changed && follow) reveal(pane.camera, node);
}

/** Colours come from the style sheet, so that the minimap must be painted again when the theme changes. */
function paintMinimap(pane) {
  if (!pane.view) return;
  const style = getComputedStyle(pane.stage);
  drawMinimap(pane.camera, pane.view.nodes, (n) => style.getPropertyValue(`--family-${n.family}`) || "#888");
}

function markChanged(pane, ids, labels) {
  const key = ids.join("\n");
  if (pane.changed === key) return;
  pane.changed = key;
  const wanted = new Set(ids);
  for (const [id, e] of pane.elements) e.classList.toggle("changed", wanted.has(id));
  pane.stage.querySelectorAll(".node.changed > .dot > title").forEach((t) => {
    t.textContent = say(labels, "graph.changed");
  });
}

function worldOf(view) {
  const curves = view.edges.map((e) => curveOf(e.points)).join("");
  const heads = view.edges.map((e) => headOf(e.points)).join("");
  return (
    `<path class="edges" d="${curves}"/><path class="heads" d="${heads}"/>` +
    `<g class="near"></g>${view.nodes.map(boxOf).join("")}`
  );
}

const n1 = (value) => Math.round(Number(value) * 10) / 10;

function curveOf(points) {
  if (points.length < 2) return "";
  const at = points.map(([x, y]) => `${n1(x)} ${n1(y)}`);
  return `M${at[0]}${points.length > 3 ? `C${at.slice(1).join(" ")}` : `L${at.slice(1).join(" ")}`}`;
}

function headOf(points) {
  if (points.length < 2) return "";
  const [x, y] = points.at(-1);
  const from = points.findLast(([px, py]) => Math.hypot(px - x, py - y) > 0.5) ?? [x, y - 1];
  const angle = Math.atan2(y - from[1], x - from[0]);
  const ux = Math.cos(angle), uy = Math.sin(angle), { length, half } = ARROW;
  const bx = x - ux * length, by = y - uy * length;
  return `M${n1(x)} ${n1(y)}L${n1(bx - uy * half)} ${n1(by + ux * half)}L${n1(bx + uy * half)} ${n1(by - ux * half)}Z`;
}

const cut = (text, room, char) => {
  const most = Math.max(1, Math.floor(room / char));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};

const tight = (shape) => shape.replaceAll(", ", ","); // (1,64,56,56): boxes are small

const aboutNode = (node) => [node.label || node.op, node.shape, node.dtype, node.id].filter(Boolean).join("  ");

function boxOf(node) {
  const small = node.h < SMALL;
  const left = -node.w / 2, top = -node.h / 2;
  const title = node.label || node.op;
  const radius = small ? node.h / 2 : 7;
  const text = small
    ? `<text class="one" y="4">${esc(cut(title, node.w - 14, CHAR.small))}</text>`
    : `<text class="op" x="${left + 13}" y="${node.shape ? -3 : 4.5}">${esc(cut(title, node.w - 22, CHAR.op))}</text>` +
      (node.shape
        ? `<text class="shape" x="${left + 13}" y="13">${esc(cut(tight(node.shape), node.w - 18, CHAR.mono))}</text>`
        : "");
  const bar = small
    ? ""
    : `<rect class="bar" x="${left + 4}" y="${top + 6}" width="3" height="${node.h - 12}" rx="1.5"/>`;
  return (
    `<g class="node${small ? " small" : ""}" data-id="${esc(node.id)}" data-family="${esc(node.family)}" ` +
    `transform="translate(${n1(node.x)} ${n1(node.y)})"><title>${esc(aboutNode(node))}</title>` +
    `<rect class="box" x="${left}" y="${top}" width="${node.w}" height="${node.h}" rx="${radius}"/>${bar}${text}` +
    `<circle class="dot" cx="${-left - 1}" cy="${top + 1}" r="4.5"><title></title></circle></g>`
  );
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
  if (pane.near === id) return;
  pane.near = id;
  lightEdges(pane);
}

function lightEdges(pane) {
  const ids = [pane.selected, pane.near].filter((id) => id && pane.edges?.has(id));
  const drawn = ids.flatMap((id) =>
    pane.edges.get(id).map((e) => {
      const kind = e.source === id ? "out" : "in";
      return `<path class="${kind}" d="${curveOf(e.points)}"/><path class="${kind} head" d="${headOf(e.points)}"/>`;
    }),
  );
  const layer = pane.stage.querySelector(".near");
  if (layer) layer.innerHTML = drawn.join("");
}

function onKey(pane, e) {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "+" || e.key === "=") zoomBy(pane.camera, 1.3);
  else if (e.key === "-") zoomBy(pane.camera, 1 / 1.3);
  else if (e.key === "0") fit(pane.camera);
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
  const here = byId.get(pane.selected);
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
