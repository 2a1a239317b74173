// The text pane's header: level, function, where the selection is, diff, copy.

import { esc, icon, same, say } from "./dom.js";

/** The header in `host`; `on` has level(name), func(name), diff(), copy(). */
export function makeHeader(host, on) {
  const header = { host, drawn: null, levels: null };
  host.querySelector(".levels").addEventListener("click", (e) => {
    const level = e.target.closest("button")?.dataset.level;
    if (level) on.level(level);
  });
  host.querySelector(".functions").addEventListener("change", (e) => on.func(e.target.value));
  host.querySelector(".diff-toggle").addEventListener("click", on.diff);
  host.querySelector(".copy").addEventListener("click", on.copy);
  return header;
}

/** Show the state: {levels, level, functions, function, path, hasDiff, showDiff}. */
export function drawHeader(header, state, labels) {
  const { host } = header;
  const levels = state.levels.length ? state.levels : [state.level].filter(Boolean);
  if (!same(header.levels, levels) || header.labels !== labels)
    host.querySelector(".levels").innerHTML = levels
      .map((l) => `<button role="radio" data-level="${esc(l)}">${esc(say(labels, `level.${l}`))}</button>`)
      .join("");
  for (const b of host.querySelectorAll(".levels button"))
    b.setAttribute("aria-checked", String(b.dataset.level === state.level));
  const select = host.querySelector(".functions");
  if (header.drawn?.functions !== state.functions || header.labels !== labels)
    select.innerHTML = optionsHtml(state.functions, labels);
  select.value = state.function ?? "";
  select.hidden = !state.functions.length;
  host.querySelector(".crumb").innerHTML = state.path ? `<bdi>${esc(state.path)}</bdi>` : "";
  const diff = host.querySelector(".diff-toggle");
  diff.hidden = !state.hasDiff;
  diff.setAttribute("aria-pressed", String(state.showDiff));
  header.drawn = state;
  header.levels = levels;
  header.labels = labels;
}

function optionsHtml(functions, labels) {
  const group = (kind) => {
    const options = functions
      .filter((f) => f.kind === kind)
      .map((f) => {
        const calls = f.calls > 1 ? ` ×${f.calls}` : "";
        return `<option value="${esc(f.name)}" title="${esc(f.summary ?? "")}">${esc(f.name)}${calls}</option>`;
      });
    return options.length
      ? `<optgroup label="${esc(say(labels, `functions.${kind}`))}">${options.join("")}</optgroup>`
      : "";
  };
  return group("graph") + group("loops");
}

/** Show for a moment that the text was copied. */
export function sayCopied(header, labels) {
  const button = header.host.querySelector(".copy");
  button.innerHTML = icon("check");
  button.classList.add("done");
  button.title = say(labels, "text.copied");
  setTimeout(() => {
    button.innerHTML = icon("copy");
    button.classList.remove("done");
    button.title = say(labels, "text.copy");
  }, 1400);
}
