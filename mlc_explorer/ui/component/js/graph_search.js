// The search over a graph: the engine finds boxes by name, operator and shape, in closed groups too. Matches are
// lit, Enter goes to the next, and the way to one in a closed group is opened.

import { esc, icon, say } from "./dom.js";

const PAUSE_MS = 120; // between the last key and the question

/** A bar in the pane, closed at first. `does`: redraw(), show(id), and open(groups) → promise. */
export function makeSearch(pane, does) {
  const bar = document.createElement("div");
  bar.className = "graph-search";
  bar.hidden = true;
  bar.innerHTML =
    `${icon("search")}<input type="search" spellcheck="false" autocomplete="off"><output></output>` +
    `<button class="tool" data-go="-1">${icon("up")}</button><button class="tool" data-go="1">${icon("chevron")}</button>` +
    `<button class="tool" data-go="0">${icon("close")}</button>`;
  pane.body.prepend(bar);
  const search = { pane, does, bar, input: bar.querySelector("input"), output: bar.querySelector("output"), found: null, at: -1 };
  search.input.addEventListener("input", () => {
    clearTimeout(search.timer);
    search.timer = setTimeout(() => find(search), PAUSE_MS);
  });
  bar.addEventListener("keydown", (e) => {
    if (e.key === "Enter") go(search, e.shiftKey ? -1 : 1);
    else if (e.key === "Escape") closeSearch(search);
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  bar.addEventListener("click", (e) => {
    const step = e.target.closest("button")?.dataset.go;
    if (step === "0") closeSearch(search);
    else if (step) go(search, Number(step));
  });
  return search;
}

export function openSearch(search) {
  search.bar.hidden = false;
  search.input.focus();
  search.input.select();
}

function closeSearch(search) {
  search.bar.hidden = true;
  search.input.value = "";
  take(search, null);
  search.pane.stage.focus();
}

export function sayInSearch(search, labels) {
  search.labels = labels;
  search.input.placeholder = say(labels, "graph.search_hint");
  search.input.setAttribute("aria-label", say(labels, "graph.search"));
  for (const [step, key] of [["-1", "previous"], ["1", "next"], ["0", "close_search"]]) {
    const b = search.bar.querySelector(`[data-go="${step}"]`);
    b.title = say(labels, `graph.${key}`);
    b.setAttribute("aria-label", b.title);
  }
}

async function find(search) {
  const query = search.input.value.trim();
  if (!query) return take(search, null);
  if (search.found?.query === query) return;
  const asked = (search.asked = {});
  const found = await search.pane.on.ask("graph_search", { query }).catch(() => null);
  if (search.asked === asked && found) take(search, found);
}

function take(search, found) {
  const { pane, does } = search;
  search.found = found;
  search.at = -1;
  pane.marks.found = null;
  markMatches(search);
  does.redraw();
  sayCount(search);
}

/** A match in a closed group lights the outermost closed one. */
function markMatches({ pane, found }) {
  pane.marks.matches = new Set((found?.matches ?? []).map((m) => seen(pane, m)));
}

const seen = (pane, match) => [...match.groups, match.id].find((id) => pane.byId.has(id)) ?? match.id;

async function go(search, step) {
  clearTimeout(search.timer);
  await find(search);
  const { pane, does, found } = search;
  if (!found?.matches.length) return;
  const { length } = found.matches;
  search.at = search.at < 0 ? (step > 0 ? 0 : length - 1) : (search.at + step + length) % length;
  const match = found.matches[search.at];
  sayCount(search);
  if (!pane.byId.has(match.id)) {
    await does.open(match.groups);
    if (search.found !== found) return;
    markMatches(search);
  }
  does.show(match.id);
}

function sayCount({ found, at, output, labels }) {
  if (!found) output.textContent = "";
  else if (!found.count) output.textContent = say(labels, "graph.none_found");
  else output.innerHTML = esc(say(labels, "graph.found", { n: at < 0 ? "–" : at + 1, count: found.count }));
}
