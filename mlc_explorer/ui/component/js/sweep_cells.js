// What a sweep is drawn of: tables whose cells are points, bars, and a list. The markup is made once for a grid;
// `paintPoint` then changes one point and touches nothing that stays as it is.

import { esc, formatTime, icon, say } from "./dom.js";
import { heat } from "./sweep_colours.js";

const MOST_MAPS = 16, MOST_COLUMNS = 32; // more can't be taken in at once: a list then

const shown = (value) => (value === null ? "None" : Array.isArray(value) ? `[${value.map(shown).join(", ")}]` : String(value));

/** The values of a point by their ranges: `j_1 = 32, i_1 = 4`. */
export const pointName = (grid, number) =>
  grid.axes.map((axis, i) => `${axis} = ${shown(grid.values[i][grid.points[number][i]])}`).join(", ");

export const ratioText = (ratio) => `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)}×`;

/** Whether the grid fits maps: one for each combination of the ranges before the last two. */
export function canBeMapped(grid) {
  const sizes = grid.values.map((v) => v.length);
  const maps = sizes.slice(0, -2).reduce((product, size) => product * size, 1);
  return maps <= MOST_MAPS && sizes.slice(-2).every((size) => size <= MOST_COLUMNS);
}

/** Bars for one range, a table for two, a table for each combination of the others for more. */
export function mapHtml(grid, labels) {
  const numbers = new Map(grid.points.map((at, number) => [at.join(), number]));
  if (grid.axes.length === 1) return barsHtml(grid);
  const outer = combinations(grid.values.slice(0, -2).map((v) => v.length));
  const maps = outer.map((at) => tableHtml(grid, at, numbers, labels)).join("");
  return `<div class="sweep-maps${outer.length > 1 ? " several" : ""}">${maps}</div>`;
}

const combinations = (sizes) =>
  sizes.reduce((all, size) => all.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i])), [[]]);

function tableHtml(grid, outer, numbers, labels) {
  const n = grid.axes.length;
  const [down, across] = [grid.axes[n - 2], grid.axes[n - 1]];
  const [rows, columns] = [grid.values[n - 2], grid.values[n - 1]];
  const title = outer.map((at, i) => `${grid.axes[i]} = ${shown(grid.values[i][at])}`).join(", ");
  const head = columns.map((value) => `<th scope="col">${esc(shown(value))}</th>`).join("");
  const body = rows.map((value, r) => {
    const cells = columns.map((_, c) => {
      const number = numbers.get([...outer, r, c].join());
      return number === undefined
        ? `<td class="sweep-cell absent" title="${esc(say(labels, "sweep.absent"))}"></td>`
        : `<td class="sweep-cell" data-point="${number}" role="gridcell"><span></span></td>`;
    });
    return `<tr><th scope="row">${esc(shown(value))}</th>${cells.join("")}</tr>`;
  });
  const name = say(labels, "sweep.table", { down, across }) + (title ? `, ${title}` : "");
  return (
    `<figure class="sweep-map">${title ? `<figcaption>${esc(title)}</figcaption>` : ""}` +
    `<table role="grid" aria-label="${esc(name)}" class="${columns.length > 8 ? "narrow" : ""}"><thead>` +
    `<tr><td class="sweep-corner"><span>${esc(down)} ↓</span></td><th class="sweep-axis" colspan="${columns.length}">${esc(across)} →</th></tr>` +
    `<tr><td></td>${head}</tr></thead><tbody>${body.join("")}</tbody></table></figure>`
  );
}

function barsHtml(grid) {
  const rows = grid.points.map(
    ([at], number) =>
      `<li><button class="sweep-bar" data-point="${number}"><span class="name">${esc(shown(grid.values[0][at]))}</span>` +
      '<span class="track"><i></i></span><span class="value"></span></button></li>',
  );
  return `<p class="sweep-axis">${esc(grid.axes[0])}</p><ul class="sweep-bars" aria-label="${esc(grid.axes[0])}">${rows.join("")}</ul>`;
}

/** All points in an order, their values beside their times. */
export function listHtml(grid, order, labels) {
  const rows = order.map(
    (number) =>
      `<li><button class="sweep-bar" data-point="${number}"><span class="name">${esc(pointName(grid, number))}</span>` +
      '<span class="track"><i></i></span><span class="value"></span></button></li>',
  );
  return `<ul class="sweep-bars listed" aria-label="${esc(say(labels, "sweep.list"))}">${rows.join("")}</ul>`;
}

/** Show one point as it stands now. */
export function paintPoint(cell, point) {
  const { grid, number, result, data, labels, at } = point;
  const isBest = number === data.best, isTaken = number === data.taken;
  const state = `${result.state}${isBest ? " best" : ""}${isTaken ? " taken" : ""}`;
  const base = cell.localName === "td" ? "sweep-cell" : "sweep-bar";
  setIfOther(cell, "class", `${base} ${state}`);
  setIfOther(cell, "tabindex", number === at ? "0" : "-1");
  setIfOther(cell, "aria-label", spoken(grid, number, result, data, labels, isBest));
  setIfOther(cell, "title", tooltip(result, labels));
  if (base === "sweep-cell") paintCell(cell, point);
  else paintBar(cell, point, isBest);
}

function setIfOther(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function paintCell(cell, { result, scale }) {
  const colours = result.state === "right" ? heat(scale(result.ms)) : null;
  cell.style.setProperty("--ground", colours ? colours.ground : "");
  cell.style.setProperty("--ink", colours ? colours.ink : "");
  const text = result.ms != null ? formatTime(result.ms) : "";
  if (cell.firstChild.textContent !== text) cell.firstChild.textContent = text;
}

function paintBar(cell, { result, data, scale, longest }, isBest) {
  const bar = cell.querySelector(".track i");
  const width = result.ms == null ? "" : `${Math.max(0.5, (100 * result.ms) / longest).toFixed(2)}%`;
  if (bar.style.width !== width) bar.style.width = width;
  bar.style.background = result.state === "right" ? heat(scale(result.ms)).ground : "";
  const value = cell.querySelector(".value");
  const html = barText(result, data, isBest);
  if (value.innerHTML !== html) value.innerHTML = html;
}

function barText(result, data, isBest) {
  if (result.ms == null) return result.message ? `<small>${esc(result.message)}</small>` : "";
  const ratio = data.now_ms ? `<small>${ratioText(data.now_ms / result.ms)}</small>` : "";
  return `${isBest ? icon("check", 11) : ""}<b>${formatTime(result.ms)}</b>${ratio}`;
}

/** What a screen reader says of a point. */
function spoken(grid, number, result, data, labels, isBest) {
  const parts = [pointName(grid, number)];
  if (result.ms != null) parts.push(formatTime(result.ms));
  if (result.ms != null && data.now_ms) parts.push(say(labels, "sweep.ratio", { ratio: ratioText(data.now_ms / result.ms) }));
  if (isBest) parts.push(say(labels, "sweep.best"));
  if (result.state === "wrong") parts.push(say(labels, "sweep.wrong"));
  if (result.state === "waiting") parts.push(say(labels, "sweep.waiting"));
  if (result.message) parts.push(result.message);
  return parts.join(", ");
}

const tooltip = (result, labels) =>
  result.message ?? (result.state === "wrong" ? say(labels, "sweep.wrong") : result.left_out ? say(labels, "sweep.left_out", { count: result.left_out }) : "");

/** The points as CSV: a column a range, then state, times in ms and ratio's ground. */
export function csvOf(grid, results) {
  const cell = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const head = [...grid.axes, "state", "median_ms", "p10_ms", "p90_ms"];
  const rows = results.map((r, n) => [
    ...grid.points[n].map((at, i) => shown(grid.values[i][at])),
    r.state, ...[r.ms, r.p10, r.p90].map((ms) => (ms == null ? "" : String(ms))),
  ]);
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}
