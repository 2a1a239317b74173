// The cache lines that the last step touched, drawn into the picture of a buffer.

/** Where an element stands in the slice that is shown: {row, column} besides what `spot` holds. */
export function spotIn({ fold }, spot) {
  const inside = spot.element % (fold.rows * fold.columns);
  return { ...spot, row: Math.floor(inside / fold.columns), column: inside % fold.columns };
}

/** An outline around the elements of each cache line that the last step touched, row by row where a line wraps. */
export function outlineLines(picture, canvas, spots, lineBytes, colours, shown, cell, high = cell) {
  const { buffer, fold, natural } = picture;
  if (!natural) return;
  const paint = canvas.getContext("2d");
  paint.strokeStyle = colours.line;
  paint.lineWidth = 1.5;
  const from = picture.slice * fold.rows * fold.columns;
  for (const line of new Set(spots.map((spot) => spot.line))) {
    const first = Math.max(from, Math.ceil((line * lineBytes - buffer.start) / buffer.itemsize));
    const end = Math.min(from + fold.rows * fold.columns, Math.floor(((line + 1) * lineBytes - buffer.start) / buffer.itemsize));
    for (let element = first; element < end; ) {
      const { row, column } = spotIn(picture, { element });
      const length = Math.min(end - element, fold.columns - column);
      const x = Math.max(0, column - shown.column) * cell;
      const wide = (Math.min(column + length, shown.column + shown.columns) - Math.max(column, shown.column)) * cell;
      if (row >= shown.row && row < shown.row + shown.rows && wide > 0)
        paint.strokeRect(x + 0.75, (row - shown.row) * high + 0.75, wide - 1.5, high - 1.5);
      element += length;
    }
  }
}

/** The cache lines of the last step where cells are too small for an outline: a stroke along the elements' row. */
export function underlineLines({ fold, tile, cell, buffer, natural }, paint, spots, colours, high) {
  if (!natural) return;
  paint.fillStyle = paint.strokeStyle = colours.line;
  paint.lineWidth = 1.5;
  for (const { column, row, lineBytes } of spots) {
    const each = lineBytes / buffer.itemsize;
    const first = Math.max(0, column - ((row * fold.columns + column + buffer.start / buffer.itemsize) % each));
    const wide = Math.max(2, (Math.min(each, fold.columns - first) / tile) * cell);
    const [x, y] = [Math.floor(first / tile) * cell, Math.floor(row / tile) * high];
    if (high > 4) paint.strokeRect(x + 0.75, y + 0.75, wide - 1.5, high - 1.5);
    else paint.fillRect(x, y, wide, Math.max(high, 2));
  }
}
