// The transforms as a list, grouped by family: which of them a search finds, in what order, and how a row looks.
// What applies stands first; the rest says in a few words why not.

import { esc, say } from "./dom.js";

const LEVELS = { graph: (spec) => spec.level === "graph", loops: (spec) => spec.level !== "graph" };
const haystacks = new WeakMap();

/**
 * The list for `catalogue` {specs, families} and a Palette (null before there is one): {groups, count, total}. A group
 * is {family, rows: [{spec, verdict}]}. Without a `query` it holds what belongs to the `kind` of function, or with
 * `all` everything; a search looks into everything and puts what belongs there first.
 */
export function listOf(catalogue, palette, { query, all, kind }) {
  const verdicts = new Map((palette?.verdicts ?? []).map((verdict) => [verdict.transform, verdict]));
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const isOwn = LEVELS[kind] ?? LEVELS.loops;
  const found = catalogue.specs.filter((spec) => (all || words.length || isOwn(spec)) && matches(spec, catalogue, words));
  const rows = found.map((spec) => ({ spec, verdict: verdicts.get(spec.name) ?? null }));
  rows.sort((a, b) => isOwn(b.spec) - isOwn(a.spec)); // the sort is stable: the catalogue's order stays
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row.spec.family)) groups.set(row.spec.family, []);
    groups.get(row.spec.family).push(row);
  }
  for (const members of groups.values()) members.sort((a, b) => does(b) - does(a));
  const count = rows.filter(does).length;
  return { groups: [...groups].map(([family, members]) => ({ family, rows: members })), count, total: rows.length };
}

const does = ({ verdict }) => verdict?.state === "applies";

function matches(spec, { families }, words) {
  if (!words.length) return true;
  if (!haystacks.has(spec)) {
    const parts = [spec.name, spec.tvm, spec.elsewhere, ...Object.values(spec.title), ...Object.values(spec.text)];
    haystacks.set(spec, [...parts, spec.family, families[spec.family] ?? ""].join("\n").toLowerCase());
  }
  return words.every((word) => haystacks.get(spec).includes(word));
}

/** The names in the order of the list. */
export const namesIn = ({ groups }) => groups.flatMap(({ rows }) => rows.map(({ spec }) => spec.name));

/** The name that a search most likely means: one that is so called, or begins so, or holds it, else the first. */
export function likeliest(names, query) {
  const wanted = query.trim().toLowerCase();
  const by = (test) => wanted && names.find((name) => test(name.toLowerCase()));
  return by((n) => n === wanted) || by((n) => n.startsWith(wanted)) || by((n) => n.includes(wanted)) || names[0] || null;
}

/** The HTML of the list; `language` is the one of its titles. */
export function transformsHtml({ groups }, view) {
  return groups.map((group) => groupHtml(group, view)).join("");
}

function groupHtml({ family, rows }, view) {
  const title = view.catalogue.families[family] ?? family;
  const id = `pal-family-${esc(family)}`;
  const count = view.palette ? `<span>${rows.filter(does).length}/${rows.length}</span>` : "";
  return (
    `<div class="pal-group" role="group" aria-labelledby="${id}"><h4 id="${id}">${esc(title)}${count}</h4>` +
    `${rows.map((row) => rowOf(row, view)).join("")}</div>`
  );
}

function rowOf({ spec, verdict }, { labels, language, chosen, active }) {
  const state = verdict?.state ?? "unknown";
  const off = state === "refused" || state === "elsewhere";
  const reason = verdict?.refusal?.message ?? (state === "nothing" ? say(labels, "palette.nothing") : "");
  const what = off ? withoutName(reason, spec.name) : spec.title[language];
  const hint = verdict?.refusal?.hint ?? "";
  const about = [spec.tvm, reason || spec.text[language], hint].filter(Boolean).join("\n");
  const why = state === "refused" ? `<span class="pal-why" data-why>${esc(say(labels, "palette.why_not"))}</span>` : "";
  return (
    `<div class="pal-row pal-${state}${spec.name === active ? " pal-active" : ""}" role="option" id="pal-${esc(spec.name)}"` +
    ` data-name="${esc(spec.name)}" aria-selected="${spec.name === chosen}" aria-disabled="${off}" title="${esc(about)}">` +
    `<code>${esc(spec.name)}</code><span class="pal-what">${esc(what)}</span>${why}</div>`
  );
}

/** A reason without what stands before its colon, if that only repeats the transform's name. */
const withoutName = (reason, name) => (reason.startsWith(name) ? reason.replace(/^[^:：]*[:：]\s*/, "") : reason);
