// A row of the history as HTML: a step or a group of steps, its measured time, and what can be done with it.

import { esc, formatTime, icon, say } from "./dom.js";
import { tokenise } from "./tokens.js";

/** What tells a row from the others, over redraws. */
export const keyOf = (row) => row.id ?? `step ${row.n}`;

/** Whether the state on screen is the row's; a closed group stands for all of its states. */
export const isAt = (row, cursor) => (row.id && !row.open ? cursor >= row.first && cursor <= row.n : !row.id && row.n === cursor);

const codeHtml = (text) =>
  tokenise(text, "tir").map(([kind, t]) => (kind ? `<i class="${kind}">${esc(t)}</i>` : esc(t))).join("");

export const percentOf = (share) => `${(share * 100).toFixed(2)}%`;

/** `place`: {focused, acting, isLast}; `frame`: {scale, lines, first: the untransformed model's time}. */
export function stepHtml(row, place, { scale, lines, first }, { labels, cursor, data }) {
  const current = isAt(row, cursor);
  const dimmed = row.state === "redo" || (row.first ?? row.n) > cursor;
  const rules = lines
    .map(([line, ms]) => `<span class="rule" data-line="${esc(line)}" style="left:${percentOf(scale(ms))}"></span>`)
    .join("");
  const classes = ["step", row.state, row.id && "group", current && "current", dimmed && "dimmed", place.isLast && "last"];
  const expanded = row.id ? ` aria-expanded="${row.open}"` : "";
  const name = row.id ? `data-group="${esc(row.id)}"` : `data-n="${row.n}"`;
  return (
    `<li class="${classes.filter(Boolean).join(" ")}" role="none" ${name} data-key="${esc(keyOf(row))}" style="--depth:${(row.level ?? 1) - 1}">` +
    `<button class="go" role="treeitem" tabindex="${place.focused ? 0 : -1}" aria-level="${row.level ?? 1}" aria-selected="${current}"${expanded}` +
    `${current ? ' aria-current="step"' : ""}>` +
    (row.id ? `<span class="twist${row.open ? "" : " folded"}">${icon("chevron", 12)}</span>` : `<span class="n">${row.n}</span>`) +
    `${whatHtml(row, lines, labels, cursor)}</button>` +
    `<span class="bars">${rules}${barHtml(row, scale, labels)}</span>` +
    `<span class="time">${timeHtml(row, first, labels)}</span><span class="end">${endHtml(row, labels)}</span>` +
    `${actsHtml(row, place.acting, data.runs !== false, labels)}</li>`
  );
}

function whatHtml(row, lines, labels, cursor) {
  const name = row.n === 0 ? say(labels, "trace.start") : row.title;
  const detail = row.detail ? `<code>${codeHtml(row.detail)}</code>` : "";
  const target = row.function ? `<span class="target">${esc(row.function)}</span>` : "";
  const badges = (row.badges ?? []).map((b) => `<span class="tag">${esc(b)}</span>`).join("");
  const message = row.message ? `<p class="message">${icon("warning", 12)}<span>${esc(row.message)}</span></p>` : "";
  return `<span class="what"><span class="title">${esc(name)}</span>${target}${detail}${badges}${row.id ? groupHtml(row, lines, labels, cursor) : ""}${message}</span>`;
}

/** How many steps a group has, what they made of the time, and what they left undone. */
function groupHtml(row, lines, labels, cursor) {
  const inside = !row.open && cursor >= row.first && cursor < row.n;
  const seconds = row.seconds?.toFixed(row.seconds < 0.1 ? 2 : 1);
  const tag = (name, text) => `<span class="tag ${name}">${esc(text)}</span>`;
  return (
    tag("count", say(labels, "trace.group", { count: row.count })) +
    (seconds ? tag("seconds", say(labels, "trace.seconds", { seconds })) : "") +
    (inside ? tag("at", say(labels, "trace.at", { n: cursor - row.first + 1 })) : "") +
    resultHtml(row, lines, labels) +
    (row.note ? `<p class="note">${esc(row.note)}</p>` : "")
  );
}

function resultHtml({ model, was, time }, lines, labels) {
  if (!was || !time) return "";
  const factor = was.median_ms / time.median_ms;
  const text = say(labels, "trace.result", { model: model ?? "", before: formatTime(was.median_ms), after: formatTime(time.median_ms) });
  const theirs = model && lines.find(([line]) => line === "onnxruntime");
  const other = theirs ? ` · ${esc(say(labels, "trace.result_theirs", { time: formatTime(theirs[1]) }))}` : "";
  return (
    `<p class="result"><span>${esc(text.replace(/^\s*[:：]\s*/, ""))}</span> ` +
    `<b class="speed${factor < 0.97 ? " slower" : ""}">${times(factor)}</b><span>${other}</span></p>`
  );
}

const times = (factor) => `${factor >= 10 ? factor.toFixed(0) : factor.toFixed(2)}×`;

function endHtml(row, labels) {
  if (row.n === 0) return "";
  const tool = (name, key, symbol, size) =>
    `<button class="${name}" tabindex="-1" title="${esc(say(labels, key))}" aria-label="${esc(say(labels, key))}">${icon(symbol, size)}</button>`;
  return tool("more", "trace.acts", "more", 14) + tool("delete", "trace.remove_help", "close", 12);
}

function actsHtml(row, isOpen, runs, labels) {
  if (!isOpen || row.n === 0) return "";
  const act = (name, key, help) =>
    `<button class="act" data-act="${name}"${help ? ` title="${esc(say(labels, help))}"` : ""}>${esc(say(labels, key))}</button>`;
  const acts = row.id
    ? [row.recipes && act("unfold", "trace.unfold_all", "trace.unfold_help"), runs && act("measure", "trace.measure_both")]
    : [
        row.kind && act("unfold", "trace.unfold", "trace.unfold_help"),
        row.kind === "recipe" && act("why", "trace.why"),
        Object.keys(row.step?.params ?? {}).length && act("edit", "trace.edit"),
        runs && act("measure", "trace.measure", "trace.measure_help"),
      ];
  return `<span class="acts">${acts.filter(Boolean).join("")}${act("remove", "trace.remove", "trace.remove_help")}</span>`;
}

function barHtml(row, scale, labels) {
  if (row.pending) return '<span class="bar pending"></span>';
  if (!row.time) return "";
  const { median_ms: median, p10_ms: p10, p90_ms: p90 } = row.time;
  const about = say(labels, "trace.spread", {
    median: formatTime(median), p10: formatTime(p10), p90: formatTime(p90), at: takenAt(row.time),
  });
  const left = scale(p10), right = scale(p90);
  return (
    `<span class="bar" style="width:${percentOf(Math.max(0.004, scale(median)))}" title="${esc(about)}"></span>` +
    `<span class="whisker" style="left:${percentOf(left)};width:${percentOf(right - left)}"></span>`
  );
}

const takenAt = (time) => (time.taken_at ?? "").replace("T", " ").replace(/\.\d+/, "").replace(/\+00:00|Z$/, " UTC");

function timeHtml(row, first, labels) {
  if (row.pending) return `<small>${esc(say(labels, "trace.pending"))}</small>`;
  if (!row.time) return row.state === "bad" ? "" : `<small title="${esc(say(labels, "trace.unmeasured"))}">–</small>`;
  const { median_ms: median, max_rel_error: error, ok } = row.time;
  const ratio = first && row.n > 0 ? first / median : null;
  const speed = ratio ? `<span class="speed${ratio < 0.97 ? " slower" : ""}">${times(ratio)}</span>` : "";
  const about = say(labels, ok ? "trace.right" : "trace.wrong", { error: error?.toExponential(1) ?? "?" });
  return (
    `<b>${formatTime(median)}</b>${speed}` +
    `<span class="check${ok ? "" : " wrong"}" title="${esc(about)}" role="img" aria-label="${esc(about)}">` +
    `${icon(ok ? "check" : "warning", 12)}</span>`
  );
}
