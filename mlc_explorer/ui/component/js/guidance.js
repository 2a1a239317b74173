// Where a person who sees nothing yet can go: what a pane without loops offers, and one line for the first visit.

import { esc, icon, remember, remembered, say } from "./dom.js";

const SEEN = "linked.hint.seen";

/**
 * What lies over a pane that needs loops while a graph function is shown: the first function that has some is one
 * click away; where none has, the pass that makes them is. For `drawOver`.
 */
export function emptyOf(scene, labels) {
  const nest = scene.info.functions.find((f) => f.kind === "loops");
  const way = nest
    ? { text: say(labels, "empty.choose", scene), help: { act: "function", value: nest.name }, button: say(labels, "empty.show", { function: nest.name }) }
    : { text: say(labels, "empty.none", scene), help: { act: "legalize", value: "" }, button: say(labels, "empty.legalize") };
  return { ...way, title: say(labels, "empty.title") };
}

/** The first visit's line; once dismissed it stays away. */
export function drawHint(element, labels) {
  element.hidden = remembered(SEEN, false);
  if (element.hidden || element.said === labels) return;
  element.said = labels;
  const name = esc(say(labels, "hint.close"));
  element.innerHTML =
    `<span>${esc(say(labels, "hint.text"))}</span><button class="tool" title="${name}" aria-label="${name}">${icon("close", 12)}</button>`;
  element.querySelector("button").addEventListener("click", () => {
    remember(SEEN, true);
    element.hidden = true;
  });
}
