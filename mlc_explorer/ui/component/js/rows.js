// Program text → rows → HTML. A row is a line of the text, a line of the text that it is compared with, a gap where
// only that one has lines, or a note. All have heights in whole lines, so that a row's place is arithmetic and
// nothing on screen is ever measured.

import { inlineRows, sideRows } from "./diff_rows.js";
import { esc, icon, say } from "./dom.js";
import { changedTokens, tokenise } from "./tokens.js";

export const LINE = 20; // pixels, as in the style sheet

/**
 * Rows of `view` without the lines that `folded` headers hide. `compared` is null, or {diff, side}: the whole diff
 * where `side` is null, else one of its sides (see `diff_rows.js`).
 */
export function rowsOf(view, compared, links, folded, problem, noteWidth) {
  const rows = plainRows(view, compared);
  const notes = new Map();
  if (problem) {
    const at = problem.paths.map((p) => links.marks.find((m) => m.path === p)?.line).find((line) => line);
    notes.set(at ?? 0, problem.message);
  }
  const shown = [];
  if (notes.has(0)) shown.push(noteRow(notes.get(0), noteWidth));
  let hiddenTo = -1; // lines that went away from above the first one have number 0
  for (const row of rows) {
    if (row.line <= hiddenTo) continue;
    shown.push(row);
    if (!isOwn(row)) continue;
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

function plainRows(view, compared) {
  if (!compared) return view.lines.map((text, i) => ({ op: " ", line: i + 1, text }));
  return compared.side ? sideRows(compared.diff, compared.side) : inlineRows(compared.diff);
}

/** Whether a row is a line of the text that its pane shows: no note, no gap, nothing that went away. */
export const isOwn = (row) => row.op !== "note" && row.op !== "fill" && !row.gone;

/** Whether a row is a change that a person should see. */
export const isChange = (row) => row.op === "+" || row.op === "-";

function noteRow(message, width) {
  const units = Math.min(6, Math.max(1, Math.ceil((message.length * 6.7) / Math.max(120, width - 130)))) + 1;
  return { op: "note", line: null, text: message, units };
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
  while (found > 0 && !isOwn(rows[found])) found--;
  return found;
}

const nearestLine = (rows, i) => {
  while (i >= 0 && rows[i].line == null) i--;
  return i < 0 ? 0 : rows[i].line;
};

/** The HTML of a row; `index` is its place in the list. */
export function rowHtml(row, index, { view, links, labels, names, language }) {
  if (row.op === "note") return noteHtml(row, labels);
  if (row.op === "fill") return `<div class="ln fill" data-row="${index}"></div>`;
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
    `<div class="ln${kindOf(row)}" data-row="${index}"${instruction ? ` data-kind="${esc(instruction)}"` : ""}${about(row, labels)}>` +
    `<span class="no">${row.gone ? "" : row.line}</span><span class="sign">${signOf(row)}</span><span class="gut">${gutter}</span><span class="code">` +
    `${indent ? `<span class="indent">${indent}</span>` : ""}${codeHtml(row, language, indent.length, names)}</span>` +
    `${badgeHtml(row, links, labels)}${folded}</div>`
  );
}

/** What a row of a diff is: removed, added, re-indented; `elsewhere` where the line only stands in another place. */
function kindOf({ op, moved }) {
  return ({ "-": " del", "+": " add", "~": " moved" }[op] ?? "") + (moved != null ? " elsewhere" : "");
}

/** − and +; an arrow the way that a line that moved went, or came from. */
function signOf({ op, old, now, moved }) {
  if (moved == null) return { "-": "−", "+": "+" }[op] ?? "";
  return moved < (op === "-" ? old : now) ? "↑" : "↓";
}

function about({ op, moved }, labels) {
  if (moved == null) return "";
  const text = op === "-" ? say(labels, "diff.moved_to", { line: moved }) : say(labels, "diff.moved_from", { line: moved });
  return ` title="${esc(text)}"`;
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
