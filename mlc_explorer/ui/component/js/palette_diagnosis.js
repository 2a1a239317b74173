// Why a step does not apply: the function's text with the offending lines marked, TVM's own words, and the steps
// after which it would apply, one press each.

import { esc, icon, say } from "./dom.js";
import { rowHtml } from "./rows.js";

const CONTEXT = 2; // lines around a marked one
const NO_LINKS = { marks: [], headers: new Map(), nodes: new Map() };

/** Show a Diagnosis in `host`. Its buttons are data-act="remedy" with the remedy's number. */
export function drawDiagnosis(host, { refusal, text, lines, remedies }, labels) {
  const detail = refusal?.detail
    ? `<details><summary>${esc(say(labels, "palette.detail"))}</summary><pre tabindex="0">${esc(refusal.detail)}</pre></details>`
    : "";
  host.innerHTML =
    `<h4>${esc(remedies.length ? say(labels, "palette.remedies") : say(labels, "palette.no_remedy"))}</h4>` +
    remedies.map(remedyHtml).join("") + (text ? textHtml(text, lines, labels) : "") + detail;
}

const remedyHtml = ({ title, text }, i) =>
  `<div class="pal-remedy"><button type="button" data-act="remedy" data-i="${i}">${icon("check", 12)}<span>${esc(title)}</span></button><p>${esc(text)}</p></div>`;

function textHtml({ lines: code }, lines, labels) {
  const marked = new Set(lines);
  const rows = code.map((text, i) => ({ op: " ", line: i + 1, text }));
  const near = rows.filter(({ line }) => lines.some((at) => Math.abs(at - line) <= CONTEXT));
  let last = 0;
  const html = near.map((row) => {
    const gap = row.line > last + 1 ? `<div class="pal-gap">⋯</div>` : "";
    last = row.line;
    const shown = rowHtml(row, row.line, { view: {}, links: NO_LINKS, labels, language: "python" });
    return `${gap}<div class="${marked.has(row.line) ? "pal-bad" : ""}">${shown}</div>`;
  });
  return near.length ? `<div class="scroller pal-code" tabindex="0" role="region" aria-label="${esc(say(labels, "palette.where"))}"><div class="sheet">${html.join("")}</div></div>` : "";
}
