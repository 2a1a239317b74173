// Values of a form as text and back. What can't be read stays text: the engine says what is wrong with it.

const NONE = /^(none|null)$/i;

/** Kinds whose value is typed; the others are chosen. */
export const isTyped = ({ kind, options, open }) => open || (!options.length && kind !== "flag" && kind !== "loops" && kind !== "blocks");

/** Kinds whose value goes along with what is selected in the linked view. */
export const FOLLOWING = new Set(["loop", "loops", "block", "blocks", "buffer", "place"]);

/** Kinds whose values a sweep may go through. */
export const SWEPT = new Set(["factors", "integer", "integers", "choice"]);

/** What a field shows for a value. */
export function textOf(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((v) => (v === null ? "None" : String(v))).join(", ");
  return String(value);
}

/** The value that a person means by `text`, for a kind of parameter; undefined for nothing. */
export function valueOf(text, kind) {
  const said = text.trim();
  if (!said) return undefined;
  if (kind === "factors" || kind === "integers") return listOfNumbers(said) ?? said;
  if (kind === "integer") return Number.isInteger(Number(said)) ? Number(said) : said;
  if (kind === "scalar") return scalarOf(said);
  return said;
}

function listOfNumbers(text) {
  const parts = text.replace(/^[[(]|[\])]$/g, "").split(/[\s,，×x]+/).filter(Boolean);
  const values = parts.map((part) => (NONE.test(part) ? null : Number(part)));
  return values.every((v) => v === null || Number.isInteger(v)) ? values : null;
}

function scalarOf(text) {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  return Number.isFinite(Number(text)) ? Number(text) : text.replace(/^(["'])(.*)\1$/, "$2");
}

/** The values of a sweep, written with semicolons between them. */
export const sweepText = (values) => values.map(textOf).join("; ");

/** The values that `text` lists, each once. */
export function sweepValues(text, kind) {
  const values = text.split(/[;；]/).map((part) => valueOf(part, kind)).filter((value) => value !== undefined);
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/**
 * The parameter `name` of a step that is swept through `values`. Lists that differ in one place only are a list with a
 * range in that place, so that a heat map has numbers along its side.
 */
export function rangeOver(name, values) {
  const isTable = values.every((value) => Array.isArray(value) && value.length === values[0].length);
  const differing = isTable ? values[0].map((_, i) => i).filter((i) => new Set(values.map((value) => value[i])).size > 1) : [];
  if (differing.length === 1) return values[0].map((v, i) => (i === differing[0] ? { sweep: values.map((value) => value[i]) } : v));
  return Array.isArray(values[0]) ? { sweep: values, name } : { sweep: values };
}
