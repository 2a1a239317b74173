// The panes' sizes: two splitters while there is room, the tree below the graph when there is less, tabs
// on a narrow screen. Sizes are shares of the width and are kept over visits.

import { clamp, remember, remembered } from "./dom.js";

const TABS_BELOW = 780; // pixels of the component itself, a page of about 900
const STACK_BELOW = 1040;
const LEAST = { graph: 180, text: 300, tree: 200 };
const SHARES = { graph: 0.29, tree: 0.25 };
const STEP = 0.02; // a press of an arrow key

/** Make `root` follow its own width. */
export function makeLayout(root) {
  const layout = { root, shares: { ...SHARES, ...remembered("linked.shares", {}) }, tab: "text" };
  for (const bar of root.querySelectorAll(".splitter")) listen(layout, bar);
  root.querySelector(".tabs").addEventListener("click", (e) => {
    const tab = e.target.closest("button")?.dataset.tab;
    if (tab) showTab(layout, tab);
  });
  new ResizeObserver(() => arrange(layout)).observe(root);
  arrange(layout);
  showTab(layout, layout.tab);
  return layout;
}

/** The pane that a narrow screen shows: graph, text or tree. */
export function showTab(layout, tab) {
  layout.tab = tab;
  layout.root.dataset.tab = tab;
  for (const b of layout.root.querySelectorAll(".tabs button"))
    b.setAttribute("aria-selected", String(b.dataset.tab === tab));
}

function arrange(layout) {
  const { root, shares } = layout;
  const width = root.clientWidth;
  root.dataset.mode = width < TABS_BELOW ? "tabs" : width < STACK_BELOW ? "stack" : "wide";
  const most = Math.max(LEAST.graph, width - LEAST.text - LEAST.tree - 14);
  const graph = clamp(shares.graph * width, LEAST.graph, most);
  const tree = clamp(shares.tree * width, LEAST.tree, Math.max(LEAST.tree, width - LEAST.text - graph - 14));
  root.style.setProperty("--graph", `${Math.round(graph)}px`);
  root.style.setProperty("--tree", `${Math.round(tree)}px`);
  for (const bar of root.querySelectorAll(".splitter"))
    bar.setAttribute("aria-valuenow", String(Math.round(shares[bar.dataset.side] * 100)));
}

function listen(layout, bar) {
  const side = bar.dataset.side;
  const set = (share) => {
    layout.shares[side] = clamp(share, 0.1, 0.6);
    arrange(layout);
    remember("linked.shares", layout.shares);
  };
  bar.addEventListener("pointerdown", (e) => {
    e.preventDefault();
    bar.setPointerCapture(e.pointerId);
    bar.classList.add("active");
  });
  bar.addEventListener("pointermove", (e) => {
    if (!bar.hasPointerCapture(e.pointerId)) return;
    const box = layout.root.getBoundingClientRect();
    set((side === "graph" ? e.clientX - box.left : box.right - e.clientX) / box.width);
  });
  bar.addEventListener("lostpointercapture", () => bar.classList.remove("active"));
  bar.addEventListener("dblclick", () => set(SHARES[side]));
  bar.addEventListener("keydown", (e) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!way) return;
    e.preventDefault();
    set(layout.shares[side] + (side === "graph" ? way : -way) * STEP);
  });
}
