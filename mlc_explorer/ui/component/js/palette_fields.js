// A form's fields as HTML, one widget for each kind of parameter. Nothing here knows a transform by name, and a kind
// that it does not know is a text. A field's name and part stand in data attributes, by which it is read.

import { esc, icon, same, say } from "./dom.js";
import { SWEPT, isTyped, sweepText, textOf } from "./palette_values.js";

const LIST = new Set(["loops", "blocks"]);

/** A field of an Offer. `raw` is what a person typed into it, `sweep` the text of its sweep (undefined: none). */
export function fieldHtml(field, { spec, raw, sweep, wrong, labels }) {
  const id = `pal-field-${field.name}`;
  const isSwept = sweep !== undefined;
  const toggle = SWEPT.has(field.kind)
    ? `<button type="button" class="pal-sweep" data-name="${esc(field.name)}" data-part="sweep" aria-pressed="${isSwept}" title="${esc(say(labels, "palette.sweep_help"))}">${esc(say(labels, "palette.sweep_value"))}</button>`
    : "";
  const widget = isSwept ? sweepHtml(field, sweep, id, labels) : widgetHtml(field, { spec, raw, id, labels });
  const help = isTyped(field) || LIST.has(field.kind) ? field.help : ""; // what is chosen from a list explains itself
  const note = isSwept ? say(labels, "palette.sweep_hint") : noteOf(field) || help;
  const marked = noteOf(field) && !isSwept ? " pal-guard" : "";
  const isList = LIST.has(field.kind);
  const optional = field.required || field.kind === "flag" ? "" : `<i>${esc(say(labels, "palette.optional"))}</i>`;
  const label = isList
    ? `<span class="pal-label" id="${id}-label">${esc(field.label)}</span>`
    : `<label class="pal-label" for="${id}">${esc(field.label)}</label>`;
  return (
    `<div class="pal-field${wrong ? " pal-wrong" : ""}" data-kind="${esc(field.kind)}" title="${esc(help ? "" : field.help)}"${isList ? ` role="group" aria-labelledby="${id}-label"` : ""}>` +
    `<div class="pal-top">${label}${optional}${toggle}</div>${widget}` +
    (note ? `<p class="pal-note${marked}" id="${id}-note">${marked ? icon("warning", 12) : ""}${esc(note)}</p>` : "") +
    `</div>`
  );
}

/** What one should know of the value that the field holds. */
const noteOf = (field) => field.options.find((option) => same(option.value, field.value))?.note ?? "";

function widgetHtml(field, { spec, raw, id, labels }) {
  if (LIST.has(field.kind)) return membersHtml(field, id, labels);
  if (field.kind === "flag") return flagHtml(field, id);
  return isTyped(field) ? typedHtml(field, { spec, raw, id }) : selectHtml(field, id, labels);
}

const nameOf = (field, part, id) =>
  `id="${id}" name="${esc(field.name)}" data-name="${esc(field.name)}" data-part="${part}" aria-describedby="${id}-note"`;

function flagHtml(field, id) {
  return `<input type="checkbox" ${nameOf(field, "flag", id)}${field.value ? " checked" : ""} />`;
}

function selectHtml(field, id, labels) {
  const known = field.options.some((option) => same(option.value, field.value));
  const options = known ? field.options : [{ value: field.value, label: textOf(field.value) || say(labels, "palette.choose_one") }, ...field.options];
  const html = options
    .map((o) => `<option value="${esc(JSON.stringify(o.value))}"${same(o.value, field.value) ? " selected" : ""}${o.note ? ` title="${esc(o.note)}"` : ""}>${esc(o.label)}</option>`)
    .join("");
  return `<select ${nameOf(field, "select", id)}>${html}</select>`;
}

function typedHtml(field, { spec, raw, id }) {
  const settings = spec.params.find((p) => p.name === field.name)?.options ?? {};
  const value = esc(raw ?? textOf(field.value));
  const common = `${nameOf(field, "text", id)} spellcheck="false"`;
  const isLong = /^\(\?s\)/.test(settings.pattern ?? ""); // its dot matches the end of a line, too
  const input =
    field.kind === "integer"
      ? `<input type="number" step="1" min="${settings.least ?? 0}" max="${settings.most ?? ""}" ${common} value="${value}" />`
      : isLong
        ? `<textarea rows="4" ${common}>${value}</textarea>`
        : `<input type="text" ${common} value="${value}" />`;
  const chosen = (option) => same(option.value, field.value);
  return input + (field.options.length > 1 ? chipsHtml(field, chosen) : "");
}

/** The values that make sense, one press each. */
function chipsHtml(field, isOn) {
  const chips = field.options
    .map((o) => `<button type="button" class="pal-chip${o.note ? " pal-noted" : ""}" data-name="${esc(field.name)}" data-part="chip" data-value="${esc(JSON.stringify(o.value))}" aria-pressed="${isOn(o)}"${o.note ? ` title="${esc(o.note)}"` : ""}>${esc(o.label)}</button>`)
    .join("");
  return `<div class="pal-chips">${chips}</div>`;
}

function sweepHtml(field, sweep, id, labels) {
  const values = sweep.values.map((value) => JSON.stringify(value));
  const isOn = (option) => values.includes(JSON.stringify(option.value));
  const input = `<input type="text" ${nameOf(field, "values", id)} spellcheck="false" placeholder="${esc(say(labels, "palette.sweep_hint"))}" value="${esc(sweep.text ?? sweepText(sweep.values))}" />`;
  return input + chipsHtml(field, isOn);
}

/** Loops or blocks in the order that counts. */
function membersHtml(field, id, labels) {
  const values = Array.isArray(field.value) ? field.value : [];
  const labelOf = (value) => field.options.find((o) => same(o.value, value))?.label ?? textOf(value);
  const tool = (act, i, off, name) =>
    `<button type="button" class="tool pal-${act}" data-name="${esc(field.name)}" data-part="${act}" data-i="${i}"${off ? " disabled" : ""} title="${esc(name)}" aria-label="${esc(name)}">${icon(act === "remove" ? "close" : "up", 12)}</button>`;
  const members = values
    .map((name, i) =>
      `<li><span>${esc(labelOf(name))}</span>` +
      tool("raise", i, i === 0, say(labels, "palette.raise", { name })) +
      tool("lower", i, i === values.length - 1, say(labels, "palette.lower", { name })) +
      `${tool("remove", i, false, say(labels, "palette.remove", { name }))}</li>`)
    .join("");
  const left = field.options.filter((o) => !values.some((value) => same(value, o.value)));
  const add = left.length
    ? `<select ${nameOf(field, "add", id)} aria-label="${esc(say(labels, "palette.add", { name: field.label }))}"><option value="">${esc(say(labels, "palette.add_one"))}</option>` +
      `${left.map((o) => `<option value="${esc(JSON.stringify(o.value))}">${esc(o.label)}</option>`).join("")}</select>`
    : "";
  return `<ol class="pal-members">${members}</ol>${add}`;
}
