// What opens beneath a step of the history: why a recipe chose its numbers, or the step's form. Both ask for their
// answers themselves, about the state before the step, so that nothing waits for Python.

import { esc, say } from "./dom.js";
import { closeForm, hear, makeForm, openForm, redrawForm } from "./palette_form.js";
import { ask, hangUp, placeOf } from "./payloads.js";
import { keyOf } from "./trace_rows.js";

/** The panels of a history's view, both closed. */
export function makeMore(view) {
  const { root } = view;
  view.more = { why: root.querySelector(".step-why"), edit: root.querySelector(".step-edit"), open: null, row: null, place: null };
  view.more.home = view.more.why.parentElement;
  const form = { kept: { memory: new Map(), chosen: null }, chosen: null, closed: () => closeMore(view) };
  form.send = (event) => {
    if (event.type === "resend") return view.send(event);
    return event.type === "steps" ? view.edit("replace", view.more.row, { steps: event.steps }) : 0;
  };
  makeForm(form, view.more.edit.querySelector(".pal-form"));
  view.more.form = form;
}

/** Open `kind` (why or edit) beneath a row, or close it where it is open. */
export function toggleMore(view, kind, row) {
  const { more } = view;
  const wasOpen = more.open === kind && more.row && keyOf(more.row) === keyOf(row);
  closeMore(view);
  if (wasOpen) return;
  Object.assign(more, { open: kind, row });
  more[kind].hidden = false;
  placeMore(view);
  if (kind === "why") explain(view);
  else edit(view);
  const { list } = view; // the panel may be higher than the list: its step stands on top
  list.scrollTop = more[kind].parentElement.offsetTop - list.offsetTop;
}

export function closeMore(view) {
  const { more } = view;
  if (!more.open) return;
  const { open } = more;
  Object.assign(more, { open: null, row: null });
  if (more.place) hangUp(more.place);
  more.place = null;
  more[open].hidden = true;
  more.home.append(more[open]);
  if (open === "edit" && more.form.chosen) closeForm(more.form);
}

/** After the rows were drawn: the panel stands beneath its row again, or is closed where that has changed or gone. */
export function placeMore(view) {
  const { more, list, data } = view;
  if (!more.open) return;
  const row = data.rows.find((r) => keyOf(r) === keyOf(more.row));
  const element = [...list.children].find((e) => e.dataset.key === keyOf(more.row));
  if (!row || !element || row.before !== more.row.before || JSON.stringify(row.step) !== JSON.stringify(more.row.step)) return closeMore(view);
  more.row = row;
  if (more[more.open].parentElement !== element) element.append(more[more.open]);
}

/** Python has answered event `seen`. */
export function hearMore({ more }, seen) {
  if (more.open === "edit") hear(more.form, seen);
}

/** The language is another. */
export function redrawMore(view) {
  const { more } = view;
  if (more.open === "why") explain(view);
  else if (more.open === "edit") {
    Object.assign(more.form, formTexts(view));
    redrawForm(more.form);
  }
}

// -- why these numbers

async function explain(view) {
  const { more, labels } = view;
  const { row } = more;
  const place = (more.place = placeOf(row.before, "explain", null, { step: row.step }));
  more.why.innerHTML = `<p class="why-text">${esc(say(labels, "trace.asking"))}</p>`;
  const answer = await ask(place).catch((error) => ({ error }));
  if (more.place !== place) return;
  if (answer.error?.lost) view.send({ type: "resend" });
  more.why.innerHTML = answer.error
    ? `<p class="message">${esc(`${answer.error.message} ${answer.error.hint}`)}</p>`
    : whyHtml(answer, view.labels);
  more.why.dataset.painted = row.title;
}

function whyHtml({ title, strategy, numbers, machine, chosen }, labels) {
  const head = ["trace.number", "trace.value", "trace.reason"].map((key) => `<th scope="col">${esc(say(labels, key))}</th>`).join("");
  const body = numbers
    .map((n) => `<tr><th scope="row">${esc(n.title)} <code>${esc(n.name)}</code></th><td class="why-value">${esc(valueText(n.value))}</td><td>${esc(n.why)}</td></tr>`)
    .join("");
  const table = numbers.length ? `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>` : `<p class="why-text">${esc(say(labels, "trace.no_numbers"))}</p>`;
  return (
    `<h4>${esc(title)}</h4><ol aria-label="${esc(say(labels, "trace.strategy"))}">${strategy.map((move) => `<li>${esc(move)}</li>`).join("")}</ol>${table}` +
    `<p class="why-text">${esc(say(labels, "trace.machine", { machine }))}</p>` +
    (chosen ? "" : `<p class="why-text why-other">${esc(say(labels, "trace.not_chosen"))}</p>`)
  );
}

const valueText = (value) => (Array.isArray(value) ? `[${value.join(", ")}]` : String(value));

// -- the step's form

const formTexts = ({ labels, data, catalogue }) => ({ labels, language: data.language, catalogue });

/** The palette's form for the step as it stands, about the state before it. */
function edit(view) {
  const { form, row } = view.more;
  const { transform, params } = row.step;
  const path = params.loop ?? params.block ?? params.loops?.[0] ?? null;
  const at = { token: row.before, function: row.step.function ?? null, path: typeof path === "string" ? path : null };
  form.kept.memory.clear();
  form.kept.memory.set(transform, { given: { ...params }, raw: {}, sweeps: {} });
  Object.assign(form, formTexts(view), { at, latest: { at } });
  form.form.sent = 0;
  openForm(form, transform);
}
