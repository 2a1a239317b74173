// Program text → rows → HTML. A row is a line of the text, a line that a diff removed, or a note. All have
// heights in whole lines, so that a row's place is arithmetic and nothing on screen is ever measured.

import { esc, icon, say } from "./dom.js";
import { changedTokens, tokenise } from "./tokens.js";

export const LINE = 20; // pixels, as in the style sheet

/** Rows of `view`, or of `diff` where given, without the lines that `folded` headers hide. */
export function rowsOf(view, diff, links, folded, problem, noteWidth) {
  const rows = diff ? diffRows(diff) : view.lines.map((text, i) => ({ op: " ", line: i + 1, text }));
  const notes = new Map();
  if (problem) {
    const at = problem.paths.map((p) => links.marks.find((m) => m.path === p)?.line).find((line) => line);
    notes.set(at ?? 0, problem.message);
  }
  const shown = [];
  if (notes.has(0)) shown.push(noteRow(notes.get(0), noteWidth));
  let hiddenTo = 0;
  for (const row of rows) {
    if (row.line <= hiddenTo) continue;
    shown.push(row);
    if (row.op === "-") continue;
    const mark = links.headers.get(row.line);
    if (mark && mark.end > mark.line && mark.kind !== "binding") {
      row.foldable = true;
      row.path = mark.path;
      row.folded = folded.has(mark.path);
      if (row.folded) {
        hiddenTo = mark.end;
        row.hides = mark.end - mark.line;
      }
    }
    if (notes.has(row.line)) shown.push(noteRow(notes.get(row.line), noteWidth));
  }
  return place(shown);
}

function noteRow(message, width) {
  const units = Math.min(6, Math.max(1, Math.ceil((message.length * 6.7) / Math.max(120, width - 130)))) + 1;
  return { op: "note", line: null, text: message, units };
}

/** Removed lines take the number of the line above, so that they fold along with it. */
function diffRows(diff) {
  let line = 0;
  const rows = diff.rows.map(({ op, old, new: now }) => {
    if (op !== "-") line = now;
    return { op, line, old, text: op === "-" ? diff.before[old - 1] : diff.after[now - 1] };
  });
  pairChanges(rows);
  return rows;
}

/** In a run of removed and then added lines, the i-th of each are compared word by word. */
function pairChanges(rows) {
  for (let i = 0; i < rows.length; ) {
    if (rows[i].op !== "-" && rows[i].op !== "+") {
      i++;
      continue;
    }
    const removed = [], added = [];
    for (; i < rows.length && rows[i].op === "-"; i++) removed.push(rows[i]);
    for (; i < rows.length && rows[i].op === "+"; i++) added.push(rows[i]);
    removed.slice(0, added.length).forEach((row, k) => {
      row.pair = added[k];
      added[k].pair = row;
    });
  }
}

function place(rows) {
  let top = 0;
  for (const row of rows) {
    row.top = top;
    top += (row.units ?? 1) * LINE;
  }
  return rows;
}

/** The index of the row that shows `line`, or of the last above it (folded away): binary search. */
export function rowAt(rows, line) {
  let low = 0, high = rows.length - 1, found = 0;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = nearestLine(rows, middle);
    if (at <= line) {
      found = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  while (found > 0 && (rows[found].op === "-" || rows[found].op === "note")) found--;
  return found;
}

const nearestLine = (rows, i) => {
  while (i >= 0 && rows[i].line == null) i--;
  return i < 0 ? 0 : rows[i].line;
};

/** The HTML of a row; `index` is its place in the list. */
export function rowHtml(row, index, { view, links, labels, names, language }) {
  if (row.op === "note") return noteHtml(row, labels);
  const kind = { "-": " del", "+": " add", "~": " moved" }[row.op] ?? "";
  const sign = { "-": "−", "+": "+" }[row.op] ?? "";
  const gutter = row.foldable
    ? `<button class="fold${row.folded ? " folded" : ""}" tabindex="-1" aria-expanded="${!row.folded}" ` +
      `aria-label="${esc(say(labels, "text.fold"))}">${icon("chevron", 12)}</button>`
    : "";
  const instruction = view.kinds?.[row.line - 1] ?? "";
  const indent = /^ */.exec(row.text)[0];
  const folded = row.folded
    ? `<span class="hides">${esc(say(labels, "text.hidden", { count: row.hides }))}</span>`
    : "";
  return (
    `<div class="ln${kind}" data-row="${index}"${instruction ? ` data-kind="${esc(instruction)}"` : ""}><span class="no">${row.op === "-" ? "" : row.line}</span>` +
    `<span class="sign">${sign}</span><span class="gut">${gutter}</span><span class="code">` +
    `${indent ? `<span class="indent">${indent}</span>` : ""}${codeHtml(row, language, indent.length, names)}</span>` +
    `${badgeHtml(row, links, labels)}${folded}</div>`
  );
}

function noteHtml(row, labels) {
  return (
    `<div class="note" role="alert" style="height:${row.units * LINE}px"><div>${icon("warning")}` +
    `<span>${esc(row.text)}</span><button class="dismiss" aria-label="${esc(say(labels, "problem.dismiss"))}" ` +
    `title="${esc(say(labels, "problem.dismiss"))}">${icon("close", 12)}</button></div></div>`
  );
}

function codeHtml(row, language, indent, names) {
  const tokens = tokenise(row.text.slice(indent), language);
  let flags = null;
  if (row.pair) {
    const other = tokenise(row.pair.text.trimStart(), language);
    flags = changedTokens(tokens, other)[0];
    const kept = tokens.filter(([, text], i) => !flags[i] && text.trim()).length;
    if (kept * 3 < tokens.length) flags = null; // two unrelated lines: marking every word says nothing
  }
  let html = "", open = false;
  tokens.forEach(([kind, text], i) => {
    const wanted = Boolean(flags?.[i]);
    if (wanted !== open) html += wanted ? "<mark>" : "</mark>";
    open = wanted;
    if (names?.has(text)) html += `<b data-buffer="${esc(text)}">${esc(text)}</b>`;
    else html += kind ? `<i class="${kind}">${esc(text)}</i>` : esc(text);
  });
  return open ? `${html}</mark>` : html;
}

function badgeHtml(row, links, labels) {
  const mark = row.path ? links.nodes.get(row.path)?.mark : "";
  return mark && mark !== "serial" ? badge(mark, labels) : "";
}

/** A loop's mark as a badge: parallel, vectorized, unrolled, or a thread axis by its own name. */
export function badge(mark, labels) {
  const known = ["parallel", "vectorized", "unrolled"].includes(mark);
  const text = known ? say(labels, `mark.${mark}`) : mark;
  return `<span class="badge ${known ? mark : "thread"}">${esc(text)}</span>`;
}
