// The best time of a tuning over its trials, as SVG text: a dot a trial, the best so far as a line, what failed along
// the upper edge, and the times of the start and of the recipe as lines across.

import { esc, formatTime, say } from "./dom.js";

export const CURVE_HEIGHT = 196;
// Pixels around the plot: what failed stands in the upper margin, the names of lines in the right one.
const LEFT = 54, RIGHT = 62, TOP = 24, BOTTOM = 24;
const FAILED_Y = 10, ROOM = 18; // room below the best for its label
const SPANS = 4; // a wider range than this is shown by its logarithm
const LABEL = 26; // the height of a line's label
const RADIUS = 3.6; // of a dot; with more dots than CROWD they are smaller
const CROWD = 96;

/** What is drawn of `data`: scales, points in pixels, the best so far. `points` are [number, kind, ms]. */
export function curveOf(data, width) {
  const times = data.points.map(([, , ms]) => ms).filter((ms) => ms != null);
  const lines = Object.entries(data.lines).filter(([, ms]) => ms);
  const x = xScale(data.of, width);
  const y = yScale([...times, ...lines.map(([, ms]) => ms)]);
  const points = data.points.map(([n, kind, ms]) => ({ n, kind, ms, x: x(n), y: ms == null ? FAILED_Y : y.of(ms) }));
  let best = Infinity;
  const steps = points.filter((p) => p.ms != null && p.ms < best && ((best = p.ms), true));
  return { x, y, points, steps, lines, width, last: points.at(-1) };
}

export function curveSvg(curve, data, labels, about) {
  const { width } = curve;
  return (
    `<svg class="tuning-svg" role="img" aria-label="${esc(about)}" width="${width}" height="${CURVE_HEIGHT}" ` +
    `viewBox="0 0 ${width} ${CURVE_HEIGHT}">` +
    ticksSvg(curve, data.of, labels) + linesSvg(curve, labels) + bestSvg(curve) + dotsSvg(curve) + bestLabelSvg(curve) +
    `<g class="tuning-cursor" hidden><line y1="${TOP - 8}" y2="${CURVE_HEIGHT - BOTTOM}"/><circle r="6.5"/></g></svg>`
  );
}

function xScale(of, width) {
  const most = Math.max(of, 2);
  return (n) => LEFT + 8 + ((n - 1) / (most - 1)) * (width - LEFT - RIGHT - 16);
}

/** From milliseconds to pixels, with the ticks; by the logarithm where the times span far. */
function yScale(times) {
  const low = Math.min(...times), high = Math.max(...times);
  const floor = CURVE_HEIGHT - BOTTOM - ROOM;
  if (!times.length) return { of: () => floor, ticks: [] };
  const log = high / low > SPANS;
  const put = log ? Math.log : (ms) => ms;
  const span = log ? put(high) - put(low) : Math.max(high - low, 0.2 * high);
  const of = (ms) => floor - ((put(ms) - put(low)) / span) * (floor - TOP - 6);
  const ticks = (log ? decades(low, high) : evenly(low, low + span)).filter((ms) => of(ms) > TOP && of(ms) < CURVE_HEIGHT - BOTTOM - 4);
  return { of, ticks };
}

/** 1, 2, 5, 10, … between two times, or only powers of ten if those are many. */
function decades(low, high) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const digits = last - first > 2 ? [1] : [1, 2, 5];
  const all = [];
  for (let power = first; power <= last; power++) all.push(...digits.map((d) => d * 10 ** power));
  return all;
}

/** Three to six round numbers between two others. */
function evenly(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((d) => d * power).find((d) => d >= rough * 0.999);
  const all = [];
  for (let n = Math.ceil(low / step); n * step <= high * 1.0001; n++) all.push(n * step);
  return all;
}

// -- the parts

function ticksSvg({ x, y, width }, of, labels) {
  const rows = y.ticks.map((ms) => {
    const at = y.of(ms).toFixed(1);
    return `<line class="grid" x1="${LEFT}" x2="${width - RIGHT}" y1="${at}" y2="${at}"/><text class="tick" x="${LEFT - 7}" y="${at}" dy="4" text-anchor="end">${formatTime(ms)}</text>`;
  });
  const base = CURVE_HEIGHT - BOTTOM;
  const numbers = [1, ...evenly(0, Math.max(of, 4)).filter((n) => n > 1 && n <= of && Number.isInteger(n))];
  const columns = numbers.map((n) => `<text class="tick" x="${x(n).toFixed(1)}" y="${base + 16}" text-anchor="middle">${n}</text>`);
  return (
    rows.join("") + `<line class="base" x1="${LEFT}" x2="${width - RIGHT}" y1="${base}" y2="${base}"/>` + columns.join("") +
    `<text class="tick" x="${LEFT - 7}" y="${base + 16}" text-anchor="end">${esc(say(labels, "tuning.trial"))}</text>`
  );
}

/** The lines across, each with its name and time at its right end; names that would meet move apart. */
function linesSvg({ y, lines, width }, labels) {
  const placed = [...lines].sort((a, b) => b[1] - a[1]).map(([name, ms]) => ({ name, ms, at: y.of(ms) }));
  const names = placed.map(({ at }) => at);
  if (placed.length > 1 && names[1] - names[0] < LABEL) {
    const middle = Math.max((names[0] + names[1]) / 2, LABEL);
    names.splice(0, 2, middle - LABEL / 2, middle + LABEL / 2);
  }
  const x = width - RIGHT + 6;
  return placed.map(({ name, ms, at }, n) =>
    `<line class="across ${name}" x1="${LEFT}" x2="${width - RIGHT}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>` +
    `<text class="across ${name}" y="${names[n].toFixed(1)}"><tspan x="${x}" dy="-2">${esc(say(labels, `tuning.kind_${name}`))}</tspan>` +
    `<tspan class="ms" x="${x}" dy="13">${formatTime(ms)}</tspan></text>`,
  ).join("");
}

/** The best so far, as stairs to the last trial. */
function bestSvg({ steps, last }) {
  if (!steps.length) return "";
  const path = steps.map((p, n) => (n ? `H${p.x.toFixed(1)}V${p.y.toFixed(1)}` : `M${p.x.toFixed(1)} ${p.y.toFixed(1)}`));
  return `<path class="best" d="${path.join("")}H${last.x.toFixed(1)}"/>`;
}

function dotsSvg({ points }) {
  const r = points.length > CROWD ? 2.5 : RADIUS;
  return points.map((p) => dotSvg(p.ms == null ? "failed" : p.kind, p.x, p.y, r)).join("");
}

/** A dot has the colour and the shape of its kind, for those who can't tell the colours apart. */
export function dotSvg(kind, x = 0, y = 0, r = RADIUS) {
  const shape = {
    recipe: `M${-r} ${-r}H${r}V${r}H${-r}Z`,
    around: `M0 ${-r - 1.2}L${r + 1.2} 0L0 ${r + 1.2}L${-r - 1.2} 0Z`,
    record: `M0 ${-r - 0.8}L${r + 0.6} ${r}H${-r - 0.6}Z`,
    failed: `M-3 -3L3 3M3 -3L-3 3`,
  }[kind] ?? `M${-r} 0A${r} ${r} 0 1 0 ${r} 0A${r} ${r} 0 1 0 ${-r} 0Z`;
  return `<path class="tuning-dot ${kind}" transform="translate(${x.toFixed(1)} ${y.toFixed(1)})" d="${shape}"/>`;
}

function bestLabelSvg({ steps, width }) {
  const best = steps.at(-1);
  if (!best) return "";
  const x = Math.min(Math.max(best.x, LEFT + 26), width - RIGHT - 26).toFixed(1);
  return (
    `<circle class="best" cx="${best.x.toFixed(1)}" cy="${best.y.toFixed(1)}" r="6.5"/>` +
    `<text class="best" x="${x}" y="${(best.y + 20).toFixed(1)}" text-anchor="middle">${formatTime(best.ms)}</text>`
  );
}
