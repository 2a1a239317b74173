// The picture of one buffer: an overview of all its elements (or of the slice that is being touched), and beside it,
// where an element would be too small to see, the neighbourhood of the last access. Both draw the same four things:
// what was touched (the longer ago, the fainter), which lines the nearest cache holds, the elements that the last step
// touched, and the outline of the cache lines that they lie on.

import { clamp } from "./dom.js";
import { outlineLines, spotIn, underlineLines } from "./motion_lines.js";
import { rowMajor } from "./motion_program.js";

const OVERVIEW = 128; // pixels: the most that an overview is wide and high
const NEAR = { columns: 32, below: 4, least: 5, most: 9 }; // the neighbourhood: elements in a row; pixels a cell
const BETWEEN = 8; // pixels between overview and neighbourhood, as in css/motion.css
const READABLE = 6; // pixels: a cell this large needs no neighbourhood beside it
const LARGEST = 16; // pixels a cell
const LINE_SEEN = 4; // pixels: a cell this large can be outlined
const ROW = 14; // pixels: the height of a buffer with one row
const LEAST = { columns: 16, rows: 8 }; // a picture takes in more dimensions until it is as large
const MOST_REMEMBERED = 1 << 22; // elements of a buffer
const FADED = 0.22; // of the colour is left at something touched long ago
const FADE = 14; // doublings of an access's age until it has faded

/** How a shape is drawn: {rows, columns, slices, split}; the dimensions before `split` number the slices. */
function foldShape(shape) {
  let d = shape.length;
  const take = (least) => {
    let size = d > 0 ? shape[--d] : 1;
    while (d > 0 && size < least) size *= shape[--d];
    return size;
  };
  const columns = take(shape.length > 2 ? LEAST.columns : 1);
  const rows = take(shape.length > 2 ? LEAST.rows : 1);
  return { columns, rows, slices: shape.slice(0, d).reduce((a, b) => a * b, 1), split: d };
}

/** A picture of `buffer` in `holder`, which it fills with one or two canvases. */
export function makePicture(holder, buffer) {
  const fold = foldShape(buffer.shape);
  const count = buffer.shape.reduce((a, b) => a * b, 1);
  const grain = Math.ceil(count / MOST_REMEMBERED);
  const tile = Math.max(1, Math.ceil(fold.columns / OVERVIEW), Math.ceil(fold.rows / OVERVIEW));
  const room = fold.columns <= 40 && fold.rows <= 24 ? { width: 264, height: 132 } : { width: OVERVIEW, height: OVERVIEW };
  const cell = tile > 1 ? 1 : clamp(Math.floor(Math.min(room.width / fold.columns, room.height / fold.rows)), 1, LARGEST);
  const picture = {
    buffer, fold, tile, cell,
    grain, // so many elements in a row share what is remembered of them
    made: new Uint32Array(Math.ceil(count / grain)), // when they were touched last, counted from 1; 0: never
    wrote: new Uint8Array(Math.ceil(count / grain)),
    natural: String(rowMajor(buffer.shape)) === String(buffer.strides),
    recent: 0, // the element that was touched last
    rows: 0, // of the neighbourhood
    overview: addCanvas(holder, "overview"),
    near: cell < READABLE && count > 1 && (fold.rows > 1 || fold.columns > room.width / READABLE) ? addCanvas(holder, "near") : null,
  };
  picture.pixels = new ImageData(Math.ceil(fold.columns / tile), Math.ceil(fold.rows / tile));
  picture.scratch = document.createElement("canvas");
  picture.scratch.width = picture.pixels.width;
  picture.scratch.height = picture.pixels.height;
  size(picture.overview, picture.pixels.width * cell, fold.rows === 1 ? ROW : picture.pixels.height * cell);
  return picture;
}

/** Show the neighbourhood as `layout` {rows, beside} says, in a card of `width` pixels, or hide it where it is null. */
export function fitPicture(picture, width, layout) {
  if (!picture.near) return;
  picture.near.hidden = !layout;
  if (!layout) return;
  const { columns, rows } = nearSize(picture.fold, layout.rows);
  picture.rows = layout.rows;
  picture.nearCell = cellOf(width, layout);
  picture.near.parentElement.classList.toggle("below", !layout.beside);
  size(picture.near, columns * picture.nearCell, rows * picture.nearCell);
}

/** How high a picture is in that layout. */
export function pictureHeight({ overview, near, fold }, width, layout) {
  const high = near ? nearSize(fold, layout.rows).rows * cellOf(width, layout) : 0;
  return layout.beside ? Math.max(overview.offsetHeight, high) : overview.offsetHeight + BETWEEN + high;
}

/** The least width of a picture in that layout. */
export const pictureWidth = ({ beside }) => (beside ? OVERVIEW + BETWEEN + NEAR.columns * (NEAR.least + 1) : OVERVIEW);

const cellOf = (width, { beside }) =>
  beside ? clamp(Math.floor((width - OVERVIEW - BETWEEN) / NEAR.columns), NEAR.least, NEAR.most) : NEAR.below;

const nearSize = (fold, most) => ({ columns: Math.min(NEAR.columns, fold.columns), rows: Math.min(most, fold.rows) });

function addCanvas(holder, name) {
  const canvas = document.createElement("canvas");
  canvas.className = name;
  canvas.setAttribute("role", "img");
  holder.append(canvas);
  return canvas;
}

function size(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
}

/** Remember an access: `made` is how many were made before it. */
export function markTouched(picture, element, isWrite, made) {
  const slot = slotOf(picture, element);
  picture.made[slot] = made + 1;
  picture.wrote[slot] = isWrite ? 1 : 0;
  picture.recent = element;
}

const slotOf = ({ grain }, element) => (grain === 1 ? element : Math.floor(element / grain));

export function forgetTouched(picture) {
  picture.made.fill(0);
}

/**
 * Draw: `now` are the elements that the last step touched, [{element, isWrite, line}]; `held` a Set of the lines in the
 * nearest cache, `lineBytes` their size; `made` accesses were made in all; `colours` as `readColours` gives them.
 */
export function drawPicture(picture, { now, held, lineBytes, made, colours }) {
  const { fold } = picture;
  const area = fold.rows * fold.columns;
  picture.slice = Math.floor(picture.recent / area);
  const shade = shader(picture, held, lineBytes, made, colours);
  const here = now.filter(({ element }) => Math.floor(element / area) === picture.slice);
  const spots = here.map((spot) => ({ ...spotIn(picture, spot), lineBytes }));
  drawOverview(picture, shade, spots, colours);
  if (picture.near && !picture.near.hidden) drawNear(picture, shade, spots, lineBytes, colours);
  else if (picture.cell >= LINE_SEEN) outlineLines(picture, picture.overview, spots, lineBytes, colours, { column: 0, row: 0, ...fold }, picture.cell, fold.rows === 1 ? ROW : picture.cell);
}

/** The indices of the slice that is shown, or an empty list. */
export function sliceShown({ buffer, fold, slice }) {
  const strides = rowMajor(buffer.shape.slice(0, fold.split));
  return strides.map((stride, d) => Math.floor(slice / stride) % buffer.shape[d]);
}

/** A function element → [red, green, blue] of what lies behind the last step. */
function shader(picture, held, lineBytes, made, colours) {
  const { buffer, wrote, natural } = picture;
  return (element) => {
    const line = Math.floor((buffer.start + element * buffer.itemsize) / lineBytes);
    const ground = natural && held.has(line) ? colours.held : colours.empty;
    const slot = slotOf(picture, element);
    const when = picture.made[slot];
    if (!when) return ground;
    const age = Math.max(0, made - when);
    const strength = FADED + (0.8 - FADED) * Math.max(0, 1 - Math.log2(1 + age) / FADE);
    return mix(ground, wrote[slot] ? colours.write : colours.read, strength);
  };
}

const mix = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];

function drawOverview(picture, shade, spots, colours) {
  const { fold, tile, cell, pixels, overview, scratch } = picture;
  const from = picture.slice * fold.rows * fold.columns;
  let at = 0;
  for (let y = 0; y < pixels.height; y++)
    for (let x = 0; x < pixels.width; x++) {
      const [r, g, b] = shade(latest(picture, from, x * tile, y * tile));
      pixels.data[at++] = r;
      pixels.data[at++] = g;
      pixels.data[at++] = b;
      pixels.data[at++] = 255;
    }
  scratch.getContext("2d").putImageData(pixels, 0, 0);
  const paint = overview.getContext("2d");
  const high = fold.rows === 1 ? ROW : cell;
  paint.imageSmoothingEnabled = false;
  paint.drawImage(scratch, 0, 0, pixels.width * cell, pixels.height * high);
  if (cell >= LINE_SEEN) grid(paint, pixels.width, pixels.height, cell, high, colours.grid);
  if (cell < LINE_SEEN) underlineLines(picture, paint, spots, colours, high);
  for (const { column, row, isWrite } of spots) {
    const wide = Math.max(cell, 2);
    paint.fillStyle = isWrite ? colours.writeText : colours.readText;
    paint.fillRect(Math.floor(column / tile) * cell - (wide > cell ? 0.5 : 0), Math.floor(row / tile) * high, wide, Math.max(high, 2));
  }
}

/** The element of a tile that was touched last; large tiles are looked at in part. */
function latest(picture, from, column, row) {
  const { fold, tile, made } = picture;
  const first = from + row * fold.columns + column;
  if (tile === 1) return first;
  const step = Math.max(1, tile >> 3);
  let best = first;
  for (let r = row; r < Math.min(row + tile, fold.rows); r += step)
    for (let c = column; c < Math.min(column + tile, fold.columns); c += step) {
      const element = from + r * fold.columns + c;
      if (made[slotOf(picture, element)] > made[slotOf(picture, best)]) best = element;
    }
  return best;
}

function grid(paint, columns, rows, wide, high, colour) {
  paint.fillStyle = colour;
  for (let x = 1; x < columns; x++) paint.fillRect(x * wide - 0.5, 0, 1, rows * high);
  for (let y = 1; y < rows; y++) paint.fillRect(0, y * high - 0.5, columns * wide, 1);
}

/** A window that moves by its own size, so that it stands still while the access moves within it. */
function drawNear(picture, shade, spots, lineBytes, colours) {
  const { fold, near, overview, cell, tile, nearCell } = picture;
  const extent = nearSize(fold, picture.rows);
  const last = spotIn(picture, { element: picture.recent });
  const page = (at, length, all) => Math.max(0, Math.min(all - length, Math.floor(at / length) * length));
  const shown = { ...extent, column: page(last.column, extent.columns, fold.columns), row: page(last.row, extent.rows, fold.rows) };
  const from = picture.slice * fold.rows * fold.columns;
  const paint = near.getContext("2d");
  for (let y = 0; y < extent.rows; y++)
    for (let x = 0; x < extent.columns; x++) {
      const [r, g, b] = shade(from + (shown.row + y) * fold.columns + shown.column + x);
      paint.fillStyle = `rgb(${r | 0} ${g | 0} ${b | 0})`;
      paint.fillRect(x * nearCell, y * nearCell, nearCell, nearCell);
    }
  grid(paint, extent.columns, extent.rows, nearCell, nearCell, colours.grid);
  for (const { column, row, isWrite } of spots) {
    paint.fillStyle = isWrite ? colours.writeText : colours.readText;
    paint.fillRect((column - shown.column) * nearCell, (row - shown.row) * nearCell, nearCell - 0.5, nearCell - 0.5);
  }
  outlineLines(picture, near, spots, lineBytes, colours, shown, nearCell);
  const frame = overview.getContext("2d");
  frame.strokeStyle = colours.frame;
  frame.lineWidth = 1;
  frame.strokeRect(
    (shown.column / tile) * cell + 0.5, (shown.row / tile) * cell + 0.5,
    Math.max(3, (extent.columns / tile) * cell - 1), Math.max(3, (extent.rows / tile) * cell - 1),
  );
}

/** The colours of the style sheet (css/motion.css), as the pictures need them. */
export function readColours(element) {
  const style = getComputedStyle(element);
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const text = (name) => style.getPropertyValue(`--motion-${name}`).trim();
  const numbers = (name) => {
    paint.fillStyle = text(name);
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  return {
    empty: numbers("empty"), held: numbers("held"), read: numbers("read"), write: numbers("write"),
    readText: text("read"), writeText: text("write"), line: text("line"), frame: text("frame"), grid: text("grid"),
  };
}
