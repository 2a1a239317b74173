// The kinds of pane there are, and one pane's frame: its header (what it shows, at which step, its tools, what can
// be done with it), its body, and what lies over the body while there is nothing to see.

import { dataflowPane, graphPane } from "./graph.js";
import { esc, icon, say } from "./dom.js";
import { motion } from "./motion.js";
import { textPane } from "./text.js";
import { treePane } from "./tree.js";

const STRUCTURE = { graph: graphPane, dataflow: dataflowPane, loops: treePane, motion };
const NEEDS_LOOPS = new Set(["dataflow", "loops", "motion"]);
const LOOK = { graph: "graph", dataflow: "graph", loops: "tree-pane", motion: "motion-pane" };

/** The views that a pane can show, in groups: {title, views}. `levels` are those of `schema.levels`. */
export function viewGroups(levels) {
  const named = (test) => levels.filter(test).map((l) => l.name);
  return [
    { title: "structure", views: ["graph", "loops", "dataflow", "motion"] },
    { title: "program", views: ["program", ...named((l) => l.kind === "loops" && l.language === "python" && l.name !== "tir")] },
    { title: "machine", views: named((l) => l.language === "llvm" || l.language === "asm") },
    { title: "source", views: named((l) => l.language === "c") },
  ];
}

/** Whether a view makes sense for a function of that kind only. */
export const needsLoops = (view, levels) => NEEDS_LOOPS.has(view) || levels.find((l) => l.name === view)?.kind === "loops";

/** Whether what a view shows takes a compilation, so that the other panes do not wait for it. */
export const isSlow = (view, levels) => Boolean(levels.find((l) => l.name === view)?.compiles);

/** A pane that shows `view` of the state `at` (now, before, other, or a step's number). `on` as for all kinds. */
export function makePane(view, at, levels, on) {
  const element = document.createElement("section");
  element.innerHTML =
    '<header><select class="view"></select><span class="at-step"></span><span class="space"></span>' +
    '<span class="tools"></span><span class="more-button"><select class="more"></select></span></header>' +
    '<div class="body"></div><div class="over" hidden></div>';
  element.querySelector(".more-button").insertAdjacentHTML("afterbegin", icon("more"));
  const pane = {
    element, at, on, levels,
    body: element.querySelector(".body"),
    over: element.querySelector(".over"),
    tools: element.querySelector(".tools"),
    choice: element.querySelector("select.view"),
    more: element.querySelector("select.more"),
    wanted: [], share: 1,
  };
  pane.choice.addEventListener("change", () => on.change(pane, pane.choice.value));
  pane.more.addEventListener("change", () => {
    const [act, value] = pane.more.value.split("=");
    pane.more.value = "";
    on.act(pane, act, value);
  });
  pane.over.addEventListener("submit", (e) => {
    e.preventDefault();
    const link = e.target.elements.link.value.trim();
    if (link) on.compare(link);
  });
  pane.over.addEventListener("click", (e) => {
    if (e.target.closest("form")) return;
    const { help, value } = e.target.closest("button")?.dataset ?? {};
    if (help) on.help(help, value);
    else if (e.target.closest("button")) on.retry(pane);
  });
  element.addEventListener("focusin", () => on.focus(pane));
  setView(pane, view);
  return pane;
}

/** Show another view: its body begins afresh. */
export function setView(pane, view) {
  const { element, on } = pane;
  pane.view = view;
  pane.kind = STRUCTURE[view] ?? textPane(view, pane.levels);
  pane.body.replaceChildren();
  pane.tools.replaceChildren();
  element.className = `pane ${LOOK[view] ?? "text"}`;
  element.dataset.view = view;
  pane.inner = pane.kind.make(pane.body, on.inside(pane), pane.tools);
  pane.drawn = false;
  pane.labels = null;
}

/** The header: names in the person's language; `states` are those of the history, `where` says at which the pane stands. */
export function drawHeader(pane, labels, states, where) {
  const key = `${pane.at}\n${where}\n${states.length}`;
  if (pane.labels === labels && pane.headerKey === key) return;
  pane.labels = labels;
  pane.headerKey = key;
  const option = (view) => `<option value="${esc(view)}">${esc(say(labels, `view.${view}`))}</option>`;
  const group = ({ title, views }) => `<optgroup label="${esc(say(labels, `views.${title}`))}">${views.map(option).join("")}</optgroup>`;
  pane.choice.innerHTML = viewGroups(pane.levels).map(group).join("");
  pane.choice.value = pane.view;
  pane.choice.title = say(labels, "pane.view");
  pane.choice.setAttribute("aria-label", pane.choice.title);
  pane.element.setAttribute("aria-label", say(labels, `view.${pane.view}`));
  pane.more.innerHTML = moreHtml(pane, labels, states);
  pane.more.title = say(labels, "pane.more");
  pane.more.setAttribute("aria-label", pane.more.title);
  const chip = pane.element.querySelector(".at-step");
  chip.textContent = where;
  chip.title = where;
}

function moreHtml(pane, labels, states) {
  const option = (value, text) => `<option value="${esc(value)}">${esc(text)}</option>`;
  const act = (name) => option(name, say(labels, `pane.${name}`));
  const step = ({ title }, n) => option(`at=${n}`, `${n}  ${n === 0 ? say(labels, "trace.start") : title}`);
  return (
    `<option value="" hidden></option>${act("close")}` +
    `<optgroup label="${esc(say(labels, "pane.move"))}">${["left", "right", "up", "down"].map(act).join("")}</optgroup>` +
    `<optgroup label="${esc(say(labels, "pane.at"))}">${option("at=now", say(labels, "pane.now"))}` +
    `${option("at=before", say(labels, "pane.before"))}${states.map(step).join("")}` +
    `${option("at=other", say(labels, "pane.other"))}</optgroup>`
  );
}

/** What lies over the body: null for nothing, or {title, text, waiting, button: its text, help: what it does, if not to retry}. */
export function drawOver(pane, over, labels) {
  const key = over && JSON.stringify(over);
  pane.over.hidden = !over;
  pane.element.classList.toggle("waiting", Boolean(over?.waiting));
  if (!over || (pane.overKey === key && over.ask)) return; // what a person types into it stays
  pane.overKey = key;
  const help = over.help ? ` data-help="${esc(over.help.act)}" data-value="${esc(over.help.value)}"` : "";
  const button = over.button ? `<button class="plain"${help}>${esc(over.button)}</button>` : "";
  const text = over.text ? `<p>${esc(over.text)}</p>` : "";
  pane.over.classList.toggle("light", Boolean(over.waiting && pane.drawn));
  pane.over.innerHTML = `<strong>${esc(over.title)}</strong>${text}${button}${over.ask === "link" ? linkForm(over, labels) : ""}`;
}

/** Where a person pastes the link of another workspace; what was wrong with the last one stands beside it. */
function linkForm({ error }, labels) {
  const wrong = error ? `<p class="wrong" role="alert">${esc(error)}</p>` : "";
  return (
    `<form><input name="link" type="text" autocomplete="off" spellcheck="false" placeholder="…?w=…" ` +
    `aria-label="${esc(say(labels, "pane.other_link"))}"><button class="plain">${esc(say(labels, "preset.compare"))}</button></form>${wrong}`
  );
}
