// The keys of the linked view, declared once: what each does, and the list of them that `?` shows.

import { esc, icon, say } from "./dom.js";

// key → act. Arrow keys are the film's unless a pane that moves by them has the focus.
const KEYS = [
  ["ArrowLeft", "back"], ["ArrowRight", "forward"], [",", "back"], [".", "forward"],
  ["Home", "first"], ["End", "last"],
  ["1", "1"], ["2", "2"], ["3", "3"], ["4", "4"],
  ["n", "next_pane"], ["N", "previous_pane"], ["+", "larger"], ["=", "larger"], ["-", "smaller"],
  ["d", "diff"], ["p", "pin"], ["P", "unpin"], ["f", "present"], ["?", "help"],
];
const ACTS = new Map(KEYS);
// What the list says, in groups: [key names, text].
const LIST = [
  ["keys.film", [["← →  , .", "back_forward"], ["Home End", "first_last"], ["d", "diff"]]],
  ["keys.panes", [["1 2 3 4", "presets"], ["n N", "next_pane"]]],
  ["keys.presentation", [["f", "present"], ["+ −", "type"], ["Esc", "escape"]]],
  ["keys.links", [["click", "click"], ["Shift click", "shift_click"], ["p", "pin"], ["P", "unpin"]]],
  ["keys.graph", [["↑ ↓ ← →", "arrows"], ["+ − 0", "zoom"], ["/", "search"]]],
  ["keys.tree", [["↑ ↓", "move"], ["← →", "open"]]],
  ["keys.text", [["Space", "fold"], ["Esc", "outer"]]],
  ["keys.steps", [["→ ←", "open"], ["Enter", "go"], ["Delete", "take_out"]]],
  ["keys.page", [["Ctrl Z", "undo"], ["Ctrl Shift Z", "redo"], ["Ctrl Enter", "measure"], ["Ctrl K", "palette"], ["Alt A", "apply"], ["Alt M", "fast"], ["?", "help"]]],
];

const TYPING = "input:not([type=range]), textarea, select, [contenteditable=true], [role=combobox], [role=dialog] *";
const MOVING = ".stage, .tree, .scroller, .motion-pane, [role=separator], input[type=range], .graph-search, [role=radiogroup], [role=tablist]";

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/** Whether a key is pressed along with ⌘ or Ctrl, whichever this system uses, and nothing else. */
export const isModKey = (e, code) => (IS_MAC ? e.metaKey : e.ctrlKey) && !e.shiftKey && !e.altKey && e.code === code;

/** What a key along with it is called. */
export const modName = (key) => (IS_MAC ? `⌘ ${key}` : `Ctrl ${key}`);

/** Calls `act(name)` for a key that is the view's; true from it means that the key is used up. */
export function listenForKeys(root, act) {
  const onKey = (e) => {
    if (!root.isConnected) return document.removeEventListener("keydown", onKey);
    if (isModKey(e, "KeyK") && !e.defaultPrevented && act("search")) return e.preventDefault();
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    if (root.querySelector("dialog[open]") && e.key !== "?") return;
    if (e.key === "Escape" && root.classList.contains("presenting")) {
      act("present");
      return e.preventDefault();
    }
    const target = e.composedPath()[0];
    if (target.closest?.(TYPING)) return;
    const moves = /^(Arrow|Home|End)/.test(e.key);
    if (moves && target.closest?.(MOVING)) return;
    if (moves && target !== document.body && !root.contains(target)) return; // the page scrolls by them
    const name = ACTS.get(e.key);
    if (name && act(name)) e.preventDefault();
  };
  document.addEventListener("keydown", onKey);
}

/** Show the list of keys in a dialog, or close it. */
export function showKeys(dialog, labels) {
  if (dialog.open) return dialog.close();
  const rows = (list) => list
    .map(([keys, text]) => `<dt>${keys.split("  ").map((part) => part.split(" ").map((k) => `<kbd>${esc(keyName(k, labels))}</kbd>`).join("")).join(" ")}</dt><dd>${esc(say(labels, `keys.${text}`))}</dd>`)
    .join("");
  dialog.innerHTML =
    `<header><h2>${esc(say(labels, "help.title"))}</h2><button class="tool" autofocus>${icon("close")}</button></header>` +
    `<div>${LIST.map(([title, list]) => `<section><h3>${esc(say(labels, title))}</h3><dl>${rows(list)}</dl></section>`).join("")}</div>`;
  dialog.querySelector("button").setAttribute("aria-label", say(labels, "problem.dismiss"));
  dialog.onclick = (e) => (e.target === dialog || e.target.closest("button")) && dialog.close();
  dialog.showModal();
}

const keyName = (key, labels) => (labels[`key.${key}`] ? say(labels, `key.${key}`) : key);
