// The bar above the panes: arrangement, function and place, pins, the film of the history, and the view's own tools.

import { PIN_COLOURS, pinName } from "./pins.js";
import { PRESETS } from "./frame.js";
import { esc, formatTime, icon, same, say } from "./dom.js";
import { viewGroups } from "./panes.js";

const BAR = `
  <div class="presets segmented" role="radiogroup"></div>
  <select class="functions"></select>
  <span class="crumb"></span>
  <span class="pins" role="list"></span>
  <span class="space"></span>
  <span class="film">
    <button class="tool" data-act="back">${icon("back")}</button>
    <input type="range" min="0" step="1">
    <button class="tool" data-act="forward">${icon("forward")}</button>
    <output></output>
    <button class="elsewhere" hidden></button>
  </span>
  <button class="diff-toggle" data-act="diff" aria-pressed="false">${icon("diff")}<span data-say="text.diff"></span></button>
  <span class="add-button tool">${icon("add")}<select class="add"></select></span>
  <button class="tool only-presenting" data-act="smaller">${icon("minus")}</button>
  <button class="tool only-presenting" data-act="larger">${icon("plus")}</button>
  <button class="tool" data-act="present">${icon("present")}</button>
  <button class="tool" data-act="help">${icon("help")}</button>`;

/** The bar in `host`. `on` has act(name), preset(name), func(name), goto(n), add(view), unpin(pin). */
export function makeToolbar(host, on) {
  host.innerHTML = BAR;
  const bar = { host, on, labels: null, functions: null };
  host.addEventListener("click", (e) => {
    const button = e.target.closest("button");
    if (button?.dataset.act) on.act(button.dataset.act);
    else if (button?.dataset.func) on.func(button.dataset.func);
    else if (button?.dataset.preset) on.preset(button.dataset.preset);
    else if (button?.dataset.pin) on.unpin(Number(button.dataset.pin));
  });
  host.querySelector(".presets").addEventListener("keydown", (e) => movePreset(e, on));
  host.querySelector(".functions").addEventListener("change", (e) => on.func(e.target.value));
  host.querySelector(".film input").addEventListener("input", (e) => on.goto(Number(e.target.value)));
  host.querySelector(".add").addEventListener("change", (e) => {
    on.add(e.target.value);
    e.target.value = "";
  });
  return bar;
}

/** The arrow keys of a radio group: the next or previous arrangement, around the ends. */
function movePreset(e, on) {
  const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
  if (!way) return;
  const buttons = [...e.currentTarget.children];
  const next = buttons.at((buttons.indexOf(e.target) + way) % buttons.length);
  e.preventDefault();
  next.focus();
  on.preset(next.dataset.preset);
}

/** Show {preset, functions, function, path, pins, cursor, states, times, hasDiff, showDiff}. */
export function drawBar(bar, state, labels, levels) {
  const { host } = bar;
  if (bar.labels !== labels) drawWords(bar, labels, levels);
  host.querySelectorAll(".presets button").forEach((b, i) => {
    b.setAttribute("aria-checked", String(b.dataset.preset === state.preset));
    b.tabIndex = b.dataset.preset === state.preset || (!state.preset && i === 0) ? 0 : -1;
  });
  const select = host.querySelector(".functions");
  if (bar.functions !== state.functions || bar.labels !== labels) select.innerHTML = optionsOf(state.functions, labels);
  select.value = state.function ?? "";
  host.querySelector(".crumb").innerHTML = state.path ? `<bdi>${esc(state.path)}</bdi>` : "";
  const diff = host.querySelector(".diff-toggle");
  diff.hidden = !state.hasDiff;
  diff.setAttribute("aria-pressed", String(state.showDiff));
  drawPins(bar, state.pins, labels);
  drawFilm(bar, state, labels);
  bar.functions = state.functions;
  bar.labels = labels;
}

function drawWords({ host }, labels, levels) {
  const name = (selector, key) => {
    const e = host.querySelector(selector);
    e.title = say(labels, key);
    e.setAttribute("aria-label", e.title);
  };
  host.querySelector(".presets").innerHTML = Object.keys(PRESETS)
    .map((p, i) => `<button role="radio" data-preset="${p}" title="${esc(say(labels, `preset.${p}_about`))} (${i + 1})">${esc(say(labels, `preset.${p}`))}</button>`)
    .join("");
  name(".presets", "preset.title");
  name(".functions", "text.function");
  name("[data-act=back]", "film.back");
  name("[data-act=forward]", "film.forward");
  name(".film input", "film.step");
  name("[data-act=present]", "present.title");
  name("[data-act=larger]", "present.larger");
  name("[data-act=smaller]", "present.smaller");
  name("[data-act=help]", "help.title");
  name(".add", "pane.add");
  host.querySelector("[data-say]").textContent = say(labels, "text.diff");
  const option = (view) => `<option value="${esc(view)}">${esc(say(labels, `view.${view}`))}</option>`;
  host.querySelector(".add").innerHTML =
    `<option value="" hidden></option>` +
    viewGroups(levels).map(({ title, views }) => `<optgroup label="${esc(say(labels, `views.${title}`))}">${views.map(option).join("")}</optgroup>`).join("");
}

function optionsOf(functions, labels) {
  const group = (kind) => {
    const options = functions.filter((f) => f.kind === kind).map((f) => {
      const calls = f.calls > 1 ? ` ×${f.calls}` : "";
      return `<option value="${esc(f.name)}" title="${esc(f.summary ?? "")}">${esc(f.name)}${calls}</option>`;
    });
    return options.length ? `<optgroup label="${esc(say(labels, `functions.${kind}`))}">${options.join("")}</optgroup>` : "";
  };
  return group("graph") + group("loops");
}

function drawPins(bar, pins, labels) {
  const shown = pins.map((p) => ({ name: pinName(p), colour: p.colour, function: p.function }));
  if (same(bar.pins, shown)) return;
  bar.pins = shown;
  bar.host.querySelector(".pins").innerHTML = shown
    .map(({ name, colour, function: where }, i) =>
      `<span class="pin pin-${Math.min(colour, PIN_COLOURS)}" role="listitem" title="${esc(`${where} ${name}`)}"><i data-number="${colour}"></i><span class="name"><bdi>${pinHtml(name)}</bdi></span>` +
      `<button data-pin="${i}" aria-label="${esc(say(labels, "pin.remove", { name }))}">${icon("close", 10)}</button></span>`)
    .join("");
}

/** A pin's path; where there are many, the style sheet leaves out all but the loop's own name. */
function pinHtml(name) {
  const own = name.slice(name.lastIndexOf("/") + 1);
  return `<span class="way">${esc(name.slice(0, name.length - own.length))}</span>${esc(own)}`;
}

function drawFilm({ host }, { cursor, states, times, elsewhere: touched }, labels) {
  const film = host.querySelector(".film");
  film.hidden = states.length < 2;
  if (film.hidden) return;
  const last = states.length - 1;
  const range = film.querySelector("input");
  range.max = String(last);
  range.value = String(cursor);
  range.style.setProperty("--done", `${(cursor / last) * 100}%`);
  const { title, detail } = states[cursor];
  const time = times?.[cursor];
  const name = cursor === 0 ? say(labels, "trace.start") : title;
  range.setAttribute("aria-valuetext", `${cursor}/${last} ${name} ${detail}`);
  film.querySelector("[data-act=back]").disabled = cursor === 0;
  film.querySelector("[data-act=forward]").disabled = cursor === last;
  film.querySelector("output").innerHTML =
    `<b>${cursor}/${last}</b> <span>${esc(name)}</span>` + (time == null ? "" : ` <em>${esc(formatTime(time))}</em>`);
  drawElsewhere(film.querySelector(".elsewhere"), touched, labels);
  film.title = [name, detail, time == null ? "" : formatTime(time)].filter(Boolean).join("  ");
}

/** A step that touched other functions than the one shown says so, and a click goes there. */
function drawElsewhere(button, touched, labels) {
  button.hidden = !touched;
  if (!touched) return;
  const { name, more } = touched;
  button.dataset.func = name;
  button.innerHTML = `${icon("forward", 11)}<span>${esc(name)}${more ? ` +${more}` : ""}</span>`;
  button.title = more ? say(labels, "film.elsewhere_more", { name, more }) : say(labels, "film.elsewhere", { name });
  button.setAttribute("aria-label", button.title);
}
