// The markup of a graph: boxes, curves and frames from the positions that the engine gives. All curves are one path
// and all arrow heads another. What is exported as a picture is made of the same markup.

import { esc } from "./dom.js";

const SMALL = 30; // pixels: a box lower than this holds one line
const CHAR = { op: 7.1, mono: 6.4, small: 6.1, frame: 6.3 }; // pixels a character, to cut what would not fit
const ARROW = { length: 8, half: 3.6 };
const OPENER = 24; // pixels that the sign for opening takes of a box

/** What a box says: {small, title, shape}, cut to its size. */
export function wordsOf(node) {
  const small = node.h < SMALL;
  const title = node.label || node.op;
  const room = node.w - (node.family === "group" ? OPENER : 0);
  if (small) return { small, title: cut(title, node.w - 14, CHAR.small), shape: "" };
  return { small, title: cut(title, room - 22, CHAR.op), shape: node.shape ? cut(tight(node.shape), room - 18, CHAR.mono) : "" };
}

/** All of a view inside its `.world`: frames, curves, boxes. `nodes` and `edges`: only these. */
export function worldOf(view, nodes = view.nodes, edges = view.edges) {
  const curves = edges.map((e) => curveOf(e.points)).join("");
  const heads = edges.map((e) => headOf(e.points)).join("");
  return (
    `${(view.groups ?? []).map(frameOf).join("")}<path class="edges" d="${curves}"/><path class="heads" d="${heads}"/>` +
    `<g class="near"></g>${nodes.map(boxOf).join("")}`
  );
}

/** The curves at a node, drawn by themselves: what goes in, what goes out. */
export function nearOf(id, edges) {
  return edges.map((e) => {
    const kind = e.source === id ? "out" : "in";
    return `<path class="${kind}" d="${curveOf(e.points)}"/><path class="${kind} head" d="${headOf(e.points)}"/>`;
  }).join("");
}

/** A node in words, for a tooltip and for those who hear the page. */
export const aboutNode = (node) => [node.label || node.op, node.shape, node.dtype, node.id].filter(Boolean).join("  ");

/** The three corners of an arrow head, or null for an edge without a curve. */
export function arrowOf(points) {
  if (points.length < 2) return null;
  const [x, y] = points.at(-1);
  const from = points.findLast(([px, py]) => Math.hypot(px - x, py - y) > 0.5) ?? [x, y - 1];
  const angle = Math.atan2(y - from[1], x - from[0]);
  const ux = Math.cos(angle), uy = Math.sin(angle), { length, half } = ARROW;
  const bx = x - ux * length, by = y - uy * length;
  return [[x, y], [bx - uy * half, by + ux * half], [bx + uy * half, by - ux * half]];
}

const n1 = (value) => Math.round(Number(value) * 10) / 10;

function curveOf(points) {
  if (points.length < 2) return "";
  const at = points.map(([x, y]) => `${n1(x)} ${n1(y)}`);
  return `M${at[0]}${points.length > 3 ? `C${at.slice(1).join(" ")}` : `L${at.slice(1).join(" ")}`}`;
}

function headOf(points) {
  const corners = arrowOf(points);
  return corners ? `M${corners.map(([x, y]) => `${n1(x)} ${n1(y)}`).join("L")}Z` : "";
}

const cut = (text, room, char) => {
  const most = Math.max(1, Math.floor(room / char));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};

const tight = (shape) => shape.replaceAll(", ", ","); // (1,64,56,56): boxes are small

function boxOf(node) {
  const { small, title, shape } = wordsOf(node);
  const left = -node.w / 2, top = -node.h / 2;
  const radius = small ? node.h / 2 : 7;
  const text = small
    ? `<text class="one" y="4">${esc(title)}</text>`
    : `<text class="op" x="${left + 13}" y="${shape ? -3 : 4.5}">${esc(title)}</text>` +
      (shape ? `<text class="shape" x="${left + 13}" y="13">${esc(shape)}</text>` : "");
  const bar = small
    ? ""
    : `<rect class="bar" x="${left + 4}" y="${top + 6}" width="3" height="${node.h - 12}" rx="1.5"/>`;
  const rect = (shift) => `x="${left + shift}" y="${top + shift}" width="${node.w}" height="${node.h}" rx="${radius}"`;
  const behind = node.family === "group" ? `<rect class="behind" ${rect(4)}/>` : "";
  return (
    `<g class="node${small ? " small" : ""}" data-id="${esc(node.id)}" data-family="${esc(node.family)}" ` +
    `transform="translate(${n1(node.x)} ${n1(node.y)})"><title>${esc(aboutNode(node))}</title>` +
    `${behind}<rect class="box" ${rect(0)}/>${bar}${text}${node.count ? opener(openerAt(node), node.count) : ""}` +
    `<circle class="dot" cx="${-left - 1}" cy="${top + 1}" r="4.5"><title></title></circle></g>`
  );
}

/** Where the sign for opening stands: within a group's box, on the border of a call, whose box is no wider for it. */
export const openerAt = (node) => node.w / 2 - (node.family === "group" ? 16 : 0);

const opener = (x, count) =>
  `<g class="opener" transform="translate(${x} 0)"><title>+ ${count}</title><circle r="8"/><path d="M-4 0h8M0 -4v8"/></g>`;

function frameOf(group) {
  const left = group.x - group.w / 2, top = group.y - group.h / 2;
  return (
    `<g class="group-frame" data-group="${esc(group.id)}"><rect x="${n1(left)}" y="${n1(top)}" width="${group.w}" height="${group.h}" rx="9"/>` +
    `<g class="closer" transform="translate(${n1(left + 13)} ${n1(top + 9)})"><title>−</title><circle r="6"/><path d="M-3 0h6"/></g>` +
    `<text class="frame-title" x="${n1(left + 23)}" y="${n1(top + 13)}">${esc(cut(group.label, group.w - 30, CHAR.frame))}</text></g>`
  );
}
