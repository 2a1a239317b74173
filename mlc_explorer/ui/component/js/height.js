// How high the linked view stands in the page: as much of the window as leaves the panels below in sight, or what a
// person made it by its lower edge.

import { clamp, remember, remembered, say } from "./dom.js";

const LEAST = 320, STEP = 20; // pixels
const KEY = "linked.height";

/** The lower edge of `root`, to drag, move by arrow keys, or double-click back to what the window gives. */
export function makeLowerEdge(root, edge) {
  const set = (height) => {
    root.style.setProperty("--height", height === null ? "" : `${height}px`);
    edge.setAttribute("aria-valuenow", String(root.offsetHeight));
    remember(KEY, height);
  };
  const within = (height) => Math.round(clamp(height, LEAST, 3 * innerHeight));
  set(remembered(KEY, null));
  edge.addEventListener("pointerdown", (e) => {
    e.preventDefault();
    edge.setPointerCapture(e.pointerId);
    edge.classList.add("active");
  });
  edge.addEventListener("pointermove", (e) => {
    if (edge.hasPointerCapture(e.pointerId)) set(within(e.clientY - root.getBoundingClientRect().top + edge.offsetHeight / 2));
  });
  edge.addEventListener("lostpointercapture", () => edge.classList.remove("active"));
  edge.addEventListener("dblclick", () => set(null));
  edge.addEventListener("keydown", (e) => {
    const way = { ArrowUp: -1, ArrowDown: 1 }[e.key];
    if (!way) return;
    e.preventDefault();
    e.stopPropagation();
    set(within(root.offsetHeight + way * STEP));
  });
}

export function labelLowerEdge(edge, labels) {
  edge.title = say(labels, "layout.edge");
  edge.setAttribute("aria-label", edge.title);
}
