// How the pictures of all buffers share the room of a pane: all are to be seen at once, and as much of their
// neighbourhoods as there is room for, beside the overviews or below them.

import { fitPicture, pictureHeight, pictureWidth } from "./motion_picture.js";

const MARGIN = { x: 12, y: 10 }; // pixels around the pictures,
const CAPTION = 21; // above each,
const GAP = { x: 16, y: 12 }; // and between them, as in css/motion.css
const LAYOUTS = [
  { beside: true, rows: 16 }, { beside: true, rows: 8 }, { beside: false, rows: 16 }, { beside: true, rows: 4 },
  { beside: false, rows: 8 },
]; // the best first

/** Lay the pictures out; where no layout fits, only those that a person opened have their neighbourhood. */
export function fitPictures(pane) {
  const { buffers } = pane.parts;
  const room = { width: buffers.clientWidth - 2 * MARGIN.x, height: buffers.clientHeight - 2 * MARGIN.y };
  if (room.width <= 0) return;
  const layout = LAYOUTS.find((one) => heightOf(pane.pictures, one, room.width) <= room.height) ?? null;
  pane.pictures.forEach((picture, i) => {
    const wanted = layout ?? (pane.opened.has(pane.view.buffers[i].name) ? LAYOUTS[0] : null);
    fitPicture(picture, wanted ? cardWidth(wanted, room.width).share : 0, wanted);
  });
}

/** How many cards stand in a row, and the width of each. */
function cardWidth(layout, width) {
  const inRow = Math.max(1, Math.floor((width + GAP.x) / (pictureWidth(layout) + GAP.x)));
  return { inRow, share: Math.floor((width + GAP.x) / inRow) - GAP.x };
}

function heightOf(pictures, layout, width) {
  const { inRow, share } = cardWidth(layout, width);
  let sum = -GAP.y;
  for (let i = 0; i < pictures.length; i += inRow)
    sum += Math.max(...pictures.slice(i, i + inRow).map((p) => pictureHeight(p, share, layout))) + CAPTION + GAP.y;
  return sum;
}
