// What is seen of a graph, as a file: SVG with its style written into it, or PNG at twice the size.

import { worldOf } from "./graph_svg.js";

const SCALE = 2; // pixels of the PNG to one on screen
const SHOWN = {
  rect: ["fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity"],
  circle: ["fill", "stroke", "stroke-width"],
  path: ["fill", "stroke", "stroke-width"],
  text: ["fill", "font-family", "font-size", "font-weight", "text-anchor"],
};

/** Save what the camera of `pane` sees; `kind` is svg or png. */
export async function exportPicture(pane, kind) {
  if (!pane.view) return;
  const { clientWidth: w, clientHeight: h } = pane.stage;
  const svg = new Blob([pictureOf(pane, w, h)], { type: "image/svg+xml" });
  save(kind === "png" ? await pngOf(svg, w, h) : svg, `${pane.view.function}.${kind}`);
}

/** The text of an SVG file. The markup is put on the page for a moment, because only there style sheets apply. */
function pictureOf(pane, w, h) {
  const { view, camera, stage } = pane;
  const host = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  host.setAttribute("class", "picture exported");
  host.innerHTML = `<g class="world">${worldOf(view, ...partOf(view, camera, w, h))}</g>`;
  stage.append(host);
  for (const e of host.querySelectorAll(".node")) e.classList.toggle("selected", pane.marks.selected === e.dataset.id);
  for (const e of host.querySelectorAll(".node")) e.classList.toggle("changed", pane.marks.changed.has(e.dataset.id));
  for (const e of [...host.querySelectorAll("rect, circle, path, text")]) writeStyle(e);
  const background = getComputedStyle(pane.body.closest(".linked-view") ?? stage).backgroundColor;
  const inner = new XMLSerializer().serializeToString(host.firstChild);
  host.remove();
  const move = `translate(${camera.x} ${camera.y}) scale(${camera.zoom})`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">` +
    `<rect width="${w}" height="${h}" fill="${background}"/><g transform="${move}">${inner}</g></svg>`
  );
}

/** The boxes in view, and the edges that can be: those between the heights of their ends. */
function partOf(view, { x, y, zoom }, w, h) {
  const left = -x / zoom, top = -y / zoom, right = (w - x) / zoom, bottom = (h - y) / zoom;
  const nodes = view.nodes.filter((n) => n.x + n.w / 2 >= left && n.x - n.w / 2 <= right && n.y + n.h / 2 >= top && n.y - n.h / 2 <= bottom);
  const edges = view.edges.filter((e) => {
    const ys = e.points.map((p) => p[1]), xs = e.points.map((p) => p[0]);
    return Math.max(...ys) >= top && Math.min(...ys) <= bottom && Math.max(...xs) >= left && Math.min(...xs) <= right;
  });
  return [nodes, edges];
}

function writeStyle(e) {
  const css = getComputedStyle(e);
  if (css.display === "none") return e.remove();
  for (const name of SHOWN[e.tagName.toLowerCase()]) e.style.setProperty(name, css.getPropertyValue(name));
}

function pngOf(svg, w, h) {
  const address = URL.createObjectURL(svg);
  const image = new Image();
  return new Promise((resolve, reject) => {
    image.onerror = () => reject(new Error("the picture could not be drawn"));
    image.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: w * SCALE, height: h * SCALE });
      canvas.getContext("2d").drawImage(image, 0, 0, w * SCALE, h * SCALE);
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png");
    };
    image.src = address;
  }).finally(() => URL.revokeObjectURL(address));
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
