// The first picture of a page that was opened by a link: the graph, drawn while Streamlit's own scripts are still on
// their way. It stands where the graph's pane will, and goes when that pane has been painted.

import { afterPaint, remember, remembered } from "./dom.js";
import { graphPane } from "./graph.js";
import { ask, placeOf } from "./payloads.js";
import { adoptStyle } from "./style.js";

const PLACE = "graph.place"; // where the pane's stage stood last: {left, top, width, height, page}
const LOOK_MS = 50; // how often to look whether the real pane is there
const GIVE_UP_MS = 20_000;

/**
 * Draw the graph of the state `token`; resolves when it is on screen, or when there is to be none. `graph` is its
 * GraphView if the server had it at hand, else it is asked for. `colours`: {light, dark}, as in the theme.
 */
export async function firstPicture({ token, graph, colours }) {
  const place = placeOfPane();
  if (!place) return;
  const host = document.createElement("div");
  host.id = "first-picture";
  host.setAttribute("aria-hidden", "true");
  host.style.cssText =
    `position:fixed;z-index:1000;pointer-events:none;overflow:hidden;left:${place.left}px;top:${place.top}px;` +
    `width:${place.width}px;height:${place.height}px`;
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  for (const [name, colour] of Object.entries(colours[theme])) host.style.setProperty(`--st-${name}`, colour);
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML =
    `<div class="linked-view" data-theme="${theme}" style="height:100%;min-height:0;border:0;border-radius:0">` +
    '<section class="pane graph"><div class="body"></div></section></div>';
  adoptStyle(root.firstChild);
  goWhenPainted(host);
  const view = graph ?? (await graphOf(token));
  if (!view || host.gone) return;
  document.body.append(host);
  document.body.style.background = colours[theme]["background-color"];
  const nothing = () => {};
  const pane = graphPane.make(root.querySelector(".body"), { choose: nothing, hover: nothing, ask: () => Promise.reject(nothing) }, document.createElement("span"));
  graphPane.draw(pane, { graph: view }, { labels: {}, theme, state: { changed: [] } });
  await new Promise(afterPaint);
  host.dataset.painted = String(view.nodes.length);
}

/** Where the pane stood on this page last, else where it stands at first; null where a person arranged it away. */
function placeOfPane() {
  const layout = remembered("linked.layout", null);
  if (layout?.columns && !layout.columns.some((c) => c.panes?.some((p) => p.view === "graph"))) return null;
  const page = `${innerWidth}x${innerHeight}`;
  const kept = remembered(PLACE, null);
  if (kept?.page === page) return kept;
  if (innerWidth < 900) return null; // tabs: nobody knows yet which is in front
  return { left: 15, top: 129, width: Math.round((innerWidth - 30) * 0.285), height: Math.round(innerHeight * 0.53) };
}

async function graphOf(token) {
  try {
    const { entry } = await ask(placeOf(token, "state"));
    return await ask(placeOf(token, "graph", entry));
  } catch {
    return null; // the page itself will say why
  }
}

function goWhenPainted(host) {
  const since = performance.now();
  const timer = setInterval(() => {
    const view = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
      .map((e) => e.shadowRoot?.querySelector(".linked-view[data-painted]"))
      .find(Boolean);
    const failed = document.querySelector("[data-testid=stAlert], [data-testid=stException]");
    if (!view && !failed && performance.now() - since < GIVE_UP_MS) return;
    clearInterval(timer);
    host.gone = true;
    host.remove();
    document.body.style.background = "";
    const stage = view?.querySelector(".pane.graph .stage");
    if (!stage) return;
    const { left, top, width, height } = stage.getBoundingClientRect();
    if (width) remember(PLACE, { left, top, width, height, page: `${innerWidth}x${innerHeight}` });
  }, LOOK_MS);
}
