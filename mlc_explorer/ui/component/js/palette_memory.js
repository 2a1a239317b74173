// What a person gave in the forms, kept for the visit, so that neither another selection nor a refusal takes it away:
// a value that follows the selection by the place where it was chosen, any other by the transform.

import { FOLLOWING, sweepValues } from "./palette_values.js";

const FIRST = 4; // values that a sweep begins with

/** What is remembered of the chosen transform: {given, raw: texts as typed, sweeps: name → {values, text}}. */
export const memoryOf = (view) => remembering(view, view.chosen);

const memoryHere = (view) => remembering(view, JSON.stringify([view.chosen, view.at.function, view.at.path]));

function remembering({ form: { memory } }, key) {
  if (!memory.has(key)) memory.set(key, { given: {}, raw: {}, sweeps: {} });
  return memory.get(key);
}

/** The parameters that a person gave for what is selected. */
export const givenOf = (view) => ({ ...memoryOf(view).given, ...memoryHere(view).given });

/** Remember a parameter's value, or with undefined leave it to the engine. */
export function give(view, field, value) {
  const { given } = FOLLOWING.has(field.kind) ? memoryHere(view) : memoryOf(view);
  if (value === undefined) delete given[field.name];
  else given[field.name] = value;
}

/** A list of loops or blocks after one of its buttons was pressed. */
export function changedMembers(field, { dataset: { part, i }, value }) {
  const members = [...(field.value ?? [])];
  if (part === "add") return [...members, JSON.parse(value)];
  const at = Number(i);
  const [member] = members.splice(at, 1);
  if (part !== "remove") members.splice(part === "raise" ? at - 1 : at + 1, 0, member);
  return members;
}

/** A field becomes a range of values or one value again, or its range changes. */
export function takeRange(sweeps, field, element) {
  const { part, value } = element.dataset;
  const sweep = sweeps[field.name];
  if (part === "sweep" && sweep) delete sweeps[field.name];
  else if (part === "sweep") sweeps[field.name] = { values: likeliestOf(field) };
  else if (part === "values") Object.assign(sweep, { text: element.value, values: sweepValues(element.value, field.kind) });
  else if (part === "chip") {
    const others = sweep.values.filter((v) => JSON.stringify(v) !== value);
    sweeps[field.name] = { values: others.length < sweep.values.length ? others : [...others, JSON.parse(value)] };
  }
}

/** A range begins with the likeliest values that bring no guard. */
const likeliestOf = (field) => field.options.filter((o) => !o.note).slice(0, FIRST).map((o) => o.value);

/** The ranges of the form that stands, [name, {values}] each; one value is no range. */
export function rangesOf(view) {
  const names = new Set(view.form.offer?.fields?.map((f) => f.name));
  return Object.entries(memoryOf(view).sweeps).filter(([name, { values }]) => values.length > 1 && names.has(name));
}
