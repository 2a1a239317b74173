// Bars between panes, to drag, double-click or move by arrow keys: what one neighbour gains the other gives.

import { clamp } from "./dom.js";

const LEAST = { splitter: 170, divider: 90 }; // pixels: a column is never narrower, a pane never lower
const STEP = 0.02; // of both together, a press of an arrow key

/**
 * A bar between two neighbours {element, share}: a ``splitter`` between columns or a ``divider`` between stacked
 * panes. `done` is called when a person has let go.
 */
export function makeBar(name, a, b, title, done) {
  const upright = name === "splitter";
  const element = document.createElement("div");
  element.className = name;
  element.tabIndex = 0;
  element.title = title;
  element.setAttribute("role", "separator");
  element.setAttribute("aria-orientation", upright ? "vertical" : "horizontal");
  element.setAttribute("aria-label", title);
  const sizeOf = ({ element: e }) => (upright ? e.offsetWidth : e.offsetHeight);
  const say = () => element.setAttribute("aria-valuenow", String(Math.round((a.share / (a.share + b.share)) * 100)));
  const set = (part) => {
    const total = a.share + b.share;
    const least = Math.min(0.45, LEAST[name] / Math.max(1, sizeOf(a) + sizeOf(b)));
    a.share = clamp(part, least, 1 - least) * total;
    b.share = total - a.share;
    for (const side of [a, b]) side.element.style.flexGrow = side.share;
    say();
  };
  say();
  element.addEventListener("pointerdown", (e) => {
    e.preventDefault();
    element.setPointerCapture(e.pointerId);
    element.classList.add("active");
  });
  element.addEventListener("pointermove", (e) => {
    if (!element.hasPointerCapture(e.pointerId)) return;
    const from = a.element.getBoundingClientRect(), to = b.element.getBoundingClientRect();
    set(upright ? (e.clientX - from.left) / (to.right - from.left) : (e.clientY - from.top) / (to.bottom - from.top));
  });
  element.addEventListener("lostpointercapture", () => {
    element.classList.remove("active");
    done();
  });
  element.addEventListener("dblclick", () => {
    set(0.5);
    done();
  });
  element.addEventListener("keydown", (e) => {
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
    if (!way) return;
    e.preventDefault();
    e.stopPropagation();
    set(a.share / (a.share + b.share) + way * STEP);
    done();
  });
  return element;
}
