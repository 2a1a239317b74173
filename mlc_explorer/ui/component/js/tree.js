// The loop tree: a row a loop or block, an ARIA tree with one tab stop, and the totals below it.

import { esc, formatBytes, formatCount, icon, same, say } from "./dom.js";
import { here, placeOf } from "./payloads.js";
import { flatten } from "./program_index.js";
import { badge } from "./rows.js";
import { fits, lightBuffers, makeFoot, paintChosen, paintFoot, total } from "./tree_foot.js";

const FULL = 24; // log2 of the extent that fills a bar would waste it: bars are relative to the widest loop

export const treePane = { views: ["loops"], make: makeTree, draw: drawTree, light: lightTree };

function makeTree(body, on) {
  body.innerHTML = '<div class="tree" role="tree"></div><footer class="foot" hidden></footer>';
  const pane = {
    body, on,
    list: body.querySelector(".tree"),
    foot: body.querySelector(".foot"),
    flat: [], closed: new Set(), selected: null, problem: new Set(), labels: {}, tree: undefined, lights: [],
    scene: null, counts: [],
  };
  makeFoot(pane, (path, keep) => choose(pane, path, keep));
  pane.list.addEventListener("click", (e) => {
    const row = e.target.closest(".branch");
    if (!row) return;
    if (e.target.closest(".twist")) toggle(pane, row.dataset.path);
    else choose(pane, row.dataset.path, e.shiftKey);
  });
  pane.list.addEventListener("pointerover", (e) => {
    const path = e.target.closest(".branch")?.dataset.path;
    on.hover(path === undefined ? null : thingOf(pane, path));
  });
  pane.list.addEventListener("pointerleave", () => on.hover(null));
  pane.list.addEventListener("keydown", (e) => onKey(pane, e));
  return pane;
}

function drawTree(pane, { loops: tree }, scene) {
  const { problem, labels } = scene;
  const paths = new Set(problem?.paths ?? []);
  pane.scene = scene;
  if (pane.tree === tree && pane.labels === labels && sameSet(pane.problem, paths)) return;
  if (pane.tree?.function !== tree?.function) pane.closed.clear();
  Object.assign(pane, { tree, labels, problem: paths, flat: flatten(tree) });
  pane.widest = Math.max(2, ...pane.flat.map(({ node }) => node.extent ?? 0));
  paintRows(pane);
  paintFoot(pane);
}

const thingOf = (pane, path) => ({ kind: pane.flat.find((entry) => entry.node.path === path).node.kind, id: path });

const sameSet = (a, b) => a.size === b.size && [...a].every((x) => b.has(x));

function paintRows(pane) {
  const { list, labels } = pane;
  const shown = visible(pane);
  list.setAttribute("aria-label", say(labels, "tree.title"));
  list.innerHTML = pane.flat.length
    ? shown.map((entry) => branchHtml(pane, entry)).join("")
    : "";
  pane.elements = new Map([...list.querySelectorAll(".branch")].map((e) => [e.dataset.path, e]));
  mark(pane);
}

function visible(pane) {
  const hidden = new Set();
  return pane.flat.filter(({ node, parent }) => {
    if (parent != null && (hidden.has(parent) || pane.closed.has(parent))) hidden.add(node.path);
    return !hidden.has(node.path);
  });
}

function branchHtml(pane, { node, level }) {
  const { labels, closed } = pane;
  const open = !closed.has(node.path);
  const twist = node.children.length
    ? `<span class="twist${open ? "" : " folded"}">${icon("chevron", 12)}</span>`
    : '<span class="twist"></span>';
  const expanded = node.children.length ? ` aria-expanded="${open}"` : "";
  return (
    `<div class="branch ${node.kind}" role="treeitem" tabindex="-1" aria-level="${level}"${expanded} ` +
    `aria-selected="false" data-path="${esc(node.path)}" data-axis="${esc(node.axis)}" ` +
    `style="--depth:${level - 1}" title="${esc(aboutNode(node, labels))}">${twist}` +
    (node.kind === "block" ? blockHtml(node) : loopHtml(node, pane)) +
    "</div>"
  );
}

function blockHtml(node) {
  return `<span class="name">${icon("block", 13)}${esc(node.name)}</span>`;
}

function loopHtml(node, pane) {
  const { labels, widest } = pane;
  const kind = node.axis && node.axis !== "spatial" ? `<small>${esc(say(labels, `axis.${node.axis}`))}</small>` : "";
  const mark = node.mark && node.mark !== "serial" ? badge(node.mark, labels) : "";
  const size = total(node);
  const chip = size ? `<span class="size" data-fits="${fits(size)}">${formatBytes(size)}</span>` : "";
  const share = node.extent ? Math.min(1, Math.log2(node.extent + 1) / Math.min(FULL, Math.log2(widest + 1))) : 0;
  return (
    `<span class="name">${esc(node.name)}</span>${kind}${mark}<span class="space"></span>${chip}` +
    `<span class="meter"><span style="width:${(share * 100).toFixed(1)}%"></span></span>` +
    `<span class="extent">${node.extent == null ? "?" : node.extent.toLocaleString("en-US")}</span>`
  );
}

function aboutNode(node, labels) {
  const lines = [node.path];
  if (node.kind === "block") {
    if (node.reads.length) lines.push(`${say(labels, "block.reads")} ${node.reads.join(", ")}`);
    if (node.writes.length) lines.push(`${say(labels, "block.writes")} ${node.writes.join(", ")}`);
  } else lines.push([say(labels, `axis.${node.axis || "none"}`), node.mark].filter(Boolean).join(", "));
  if (node.iterations != null) lines.push(say(labels, "cost.runs", { count: formatCount(node.iterations) }));
  if (total(node)) lines.push(say(labels, `cost.fits_${fits(total(node))}`, { bytes: formatBytes(total(node)) }));
  for (const [key, value] of Object.entries(node.annotations ?? {})) lines.push(`${key} = ${value}`);
  return lines.join("\n");
}

function lightTree(pane, lights) {
  const selected = lights.find((l) => l.colour === "selected");
  const path = pane.flat.some(({ node }) => node.path === selected?.thing.id) ? selected.thing.id : null;
  const moved = pane.selected !== path;
  pane.selected = path;
  pane.lights = lights;
  lightBuffers(pane);
  if (moved && openTo(pane, path)) paintRows(pane);
  else mark(pane);
  if (learnCounts(pane) || moved) paintChosen(pane);
  if (moved) pane.elements?.get(path)?.scrollIntoView({ block: "nearest" });
}

/** What each loop was compiled to, once a pane has had the assembly made; true if that is news. */
function learnCounts(pane) {
  const { at, function: name } = pane.scene ?? {};
  const counts = (at && here(placeOf(at.token, "asm", name))?.counts) ?? [];
  if (same(counts, pane.counts)) return false;
  pane.counts = counts;
  return true;
}

/** Open what is closed above `path`; true if anything was. */
function openTo(pane, path) {
  const parents = new Map(pane.flat.map(({ node, parent }) => [node.path, parent]));
  let opened = false;
  for (let p = parents.get(path); p != null; p = parents.get(p)) opened = pane.closed.delete(p) || opened;
  return opened;
}

function mark(pane) {
  if (!pane.elements) return;
  const stop = pane.elements.has(pane.selected) ? pane.selected : pane.elements.keys().next().value;
  for (const [path, e] of pane.elements) {
    const selected = path === pane.selected;
    e.classList.toggle("selected", selected);
    e.classList.toggle("problem", pane.problem.has(path));
    e.setAttribute("aria-selected", String(selected));
    e.tabIndex = path === stop ? 0 : -1;
    const lit = pane.lights.filter((l) => l.colour !== "selected" && l.paths.has(path)).map((l) => l.colour);
    e.dataset.lit = lit.join(" ");
  }
}

function choose(pane, path, keep = false) {
  pane.on.choose(thingOf(pane, path), keep);
}

function toggle(pane, path) {
  if (!pane.closed.delete(path)) pane.closed.add(path);
  paintRows(pane);
}

/** The keys of an ARIA tree: Up and Down move, Right opens or goes in, Left closes or goes out. */
function onKey(pane, e) {
  const path = e.target.closest(".branch")?.dataset.path;
  if (path === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
  const shown = visible(pane);
  const at = shown.findIndex(({ node }) => node.path === path);
  const { node, parent } = shown[at];
  const open = node.children.length && !pane.closed.has(path);
  let next = null;
  if (e.key === "ArrowDown") next = shown[at + 1]?.node.path;
  else if (e.key === "ArrowUp") next = shown[at - 1]?.node.path;
  else if (e.key === "Home") next = shown[0].node.path;
  else if (e.key === "End") next = shown.at(-1).node.path;
  else if (e.key === "ArrowLeft" && !open) next = parent;
  else if (e.key === "ArrowRight" && open) next = node.children[0].path;
  else if (e.key === "ArrowLeft" || (e.key === "ArrowRight" && node.children.length)) {
    toggle(pane, path);
    next = path;
  } else if (e.key !== "Enter" && e.key !== " ") return;
  else next = path;
  e.preventDefault();
  if (next == null) return;
  if (next !== pane.selected) choose(pane, next);
  pane.elements.get(next)?.focus();
}
