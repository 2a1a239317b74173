// Below the loop tree: what the chosen loop costs or the chosen block touches, the function's totals, its buffers.

import { esc, formatBytes, formatCount, say } from "./dom.js";
import { flatten } from "./program_index.js";

const LEVEL_1 = 32 * 1024, LEVEL_2 = 1024 * 1024; // bytes: what the first two caches of today's cores hold at least

/** Bytes that one execution of a loop touches; 0 where that is not known. */
export const total = (node) => Object.values(node.footprint ?? {}).reduce((sum, n) => sum + n, 0);

/** Which cache holds so many bytes: 1, 2, or 3 for none of the two. */
export const fits = (bytes) => (bytes <= LEVEL_1 ? 1 : bytes <= LEVEL_2 ? 2 : 3);

/** Listens in the foot of `pane`: a buffer's name lights it up, a block's name goes there. */
export function makeFoot(pane, goTo) {
  const { foot, on } = pane;
  const bufferAt = (e) => e.target.closest("[data-buffer]")?.dataset.buffer;
  foot.addEventListener("click", (e) => {
    const path = e.target.closest("[data-to]")?.dataset.to;
    if (path !== undefined) return goTo(path, e.shiftKey);
    if (e.target.closest("button") && bufferAt(e)) on.choose({ kind: "buffer", id: bufferAt(e) }, e.shiftKey);
  });
  foot.addEventListener("pointerover", (e) => {
    const path = e.target.closest("[data-to]")?.dataset.to, id = bufferAt(e);
    const place = path === undefined ? null : { kind: "block", id: path };
    on.hover(place ?? (id === undefined ? null : { kind: "buffer", id }));
  });
  foot.addEventListener("pointerleave", () => on.hover(null));
}

export function paintFoot(pane) {
  const { tree, labels, foot } = pane;
  foot.hidden = !tree;
  if (!tree) return;
  const loops = pane.flat.filter(({ node }) => node.kind === "loop").length;
  const totals = [
    ["totals.loops", String(loops)],
    ["totals.iterations", formatCount(tree.iterations)],
    ["totals.flops", formatCount(tree.flops)],
    ["totals.bytes", formatBytes(tree.bytes)],
  ];
  const wasOpen = foot.querySelector("details")?.open ? " open" : "";
  const buffers = tree.buffers.length
    ? `<details${wasOpen}><summary>${esc(say(labels, "buffers.title", { count: tree.buffers.length }))}</summary>` +
      `<ul>${tree.buffers.map((b) => bufferHtml(b, labels)).join("")}</ul></details>`
    : "";
  foot.innerHTML = `<div class="block-detail" hidden></div><div class="cost" hidden></div>${list(totals, labels)}${buffers}`;
  paintChosen(pane);
  lightBuffers(pane);
}

const list = (rows, labels) =>
  `<dl>${rows.map(([key, value]) => `<dt>${esc(say(labels, key))}</dt><dd>${esc(value)}</dd>`).join("")}</dl>`;

function bufferHtml(buffer, labels) {
  const scope = buffer.scope && buffer.scope !== "global" ? ` · ${buffer.scope}` : "";
  return (
    `<li data-buffer="${esc(buffer.name)}"><button class="name">${esc(buffer.name)}</button>` +
    `<span>(${esc(buffer.shape.join(", "))}) ${esc(buffer.dtype)}${esc(scope)}</span>` +
    `<small>${esc(say(labels, `buffers.${buffer.role}`))} · ${formatBytes(buffer.bytes)}</small>` +
    `${users("buffers.written_by", buffer.writers, labels)}${users("buffers.read_by", buffer.readers, labels)}</li>`
  );
}

function users(key, paths, labels) {
  if (!paths?.length) return "";
  const links = paths.map((path) => `<button data-to="${esc(path)}">${esc(path)}</button>`);
  return `<div class="users">${esc(say(labels, key))} ${links.join(", ")}</div>`;
}

/** What is chosen: a block's regions, a loop's cost. What is only under the pointer says so in its title: a foot
 * that grew then would cover the very row. */
export function paintChosen(pane) {
  const node = pane.flat.find((entry) => entry.node.path === pane.selected)?.node;
  const block = pane.foot.querySelector(".block-detail"), cost = pane.foot.querySelector(".cost");
  if (!block) return;
  block.hidden = node?.kind !== "block";
  cost.hidden = node?.kind !== "loop";
  if (node?.kind === "block") block.innerHTML = blockHtml(node, pane.labels);
  if (node?.kind === "loop") cost.innerHTML = costHtml(node, pane);
}

function blockHtml(node, labels) {
  const regions = (key, found) =>
    found.length
      ? `<div><small>${esc(say(labels, key))}</small>${found.map((r) => `<code>${esc(r)}</code>`).join("")}</div>`
      : "";
  const runs = node.iterations == null ? "" : `<p>${esc(say(labels, "cost.runs", { count: formatCount(node.iterations) }))}</p>`;
  return regions("block.reads", node.reads) + regions("block.writes", node.writes) + runs;
}

function costHtml(node, pane) {
  const { labels, tree } = pane;
  const sizes = Object.entries(node.footprint ?? {}).sort((a, b) => b[1] - a[1]);
  const rows = [["cost.iterations", formatCount(node.iterations)], ["cost.flops", formatCount(node.flops)]];
  if (node.intensity != null) rows.push(["cost.intensity", node.intensity.toPrecision(3)]);
  if (sizes.length) rows.push(["cost.touched", formatBytes(total(node))]);
  const largest = Math.log2(1 + Math.max(1, ...tree.buffers.map((b) => b.bytes)));
  const bars = sizes.map(([name, bytes]) => touchedHtml(name, bytes, Math.log2(1 + bytes) / largest));
  return (
    `<h3>${esc(say(labels, "cost.title", { name: node.name }))}</h3>${list(rows, labels)}` +
    (bars.length ? `<ul class="touched">${bars.join("")}</ul>` : "") + instructionsHtml(node, pane)
  );
}

function touchedHtml(name, bytes, share) {
  return (
    `<li data-buffer="${esc(name)}" data-fits="${fits(bytes)}"><button class="name">${esc(name)}</button>` +
    `<span class="bar"><span style="width:${(100 * share).toFixed(1)}%"></span></span>` +
    `<span class="amount">${formatBytes(bytes)}</span></li>`
  );
}

/** "121 instructions: 64 FMA, 32 load, …" with those of the loops inside, then its own, if a pane had the assembly made. */
function instructionsHtml(node, { labels, counts }) {
  const inside = new Set(flatten({ roots: [node] }).map((entry) => entry.node.path));
  const all = counts.filter((c) => inside.has(c.path)), own = all.filter((c) => c.path === node.path);
  const text = (key, found) => `<p>${esc(say(labels, key, summed(found, labels)))}</p>`;
  if (!all.length) return "";
  return text("cost.instructions", all) + (own.length && own.length < all.length ? text("cost.own", own) : "");
}

function summed(counts, labels) {
  const kinds = new Map();
  for (const [kind, n] of counts.flatMap((c) => Object.entries(c.kinds))) kinds.set(kind, (kinds.get(kind) ?? 0) + n);
  const listed = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, n]) => `${n} ${say(labels, `instruction.${kind}`)}`);
  return { count: counts.reduce((sum, c) => sum + c.instructions, 0), kinds: listed.join(", ") };
}

/** Mark the buffers that are lit. */
export function lightBuffers(pane) {
  for (const e of pane.foot.querySelectorAll("li[data-buffer]"))
    e.dataset.lit = pane.lights.filter((l) => l.buffer === e.dataset.buffer).map((l) => l.colour).join(" ");
}
